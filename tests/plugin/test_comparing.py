"""Comparators of fields and accepted values, through a run, its results, baselines, rescoring and comparing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.projects import Project

from pytest_edgejson.cli import main
from pytest_edgejson.results.file import read_run

OTHERWISE = {
    "contact-001": '{"name": "ADA", "age": 36}',
    "contact-002": '{"name": "grace", "age": 86, "vip": false}',
    "bill-001": '{"number": "B-1", "lines": [{"text": "cake", "price": 4.0}, {"text": "Tea", "price": 2.505}]}',
}


@pytest.fixture
def compared(project: Project) -> Project:
    """The project with comparators by which its answers are right but for one."""
    document = json.loads((project.root / "schemas/medium/bill.json").read_text(encoding="utf-8"))
    lines = document["properties"]["lines"]
    lines["x-edgejson"] = "unordered"
    lines["items"]["properties"]["text"]["x-edgejson"] = "case"
    lines["items"]["properties"]["price"]["x-edgejson"] = {"number": {"absolute": 0.01}}
    (project.root / "schemas/medium/bill.json").write_text(json.dumps(document), encoding="utf-8")
    document = json.loads((project.root / "schemas/simple/contact.json").read_text(encoding="utf-8"))
    document["properties"]["name"]["x-edgejson"] = ["case", "whitespace"]
    document["properties"]["vip"]["x-edgejson"] = "ignored"
    (project.root / "schemas/simple/contact.json").write_text(json.dumps(document), encoding="utf-8")
    return project


def test_scores_and_diff_follow_the_comparators_of_the_schema(compared: Project, pytester: pytest.Pytester) -> None:
    model = compared.record(OTHERWISE)
    result = pytester.runpytest(f"--edgejson-model={model}", "--edgejson-results=results.jsonl")
    result.assert_outcomes(passed=5, failed=1)
    # Of the miss, nothing is shown but what counts.
    result.stdout.fnmatch_lines(["  age  hallucinated  85 → 86", "  … 1 other field right"])
    manifest, rows = compared.results()
    by_id = {row["case_id"]: row for row in rows}
    assert {case_id for case_id, row in by_id.items() if row["json_exact"]} == set(by_id) - {"contact-002"}
    assert [(field["path"], field["kind"]) for field in by_id["contact-002"]["fields"]] == [("age", "hallucinated")]
    assert by_id["contact-002"]["field_f1"] == 0.5
    assert by_id["contact-002"]["leaves"] == 2
    assert by_id["bill-001"]["comparators"] == {
        "lines": ["unordered"],
        "lines[].text": ["case"],
        "lines[].price": [{"number": {"absolute": 0.01}}],
    }
    assert not by_id["bill-001"]["v3"]["json_exact"]
    assert "comparators" not in by_id["tree-001"]
    assert manifest["comparators_sha256"]


def test_accepted_values_of_a_case(project: Project, pytester: pytest.Pytester) -> None:
    rows = [
        json.loads(line)
        for line in (project.root / "cases/test/simple/contact.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    rows[0]["accept"] = {"name": ["Ada Lovelace"]}
    rows[1]["accept"] = {"vip": [""], "name": ["Hopper"]}
    project.write_cases("cases/test/simple/contact.jsonl", rows)
    model = project.record(
        {
            "contact-001": '{"name": "Ada Lovelace", "age": 36}',
            "contact-002": '{"name": "Grace", "age": 85}',
            "contact-003": '{"name": "Ada Lovelace", "age": 7}',
        }
    )
    result = pytester.runpytest(f"--edgejson-model={model}", "--edgejson-results=results.jsonl")
    result.assert_outcomes(passed=5, failed=1)
    manifest, results = project.results()
    assert [row["case_id"] for row in results if not row["json_exact"]] == ["contact-003"]
    results = [row for row in results if row["schema_id"] == "contact"]
    assert results[1]["accept"] == {"vip": [""], "name": ["Hopper"]}
    assert results[1]["metadata"] == {}
    assert manifest["comparators_sha256"]
    assert main(["rescore", "results.jsonl"]) == 0


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        ("Ada", "'accept' must be an object of lists of values by place, got a string"),
        ({"name": "Ada"}, "'accept' must have a list of values for 'name', got a string: write [ ] around it"),
        ({"name..x": []}, "'accept' names no place with 'name..x': write one such as items[0].unit"),
        ({"owner.name": []}, "'accept' names 'owner.name', and the expected output has no object or array for it"),
    ],
)
def test_wrong_accepted_values_are_told_with_file_and_line(
    project: Project, pytester: pytest.Pytester, accept: Any, message: str
) -> None:
    row = {"id": "a", "schema_id": "contact", "prompt": "x", "expected_output": {"name": "A", "age": 1}}
    project.write_cases("cases/test/simple/contact.jsonl", [row, row | {"id": "b", "accept": accept}])
    result = pytester.runpytest("--edgejson-model=control:gold")
    assert message in result.stdout.str()
    result.stdout.fnmatch_lines(["*contact.jsonl:2: *"])


def test_a_wrong_comparator_is_one_error(project: Project, pytester: pytest.Pytester) -> None:
    file = project.root / "schemas/simple/contact.json"
    file.write_text('{"properties": {"name": {"type": "string", "x-edgejson": {"number": {"absolute": 1}}}}}')
    result = pytester.runpytest("--edgejson-model=control:gold")
    result.stdout.fnmatch_lines(["*contact.json: x-edgejson of name: number compares a number, and the field is of *"])
    result.assert_outcomes(errors=1)


def test_a_baseline_that_was_compared_otherwise_is_refused_and_can_be_rescored(
    compared: Project, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    model = f"--edgejson-model={compared.record(OTHERWISE)}"
    pytester.runpytest(model, "--edgejson-results=before.jsonl")
    schema = compared.root / "schemas/medium/bill.json"
    schema.write_text(schema.read_text(encoding="utf-8").replace("0.01", "0.001"), encoding="utf-8")
    gate = ("--edgejson-baseline=before.jsonl", "--edgejson-gate=json_exact>=baseline")
    result = pytester.runpytest(model, *gate, "--edgejson-results=now.jsonl")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        [
            "*bill-001 (comparators of lines[[]].price from *absolute*0.01* to *absolute*0.001* changed)*"
            "edgejson rescore *before.jsonl --schemas DIR --out FILE*"
        ]
    )
    capsys.readouterr()
    pytester.runpytest(model, "--edgejson-results=now.jsonl")
    assert main(["compare", "before.jsonl", "now.jsonl"]) != 0
    assert "comparators of lines[].price" in capsys.readouterr().err
    assert main(["rescore", "before.jsonl", "--schemas", "schemas", "--out", "again.jsonl"]) == 0
    assert "comparators: 2" in capsys.readouterr().out
    changed = {row["case_id"]: row["json_exact"] for row in read_run(Path("again.jsonl")).results}
    assert not changed["bill-001"]
    assert changed["contact-001"]
    assert main(["compare", "again.jsonl", "now.jsonl"]) == 0
