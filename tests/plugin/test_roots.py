"""Suites whose expected outputs are arrays or scalars, through a run, its results, diff and commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.projects import run_pytest

from pytest_edgejson.cli import main
from pytest_edgejson.results.file import read_run

SCHEMAS: dict[str, dict[str, Any]] = {
    "items": {
        "type": "array",
        "items": {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}},
    },
    "total": {"type": "number"},
    "city": {"type": ["string", "null"]},
    "paid": {"type": "boolean"},
    "calls": {"items": {"type": "string"}},
}
EXPECTED: dict[str, list[Any]] = {
    "items": [[{"name": "tea", "n": 2}, {"name": "ink", "n": 1}], []],
    "total": [19.99, 0],
    "city": ["Rome", None],
    "paid": [True, False],
    "calls": [["a"], ["b", "c"]],
}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A suite with two cases of each root, and nothing that is an object."""
    root = pytester.path / "suite"
    (root / "schemas/simple").mkdir(parents=True)
    rows = []
    for name, schema in SCHEMAS.items():
        (root / f"schemas/simple/{name}.json").write_text(json.dumps(schema), encoding="utf-8")
        for number, expected in enumerate(EXPECTED[name], 1):
            prompt = f"{name} {number}: it is true, or false: {json.dumps(expected)}"
            rows.append({"id": f"{name}-{number}", "schema_id": name, "prompt": prompt, "expected_output": expected})
    (root / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def recorded(path: Path, outputs: dict[str, str]) -> str:
    exact = {f"{name}-{n}": json.dumps(each) for name, own in EXPECTED.items() for n, each in enumerate(own, 1)}
    lines = [json.dumps({"case_id": case_id, "output": text}) for case_id, text in (exact | outputs).items()]
    (path / "answers.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return "--edgejson-model=replay:answers.jsonl"


@pytest.mark.parametrize("model", ["control:gold", "control:oracle"])
@pytest.mark.parametrize("extraction", ["lenient", "strict", "last"])
def test_expected_outputs_of_any_root_are_exact(
    suite: Path, pytester: pytest.Pytester, model: str, extraction: str
) -> None:
    if model == "control:oracle":
        model = recorded(pytester.path, {}).partition("=")[2]
    result = run_pytest(pytester, str(suite), f"--edgejson-model={model}", f"--edgejson-extraction={extraction}")
    result.assert_outcomes(passed=10)


def test_answers_amid_prose_and_in_fences(suite: Path, pytester: pytest.Pytester) -> None:
    model = recorded(
        pytester.path,
        {
            "items-1": 'Here [1]: [{"name": "tea", "n": 2}, {"name": "ink", "n": 1}] as asked.',
            "items-2": "<think>[1]</think>Nothing was bought: []",
            "total-1": "The total is 19.99.",
            "total-2": 'Of 1,000 orders in "2 lists" none: 0',
            "city-1": 'He said "Rome"',
            "city-2": "null, I am afraid",
            "paid-1": "Yes: true.",
            "calls-2": '```json\n["b", "c"]\n```',
        },
    )
    result = pytester.runpytest(str(suite), model, "--edgejson-results=r.jsonl")
    assert {row["case_id"] for row in read_run(pytester.path / "r.jsonl").results if not row["json_exact"]} == set()
    result.assert_outcomes(passed=10)


def test_misses_are_scored_told_and_shown(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    model = recorded(
        pytester.path,
        {
            "items-1": '[{"name": "tea", "n": 3}]',
            "items-2": '{"a": []}',
            "total-1": "19.9",
            "city-1": "no idea",
            "city-2": '"Rome"',
            "paid-2": "True",
            "calls-1": '["a", "b"',
        },
    )
    result = pytester.runpytest(str(suite), model, "--edgejson-results=r.jsonl")
    result.assert_outcomes(passed=3, failed=7)
    result.stdout.fnmatch_lines(
        [
            "*items-2*the output is JSON, but not an array*",
            "*total-1*1 of 1 fields wrong: (root) 19.99 * 19.9*",
            "*lenient extraction: the number is the whole output*",
        ]
    )
    rows = {row["case_id"]: row for row in read_run(pytester.path / "r.jsonl").results}
    assert {name: row["failure"] for name, row in rows.items() if row["failure"]} == {
        "items-1": "value_error",
        "items-2": "wrong_root",
        "total-1": "value_error",
        "city-1": "no_json",
        "city-2": "value_error",
        "paid-2": "no_json",
        "calls-1": "malformed",
    }
    assert rows["items-1"]["field_f1"] == pytest.approx(2 / 6)
    assert [(field["path"], field["kind"]) for field in rows["total-1"]["fields"]] == [("", "near")]
    assert (rows["city-2"]["field_f1"], rows["city-2"]["key_f1"]) == (0, 1)
    capsys.readouterr()
    for command in (["explain", "r.jsonl"], ["show", "r.jsonl", "items-1"], ["show", "r.jsonl", "city-2"]):
        assert main(command) == 0
    capsys.readouterr()
    assert main(["show", "r.jsonl", "calls-1"]) == 0
    assert "malformed JSON, it ends inside the array" in capsys.readouterr().out
    assert main(["rescore", "r.jsonl"]) == 0
    assert main(["compare", "r.jsonl", "r.jsonl"]) == 0


def test_the_suite_is_checked_and_audited(
    suite: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["suite", "check", str(suite)]) == 0
    assert "10 cases, no problems" in capsys.readouterr().out
    assert main(["suite", "audit", str(suite)]) == 0


def test_another_root_than_the_schema_has_is_refused(suite: Path, pytester: pytest.Pytester) -> None:
    row = {"id": "a", "schema_id": "items", "prompt": "x", "expected_output": {"name": "tea"}}
    (suite / "cases.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = pytester.runpytest(str(suite), "--edgejson-model=control:gold")
    result.stdout.fnmatch_lines(["*cases.jsonl:1: 'expected_output' must be an array, got an object"])
