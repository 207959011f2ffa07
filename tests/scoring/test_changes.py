"""What deepdiff finds is what the scorer counts, and its JSON in a result is of use to others."""

from __future__ import annotations

import json

import pytest
from deepdiff import Delta
from helpers.answers import scored
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_edgejson.scoring.alignment import align, without_gaps
from pytest_edgejson.scoring.changes import changed_leaves, compare
from pytest_edgejson.values.jsonvalue import ABSENT, equal, leaves

keys = st.sampled_from(["a", "b", "__c", "d e", "customer_name", "0", "ключ", "it's"])
scalars = st.sampled_from([None, True, False, 0, 1, 1.0, 1.005, "", "x", "x\ny", "1", "\ud800", 10**30])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
)
objects = st.dictionaries(keys, values, max_size=4)

EXPECTED = {
    "number": "B-1",
    "paid": True,
    "total": 38.5,
    "buyer": {"name": "Ada", "city": "Paris"},
    "lines": [{"text": "tea", "price": 2.5}, {"text": "ink", "price": 7.25}, {"text": "cake", "price": 99}],
}


@given(objects, objects)
def test_changes_are_the_leaves_that_are_not_right(expected, got):
    alignment = align(expected, got)
    changes = list(changed_leaves(compare(alignment)))
    wanted = leaves(expected)
    aligned = {path: leaf for path, leaf in leaves(alignment.value).items() if leaf is not ABSENT}
    wrong = {path: leaf for path, leaf in wanted.items() if path not in aligned or not equal(leaf, aligned[path])}
    given_wrong = {path: leaf for path, leaf in aligned.items() if path not in wanted or not equal(leaf, wanted[path])}
    assert {change.path: change.expected for change in changes if change.expected is not ABSENT} == wrong
    assert {change.path: change.got for change in changes if change.got is not ABSENT} == given_wrong


@given(objects, objects)
@example({"d e": [None, [None]]}, {"a": None, "d e": [[None, None]]})
@example(
    {"lines": [{"text": "cake", "price": 9}, {"text": "rum", "price": 5}, {"text": "tea", "price": 2}]},
    {"lines": [{"text": "cake", "price": 9}, {"text": "tea", "unit": "cup"}]},
)
def test_added_to_the_expected_output_the_json_is_the_aligned_answer(expected, got):
    result = json.loads(json.dumps(scored(expected, got)))
    expected = result["expected_output"]
    aligned = without_gaps(align(expected, result["value"]).value)
    assert equal(expected + Delta(result["deepdiff"], mutate=False), aligned)


def test_the_json_says_what_the_findings_say():
    answer = {
        "number": "B-7",
        "paid": 1,
        "total": 38.50,
        "buyer": {"name": "Ada", "vat": 7},
        "lines": [{"text": "cake", "price": 9}, {"text": "tea", "price": 2.5}],
    }
    result = scored(EXPECTED, answer)
    assert result["deepdiff"] == {
        "type_changes": {"root['paid']": {"old_type": "bool", "new_type": "int", "old_value": True, "new_value": 1}},
        "values_changed": {
            "root['number']": {"old_value": "B-1", "new_value": "B-7"},
            "root['lines'][2]['price']": {"old_value": 99, "new_value": 9},
        },
        "dictionary_item_removed": {"root['buyer']['city']": "Paris"},
        "dictionary_item_added": {"root['buyer']['vat']": 7},
        "iterable_item_removed": {"root['lines'][1]": {"text": "ink", "price": 7.25}},
    }
    assert [(field["path"], field["kind"]) for field in result["fields"]] == [
        ("number", "hallucinated"),
        ("paid", "wrong_type"),
        ("buyer.city", "missing"),
        ("lines[1].text", "array_length"),
        ("lines[1].price", "array_length"),
        ("lines[2].price", "hallucinated"),
        ("buyer.vat", "hallucinated"),
        ("lines", "array_order"),
    ]
    (price,) = (field for field in result["fields"] if field["path"] == "lines[2].price")
    assert (price["loc"], price["got_loc"]) == (["lines", 2, "price"], ["lines", 0, "price"])


@pytest.mark.parametrize("answer", [EXPECTED, EXPECTED | {"total": 38.50, "buyer": {"city": "Paris", "name": "Ada"}}])
def test_an_exact_answer_has_no_difference(answer):
    assert scored(EXPECTED, answer)["deepdiff"] == {}


def test_an_answer_without_an_object_has_no_difference():
    assert scored(EXPECTED, "no JSON at all")["deepdiff"] == {}
