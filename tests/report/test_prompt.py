"""`edgejson prompt`: what a model sees of a case."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from pytest_edgejson.backends.prompt_tokens import PromptTokens
from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled

pytest.importorskip("transformers")

CHAT = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    # No model that is made here: a run inside this process may have imported, and forgotten, what that takes.
    folder = shutil.copytree(bundled.ROOT / "models" / "nano", tmp_path / "chat")
    (folder / "chat_template.jinja").write_text(CHAT, encoding="utf-8")
    return folder


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["prompt", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["prompt", *arguments]) == 2
    return capsys.readouterr().err


def test_the_text_its_tokens_and_the_first_and_last_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(shown(capsys, "nano", "rating-001", "--format=json"))
    lines = shown(capsys, "nano", "rating-001").splitlines()
    assert lines[0].startswith("nano: rating-001 (")
    assert lines[1] == f"{len(document['ids'])} tokens, {len(document['text'])} characters"
    assert lines[2].startswith(f'first: {document["ids"][0]} "<|begin|>"  {document["ids"][1]} "Extract"')
    assert lines[3].endswith(f'{document["ids"][-1]} ":"')
    assert lines[4] == "chat template: none, the prompt is a text"
    assert "\n".join(lines[6:]) == document["text"]
    assert document["text"].startswith("Extract the structured JSON data")


def test_a_chat_with_examples_a_system_message_and_the_hash_of_its_template(
    capsys: pytest.CaptureFixture[str], chat: Path
) -> None:
    options = ("--prompt=chat:Read: {prompt}", "--system=Be brief.", "--shots=1", "--seed=3")
    out = shown(capsys, str(chat), "rating-001", *options)
    assert f"chat template: sha256 {hashlib.sha256(CHAT.encode()).hexdigest()}" in out
    text = out.partition("\n\n")[2]
    assert text.startswith("<system>Be brief.<user>Read: ")
    assert text.count("<assistant>") == 2
    assert text != shown(capsys, str(chat), "rating-001", *options[:3], "--seed=4").partition("\n\n")[2]


def test_a_case_of_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bundled.TRAIN_CASES / "simple" / "rating.jsonl"
    row = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    by_place = shown(capsys, "nano", f"{file}::{row['id']}")
    assert row["prompt"].splitlines()[0] in by_place
    assert by_place == shown(capsys, "nano", row["id"], f"--cases={file}")
    # A project's own suite is looked in first.
    shutil.copytree(bundled.TRAIN_CASES, tmp_path / "cases" / "test")
    monkeypatch.chdir(tmp_path)
    assert f"nano: {row['id']} (cases/test/simple/rating.jsonl)" in shown(capsys, "nano", row["id"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nano", "ratng-001"), "no case 'ratng-001' in "),
        (("nano", "ratng-001"), "did you mean 'rating-001'"),
        (("naon", "rating-001"), "unknown model 'naon': did you mean 'nano'"),
        (("control:gold", "rating-001"), "control:gold asks no model"),
        (("nano", "rating-001", "--prompt=x"), "unknown prompt 'x'"),
        (("nano", "rating-001", "--prompt=@none.txt"), "none.txt: cannot be read"),
        (("nano", "rating-001", "--prompt=chat"), "the tokenizer has none"),
        (("nano", "rating-001", "--system=Be brief."), "--edgejson-system is for chats"),
        (("nano", "rating-001", "--cases=none"), "none: there is no such path"),
    ],
)
def test_what_cannot_be_shown(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("ids", "adds_bos", "warning"),
    [
        ([1, 5, 6], True, None),
        ([1, 5, 6], False, None),
        ([5, 6], False, None),
        ([1, 1, 5], True, "begin with BOS (token 1) twice"),
        ([5, 1, 1], True, "begin without BOS (token 1)"),
        ([], True, "begin without BOS (token 1)"),
    ],
)
def test_the_first_token(ids: list[int], adds_bos: bool, warning: str | None) -> None:
    found = PromptTokens("", ids, bos=1, adds_bos=adds_bos).warning
    assert (found or "").find(warning or "") >= 0
    assert (found is None) == (warning is None)
    assert PromptTokens("", ids).warning is None


@pytest.mark.slow
def test_a_doubled_and_a_missing_bos_are_warned_of_here_and_in_a_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pytester: pytest.Pytester
) -> None:
    folder = tmp_path / "nano"
    shutil.copytree(bundled.ROOT / "models" / "nano", folder)
    twice = ("--prompt=<|begin|>{prompt}",)
    assert "warning: prompts begin with BOS (token 0) twice" in shown(capsys, "nano", "rating-001", *twice)
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}", encoding="utf-8")
    missing = "warning: prompts begin without BOS (token 0)"
    assert missing in shown(capsys, str(folder), "rating-001", "--prompt=chat")
    (folder / "chat_template.jinja").write_text("{{ bos_token }}{{ messages[0].content }}", encoding="utf-8")
    assert "warning" not in shown(capsys, str(folder), "rating-001", "--prompt=chat")
    run = ("--edgejson-max-new-tokens=2", "-k", "rating-001", "--edgejson-report-only")
    result = pytester.runpytest_subprocess("--edgejson-model=nano", "--edgejson-prompt=<|begin|>{prompt}", *run)
    warned = "*edgejson: nano: warning: prompts begin with BOS (token 0) twice*"
    result.stdout.fnmatch_lines([warned])
    shared = ("-n2", "--edgejson-device=cpu,cpu", "-k", "rating-001 or rating-002", "--edgejson-store=other.db")
    again = pytester.runpytest_subprocess("--edgejson-model=nano", "--edgejson-prompt=<|begin|>{prompt}", *run, *shared)
    assert str(again.stdout).count("prompts begin with BOS (token 0) twice") == 1
    again.stdout.fnmatch_lines([warned])
    pytester.runpytest_subprocess("--edgejson-model=nano", *run).stdout.no_fnmatch_line("*BOS*")
