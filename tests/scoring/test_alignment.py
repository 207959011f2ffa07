from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.scoring.alignment import align
from pytest_edgejson.values.jsonvalue import ABSENT, equal, format_path, leaves

small = st.sampled_from([0, 1, 1.0, True, False, None, "", "a", "b", {}, []])
values = st.recursive(
    small,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


# ---------------------------------------------------------------- equality and paths


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (0, -0.0),
        (10**20, 1e20),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}),
        ([{"a": []}], [{"a": []}]),
        ("é", "\u00e9"),
    ],
)
def test_equal(a, b):
    assert equal(a, b)
    assert equal(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, True),
        (0, False),
        (0, None),
        (1, "1"),
        ("", None),
        ({}, []),
        ({}, None),
        ({"a": None}, {}),
        ({"a": {}}, {}),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        (2**53, 2.0**53 + 2),
        (2**53 + 1, 2.0**53),
        ("é", "e\u0301"),
        ("a", "A"),
        ({"a": {"b": [1, {"c": True}]}}, {"a": {"b": [1, {"c": 1}]}}),
    ],
)
def test_not_equal(a, b):
    assert not equal(a, b)
    assert not equal(b, a)


@given(values)
def test_equal_to_itself(value):
    assert equal(value, value)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a", "b"), "a.b"),
        (("line_items", 0, "total"), "line_items[0].total"),
        ((0, 1, "größe"), "[0][1].größe"),
        (("a b",), '["a b"]'),
        (("x", "0", 0), 'x["0"][0]'),
        (("", "a"), '[""].a'),
        (('a"b', "\\"), '["a\\"b"]["\\\\"]'),
        (("\x1b[31m", "\ud800", "\u202e"), '["\\u001b[31m"]["\\ud800"]["\\u202e"]'),
    ],
)
def test_format_path(path, text):
    assert format_path(path) == text


@given(st.lists(st.lists(st.integers(0, 3) | st.text(max_size=3), max_size=3).map(tuple), unique=True, max_size=9))
def test_different_paths_look_different(paths):
    paths = [path for path in paths if not any(isinstance(step, bool) for step in path)]
    assert len({format_path(path) for path in paths}) == len(set(paths))


def test_leaves_are_scalars_and_empty_containers_in_document_order():
    value = {"a": {"b": 1, "c": {}}, "d": [[], [None, {"e": "x"}]], "f": False}
    assert list(leaves(value).items()) == [
        (("a", "b"), 1),
        (("a", "c"), {}),
        (("d", 0), []),
        (("d", 1, 0), None),
        (("d", 1, 1, "e"), "x"),
        (("f",), False),
    ]
    assert leaves({}) == {(): {}}


def test_leaves_of_a_value_as_deep_as_any_file_can_hold():
    value: object = 1
    for _ in range(990):
        value = [value]
    assert list(leaves(value).values()) == [1]
    assert equal(value, value)


# ---------------------------------------------------------------- alignment


def aligned_leaves(alignment):
    return {path: leaf for path, leaf in leaves(alignment.value).items() if leaf is not ABSENT}


@given(values, values)
def test_no_leaf_is_lost_or_made(expected, got):
    alignment = align(expected, got)
    aligned, given = aligned_leaves(alignment), leaves(got)
    assert len(aligned) == len(given)
    assert all(equal(leaf, given[alignment.origin(path)]) for path, leaf in aligned.items())
    wanted = leaves(expected)
    assert alignment.right == sum(path in aligned and equal(leaf, aligned[path]) for path, leaf in wanted.items())
    assert 0 <= alignment.right <= min(len(wanted), len(given))


@given(values, values)
def test_all_leaves_are_right_exactly_when_only_the_order_of_items_differs(expected, got):
    alignment = align(expected, got)
    all_are_right = alignment.right == len(leaves(expected)) == len(leaves(got))
    if equal(expected, got):
        assert all_are_right
        assert not alignment.reordered
    elif all_are_right:
        assert alignment.reordered
        assert equal(alignment.value, expected)


