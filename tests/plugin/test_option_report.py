"""`--edgejson-report`, `--edgejson-badge`, JUnit properties and what GitHub is told."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest
from helpers.projects import Project, run_pytest
from markdown_it import MarkdownIt

HOSTILE = '{"name": "</details><script>|`` ![x](http://y) \\u001b[31m", "age": 36}'


@pytest.mark.parametrize("extra", ["", pytest.param("-n2", marks=pytest.mark.slow), "-pno:terminal"])
def test_a_report_has_table_gates_and_misses(project: Project, pytester: pytest.Pytester, extra: str) -> None:
    model = project.record({"contact-001": HOSTILE})
    gates = ("--edgejson-gate=json_exact>=0.5", "--edgejson-gate=json_exact[simple]>=0.9")
    run_pytest(pytester, f"--edgejson-model={model}", *gates, "--edgejson-report=out/report.md", *extra.split())
    text = (project.root / "out" / "report.md").read_text(encoding="utf-8")
    page = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert "may not be released: 1 of 2 gates fails" in text
    assert "83.3 % [43.6, 97.0]" in text
    assert "✅ pass | `json_exact&gt;=0.5`" in text or "`json_exact>=0.5`" in text
    assert page.count("<table>") == 2
    # Nothing of the answer is markup: what is between the folded list's tags is text.
    assert "<script>" not in page
    assert "<img" not in page
    assert page.count("<details>") == page.count("</details>") == 1
    assert "\x1b" not in text


def test_a_report_compares_with_the_baseline(project: Project, pytester: pytest.Pytester) -> None:
    before = project.record({"bill-001": "{}"}, "before.jsonl")
    pytester.runpytest(f"--edgejson-model={before}", "--edgejson-results=baseline.jsonl")
    after = project.record({"contact-001": HOSTILE}, "after.jsonl")
    arguments = ("--edgejson-baseline=baseline.jsonl", "--edgejson-report=report.md")
    result = pytester.runpytest(f"--edgejson-model={after}", *arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "replay:after against the baseline",
            "No evidence of a difference between replay:before and replay:after*",
            "1 regression (exact before, a miss now)",
            "  contact-001: 1 of 2 fields wrong*",
            "1 gain (a miss before*",
            "  bill-001: an empty object*",
        ]
    )
    text = (project.root / "report.md").read_text(encoding="utf-8")
    assert "<details><summary>1 regression (exact before, a miss now)</summary>" in text
    assert "answers that are not exact" not in text


def test_a_report_is_short_enough_for_a_comment(project: Project, pytester: pytest.Pytester) -> None:
    long = json.dumps({"name": "word " * 20_000, "age": 1})
    model = project.record({f"contact-00{number}": long for number in (1, 2, 3)})
    pytester.runpytest(f"--edgejson-model={model}", "--edgejson-report=report.md", "--edgejson-diffs=all")
    assert len((project.root / "report.md").read_text(encoding="utf-8")) < 65_536


def test_an_earlier_report_is_replaced(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "report.md").write_text("old", encoding="utf-8")
    pytester.runpytest("--edgejson-model=control:gold", "--edgejson-report=report.md")
    assert (project.root / "report.md").read_text(encoding="utf-8").startswith("## EdgeJSON")


@pytest.mark.parametrize("option", ["report", "badge"])
def test_a_place_that_cannot_be_written_is_a_usage_error(
    project: Project, pytester: pytest.Pytester, option: str
) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", f"--edgejson-{option}=cases")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--edgejson-{option}: cannot write *cases: Is a directory"])


@pytest.mark.parametrize("extra", ["", "-pno:terminal"])
def test_a_place_that_cannot_be_written_any_more_costs_nothing_else(
    project: Project, pytester: pytest.Pytester, extra: str
) -> None:
    pytester.makeconftest(
        """
        from pathlib import Path

        def pytest_edgejson_result(result):
            for name in ("badge.json", "page.html"):
                if Path(name).is_file():
                    Path(name).unlink()
                    Path(name).mkdir()
        """
    )
    files = ("--edgejson-badge=badge.json", "--edgejson-html=page.html", "--edgejson-report=report.md")
    result = pytester.runpytest("--edgejson-model=control:gold", *files, *extra.split())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = result.errlines if extra else result.outlines
    assert [line for line in told if line.startswith("warning: ")] == [
        f"warning: --edgejson-badge: cannot write {project.root / 'badge.json'}: Is a directory",
        f"warning: --edgejson-html: cannot write {project.root / 'page.html'}: Is a directory",
    ]
    if not extra:
        result.assert_outcomes(passed=6)
        result.stdout.fnmatch_lines(["all * 6  100.0 %*"])
    assert (project.root / "report.md").read_text(encoding="utf-8").startswith("## EdgeJSON")


def test_a_badge(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest("--edgejson-model=control:gold", "--edgejson-badge=badge.json")
    badge = json.loads((project.root / "badge.json").read_text(encoding="utf-8"))
    assert (badge["message"], badge["color"]) == ("100.0 % of 6", "brightgreen")


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_junit_xml_has_the_metrics_of_the_run(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    model = project.record({"bill-001": "{}"})
    run_pytest(pytester, f"--edgejson-model={model}", "--junitxml=junit.xml", *workers)
    suite = ET.parse(project.root / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    found = {item.get("name"): item.get("value") for item in suite.findall("properties/property")}
    assert found["edgejson.replay:answers.json_exact"] == "0.833333"
    assert found["edgejson.replay:answers.json_exact[medium]"] == "0.500000"
    assert found["edgejson.replay:answers.n[complex]"] == "1"


@pytest.fixture
def github(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.root))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root / "summary.md"))
    return project


@pytest.mark.parametrize("extra", ["", pytest.param("-n2", marks=pytest.mark.slow), "-pno:terminal"])
def test_misses_that_fail_the_run_are_errors_on_their_lines(
    github: Project, pytester: pytest.Pytester, extra: str
) -> None:
    model = github.record({"contact-002": HOSTILE})
    result = run_pytest(pytester, f"--edgejson-model={model}", *extra.split())
    commands = [line for line in result.outlines if line.startswith("::")]
    assert len(commands) == 1
    place, _, message = commands[0].removeprefix("::error ").partition("::")
    assert place.startswith("file=cases/test/simple/contact.jsonl,line=2,title=contact-002 missed on replay%3Aanswers")
    assert "\x1b" not in message
    assert (github.root / "summary.md").read_text(encoding="utf-8").startswith("## EdgeJSON")


def test_misses_that_gates_forgive_are_notices_and_a_failed_gate_is_an_error(
    github: Project, pytester: pytest.Pytester
) -> None:
    model = github.record({"contact-002": "{}"})
    gates = ("--edgejson-gate=json_exact>=0.5", "--edgejson-gate=json_exact>=0.99")
    result = run_pytest(pytester, f"--edgejson-model={model}", *gates)
    commands = [line for line in result.outlines if line.startswith("::")]
    assert re.match(r"::error title=gate of replay%3Aanswers%3A fail::json_exact>=0.99: 83.3 %25 ", commands[0])
    assert [line.split()[0] for line in commands] == ["::error", "::notice"]


def test_a_case_that_reaches_what_is_asserted_is_no_annotation(github: Project, pytester: pytest.Pytester) -> None:
    model = github.record({"contact-002": '{"name": "Grace", "age": 3}'})
    result = run_pytest(pytester, f"--edgejson-model={model}", "--edgejson-assert=schema")
    assert result.ret == pytest.ExitCode.OK
    assert not [line for line in result.outlines if line.startswith("::")]


def test_a_summary_of_the_step_that_cannot_be_written_fails_nothing(
    github: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/null/x")
    result = pytester.runpytest("--edgejson-model=control:gold")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["all * 6  100.0 %*", "warning: GITHUB_STEP_SUMMARY: cannot write /dev/null/x: Not a directory"]
    )


def test_nothing_is_printed_elsewhere(project: Project, pytester: pytest.Pytester) -> None:
    model = project.record({"contact-002": "{}"})
    result = run_pytest(pytester, f"--edgejson-model={model}")
    assert not [line for line in result.outlines if line.startswith("::")]
