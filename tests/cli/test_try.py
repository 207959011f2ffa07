"""`edgejson try`: a model asked a text of one's own."""

from __future__ import annotations

import io
import json
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.projects import Project

from pytest_edgejson.cli import main

TEXT = "Review\n\nRating: 4\nReviewer Name: Ada\n\nPlease extract the review information as JSON."
RULES = ("try", "control:rules", "--schema=rating")


def tried(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert main([*arguments]) == code
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_text_is_answered_and_valid(capsys: pytest.CaptureFixture[str]) -> None:
    out = tried(capsys, 0, *RULES, f"--text={TEXT}")
    assert out.startswith('{"rating": 4, "reviewer_name": "Ada"}\n\nvalid\n\n')


def test_what_is_piped_is_the_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"\xef\xbb\xbf" + TEXT.replace("Ada", "Zoë").encode() + b"\n")
    document = json.loads(tried(capsys, 0, *RULES, "--format=json"))
    assert document["value"] == {"rating": 4, "reviewer_name": "Zoë"}
    assert "json_exact" not in document


def test_an_expected_output_brings_the_diff(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    expected = tmp_path / "expected.json"
    expected.write_text('{"rating": 5, "reviewer_name": "Ada"}\n')
    out = tried(capsys, 1, *RULES, f"--text={TEXT}", f"--expect=@{expected}")
    assert "1 of 2 fields wrong: rating 5 → 4" in out
    assert "… 1 other field right" in out
    document = json.loads(tried(capsys, 1, *RULES, f"--text={TEXT}", f"--expect=@{expected}", "--format=json"))
    assert [finding["path"] for finding in document["fields"]] == ["rating"]
    right = '--expect={"reviewer_name": "Ada", "rating": 4.0}'
    assert "\nexact\n" in tried(capsys, 0, *RULES, f"--text={TEXT}", right)


def test_what_the_schema_does_not_allow(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    schema = tmp_path / "stars.json"
    schema.write_text(json.dumps({"type": "object", "properties": {"rating": {"maximum": 3}}, "required": ["date"]}))
    out = tried(capsys, 1, "try", "control:rules", f"--schema={schema}", f"--text={TEXT}")
    assert f"not valid: 2 violations of the schema {schema}" in out
    assert "the schema does not allow:" in out


def test_a_schema_whose_root_is_an_array(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    schema = tmp_path / "list.json"
    schema.write_text('{"type": "array"}')
    asked = ("try", "control:gold", f"--schema={schema}", "--text=two")
    assert "\nexact\n" in tried(capsys, 0, *asked, "--expect=[1, 2]")
    assert "wants an array" in refused(capsys, *asked, "--expect={}")


def test_an_answer_with_no_json(capsys: pytest.CaptureFixture[str], project: Project) -> None:
    out = tried(capsys, 1, "try", project.record({"bill-001": "a\x1b[31mb"}), "--case=bill-001")
    assert out.startswith("a\\x1b[31mb\n\nno JSON in the output")


def test_a_case_of_a_recording_is_shown_again(capsys: pytest.CaptureFixture[str], project: Project) -> None:
    recording = project.record()
    assert "\nexact\n" in tried(capsys, 0, "try", recording, "--case=bill-001")
    assert "its own cases" in refused(capsys, "try", recording, "--schema=bill", "--text=x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("try", "control:rules", "--text=x"), "name a schema: a file, or one of"),
        (("try", "control:rules", "--text=x", "--schema=ratng"), "did you mean 'rating'"),
        (("try", "control:rules", "--text=x", "--schema=no.json"), "no.json: No such file or directory"),
        (("try", "control:rules", "--case=ratng-001"), "did you mean 'rating-001'"),
        (("try", "control:rules", "--case=rating-001", "--schema=rating"), "a case has its own schema"),
        (("try", "contrl:rules", "--text=x", "--schema=rating"), "unknown model 'contrl:rules'"),
        (("try", "control:gold", "--text=x", "--schema=rating"), "say what that is"),
        ((*RULES, "--text= \n"), "the text is empty"),
        ((*RULES, "--text=x", '--expect={"rating": 4,\n"b": }'), "not JSON, line 2, column 6"),
        ((*RULES, "--text=x", "--expect=1 2"), "not JSON, line 1, column 2: something follows the value"),
        ((*RULES, "--text=x", "--expect=@none.json"), "none.json: cannot be read: No such file or directory"),
        ((*RULES, "--text=x", "--constrain=schema"), "holds answers to no grammar"),
        (("try", "control:rules+json", "--schema=rating", "--text=x"), "holds answers to no grammar"),
        ((*RULES, "--text=x", "--base-url=http://127.0.0.1:1/v1"), "--base-url is for models of servers"),
    ],
)
def test_what_cannot_be_asked(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(capsys, *arguments)


def test_nothing_or_bytes_piped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"")
    assert "the text is empty" in refused(capsys, *RULES)
    pipe(monkeypatch, b"ab\xff")
    assert "not UTF-8 at byte 2" in refused(capsys, *RULES)


class Terminal:
    """The command on a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        import pty

        self._fd, inner = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        command = [sys.executable, "-m", "pytest_edgejson.cli", *arguments]
        self._process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
        os.close(inner)
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def read_until(self, words: str) -> str:
        """Return what is shown up to some words, without escape sequences."""
        until = time.monotonic() + 60
        while words not in self._seen:
            ready, _, _ = select.select([self._fd], [], [], until - time.monotonic())
            assert ready, f"{words!r} never came: {self._seen!r}"
            piece = os.read(self._fd, 65536).decode("utf-8", "replace")
            if "\x1b[6n" in piece:
                self.type("\x1b[1;1R")
            self._seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", piece)
        shown, _, self._seen = self._seen.partition(words)
        return shown

    def end(self) -> int:
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._fd)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.slow
def test_a_session() -> None:
    pytest.importorskip("prompt_toolkit", reason="needs the extra try")
    terminal = Terminal("try", "control:rules")
    terminal.read_until("(no schema)>")
    terminal.type("hello\r")
    terminal.read_until("name a schema: ")
    terminal.type("/schema rating\r")
    terminal.read_until("rating>")
    # A pasted text keeps its lines.
    terminal.type(f"\x1b[200~{TEXT}\x1b[201~\r")
    assert '{"rating": 4, "reviewer_name": "Ada"}' in terminal.read_until("valid\r\n")
    terminal.type('/expect {"rating": 5, "reviewer_name": "Ada"}\r')
    terminal.read_until("1 of 2 fields wrong")
    terminal.type("/again\r")
    terminal.read_until("1 of 2 fields wrong")
    # What is being written is dropped by Ctrl-C; an earlier text comes back by the arrow.
    terminal.type("nonsense\x03")
    terminal.type("/again 9\r")
    terminal.read_until("/again takes a number of /history")
    terminal.type("/constrain schema\r")
    terminal.read_until("holds answers to no grammar")
    terminal.type("/hist\r")
    terminal.read_until("did you mean '/history'")
    terminal.type("/case rating-001\r")
    terminal.read_until("exact")
    terminal.type("/history\r")
    terminal.read_until("3  rating, right: ")
    terminal.type("\x1b[A\x1b[A\r")
    terminal.read_until("exact")
    terminal.read_until("rating>")
    terminal.type("\x04")
    assert terminal.end() == 0
