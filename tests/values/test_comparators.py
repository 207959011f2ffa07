from __future__ import annotations

from typing import Any

import pytest

from pytest_edgejson.values.agreement import agree, counted, describe, read_rule
from pytest_edgejson.values.comparators import COMPARATORS, ComparatorError, read_uses


def agrees(comparators: Any, expected: Any, got: Any) -> bool:
    """Whether one value counts as another one under comparators of the root."""
    rule = read_rule(comparators if isinstance(comparators, dict) and "" in comparators else {"": comparators})
    if rule is None:
        return agree(expected, got, rule)
    return agree(counted(expected, rule), counted(got, rule), rule)


@pytest.mark.parametrize(
    ("comparators", "expected", "right", "wrong"),
    [
        ("exact", "Acme", ["Acme"], ["ACME", "Acme ", None]),
        ("case", "Straße", ["STRASSE", "strasse"], ["Strase", "Straße "]),
        ("whitespace", "Acme Inc", [" Acme\n  Inc ", "Acme\u00a0Inc"], ["AcmeInc", "acme Inc"]),
        (["case", "whitespace"], "Acme Inc", [" ACME  inc"], ["Acme, Inc"]),
        ({"number": {"absolute": 0.01}}, 1, [1.01, 0.99, 1.0], [1.0101, 0.98, True, "1", None]),
        ({"number": {"relative": 0.1}}, -200, [-180, -220.0], [-179, 200]),
        ({"number": {"absolute": 1, "relative": 0.1}}, 5, [6, 4], [6.1]),
        ({"number": {"absolute": 0.1}}, 10**40, [10**40], [10**40 + 1]),
        ("date", "2024-03-05",
         ["5 March 2024", "March 5th, 2024", "2024-03-05T10:00:00Z", "05/03/2024", "5. März 2024"],
         ["2024-03-06", "March 2024", "5"]),
        ("date", "no date", ["no date"], ["none", "2024-03-05"]),
        ("unordered", [1, 2, 2], [[2, 1, 2], [2, 2, 1.0]], [[1, 2], [1, 1, 2], [1, 2, 2, 2], "1"]),
        ("unordered", [{"a": [1, 2]}, {"a": []}], [[{"a": []}, {"a": [1, 2]}]], [[{"a": []}, {"a": [2, 1]}]]),
        ("set", [1, 2], [[2, 1, 1.0, 2]], [[1], [1, 2, 3], [1, True]]),
        ({"": ["unordered"], "[]": ["case"]}, ["a", "B"], [["b", "A"]], [["a", "a"]]),
        # 2 is near to 1 and to 3, and can stand for one of them alone.
        ({"": ["unordered"], "[]": [{"number": {"absolute": 1}}]}, [1, 3], [[2, 2], [4, 0], [2, 3]], [[5, 1], [0, 0]]),
        ({"": ["set"], "[]": ["case"]}, ["a"], [["A", "a"]], [[]]),
        ({"a": ["ignored"], "": []}, {"a": 1, "b": 2}, [{"b": 2}, {"b": 2, "a": "x"}], [{"a": 1}]),
        ({"*": ["case"], "a": ["exact"], "": []}, {"a": "x", "b": "y"}, [{"a": "x", "b": "Y"}], [{"a": "X", "b": "y"}]),
    ],
)  # fmt: skip
def test_what_counts_as_the_expected_value(comparators: Any, expected: Any, right: list[Any], wrong: list[Any]) -> None:
    assert agrees(comparators, expected, expected)
    assert [got for got in right if not agrees(comparators, expected, got)] == []
    assert [got for got in wrong if agrees(comparators, expected, got)] == []


def test_similar_texts() -> None:
    pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed (extra `similar`)")
    assert agrees({"similar": 0.9}, "Acme Incorporated", "Acme Incoporated")
    assert not agrees({"similar": 0.95}, "Acme Incorporated", "ACME Incorporated")
    assert agrees(["case", {"similar": {"threshold": 0.95}}], "Acme Incorporated", "ACME Incorporated")
    assert not agrees({"similar": 0.5}, "12", 12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("csae", "there is no comparator 'csae': name one of exact, case, "),
        (7, "7 is no comparator: name one, such as "),
        ("number", 'number needs absolute or relative: write {"number": {"absolute": 0.01}}'),
        ({"number": {"absolute": -1}}, "absolute of number is -1: write a number of 0 or more"),
        ({"number": {"absolute": True}}, "absolute of number is True: write a number of 0 or more"),
        ({"number": {"tolerance": 1}}, "number has no parameter 'tolerance': write "),
        ({"number": 0.1}, "the parameters of number are an object, such as "),
        ({"similar": 1.5}, "threshold of similar is 1.5: write a number between 0 and 1"),
        ({"case": {"locale": "de"}}, 'case has no parameters: write "case"'),
        (["ignored", "case"], "ignored cannot stand beside case: leave one out"),
        (["set", "unordered"], "a set has no order: leave unordered out"),
        (
            [{"number": {"absolute": 1}}, {"number": {"absolute": 2}}],
            "number is given twice, with",
        ),
    ],
)
def test_a_wrong_comparator_is_refused_with_its_fix(given: Any, message: str) -> None:
    with pytest.raises(ComparatorError) as error:
        read_uses(given)
    assert str(error.value).startswith(message)


def test_all_comparators_are_read_as_they_are_written() -> None:
    for name, comparator in COMPARATORS.items():
        given = {name: dict.fromkeys(comparator.bounds, 0.5)} if comparator.bounds else name
        if name == "similar":
            pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed (extra `similar`)")
        assert [use.as_json() for use in read_uses(given)] == [given]


def test_rules_that_refer_to_themselves_are_written_once() -> None:
    described = {"name": ["case"], "children[]": {"same as": ""}}
    rule = read_rule(described)
    assert rule is not None
    assert describe(rule) == described
    tree = {"name": "A", "children": [{"name": "B", "children": [{"name": "C", "children": []}]}]}
    other = {"name": "a", "children": [{"name": "b", "children": [{"name": "c", "children": []}]}]}
    assert agree(tree, other, rule)


ACCEPT = {"unit": ["celsius", "C", ""], "tags": [["a", "b"]], "note": ["none"]}


@pytest.mark.parametrize(
    ("got", "is_right"),
    [
        ({"unit": "C", "tags": ["a"]}, True),
        ({"unit": "degrees", "tags": ["a"]}, True),
        ({"unit": "K", "tags": ["a"]}, False),
        ({"tags": ["a", "b"]}, True),
        ({"tags": ["b", "a"]}, False),
        ({"unit": "", "tags": ["a"], "note": "none"}, True),
        ({"tags": ["a"], "note": "other"}, False),
        ({"unit": "C"}, False),
    ],
)
def test_accepted_values_count_as_well(got: dict[str, Any], is_right: bool) -> None:
    expected = {"unit": "degrees", "tags": ["a"]}
    assert agree(expected, got, read_rule({}, ACCEPT)) == is_right


def test_accepted_values_are_compared_as_their_field_is() -> None:
    rule = read_rule({"items[].name": ["case"]}, {"items[1].name": ["Two"]})
    expected = {"items": [{"name": "One"}, {"name": "2"}]}
    assert agree(expected, {"items": [{"name": "ONE"}, {"name": "TWO"}]}, rule)
    assert not agree(expected, {"items": [{"name": "TWO"}, {"name": "2"}]}, rule)
