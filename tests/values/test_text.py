"""Text for terminals: cleaned, measured, shortened."""

from __future__ import annotations

import pytest
from helpers.answers import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.values.text import clean, columns, common_prefix, encodable, fill, pad, paint, shorten, show, wrap


def test_clean():
    assert clean("a\tb\x1b\U000e0001", keep="\t") == "a\tb\\x1b\\U000e0001"
    assert clean("größe → 日本") == "größe → 日本"
    assert clean(HOSTILE) == "\\x1b[31mred\\x07\\x00\\r\\u202e\\ud800\\x9b2J\\u2028"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("größe", 5),
        ("日本", 4),
        ("👍", 2),
        ("e\u0301", 1),
        ("❤\ufe0f", 2),
        ("한국", 4),
        ("→…–", 3),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("ก็", 1),
    ],
)
def test_columns_are_those_of_a_terminal(text, width):
    assert columns(text) == width


def test_shorten_and_pad_count_columns():
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
    assert shorten("日本語", 5) == "日本…"
    assert shorten("日本語", 6) == "日本語"
    assert pad("日本", 6) == "日本  "
    assert shorten("a👍🏽👍🏽👍🏽", 5) == "a👍🏽…"
    assert shorten("\x1b日本", 3) == "\x1b日…"


def test_fill_breaks_between_words_and_counts_columns():
    assert fill("日本 語の well-aged", 11, "  ") == "日本 語の\n  well-aged"
    assert fill("a b", 3, first="- ") == "- a\nb"


@pytest.mark.parametrize(
    ("one", "two", "common"), [("", "a", 0), ("ab", "abc", 2), ("x" * 9999 + "a", "x" * 9999 + "b", 9999)]
)
def test_common_prefix(one, two, common):
    assert common_prefix(one, two) == common


def test_marks_without_width_do_not_make_a_line_endless():
    assert len(shorten("e" + "\u0301" * 100_000, 10)) < 100


@given(st.text(), st.integers(2, 40))
def test_no_text_is_wider_than_asked(text, width):
    printable = clean(text)
    assert columns(shorten(printable, width)) <= width
    lines = wrap(printable, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join(lines) == printable


def test_show():
    assert show("a\nb") == '"a\\nb"'
    assert show({"a": [1, None]}) == '{"a": [1, null]}'
    assert show("x" * 10_000_000, 10) == '"xxxxxxxx…'


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("utf-8", "1 → 2 … é – 日"), ("latin-1", "1 -> 2 ... é - \\u65e5"), ("ascii", "1 -> 2 ... \\xe9 - \\u65e5")],
)
def test_what_an_encoding_lacks_is_written_in_ascii(encoding, text):
    assert encodable("1 → 2 … é – 日", encoding) == text


def test_there_is_paint_only_where_there_is_colour():
    assert paint("a", "red", True) == "\x1b[31ma\x1b[0m"
    assert paint("a", "red", False) == "a"
    assert paint("", "red", True) == ""
