from __future__ import annotations

import re

import pytest
from helpers.strategies import keys
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.values.fields import ITEM, KEY, format_field, parse_field
from pytest_edgejson.values.jsonvalue import format_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("total", ("total",)),
        ("items[].amount", ("items", ITEM, "amount")),
        ("items[2].unit price", ("items", 2, "unit price")),
        ('a["b.c"].d', ("a", "b.c", "d")),
        ("[].name", (ITEM, "name")),
        ("[][0]", (ITEM, 0)),
        ("prices.*", ("prices", KEY)),
        ("*.name", (KEY, "name")),
        ("first-name", ("first-name",)),
    ],
)
def test_a_field_is_read_from_text(text: str, path: tuple[object, ...]) -> None:
    assert parse_field(text) == path


@pytest.mark.parametrize("text", [".a", "a..b", "a.", "a[", "a[x]", 'a["b', 'a["b"', "a[]b", "a]"])
def test_what_names_no_field_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_field(text)


@given(st.lists(keys | st.integers(0, 10**9 - 1) | st.sampled_from([ITEM, KEY]), max_size=5).map(tuple))
def test_what_is_written_is_read_back(path: tuple[object, ...]) -> None:
    assert parse_field(format_field(path)) == path


@given(st.lists(keys | st.integers(0, 99), max_size=5).map(tuple))
def test_places_are_written_as_findings_name_them(path: tuple[str | int, ...]) -> None:
    assert format_field(path) == format_path(path)
