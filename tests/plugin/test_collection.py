"""Which cases run: paths, node ids, -k, -m, --lf, -x, --co, --deselect."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project

ALL = 6


def test_without_a_path_the_projects_own_suite_runs(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold")
    result.assert_outcomes(passed=ALL)


def test_in_an_empty_folder_the_bundled_suite_runs(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", "--co", "-q")
    result.stdout.fnmatch_lines(["*158 tests collected*"])


def test_other_tests_run_only_when_asked_for(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="def test_own(): pass")
    pytester.runpytest("--edgejson-model=control:gold").assert_outcomes(passed=ALL)
    pytester.runpytest("--edgejson-model=control:gold", ".").assert_outcomes(passed=ALL + 1)
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("expression", "count"),
    [("complex", 1), ("simple", 3), ("bill", 2), ("contact-002", 1), ("gold", ALL), ("not medium", 4), ("nothing", 0)],
)
def test_k(project: Project, pytester: pytest.Pytester, expression: str, count: int) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", "-k", expression)
    result.assert_outcomes(passed=count, deselected=ALL - count)


def test_k_knows_complexity_and_schema_in_a_file_that_names_neither(
    project: Project, pytester: pytest.Pytester
) -> None:
    rows = [
        json.loads(line)
        for file in sorted((project.root / "cases").rglob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    for number, row in enumerate(rows):
        row["id"] = f"row-{number}"
        del row["complexity"]
    project.write_cases("all.jsonl", rows)
    run = ("all.jsonl", "--edgejson-model=control:gold", "-k")
    pytester.runpytest(*run, "complex").assert_outcomes(passed=1, deselected=5)
    pytester.runpytest(*run, "bill").assert_outcomes(passed=2, deselected=4)


@pytest.mark.parametrize(
    ("expression", "count"),
    [("simple", 3), ("complex or medium", 3), ("edgejson", ALL), ("edgejson(schema='bill')", 2)],
)
def test_m(project: Project, pytester: pytest.Pytester, expression: str, count: int) -> None:
    result = pytester.runpytest("--strict-markers", "--edgejson-model=control:gold", "-m", expression)
    result.assert_outcomes(passed=count, deselected=ALL - count)


def test_markers_are_listed(pytester: pytest.Pytester) -> None:
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.edgejson(schema, complexity, model)*"])


def test_a_node_id_runs_one_case_and_names_the_model(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("cases/test/medium/bill.jsonl::bill-002[control:gold]", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["cases/test/medium/bill.jsonl::bill-002?control:gold? PASSED*"])


def test_a_node_id_without_model_runs_the_case_on_every_model(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(
        "cases/test/medium/bill.jsonl::bill-002", "--edgejson-model=control:gold", "--edgejson-model=control:rules"
    )
    result.assert_outcomes(passed=1, failed=1)


def test_a_case_file_without_a_model_is_a_usage_error(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("cases/test/medium/bill.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: cases/test/medium/bill.jsonl: no model*--edgejson-model=NAME*"])


def test_deselect(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(
        "--edgejson-model=control:gold", "--deselect", "cases/test/simple/contact.jsonl::contact-002[control:gold]"
    )
    result.assert_outcomes(passed=ALL - 1, deselected=1)


def test_collect_only_runs_no_model_and_writes_nothing(project: Project, pytester: pytest.Pytester) -> None:
    before = {path for path in project.root.rglob("*") if ".pytest_cache" not in path.parts}
    result = pytester.runpytest("--edgejson-model=replay:missing.jsonl", "--co", "--edgejson-results=results.jsonl")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*<CaseFile contact.jsonl>", "*<CaseItem contact-001*", "*6 tests collected*"])
    result.stdout.no_fnmatch_line("*JSONExact*")
    assert {path for path in project.root.rglob("*") if ".pytest_cache" not in path.parts} == before


def test_last_failed(project: Project, pytester: pytest.Pytester) -> None:
    model = f"--edgejson-model={project.record({'bill-001': '{}', 'contact-003': 'no'})}"
    pytester.runpytest(model).assert_outcomes(passed=4, failed=2)
    pytester.runpytest(model, "--lf").assert_outcomes(failed=2)


def test_exit_first_stops_at_the_first_miss(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:empty", "-x")
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_bad_line_is_a_collection_error_with_file_and_line(project: Project, pytester: pytest.Pytester) -> None:
    file = project.root / "cases/test/medium/bill.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + "{broken\n", encoding="utf-8")
    result = pytester.runpytest("--edgejson-model=control:gold", "--continue-on-collection-errors")
    result.assert_outcomes(passed=6, errors=1)
    result.stdout.fnmatch_lines(["*bill.jsonl:3: not JSON*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert pytester.runpytest("--edgejson-model=control:gold").ret == pytest.ExitCode.INTERRUPTED


def test_bad_rows_and_schemas_take_no_other_case_with_them(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "schemas/medium/broken.json").write_text('{"type": "objekt"}', encoding="utf-8")
    file = project.root / "cases/test/medium/bill.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    wrong = [
        {"id": "no-prompt", "schema_id": "bill"},
        *({**rows[0], "id": name, "schema_id": "broken"} for name in ("b1", "b2")),
        rows[0],
        *({"id": f"x{number}", "schema_id": "nowhere"} for number in range(20)),
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in [rows[0], *wrong, *rows[1:]]), encoding="utf-8")
    options = ("--edgejson-model=control:gold", "--edgejson-results=results.jsonl")
    result = pytester.runpytest(*options, "--continue-on-collection-errors")
    result.assert_outcomes(passed=6, errors=11)
    result.stdout.fnmatch_lines(
        [
            "*bill.jsonl:2: the key 'prompt' is missing*",
            "*broken.json: no valid schema*",
            "*bill.jsonl:5: the id 'bill-001' stands already in line 1*",
            "*bill.jsonl: 13 more errors",
        ]
    )
    gate = pytester.runpytest(*options, "--continue-on-collection-errors", "--edgejson-gate=json_exact>=0")
    assert gate.ret != 0
    gate.stdout.fnmatch_lines(["*UNMEASURABLE*bill.jsonl:2: *"])
    pytester.runpytest(*options, f"{file}::bill-002").assert_outcomes(passed=1)
    for name in ("b1", "b2"):
        named = pytester.runpytest(*options, f"{file}::{name}")
        named.assert_outcomes(errors=1)
        named.stdout.fnmatch_lines(["*broken.json: no valid schema*"])


def test_json_lines_of_another_kind_are_left_alone(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "cases/test/notes.jsonl").write_text('{"note": "no case"}\n', encoding="utf-8")
    pytester.runpytest("--edgejson-model=control:gold").assert_outcomes(passed=ALL)
    result = pytester.runpytest("--edgejson-model=control:gold", "cases/test/notes.jsonl")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*notes.jsonl:1: the key 'id' is missing*"])


def test_a_skip_mark_and_xfail_from_a_conftest_work(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.skip(reason="not today"))
            items[1].add_marker(pytest.mark.xfail(reason="known", strict=True))
        """
    )
    result = pytester.runpytest("--edgejson-model=control:empty")
    result.assert_outcomes(skipped=1, xfailed=1, failed=ALL - 2)
