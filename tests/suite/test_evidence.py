"""Evidence of a row: what it proves, and what `edgejson suite check` says of what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_edgejson.cli import main
from pytest_edgejson.suite.cases import parse_case
from pytest_edgejson.suite.evidence import problems, proved

PROMPT = "Thursday, 12 March 2026: two chairs, next Tuesday."
OUTPUT = {"chairs": 2, "day": "2026-03-17", "note": None}


def place(path, quote, rule):
    start = PROMPT.index(quote)
    return {"path": path, "start": start, "end": start + len(quote), "rule": rule}


GOOD = [place("chairs", "two", "number"), place("day", "next Tuesday", "date"), {"path": "note", "rule": "silence"}]


def row(evidence=GOOD, **changed):
    return {
        "id": "a",
        "schema_id": "chairs",
        "prompt": PROMPT,
        "expected_output": OUTPUT,
        "today": "2026-03-12",
        "evidence": evidence,
        **changed,
    }


def case(*args, **changed):
    return parse_case(row(*args, **changed), Path("cases.jsonl"), 1, {"chairs": "simple"})


def test_evidence_that_follows_proves_each_value():
    assert list(problems(case())) == []
    assert proved(case()) == {"chairs", "day", "note"}


@pytest.mark.parametrize(
    ("index", "entry", "message"),
    [
        (0, place("chairs", "12", "number"), "the evidence of chairs, '12', is not 2 by the rule number"),
        (0, {"path": "chairs", "start": 90, "end": 95, "rule": "number"}, "the evidence of chairs is no piece"),
        (0, {"path": "chairs", "start": True, "end": "5", "rule": "number"}, "the evidence of chairs is no piece"),
        (0, place("chairs", "two", "guess"), "the rule 'guess'; use one of text, number"),
        (0, {"path": "chairs", "rule": "silence"}, "chairs is 2, which the rule silence cannot prove"),
        (0, place("tables", "two", "number"), "chairs has no evidence"),
        (0, place("chairs", "two", ["number"]), "the rule ['number']"),
    ],
)
def test_evidence_that_does_not_follow_is_told(index, entry, message):
    changed = case([*GOOD[:index], entry, *GOOD[index + 1 :]])
    assert any(message in said for _, said in problems(changed))
    assert proved(changed) == {"day", "note"}


@pytest.mark.parametrize("changed", [{"today": "2026-03-13"}, {"today": None}, {"language": "xx"}, {"language": []}])
def test_relative_dates_need_a_today_that_the_text_gives_and_a_language(changed):
    assert proved(case(**changed)) == frozenset()
    assert "`today`" in next(iter(problems(case(**changed))))[1]


def test_the_example_of_the_docs_is_proved():
    page = (Path(__file__).parents[2] / "docs" / "suite.md").read_text(encoding="utf-8")
    example = json.loads(page.split("## Evidence")[1].split("```json")[1].split("```")[0])
    told = parse_case(example, Path("cases.jsonl"), 1, {"parcel": "simple"})
    assert list(problems(told)) == []
    assert proved(told) == {"weight_g", "deliver_on", "phone"}


def test_a_row_without_evidence_has_no_problems():
    assert list(problems(case("none"))) == []
    assert proved(case([])) == frozenset()


@pytest.fixture
def suite(tmp_path):
    schemas = tmp_path / "schemas" / "simple"
    schemas.mkdir(parents=True)
    (schemas / "chairs.json").write_text('{"type": "object"}', encoding="utf-8")

    def write(*args):
        file = tmp_path / "cases.jsonl"
        file.write_text(json.dumps(row(*args)), encoding="utf-8")
        return str(file)

    return write


def test_check_takes_values_that_evidence_proves(suite, capsys):
    assert main(["suite", "check", suite()]) == 0
    assert main(["suite", "check", suite([])]) == 1
    assert 'day is "2026-03-17", which is nowhere in the prompt' in capsys.readouterr().out


def test_check_tells_evidence_that_proves_nothing(suite, capsys):
    assert main(["suite", "check", suite([place("chairs", "12", "number"), *GOOD[1:]])]) == 1
    assert "the evidence of chairs, '12', is not 2 by the rule number" in capsys.readouterr().out


def test_audit_takes_values_that_evidence_proves(suite, capsys):
    main(["suite", "audit", suite(), "--verbose"])
    assert "unseen_value" not in capsys.readouterr().out
    main(["suite", "audit", suite([]), "--verbose"])
    assert "unseen_value" in capsys.readouterr().out
