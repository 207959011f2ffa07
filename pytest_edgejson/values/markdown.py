"""Markdown that foreign text cannot break: what comes from models and cases stands in code spans and blocks."""

from __future__ import annotations

import re

from pytest_edgejson.values.text import clean

_FORMATTING = {ord(char): f"\\{char}" for char in "\\`*_[]<>|"}


def code(text: str) -> str:
    """Return a text as a code span that nothing in it can end, `(empty)` for one that nothing would be seen of."""
    text = clean(text)
    if not text.strip():
        return "(empty)"
    ticks = _more_ticks_than(text, 1)
    # A backtick at either end would join the delimiter, and one space at both ends is taken away.
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def escaped(text: str) -> str:
    """Return a text as a line of prose, nothing of which is taken for formatting."""
    return clean(text).translate(_FORMATTING)


def cell(text: str) -> str:
    """Return a text as a code span for a cell of a table."""
    return code(text).replace("|", "\\|")


def fenced(text: str) -> str:
    """Return a text as a code block that nothing in it can end."""
    fence = _more_ticks_than(text, 3)
    return f"{fence}text\n{text}\n{fence}"


def folded(title: str, body: str) -> str:
    """Return Markdown that is shown once its title is clicked on; both must be safe already."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _more_ticks_than(text: str, least: int) -> str:
    return "`" * max(least, max(map(len, re.findall("`+", text)), default=0) + 1)
