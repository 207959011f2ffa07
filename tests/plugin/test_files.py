"""Files as people have them: other suffixes, compressed, arrays, links, what lies beside; ids of more than one file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from helpers.projects import Project, run_pytest

GOLD = "--edgejson-model=control:gold"
WORKERS = pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n2",), marks=pytest.mark.slow)], ids=["alone", "with workers"]
)


def _as_array(file: Path) -> str:
    return f"[{','.join(file.read_text(encoding='utf-8').splitlines())}]"


@pytest.mark.parametrize("name", ["c.ndjson", "C.JSONL", "c.jsonl.gz", "c.NDJSON.gz", "c.json", "c.json.gz"])
def test_a_suite_in_a_file_of_any_form(project: Project, pytester: pytest.Pytester, name: str) -> None:
    source = project.root / "cases/test/simple/contact.jsonl"
    text = _as_array(source) if ".json" in name and ".jsonl" not in name.lower() else source.read_text(encoding="utf-8")
    file = project.root / "other" / name
    file.parent.mkdir()
    file.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode("utf-16"))
    pytester.runpytest("other", GOLD).assert_outcomes(passed=3)
    pytester.runpytest(f"other/{name}", GOLD, "--edgejson-gate=json_exact>=1").assert_outcomes(passed=3)
    pytester.runpytest(f"other/{name}::contact-002[control:gold]").assert_outcomes(passed=1)
    result = pytester.runpytest(f"other/{name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: other/{name}: no model to run it on*"])


@pytest.mark.parametrize("name", ["r.jsonl.gz", "R.NDJSON", "r.json"])
def test_a_recording_in_a_file_of_any_form(project: Project, pytester: pytest.Pytester, name: str) -> None:
    project.record({"bill-001": "{}"})
    text = (project.root / "answers.jsonl").read_text(encoding="utf-8")
    file = project.root / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode("utf-8-sig"))
    if name.endswith("json"):
        file.write_text(_as_array(project.root / "answers.jsonl"), encoding="utf-16")
    result = pytester.runpytest(f"--edgejson-model=replay:{name}")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines([f"*bill-001?replay:{name[0]}?*"])


def test_a_json_document_that_holds_no_cases_is_left_alone(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "cases/test/package.json").write_text('{"prompt": "x"}', encoding="utf-8")
    (project.root / "cases/test/broken.json").write_text("[{", encoding="utf-8")
    result = pytester.runpytest(GOLD)
    result.assert_outcomes(passed=6)
    result.stdout.no_fnmatch_line("note: *")


@WORKERS
def test_what_lies_beside_is_passed_over_with_a_note(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    folder = project.root / "cases/test"
    for file in list(folder.rglob("*.jsonl")):
        file.with_name(f"._{file.name}").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (project.root / "schemas/simple/._contact.json").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX/._x.jsonl").write_bytes(b"\x00\x05\x16\x07")
    (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (folder / "chat.jsonl").write_text('{"prompt": "hi", "completion": "ho"}\n', encoding="utf-8")
    project.record(name="cases/test/answers.jsonl")
    result = run_pytest(pytester, GOLD, "--edgejson-results=cases/test/r.jsonl", *workers)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines([f"note: passed over 5 files of JSON Lines without cases, such as {folder}*.jsonl"])
    # Results, and a recording, are no surprise.
    run_pytest(pytester, GOLD, "--edgejson-gate=json_exact>=1", *workers).stdout.fnmatch_lines(
        ["note: passed over 5 *"]
    )


@WORKERS
def test_recorded_answers_of_unknown_cases_are_counted(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    model = f"--edgejson-model={project.record({'contact-1': '', 'Bill-001': ''})}"
    note = "note: replay:answers: 2 of 8 recorded cases are in no file of this run, such as 'contact-1'"
    run_pytest(pytester, model, *workers).stdout.fnmatch_lines([note])
    run_pytest(pytester, model, "-k", "tree", *workers).stdout.fnmatch_lines([note])
    one = run_pytest(pytester, model, "cases/test/medium/bill.jsonl::bill-002", *workers)
    one.assert_outcomes(passed=1)
    one.stdout.no_fnmatch_line("note: *")


@WORKERS
def test_a_linked_folder_or_file_counts_once(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    folder = project.root / "cases/test"
    (folder / "again").symlink_to("simple", target_is_directory=True)
    (folder / "simple/loop").symlink_to("..", target_is_directory=True)
    (folder / "medium/copy.jsonl").symlink_to("bill.jsonl")
    run = (GOLD, "--edgejson-results=r.jsonl", "--edgejson-gate=json_exact>=1", *workers)
    assert run_pytest(pytester, *run).ret == 0
    assert len(project.results("r.jsonl")[1]) == 6
    twice = run_pytest(pytester, "cases/test/again", "cases/test/simple", GOLD, *workers)
    twice.assert_outcomes(passed=3)
    both = ("cases/test/medium/bill.jsonl::bill-001", "cases/test/medium/copy.jsonl::bill-002")
    run_pytest(pytester, *both, GOLD, *workers).assert_outcomes(passed=2)


def test_a_suite_that_is_reached_only_by_a_link(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "mine").mkdir()
    (project.root / "mine/linked").symlink_to(project.root / "cases/test", target_is_directory=True)
    result = pytester.runpytest("mine", GOLD, "--edgejson-gate=json_exact>=1")
    result.assert_outcomes(passed=6)
    assert result.ret == 0


@WORKERS
def test_the_same_id_in_two_files_is_refused_with_both_places(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    row = {"schema_id": "contact", "prompt": "x", "expected_output": {"name": "x", "age": 1}}
    one = project.write_cases("a/c.jsonl", [{"id": "000", **row}, {"id": "001", **row}])
    two = project.write_cases("b/c.jsonl", [{"id": "001", **row}])
    result = run_pytest(pytester, "a", "b", GOLD, *workers)
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*{two}:1: the id '001' stands already in {one}:2; ids are unique: rename one*"])
    run_pytest(pytester, "a", GOLD, *workers).assert_outcomes(passed=2)
    run_pytest(pytester, "b", GOLD, *workers).assert_outcomes(passed=1)


def test_a_report_replaces_no_array(project: Project, pytester: pytest.Pytester) -> None:
    file = project.root / "c.json"
    file.write_text(json.dumps([{"case_id": "a", "output": ""}]), encoding="utf-8")
    result = pytester.runpytest(GOLD, "--edgejson-badge=c.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert json.loads(file.read_text(encoding="utf-8")) == [{"case_id": "a", "output": ""}]


def test_a_file_of_another_suffix_is_refused_with_those_that_are_read(
    project: Project, pytester: pytest.Pytester
) -> None:
    (project.root / "c.txt").write_bytes((project.root / "cases/test/simple/contact.jsonl").read_bytes())
    result = pytester.runpytest("c.txt", GOLD)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: c.txt: cases are in files named .jsonl, *"])
    (project.root / "c.csv").write_text("id,prompt\n", encoding="utf-8")
    result = pytester.runpytest("c.csv", GOLD)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: c.csv: cases are in files named .jsonl, *"])
    result = pytester.runpytest("missing.csv", GOLD)
    result.stderr.fnmatch_lines(["ERROR: file or directory not found: missing.csv"])


def test_hidden_files_and_locks_are_passed_over(project: Project, pytester: pytest.Pytester) -> None:
    file = project.root / "cases/test/simple/contact.jsonl"
    file.with_name(".contact.jsonl").write_bytes(file.read_bytes())
    file.with_name("~$contact.jsonl").write_bytes(b"\x01")
    schema = project.root / "schemas/simple/contact.json"
    schema.with_name(".contact.json").write_bytes(schema.read_bytes())
    schema.rename(schema.with_name("contact.JSON"))
    result = pytester.runpytest(str(file), str(project.root / "cases"), GOLD)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["note: passed over 2 files of JSON Lines without cases*"])
    (project.root / "chat.jsonl").write_text('{"messages": []}\n', encoding="utf-8")
    for path in (file, project.root / "cases/test/medium"):
        pytester.runpytest(str(path), GOLD).stdout.no_fnmatch_line("note: *")


def test_a_broken_file_makes_no_recorded_answer_foreign(project: Project, pytester: pytest.Pytester) -> None:
    model = f"--edgejson-model={project.record()}"
    (project.root / "cases/test/medium/bill.jsonl").write_text("{", encoding="utf-8")
    result = pytester.runpytest(model, "--continue-on-collection-errors")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.no_fnmatch_line("note: *")
