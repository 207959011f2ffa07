"""`--edgejson-audit`: the table without suspect labels beside the whole one."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project, run_pytest

from pytest_edgejson.suite.marks import label_fingerprint

WRONG = {"contact-001": "{}", "bill-001": "{}"}


def write_marks(project: Project, *case_ids: str, sha256: str | None = None, name: str = "audit.jsonl") -> str:
    """Write an audit file with a mark for each case."""
    cases = {
        row["id"]: row
        for file in (project.root / "cases").rglob("*.jsonl")
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    }
    lines = [{"edgejson_audit": 1}]
    for case_id in case_ids:
        fingerprint = sha256 or label_fingerprint(cases[case_id]["prompt"], cases[case_id]["expected_output"])
        lines.append({"case_id": case_id, "sha256": fingerprint, "findings": [{"kind": "absent_value"}]})
    (project.root / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return f"--edgejson-audit={name}"


@pytest.mark.parametrize("arguments", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_the_table_has_the_sound_labels_beside_all(
    project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    model = project.record(WRONG)
    audit = write_marks(project, "contact-001", "bill-002")
    run = run_pytest(pytester, f"--edgejson-model={model}", audit, "--edgejson-results=results.jsonl", *arguments)
    run.assert_outcomes(passed=4, failed=2)
    run.stdout.fnmatch_lines(
        [
            "all * 6 *66.7 %*",
            "all, sound labels * 4 *75.0 %*",
            "*audit.jsonl marks 2 of 6 cases as having unsound labels",
        ]
    )
    _, results = project.results()
    assert {row["case_id"]: row["suspect"] for row in results if row["suspect"]} == {
        "contact-001": ["absent_value"],
        "bill-002": ["absent_value"],
    }


def test_models_side_by_side_have_the_row_too(project: Project, pytester: pytest.Pytester) -> None:
    audit = write_marks(project, "contact-001")
    models = (f"--edgejson-model={project.record(WRONG)}", "--edgejson-model=control:gold")
    run = pytester.runpytest(*models, audit)
    run.stdout.fnmatch_lines(
        ["JSONExact*", "all * 6 *66.7 %*100.0 %*", "all, sound labels * 5 *80.0 %*100.0 %*", "FieldF1*"]
    )
    run.stdout.fnmatch_lines(["*marks 1 of 6 cases*"])


def test_the_v3_profile_has_it(project: Project, pytester: pytest.Pytester) -> None:
    audit = write_marks(project, "contact-001", "tree-001")
    run = pytester.runpytest(f"--edgejson-model={project.record(WRONG)}", audit, "--edgejson-profile=v3")
    run.stdout.fnmatch_lines(["all * 6 *66.7 %*", "all, sound labels * 4 *75.0 %*"])


def test_marks_of_other_labels_are_ignored_and_counted(project: Project, pytester: pytest.Pytester) -> None:
    audit = write_marks(project, "contact-001", "bill-001", sha256="0" * 64)
    run = pytester.runpytest("--edgejson-model=control:gold", audit)
    run.assert_outcomes(passed=6)
    run.stdout.fnmatch_lines(["*marks 0 of 6 cases*; 2 of its marks are ignored, of a label that has changed"])
    run.stdout.no_fnmatch_line("*sound labels  *")


def test_marks_of_cases_that_did_not_run_are_counted(project: Project, pytester: pytest.Pytester) -> None:
    audit = write_marks(project, "contact-001", "bill-001")
    run = pytester.runpytest("--edgejson-model=control:gold", audit, "-k", "bill")
    run.stdout.fnmatch_lines(["*marks 1 of 2 cases*; 1 is of cases that did not run"])


def test_when_every_case_is_marked_the_row_is_empty(project: Project, pytester: pytest.Pytester) -> None:
    audit = write_marks(project, "bill-001", "bill-002")
    run = pytester.runpytest("--edgejson-model=control:gold", audit, "-k", "bill")
    run.stdout.fnmatch_lines(["all, sound labels * 0 *-*-*"])


def test_without_the_option_nothing_is_said(project: Project, pytester: pytest.Pytester) -> None:
    write_marks(project, "contact-001")
    run = pytester.runpytest("--edgejson-model=control:gold")
    run.stdout.no_fnmatch_line("*sound labels*")


def test_the_configuration_can_name_the_file(project: Project, pytester: pytest.Pytester) -> None:
    write_marks(project, "contact-001")
    pytester.makeini("[pytest]\nedgejson_audit = audit.jsonl\n")
    run = pytester.runpytest("--edgejson-model=control:gold")
    run.stdout.fnmatch_lines(["*marks 1 of 6 cases*"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "audit.jsonl: cannot be read: No such file or directory; make one with edgejson suite audit"),
        ('{"edgejson": 1}\n', "audit.jsonl:1: no audit file"),
        ('{"edgejson_audit": 1}\n{"case_id": "a"}\n', "audit.jsonl:2: a mark has case_id, sha256 and findings"),
    ],
)
def test_a_wrong_file_is_a_usage_error(
    project: Project, pytester: pytest.Pytester, content: str | None, message: str
) -> None:
    if content is not None:
        (project.root / "audit.jsonl").write_text(content, encoding="utf-8")
    run = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-audit=audit.jsonl")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines([f"ERROR: --edgejson-audit: {project.root}/{message}*"])


def test_the_option_needs_a_model(project: Project, pytester: pytest.Pytester) -> None:
    run = pytester.runpytest(write_marks(project, "contact-001"))
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["ERROR: --edgejson-audit needs a model*"])
