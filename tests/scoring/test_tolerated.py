"""Differences that comparators and accepted values take for right."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_edgejson.scoring.tolerated import tolerated
from pytest_edgejson.values.agreement import read_rule
from pytest_edgejson.values.jsonvalue import ABSENT, format_path

SAID = {
    "vendor": ["case", "whitespace"],
    "total": [{"number": {"absolute": 0.01}}],
    "tags": ["set"],
    "items": ["unordered"],
    "items[].name": ["case"],
    "note": ["ignored"],
}
EXPECTED = {
    "vendor": "Acme",
    "total": 1,
    "tags": ["a", "b"],
    "items": [{"name": "tea"}, {"name": "ink"}],
    "note": "x",
    "unit": "C",
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"vendor": "ACME "}, [("vendor", "Acme", "ACME ", "case, whitespace")]),
        ({"vendor": "Acne"}, []),
        ({"total": 1.01}, [("total", 1, 1.01, "number")]),
        ({"total": 1.02}, []),
        ({"tags": ["b", "a", "a"]}, [("tags", ["a", "b"], ["b", "a", "a"], "set")]),
        ({"tags": ["a", "c"]}, []),
        ({"note": ABSENT}, [("note", "x", ABSENT, "ignored")]),
        ({"unit": "celsius"}, [("unit", "C", "celsius", "accepted value")]),
        ({"unit": ABSENT}, [("unit", "C", ABSENT, "accepted value")]),
        ({"unit": "kelvin"}, []),
        (
            {"items": [{"name": "INK"}, {"name": "tea"}]},
            [
                ("items", EXPECTED["items"], [{"name": "INK"}, {"name": "tea"}], "unordered"),
                ("items[1].name", "ink", "INK", "case"),
            ],
        ),
        # What is wrong beside it is none of them.
        ({"items": [{"name": "Tea"}, {"name": "pen"}]}, [("items[0].name", "tea", "Tea", "case")]),
    ],
)
def test_what_counts_as_none(change: dict[str, Any], found: list[Any]) -> None:
    got = {key: value for key, value in {**EXPECTED, **change}.items() if value is not ABSENT}
    rule = read_rule(SAID, {"unit": ["celsius", ""]})
    differences = tolerated(EXPECTED, got, rule)
    assert [(format_path(each.path), each.expected, each.got, each.by) for each in differences] == found


def test_nothing_is_tolerated_without_comparators() -> None:
    assert not [*tolerated(EXPECTED, {}, None)]
