"""The tables of kinds, and that what is made of them cannot leave a kind out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from helpers.answers import field, made_up

from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.report.document import as_text
from pytest_edgejson.report.explain import kinds_and_fields
from pytest_edgejson.report.verdict import describe
from pytest_edgejson.results.breakdown import break_down
from pytest_edgejson.results.file import SCHEMA_FILE
from pytest_edgejson.scoring import kinds
from pytest_edgejson.scoring.extraction import Extraction
from pytest_edgejson.scoring.failure import failure_kind
from pytest_edgejson.scoring.score import Score

RESULT = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["$defs"]["result"]["properties"]
FINDING = RESULT["fields"]["items"]["properties"]
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (kinds.FAILURES, kinds.FailureKind),
        (kinds.FINDINGS, kinds.FindingKind),
        (kinds.DETAILS, kinds.NearDetail),
        (kinds.FLAGS, kinds.Flag),
        (kinds.LOSSES, kinds.Loss),
        (kinds.MALFORMED, kinds.BrokenKind),
    ],
    ids=["failures", "findings", "details", "flags", "losses", "malformed"],
)
def test_a_table_has_each_kind_of_its_type_in_the_same_order(table, names):
    assert list(table) == list(get_args(names))


@pytest.mark.parametrize(
    ("table", "listed"),
    [
        (kinds.FAILURES, RESULT["failure"]["examples"]),
        (kinds.FINDINGS, FINDING["kind"]["examples"]),
        (kinds.DETAILS, FINDING["detail"]["examples"]),
        (kinds.FLAGS, RESULT["flags"]["items"]["enum"]),
    ],
    ids=["failures", "findings", "details", "flags"],
)
def test_the_schema_of_results_lists_each_kind(table, listed):
    assert listed == list(table), SCHEMA_FILE


def test_the_documentation_tells_what_a_loss_is():
    text = (DOCS / "explain.md").read_text(encoding="utf-8")
    assert f"its failure kind: {', '.join(kinds.LOSSES)} |" in text


def test_every_miss_is_put_down_to_something():
    assert {kind for loss in kinds.LOSSES for kind in kinds.kinds_of(loss)} == {
        kind for kind, failure in kinds.FAILURES.items() if not failure.is_error
    }


# ---------------------------------------------------------------- a kind that is made up

MADE_UP = kinds.Failure("truncation", "the output is a poem", "verses")


def test_a_new_failure_kind_is_told_and_counted_everywhere(monkeypatch):
    monkeypatch.setitem(kinds.FAILURES, "poem", MADE_UP)
    result = made_up(failure="poem", fields=[])
    assert describe(result) == "the output is a poem"
    assert break_down([result], {result["schema_sha256"]: None}, "r.jsonl", "m").losses["truncation"] == 1
    assert "poem" in as_text(kinds_and_fields([result], "m"))


def test_a_failure_kind_that_nothing_detects_fails_at_the_first_miss(monkeypatch):
    monkeypatch.setitem(kinds.FAILURES, "poem", MADE_UP)
    exact = Score(True, 1.0, 1.0, 1.0, 1.0, True, True, 1, 1, 1)
    with pytest.raises(KeyError, match="poem"):
        failure_kind("stop", Extraction({}, "bare", "lenient"), exact)


def test_a_new_kind_of_finding_is_told_and_counted_everywhere(monkeypatch):
    monkeypatch.setitem(kinds.FINDINGS, "unit", kinds.FindingWords("in another unit", "1 km for 1000 m"))
    result = made_up(fields=[field("length", "unit", expected=1, got=2)])
    assert "in another unit" in render_diff(result)
    assert "unit" in as_text(kinds_and_fields([result], "m"))


def test_what_a_later_version_calls_a_kind_is_shown_as_it_stands():
    result = made_up(failure="of_a_later_version", fields=[field("total", "of_a_later_version", expected=1, got=2)])
    assert describe(result) == "1 of 14 fields wrong: total 1 → 2"
    assert "of a later version" in render_diff(result)