def most_right(expected, got):
    """The most right leaves there can be, by trying every assignment."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected and got:
        return sum(most_right(value, got[key]) for key, value in expected.items() if key in got)
    if isinstance(expected, list) and isinstance(got, list) and expected and got:
        short, long = sorted((expected, got), key=len)
        return max(
            sum(most_right(a, b) for a, b in zip(short, chosen, strict=True))
            for chosen in itertools.permutations(long, len(short))
        )
    return int(leaves(expected).keys() == leaves(got).keys() == {()} and equal(expected, got))


@given(st.lists(values, max_size=4), st.lists(values, max_size=4))
def test_no_assignment_has_more_right_leaves(expected, got):
    assert align(expected, got).right == most_right(expected, got)


@given(st.lists(values, max_size=4), st.lists(values, max_size=4))
def test_right_leaves_are_symmetric(expected, got):
    assert align(expected, got).right == align(got, expected).right


def test_items_have_the_index_of_what_they_are_matched_with():
    expected = {"items": [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}]}
    got = {"items": [{"id": 9, "n": "new"}, {"id": 2, "n": "B"}, {"id": 1, "n": "a"}]}
    alignment = align(expected, got)
    assert alignment.value == {"items": [{"id": 1, "n": "a"}, {"id": 2, "n": "B"}, {"id": 9, "n": "new"}]}
    assert alignment.origin(("items", 1, "n")) == ("items", 1, "n")
    assert alignment.origin(("items", 2, "n")) == ("items", 0, "n")
    assert alignment.reordered == {("items",): (2, 1)}


def test_ties_keep_items_at_their_index():
    expected = [{"a": 1, "b": i} for i in range(4)]
    got = [{"a": 1, "b": 10 + i} for i in range(4)]
    assert align(expected, got).value == got
    assert align(expected, got).reordered == {}
    assert align([{"a": 1}] * 3, [{"a": 1}] * 3).reordered == {}


def test_a_dropped_item_is_no_reordering():
    alignment = align(["a", "b", "c"], ["b", "c"])
    assert alignment.value == [ABSENT, "b", "c"]
    assert alignment.places == {(1,): 0, (2,): 1}
    assert alignment.reordered == {}
    assert align(["a", "b", "c"], ["a"]).value == ["a"]


def test_nested_arrays_are_aligned_within_their_items():
    expected = [{"id": 1, "t": ["a", "b"]}, {"id": 2, "t": ["c", "d"]}]
    got = [{"id": 0, "t": ["d", "c"]}, {"id": 1, "t": ["b", "a"]}]
    alignment = align(expected, got)
    assert alignment.right == 5
    assert set(alignment.reordered) == {(), (0, "t"), (1, "t")}


def test_containers_of_another_type_stay_as_they_are():
    got = {"a": [1], "c": [2], "d": {"e": 1}}
    alignment = align({"a": {"b": 1}, "c": [], "d": 1}, got)
    assert alignment.value == got
    assert alignment.right == 0


def test_keys_are_in_the_order_of_the_expected_output():
    assert list(align({"a": 1, "b": 2, "c": 3}, {"x": 0, "c": 4, "a": 1}).value) == ["a", "c", "x"]


def test_thousands_of_items_in_another_order_are_all_right():
    expected = [{"id": i, "name": f"item {i}", "tags": [i, i + 1]} for i in range(3_000)]
    got = expected.copy()
    random.Random(0).shuffle(got)
    assert align(expected, got).right == 4 * 3_000


def test_thousands_of_different_items_fall_back_to_index_order():
    expected = [{"id": i, "kind": "x"} for i in range(2_000)]
    got = [{"id": i, "kind": "y"} for i in range(2_000)]
    assert align(expected, got).right == 2_000
    assert align(expected, got[::-1]).right == 0  # all would be found; the bound forbids to look


@pytest.mark.parametrize(("one", "two"), [(950, 1), (950, 60), (64, 64)])
def test_deep_values_are_no_crash(one, two):
    def nested(depth, leaf):
        value: object = leaf
        for _ in range(depth):
            value = [value, leaf]
        return value

    assert align({"a": nested(one, 1)}, {"a": nested(two, 2)}).right == 0
