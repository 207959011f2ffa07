"""The difference within two strings."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.report.diff.words import MAX_WORDS, diff_words, render_words
from pytest_edgejson.values.text import columns


def rendered(expected, got, width=74, **options):
    return render_words(diff_words(expected, got), width, color=False, **options)


@pytest.mark.parametrize(
    ("expected", "got", "line"),
    [
        ("Coach government arrive cost, follow despite guy note sound number list.",
         "Coach government arrive cost, vice despite guy note sound number list.",
         '"… arrive cost, [-follow-]{+vice+} despite guy note sound …"'),
        ("Whom military accept authority.", "Whom military accept auth",
         '"Whom military accept [-authority.-]{+auth+}"'),
        ("think story from from ago accept", "think story by by ago accept",
         '"think story [-from from-]{+by by+} ago accept"'),
        ("one two three", "one two  three", '"one two {+ +}three"'),
        ("born reveal", "fly born reveal", '"{+fly +}born reveal"'),
        ("a quote \" and a line\nfeed", "a quote \" and a line feed", '"a quote \\" and a line[-\\n-]{+ +}feed"'),
        ("x" * 60 + "1" + "y" * 60, "x" * 60 + "2" + "y" * 60, '"…' + "x" * 24 + "[-1-]{+2+}" + "y" * 24 + '…"'),
    ],
)  # fmt: skip
def test_words_that_differ_are_marked(expected, got, line):
    assert rendered(expected, got) == [line]


def test_strings_with_little_in_common_are_not_mixed():
    assert diff_words("Admit 329 thousand report.", "Nothing of the kind") is None
    assert diff_words("", "a") is None


def words(parts, side):
    return "".join(part.text for part in parts if part.side in ("both", side))


@given(st.text(alphabet="ab ,\n", max_size=60), st.text(alphabet="ab ,\n", max_size=60))
def test_both_strings_are_in_the_parts(expected, got):
    parts = diff_words(expected, got)
    if parts is not None:
        assert words(parts, "expected") == expected
        assert words(parts, "got") == got


@given(
    st.lists(st.sampled_from(["tea", "日本語", "\x1b[2J", "e\u0301", " ", "\u202e"]), min_size=20), st.integers(20, 90)
)
def test_no_line_is_too_wide_or_acts_on_the_terminal(tokens, width):
    text = " ".join(tokens)
    parts = diff_words(text, text + " more")
    for whole in (False, True):
        for line in render_words(parts, width, color=False, whole=whole):
            assert columns(line) <= width
            assert line.isprintable()


def test_whole_strings_lose_nothing():
    text = " ".join(f"word{number}" for number in range(100))
    lines = rendered(text, text.replace("word50", "other"), whole=True)
    joined = re.sub(r"\s", "", "".join(lines))
    assert joined == re.sub(r"\s", "", f'"{text.replace("word50", "[-word50-]{+other+}")}"')
    assert len(rendered(text, text.replace("word50", "other"))) == 1


def test_colour_is_only_paint():
    parts = diff_words("one two three", "one 2 three")
    colored = render_words(parts, 74, color=True)
    assert colored == ['"one \x1b[31m[-two-]\x1b[0m\x1b[32m{+2+}\x1b[0m three"']
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in colored] == render_words(parts, 74, color=False)


def test_megabytes_that_differ_in_a_letter_are_shown_in_a_line():
    half = "long text " * 500_000
    assert rendered(f"{half}1{half}", f"{half}2{half}") == [
        '"… long text long text [-1long-]{+2long+} text long text long …"'
    ]


def test_more_words_than_are_compared_are_one_change():
    one = "start " * 300 + " ".join(f"a{number}" for number in range(MAX_WORDS)) + " end" * 300
    two = "start " * 300 + " ".join(f"b{number}" for number in range(MAX_WORDS)) + " end" * 300
    assert [part.side for part in diff_words(one, two)] == ["both", "expected", "got", "both"]
    assert len(rendered(one, two)) <= 3 + 6
