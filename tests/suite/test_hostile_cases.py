"""Hostile files of cases: each is a collection error that names file and line, and takes no other file with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from helpers.projects import Project

from pytest_edgejson.suite.cases import CaseError, read_cases
from pytest_edgejson.suite.schemas import SchemaError, Schemas

GOOD = {"id": "extra-001", "schema_id": "contact", "prompt": "Ada, 36.", "expected_output": {"name": "Ada", "age": 36}}


def line(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


BROKEN: dict[str, tuple[bytes, str]] = {
    "invalid UTF-8": (b'{"id": "\xff"}', "not UTF-8: byte 9 of the line is invalid"),
    "UTF-16": (line().decode().encode("utf-16"), "not UTF-8: byte 1 of the line"),
    "invalid JSON": (b'{"id": "a",}', "not JSON: "),
    "a NUL byte": (b'{"id": "a\x00"}', "not JSON: Invalid control character"),
    "a duplicate key": (b'{"id": "a", "id": "b"}', "the key 'id' occurs twice"),
    "a huge exponent": (b'{"a": 1e999999}', "the number 1e999999 is too large"),
    "an integer of a million digits": (b'{"a": ' + b"9" * 1_000_000 + b"}", "is too large; give it as a string"),
    "NaN": (b'{"a": NaN}', "NaN is no JSON value"),
    "nesting of 100,000": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "a lone surrogate": (line(prompt="\ud800"), "half of a surrogate pair"),
    "an id with control characters": (line(id="a\x1b[2Jb"), "cannot be part of a test's name"),
    "an id with a line break": (line(id="a\nb"), "cannot be part of a test's name"),
    "an empty id": (line(id=""), "cannot be part of a test's name"),
    "a very long id": (line(id="x" * 1_000_000), "has 1,000,000 characters; use 200 at most"),
    "a very long schema_id": (line(schema_id="\x1b" * 1_000_000), "unknown schema_id"),
    "a very long key, twice": (b'{"%s": 1, "%s": 2}' % (b"k" * 100_000, b"k" * 100_000), "occurs twice"),
    "a nested complexity": (line(complexity={"\x1b[2J": ["x"] * 10_000}), "contradicts the schema folder"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_a_collection_error_and_the_other_cases_run(
    project: Project, pytester: pytest.Pytester, name: str
) -> None:
    content, words = BROKEN[name]
    file = project.root / "cases/test/simple/extra.jsonl"
    file.write_bytes(line(id="extra-000") + b"\n" + content + b"\n" + line() + b"\n")
    model = project.record(dict.fromkeys(["extra-000", "extra-001"], json.dumps(GOOD["expected_output"])))
    run = pytester.runpytest(f"--edgejson-model={model}", "--continue-on-collection-errors")
    run.assert_outcomes(passed=8, errors=1)
    assert run.ret != 0
    [message] = [said for said in run.outlines if "extra.jsonl:2: " in said]
    assert words in message
    assert len(message) < 500
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", run.stdout.str().replace("\n", ""))


def test_without_that_option_pytest_runs_nothing(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "cases/test/simple/extra.jsonl").write_bytes(b"{")
    run = pytester.runpytest(f"--edgejson-model={project.record()}")
    run.assert_outcomes(errors=1)
    assert run.ret == pytest.ExitCode.INTERRUPTED


def test_a_byte_order_mark_and_crlf_leave_no_trace(project: Project, pytester: pytest.Pytester) -> None:
    file = project.root / "cases/windows.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + line() + b"\r\n\r\n" + line(id="extra-002") + b"\r\n")
    answer = json.dumps(GOOD["expected_output"])
    model = project.record({"extra-001": answer, "extra-002": answer})
    pytester.runpytest(str(file), f"--edgejson-model={model}").assert_outcomes(passed=2)


def test_a_folder_and_a_dangling_link_called_like_a_file_of_cases(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "cases/test/simple/folder.jsonl").mkdir()
    (project.root / "cases/test/simple/link.jsonl").symlink_to("nowhere")
    pytester.runpytest(f"--edgejson-model={project.record()}").assert_outcomes(passed=6)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_not_waited_for(project: Project, pytester: pytest.Pytester) -> None:
    pipe = project.root / "cases/test/simple/pipe.jsonl"
    os.mkfifo(pipe)
    model = project.record()
    run = pytester.runpytest_subprocess(f"--edgejson-model={model}", timeout=60)
    run.assert_outcomes(passed=6)
    run = pytester.runpytest_subprocess(f"--edgejson-model=replay:{pipe}", timeout=60)
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["ERROR: recording *pipe.jsonl: is no file*"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(project: Project, pytester: pytest.Pytester) -> None:
    file = project.write_cases("cases/test/simple/extra.jsonl", [GOOD])
    file.chmod(0)
    run = pytester.runpytest(f"--edgejson-model={project.record()}", "--continue-on-collection-errors")
    run.assert_outcomes(passed=6, errors=1)
    run.stdout.fnmatch_lines(["*extra.jsonl: Permission denied"])


def peak(path: Path) -> int:
    """The most memory that reading takes, in bytes."""
    tracemalloc.start()
    try:
        assert read_cases(path, {"contact": "simple"})
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_line_of_100_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(line(prompt="x" * 100_000_000))
    assert peak(path) < 6 * path.stat().st_size
    path.write_bytes(b'{"id": "' + b"x" * 100_000_000)
    with pytest.raises(CaseError, match="not JSON: Unterminated string") as caught:
        read_cases(path, {"contact": "simple"})
    assert len(caught.value.message) < 200


@pytest.mark.slow
def test_a_file_of_100_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    prompt = "word " * 20_000
    with path.open("wb") as file:
        for number in range(1_000):
            file.write(line(id=f"case-{number}", prompt=prompt) + b"\n")
    assert path.stat().st_size > 100_000_000
    assert peak(path) < 1.5 * path.stat().st_size


@pytest.mark.parametrize("name", ["\x1b[2J", "a::b", "a[b", "a\nb", " "])
def test_a_schema_s_file_name_is_no_escape_sequence(tmp_path: Path, name: str) -> None:
    (tmp_path / "simple").mkdir()
    try:
        (tmp_path / "simple" / f"{name}.json").write_text("{}")
    except OSError:
        pytest.skip("this system takes no such name")
    with pytest.raises(SchemaError, match="a schema's name has letters, digits") as caught:
        Schemas(tmp_path)[name]
    assert str(caught.value).isprintable()


def test_a_deep_case_does_not_overflow_the_stack(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_bytes(b"[" * 10_000_000)
    imports = "import sys; from pathlib import Path; from pytest_edgejson.suite.cases import read_cases"
    command = f"{imports}; read_cases(Path(sys.argv[1]), {{}})"
    run = subprocess.run([sys.executable, "-c", command, str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.rstrip().endswith("deep.jsonl: not usable: line 1: nested too deeply")
