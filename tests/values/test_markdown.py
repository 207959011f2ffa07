"""Markdown that foreign text cannot break."""

from __future__ import annotations

import re

import pytest

from pytest_edgejson.values.markdown import code, fenced


@pytest.mark.parametrize("text", ["a", "`", "``a`", "a|b", "<b>", "a\nb", "` `", "@someone #1", "\x1b[1m"])
def test_a_code_span_holds_any_text(text):
    span = code(text)
    ticks = re.match("`+", span).group()
    inner = span[len(ticks) : -len(ticks)]
    assert "\n" not in span
    assert ticks not in re.findall("`+", inner)
    assert span.endswith(ticks)
    # A run at either end would join the delimiter.
    assert not inner.startswith("`")
    assert not inner.endswith("`")


@pytest.mark.parametrize("text", ["a", "```\nb", "~~~", "````python\n```", "<details>"])
def test_a_fence_holds_any_text(text):
    first, *inner, last = fenced(text).splitlines()
    assert first == f"{last}text"
    assert set(last) == {"`"}
    assert all(last not in line for line in inner)


@pytest.mark.parametrize("text", ["", " ", "\u2003"])
def test_what_nothing_would_be_seen_of_is_named(text):
    assert code(text) in ("(empty)", r"`\u2003`")
