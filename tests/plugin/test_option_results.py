"""`--edgejson-results`: every result, as the package's schema says, at once."""

from __future__ import annotations

import gzip
import json
import math
import os

import jsonschema
import pytest
from helpers.projects import Project, run_pytest

from pytest_edgejson.results.file import SCHEMA_FILE, read_run

WRONG = {
    "contact-001": '{"name": "Ada", "age": 37}',
    "bill-001": 'Sure! ```json\n{"number": "B-1", "lines": []}\n```',
    "tree-001": "\x00\ud800 no JSON",
}


def check_lines(project: Project) -> None:
    validator = jsonschema.Draft202012Validator(
        json.loads(SCHEMA_FILE.read_text(encoding="utf-8")), format_checker=jsonschema.FormatChecker()
    )
    lines = [json.loads(line) for line in (project.root / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["edgejson"] == 1
    for line in lines:
        validator.validate(line)


@pytest.mark.parametrize("arguments", [(), pytest.param(("-n2",), marks=pytest.mark.slow), ("-p", "no:terminal")])
def test_every_line_is_as_the_schema_says(
    project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    model = project.record(WRONG)
    run_pytest(pytester, f"--edgejson-model={model}", "--edgejson-results=results.jsonl", *arguments)
    check_lines(project)
    _, results = project.results()
    by_id = {result["case_id"]: result for result in results}
    assert len(by_id) == len(results) == 6
    assert not by_id["contact-001"]["json_exact"]
    assert math.isclose(by_id["contact-001"]["field_f1"], 0.5)
    assert by_id["contact-001"]["schema_compliant"]
    assert by_id["bill-001"]["extraction"] == {"form": "fenced", "policy": "lenient", "error": None}
    assert by_id["tree-001"]["output"] == WRONG["tree-001"]
    assert by_id["tree-001"]["failure"] == "no_json"
    assert by_id["contact-002"]["json_exact"]
    assert by_id["contact-002"]["failure"] is None


def test_the_manifest_says_what_ran(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest("--edgejson-model=control:gold", "--edgejson-results=results.jsonl", "-k", "bill")
    manifest, rows = project.results()
    assert list(manifest["models"]) == ["control:gold"]
    assert manifest["models"]["control:gold"]["fingerprint"]
    assert manifest["settings"]["generation"]["control:gold"]["max_new_tokens"] == 2048
    assert manifest["versions"]["pytest"] == pytest.__version__
    assert [row["case_id"] for row in rows] == ["bill-001", "bill-002"]


def test_an_interrupted_run_keeps_the_earlier_file_and_what_it_finished(
    project: Project, pytester: pytest.Pytester
) -> None:
    run = ("--edgejson-model=control:gold", "--edgejson-results=results.jsonl")
    pytester.runpytest(*run)
    before = (project.root / "results.jsonl").read_bytes()
    pytester.makeconftest(
        """
        import os

        def pytest_edgejson_result(result):
            if result["case_id"] == "bill-002":
                os._exit(9)
        """
    )
    pytester.runpytest_subprocess(*run)
    assert (project.root / "results.jsonl").read_bytes() == before
    finished = (project.root / "results.jsonl.partial").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, finished[1:]) if "schema" not in row]
    assert [row["case_id"] for row in rows] == ["tree-001", "bill-001", "bill-002"]


KEPT = ("--edgejson-model=control:gold", "--edgejson-results=results.jsonl", "--edgejson-badge=badge.json")


@pytest.fixture
def kept(project: Project, pytester: pytest.Pytester) -> dict[str, bytes]:
    """What a whole run left: its results and its badge."""
    pytester.runpytest(*KEPT).assert_outcomes(passed=6)
    return {name: (project.root / name).read_bytes() for name in ("results.jsonl", "badge.json")}


def test_a_run_without_a_result_keeps_the_earlier_file(
    project: Project, pytester: pytest.Pytester, kept: dict[str, bytes]
) -> None:
    assert pytester.runpytest(*KEPT, "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    (project.root / "cases/test/simple/contact.jsonl").write_text("{broken\n", encoding="utf-8")
    assert pytester.runpytest(*KEPT).ret == pytest.ExitCode.INTERRUPTED
    assert {name: (project.root / name).read_bytes() for name in kept} == kept
    assert not (project.root / "results.jsonl.partial").exists()


def test_ctrl_c_keeps_the_earlier_file_and_what_is_finished(
    project: Project, pytester: pytest.Pytester, kept: dict[str, bytes]
) -> None:
    pytester.makeconftest(
        """
        def pytest_edgejson_result(result):
            if result["case_id"] == "bill-002":
                raise KeyboardInterrupt
        """
    )
    result = pytester.runpytest_subprocess(*KEPT)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["results: *results.jsonl.partial, as the run was cut off"])
    assert {name: (project.root / name).read_bytes() for name in kept} == kept
    manifest, rows = project.results("results.jsonl.partial")
    assert "finished" not in manifest
    assert [row["case_id"] for row in rows] == ["tree-001", "bill-001", "bill-002"]


@pytest.mark.parametrize("arguments", [("-x",), pytest.param(("--maxfail=1", "-n2"), marks=pytest.mark.slow)])
def test_a_run_that_is_to_stop_at_a_miss_is_finished_there(
    project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    model = project.record({"contact-001": "{}"})
    run_pytest(pytester, f"--edgejson-model={model}", "--edgejson-results=results.jsonl", *arguments)
    manifest, rows = project.results()
    assert manifest["finished"]
    assert manifest["cases"] == len(rows)
    assert "contact-001" in {row["case_id"] for row in rows}


@pytest.mark.parametrize("share", [0.5, 0.999])
def test_a_full_disk_is_one_line_beside_the_table(
    project: Project, pytester: pytest.Pytester, kept: dict[str, bytes], share: float
) -> None:
    pytest.importorskip("resource", reason="what limits the size of files is a module of Unix")
    # Some of the results fit, or all of them, but not with what the manifest has at the end.
    most = int(share * len(kept["results.jsonl"]))
    pytester.makeconftest(f"import resource\n\nresource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n")
    result = pytester.runpytest_subprocess(*KEPT, "-p", "no:cacheprovider", "--edgejson-report-only")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(
        [
            "all * 6 * 100.0 %*",
            "cannot write *results.jsonl: File too large; make room and run again: *results.jsonl.partial keeps what *",
        ]
    )
    assert (len(read_run(project.root / "results.jsonl.partial").results) == 6) == (share > 0.9)
    assert (project.root / "results.jsonl").read_bytes() == kept["results.jsonl"]
    assert not (project.root / "results.jsonl.tmp").exists()


def test_an_errored_case_is_a_line_too(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "one.jsonl").write_text('{"case_id": "tree-001", "output": "{}"}\n', encoding="utf-8")
    pytester.runpytest("--edgejson-model=replay:one.jsonl", "--edgejson-results=results.jsonl")
    check_lines(project)
    _, results = project.results()
    assert [result["failure"] for result in results].count("runtime_error") == 5


def test_own_results_can_be_replayed(project: Project, pytester: pytest.Pytester) -> None:
    model = project.record(WRONG)
    pytester.runpytest(f"--edgejson-model={model}", "--edgejson-results=results.jsonl").assert_outcomes(
        passed=3, failed=3
    )
    pytester.runpytest("--edgejson-model=replay:results.jsonl").assert_outcomes(passed=3, failed=3)


def test_a_path_may_begin_with_the_home_folder(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project.root / "home"))
    pytester.runpytest("--edgejson-model=control:gold", "--edgejson-results=~/x/r.jsonl").assert_outcomes(passed=6)
    assert len(project.results("home/x/r.jsonl")[1]) == 6
    assert not (project.root / "~").exists()


def test_hook(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        def pytest_edgejson_result(result, config):
            with open(config.rootpath / "seen.txt", "a") as seen:
                seen.write(result["case_id"] + "\\n")
        """
    )
    pytester.runpytest_subprocess("--edgejson-model=control:gold", "-n2")
    assert len((project.root / "seen.txt").read_text(encoding="utf-8").split()) == 6


def test_nothing_that_is_not_a_results_file_is_replaced(project: Project, pytester: pytest.Pytester) -> None:
    model = f"--edgejson-model={project.record()}"
    cases = "cases/test/simple/contact.jsonl"
    own = {name: (project.root / name).read_bytes() for name in ("answers.jsonl", cases)}
    pytester.runpytest(model, "--edgejson-results=results.jsonl").assert_outcomes(passed=6)
    for refused in (
        pytester.runpytest(model, "--edgejson-results=answers.jsonl"),
        pytester.runpytest(model, f"--edgejson-results={cases}"),
        pytester.runpytest("--edgejson-model=replay:results.jsonl", "--edgejson-results=results.jsonl"),
        pytester.runpytest(model, f"--edgejson-report={cases}"),
    ):
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        refused.stderr.fnmatch_lines(["ERROR: *replace*name another file"])
    assert {name: (project.root / name).read_bytes() for name in own} == own
    pytester.runpytest("--edgejson-model=replay:results.jsonl", "--edgejson-results=again.jsonl").assert_outcomes(
        passed=6
    )
    pytester.runpytest(model, "--edgejson-results=results.jsonl").assert_outcomes(passed=6)


def test_a_damaged_file_is_not_replaced(project: Project, pytester: pytest.Pytester) -> None:
    cut = gzip.compress(b"anything")[:3]
    (project.root / "results.jsonl.gz").write_bytes(cut)
    refused = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-results=results.jsonl.gz")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["ERROR: *results.jsonl.gz holds no results, and would be replaced: *"])
    assert (project.root / "results.jsonl.gz").read_bytes() == cut


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_device_is_not_replaced(project: Project, pytester: pytest.Pytester) -> None:
    os.mkfifo(project.root / "pipe")
    for place in ("pipe", os.devnull):
        refused = pytester.runpytest("--edgejson-model=control:gold", f"--edgejson-results={place}")
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        refused.stderr.fnmatch_lines([f"ERROR: cannot write *{place}: it is no regular file; name a writable file"])
    assert (project.root / "pipe").is_fifo()


def test_a_link_is_written_through(project: Project, pytester: pytest.Pytester) -> None:
    link, runs = project.root / "latest.jsonl", project.root / "runs"
    runs.mkdir()
    link.symlink_to(runs / "first.jsonl")
    # To what is not there yet, and to what is.
    for _ in range(2):
        pytester.runpytest("--edgejson-model=control:gold", "--edgejson-results=latest.jsonl").assert_outcomes(passed=6)
        assert link.is_symlink()
        assert [path.name for path in runs.iterdir()] == ["first.jsonl"]
        assert len(project.results("runs/first.jsonl")[1]) == 6
