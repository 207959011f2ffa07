"""`edgejson suite check` and `audit` where fields have comparators and cases accepted values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.suite.audit.check import case_problems
from pytest_edgejson.suite.audit.rules import audit_suite
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.rendering import render_prompt
from pytest_edgejson.suite.schemas import Schema, make_schema

PROPERTIES: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "x-edgejson": ["case", "whitespace"]},
    "total": {"type": "number", "x-edgejson": {"number": {"absolute": 0.01}}},
    "day": {"type": "string", "x-edgejson": "date"},
    "note": {"type": "string", "x-edgejson": "ignored"},
    "unit": {"type": "string"},
}
PROMPT = "ACME  inc asks 12.499 euros, due on March 5th, 2024, by the degree."


def schema_of(properties: dict[str, dict[str, Any]]) -> Schema:
    return make_schema("bill", "simple", {"type": "object", "properties": properties}, "bill.json")


COMPARED = schema_of(PROPERTIES)
EXACT = schema_of({name: {"type": each["type"]} for name, each in PROPERTIES.items()})


@pytest.mark.parametrize(
    "expected",
    [{"name": "Acme Inc"}, {"total": 12.5}, {"day": "2024-03-05"}, {"note": "made by a machine"}],
    ids=["case and whitespace", "number", "date", "ignored"],
)
def test_the_text_may_hold_what_counts_as_the_value(expected: dict[str, Any]) -> None:
    case = Case("bill-1", "bill", "simple", PROMPT, expected)
    assert list(case_problems(case, COMPARED)) == []
    (problem,) = case_problems(case, EXACT)
    assert problem.endswith("which is nowhere in the prompt")


@pytest.mark.parametrize("other", [{"name": "Acme Ltd"}, {"total": 12.6}, {"day": "2024-03-06"}])
def test_the_text_has_to_hold_something_of_the_kind(other: dict[str, Any]) -> None:
    (problem,) = case_problems(Case("bill-1", "bill", "simple", PROMPT, other), COMPARED)
    assert problem.endswith("which is nowhere in the prompt")


def test_the_text_may_hold_an_accepted_value() -> None:
    case = Case("bill-1", "bill", "simple", PROMPT, {"unit": "celsius"})
    assert len(list(case_problems(case, EXACT))) == 1
    for accept in ({"unit": ["degree"]}, {"unit": ["C", ""]}):
        accepting = Case("bill-1", "bill", "simple", PROMPT, {"unit": "celsius"}, accept=accept)
        assert list(case_problems(accepting, EXACT)) == []


def test_places_that_nothing_has_are_told() -> None:
    case = Case("bill-1", "bill", "simple", "degree", {"unit": "degree"}, accept={"untit": ["C"], "note": [""]})
    assert list(case_problems(case, EXACT)) == ["'accept' names untit, which the schema does not know"]


def audited(file: Path, schema: Schema, rows: list[dict[str, Any]]) -> set[str]:
    """The kinds of findings that make labels unsound."""
    cases = [{"id": f"bill-{number}", "schema_id": "bill", **row} for number, row in enumerate(rows, 1)]
    file.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    return {finding.kind for finding in audit_suite([file], lambda file: {"bill": schema}).unsound}


@pytest.mark.parametrize(("schema", "kinds"), [(COMPARED, set()), (EXACT, {"text_differs"})])
def test_an_audit_takes_for_stated_what_counts_as_stated(tmp_path: Path, schema: Schema, kinds: set[str]) -> None:
    expected = {"name": "Acme Inc", "total": 12.499, "day": "5 March 2024", "note": "x"}
    stated = {"name": "ACME INC", "total": 12.5, "day": "2024-03-05", "note": "y"}
    prompt = render_prompt(stated, "New bill", "bill")
    row = {"prompt": prompt, "expected_output": expected}
    assert audited(tmp_path / "a.jsonl", schema, [row]) == kinds
    wrong = {"prompt": prompt, "expected_output": expected | {"total": 13}}
    assert "text_differs" in audited(tmp_path / "a.jsonl", schema, [wrong])


def test_labels_that_count_as_the_same_do_not_contradict_each_other(tmp_path: Path) -> None:
    rows = [{"prompt": "acme inc", "expected_output": {"name": name}} for name in ("acme inc", "Acme  Inc")]
    assert "contradiction" in audited(tmp_path / "a.jsonl", EXACT, rows)
    same = schema_of({"name": PROPERTIES["name"]})
    assert "contradiction" not in audited(tmp_path / "a.jsonl", same, rows)
