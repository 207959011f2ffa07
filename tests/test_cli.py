"""The `edgejson` command: exit codes, and messages of one line that name the fix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson import __version__
from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled

if TYPE_CHECKING:
    from collections.abc import Callable

PROMPT = "Review\n\nRating: 4\nReviewer Name: Åsa\n\nPlease extract the review information as JSON."
CASE = {"id": "rating-1", "schema_id": "rating", "prompt": PROMPT}
GOOD = {**CASE, "expected_output": {"rating": 4, "reviewer_name": "Åsa"}}
BAD = {**CASE, "expected_output": {"rating": 5, "reviewer_name": "Åsa"}}


def write(file: Path, *rows: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that cannot be carried out; return its one line on stderr."""

    def run(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("edgejson: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return run


@pytest.fixture
def wrong_option(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command with wrong options; return the last line of stderr."""

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        assert caught.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return run


# The command itself


def test_the_command_is_installed(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("edgejson")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"pytest-edgejson {__version__}\n"


def test_the_module_can_be_run_and_its_exit_code_is_the_checks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest_edgejson.cli", "suite", "check", write(tmp_path / "bad.jsonl", BAD)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "rating is 5, which is nowhere in the prompt" in done.stdout
    assert done.stderr == ""


def test_checking_a_suite_imports_nothing_heavy(tmp_path: Path) -> None:
    good = write(tmp_path / "good.jsonl", GOOD)
    code = (
        "import sys; from pytest_edgejson.cli import main; "
        f"code = main(['suite', 'check', {str(good)!r}]); "
        "print(code, sorted({'torch', 'transformers', 'peft', 'faker', 'pytest'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1 case, no problems", "0 []"]


def test_a_terminal_that_lacks_a_character_gets_its_escape(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.jsonl", {**GOOD, "prompt": "nothing"})
    command = [sys.executable, "-m", "pytest_edgejson.cli", "suite", "check", bad]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 1
    assert b'reviewer_name is "\\xc5sa"' in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["suite"], "required: COMMAND"),
        (["sweet"], "invalid choice: 'sweet'"),
        (["suite", "chekc"], "invalid choice: 'chekc'"),
        (["suite", "check"], "required: PATH"),
        (["suite", "check", ".", "--schema-folder", "x"], "unrecognized arguments: --schema-folder x"),
        (["suite", "build", "--seed", "three"], "argument --seed: invalid int value: 'three'"),
        (["train"], "required: --out"),
        (["train", "--out", "x", "--steps", "0"], "argument --steps: '0' is no whole number of at least 1"),
        (["train", "--out", "x", "--steps", "-5"], "argument --steps: '-5' is no whole number"),
        (["train", "--out", "x", "--steps", "1e3"], "argument --steps: '1e3' is no whole number"),
        (["train", "--out", "x", "--seed", "-1"], "argument --seed: '-1' is no whole number from 0 to 4294967295"),
        (["train", "--out", "x", "--seed", "4294967296"], "argument --seed: '4294967296' is no whole number"),
    ],
)
def test_wrong_options(wrong_option: Callable[..., str], arguments: list[str], message: str) -> None:
    line = wrong_option(*arguments)
    assert line.startswith("edgejson")
    assert message in line


# suite check


def test_a_sound_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "check", str(write(tmp_path / "good.jsonl", GOOD))]) == 0
    assert capsys.readouterr() == ("1 case, no problems\n", "")


def test_the_bundled_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "check", str(bundled.ROOT / "cases")]) == 0
    assert capsys.readouterr().out == "787 cases, no problems\n"


def test_a_flawed_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write(tmp_path / "bad.jsonl", BAD, {**GOOD, "id": "rating-2"}, {"id": "rating-3"})
    assert main(["suite", "check", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        f"{bad}:1: rating-1: rating is 5, which is nowhere in the prompt",
        f"{bad}:2: rating-2: its prompt stands already in {bad}:1",
        f"{bad}:3: the key 'schema_id' is missing; a case has id, schema_id, prompt and expected_output",
        "2 cases, 3 problems",
    ]


def test_an_empty_file_is_flawed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write(tmp_path / "empty.jsonl")
    assert main(["suite", "check", str(empty)]) == 1
    assert capsys.readouterr().out.splitlines() == [f"{empty}: the file holds no case", "0 cases, 1 problem"]


def test_schemas_beside_the_suite_are_its_schemas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = {"type": "object", "properties": {"rating": {"type": "integer", "maximum": 3}}}
    own = tmp_path / "schemas/simple/rating.json"
    own.parent.mkdir(parents=True)
    own.write_text(json.dumps(schema), encoding="utf-8")
    case = str(write(tmp_path / "cases/test/good.jsonl", GOOD))
    assert main(["suite", "check", case]) == 1
    assert "rating: must be at most 3" in capsys.readouterr().out
    assert main(["suite", "check", case, "--schemas", str(bundled.SCHEMAS)]) == 0


def test_a_missing_path(refused: Callable[..., str], tmp_path: Path) -> None:
    write(tmp_path / "good.jsonl", GOOD)
    assert refused("suite", "check", tmp_path, tmp_path / "missing") == (
        f"edgejson: {tmp_path / 'missing'}: there is no such path\n"
    )


def test_a_folder_without_cases(refused: Callable[..., str], tmp_path: Path) -> None:
    assert refused("suite", "check", tmp_path) == f"edgejson: {tmp_path}: no .jsonl file of cases in it\n"


def test_schemas_that_cannot_be_used(
    refused: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.jsonl", GOOD)
    assert f"{tmp_path / 'none'}: no such folder" in refused("suite", "check", good, "--schemas", tmp_path / "none")
    broken = tmp_path / "schemas/simple/rating.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{", encoding="utf-8")
    assert main(["suite", "check", str(good)]) == 1
    assert f"{broken}:1:2: not JSON" in capsys.readouterr().out


# suite build


@pytest.mark.parametrize(
    "arguments", [("prompt", "x", "rating-001"), ("try", "x", "--case=rating-001"), ("measure", "x"), ("export", "x")]
)
def test_an_entry_whose_backend_is_unknown(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models.toml").write_text('[models.x]\nbackend = "acme"\nmodel = "m"\n', encoding="utf-8")
    assert refused(*arguments).startswith("edgejson: x: unknown backend 'acme': known: transformers, openvino, ")


def test_build_writes_a_sound_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new/cases"
    assert main(["suite", "build", "--out", str(out), "--seed", "11"]) == 0
    assert capsys.readouterr() == (f"wrote 787 cases to {out} (seed 11)\n", "")
    assert main(["suite", "check", str(out)]) == 0


def test_build_writes_the_bundled_suite_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["suite", "build"]) == 0
    assert "787 cases to cases (seed 3)" in capsys.readouterr().out
    for file in bundled.TEST_CASES.rglob("*.jsonl"):
        copy = tmp_path / "cases/test" / file.relative_to(bundled.TEST_CASES)
        assert copy.read_bytes() == file.read_bytes()


def test_a_folder_that_cannot_be_written(refused: Callable[..., str], tmp_path: Path) -> None:
    file = write(tmp_path / "taken")
    assert "Not a directory" in refused("suite", "build", "--out", file)


# train: what is wrong is said before anything heavy happens


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lora"], "--lora needs a base to adapt: add --base HUB_ID or --base FOLDER"),
        ([], "what should be trained? --size nano-1m is a base from scratch, --base FOLDER trains all weights of one"),
        (["--size", "nano-1m", "--base", "x/y"], "--size is for models from scratch: leave it out, the base decides"),
        (["--size", "nano-9m"], "unknown size 'nano-9m': use one of nano-1m, nano-4m"),
        (["--size", "nano-1m", "--prompt", "v3"], "--prompt v3: nano-1m is trained with several: leave it out"),
        (["--preset", "maaza-135m"], "--preset is for adapters: add --lora"),
        (["--cases", "x.jsonl"], "--cases is for adapters: add --lora"),
        (
            ["--lora", "--base", "x/y", "--batch-tokens", "9"],
            "--batch-tokens is for trainings of all weights: leave it",
        ),
        (["--base", "x/y", "--prompt", "v4"], "unknown prompt 'v4': use one of v3, schema"),
        (
            ["--base", "x/y", "--prompt", "chat"],
            "--prompt chat: training gives a model no chats: use v3, or schema with --lora",
        ),
        (["--base", "x/y", "--prompt", "@nowhere.txt"], "nowhere.txt: cannot be read: No such file"),
        (
            ["--base", "x/y", "--prompt", "schema"],
            "--prompt schema: training of all weights gives a model no schemas: use v3",
        ),
        (
            ["--base", "x/y", "--prompt", "{schema} {prompt}"],
            "--prompt custom: training of all weights gives a model no schemas",
        ),
        (
            ["--lora", "--base", "x/y", "--prompt", "chat-schema"],
            "training gives a model no chats: use v3, or schema with",
        ),
        (
            ["--lora", "--base", "x/y", "--preset", "maaza-360"],
            "unknown preset 'maaza-360': use one of maaza-135m, maaza-360m",
        ),
        (["--base", "./nowhere"], "the base './nowhere' cannot be had: the model is not there"),
        (["--lora", "--base", "x/y", "--cases", "nowhere.jsonl"], "nowhere.jsonl: there is no such path"),
    ],
)
def test_train_arguments_that_do_not_fit(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused("train", "--out", "model", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_train_out_is_a_file(refused: Callable[..., str], tmp_path: Path) -> None:
    taken = write(tmp_path / "taken")
    message = f"edgejson: --out {taken}: a file of this name exists; name a folder\n"
    assert refused("train", "--out", taken, "--size", "nano-1m") == message
    assert refused("train", "--out", taken, "--base", "x/y") == message
    assert refused("train", "--out", taken, "--lora", "--base", "x/y") == message


def test_train_on_cases_that_are_broken(refused: Callable[..., str], tmp_path: Path) -> None:
    cases = write(tmp_path / "cases/a.jsonl", GOOD, {**GOOD, "id": "a\nb"})
    arguments = ("train", "--out", tmp_path / "model", "--lora", "--base", "x/y", "--cases")
    message = refused(*arguments, cases.parent)
    assert message.startswith(f"edgejson: {cases}:2: the id 'a\\nb' cannot be part of a test's name")
    cases.write_text('{"id": ', encoding="utf-8")
    assert f"{cases}:1: not JSON" in refused(*arguments, cases)
    cases.unlink()
    assert refused(*arguments, cases.parent) == f"edgejson: {cases.parent}: no .jsonl file of cases in it\n"
