"""The difference within two strings, word by word: `"… cost, [-follow-]{+vice+} despite guy …"`.

The marks are those of `git diff --word-diff`. difflib is quadratic and strings may be megabytes long, so what both
begin and end with is set aside first, and no more than `MAX_WORDS` words of the rest are compared.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from pytest_edgejson.values.text import Paint, clean, columns, common_prefix, fitting, paint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_WORDS = 200

Side: TypeAlias = Literal["both", "expected", "got"]


class Part(NamedTuple):
    """A piece of two strings: what both have, or what only one has."""

    side: Side
    text: str


_WORD = re.compile(r"\w+|\s+|[^\w\s]")
# A common beginning that ends within a word is cut back to the word's, unless the word is an identifier of this length.
_LONGEST_WORD = 30
# Below, two strings are shown one above the other: more marks than text cannot be read.
_LEAST_COMMON = 0.5
CONTEXT = 24
_MOST_LINES = 3
_LONGEST_CHANGE = 200
_LONGEST_WHOLE = 5_000
_CHUNK = 4_096
_MARKS: dict[Side, tuple[str, str]] = {"both": ("", ""), "expected": ("[-", "-]"), "got": ("{+", "+}")}
_PAINTS: dict[Side, Paint] = {"expected": "red", "got": "green"}


def _is_within_word(text: str, position: int) -> bool:
    around = text[max(position - 1, 0) : position + 1]
    return 0 < position < len(text) and all(char.isalnum() or char == "_" for char in around)


def _to_word_end(texts: tuple[str, str], offsets: tuple[int, int], count: int, step: int) -> int:
    """Return by how much to shorten a common part so that it ends where a word does."""
    for back in range(min(count, _LONGEST_WORD) + 1):
        positions = [offset - step * back for offset in offsets]
        if not any(_is_within_word(text, position) for text, position in zip(texts, positions, strict=True)):
            return back
    return 0


def diff_words(expected: str, got: str) -> list[Part] | None:
    """Return two different strings as common and different parts, or None where they have too little in common."""
    texts = expected, got
    start = common_prefix(expected, got)
    start -= _to_word_end(texts, (start, start), start, 1)
    end = common_prefix(expected[start:][::-1], got[start:][::-1])
    end -= _to_word_end(texts, (len(expected) - end, len(got) - end), end, -1)
    one, two = expected[start : len(expected) - end], got[start : len(got) - end]
    changes = [("", "", expected[:start]), *_compare(one, two), ("", "", expected[len(expected) - end :])]
    if sum(len(common) for _, _, common in changes) < _LEAST_COMMON * max(len(expected), len(got)):
        return None
    sides: tuple[Side, ...] = ("expected", "got", "both")
    return [Part(side, text) for change in _joined(changes) for side, text in zip(sides, change, strict=True) if text]


_Change: TypeAlias = tuple[str, str, str]
"""What only the expected string has, what only the other has, what both have after that."""


def _compare(one: str, two: str) -> Iterator[_Change]:
    words = _WORD.findall(one[: _CHUNK * 2]), _WORD.findall(two[: _CHUNK * 2])
    if max(len(one), len(two)) > _CHUNK * 2 or max(map(len, words)) > MAX_WORDS:
        yield one, two, ""
        return
    matcher = difflib.SequenceMatcher(None, *words, autojunk=False)
    for operation, i, j, k, m in matcher.get_opcodes():
        a, b = "".join(words[0][i:j]), "".join(words[1][k:m])
        yield ("", "", a) if operation == "equal" else (a, b, "")


def _joined(changes: Iterable[_Change]) -> list[_Change]:
    """Join changes with no more than a space or a comma between them: one long mark reads better than many short."""
    joined: list[_Change] = []
    for one, two, common in changes:
        if joined and (one or two) and len(joined[-1][2]) <= 2 and (joined[-1][0] or joined[-1][1]):
            before, after, between = joined[-1]
            joined[-1] = (before + between + one, after + between + two, common)
        elif joined and not one and not two:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + common)
        else:
            joined.append((one, two, common))
    return joined


def _cut(text: str, head: int, tail: int) -> str:
    """Return the first and last characters of a text, to the nearest word, with `…` for what lies between."""
    if len(text) <= head + tail + 3:
        return text
    first, last = text[:head], text[len(text) - tail :]
    return f"{first[: first.rfind(' ') + 1] or first}…{last[last.find(' ') :] if ' ' in last else last}"


def excerpt(parts: Sequence[Part], context: int = CONTEXT, longest_change: int = _LONGEST_CHANGE) -> list[Part]:
    """Return the parts with `context` characters of what both have around each difference."""
    shown = []
    for position, (side, text) in enumerate(parts):
        if side != "both":
            shown.append(Part(side, _cut(text, longest_change // 2, longest_change // 2)))
        else:
            is_first, is_last = position == 0, position == len(parts) - 1
            shown.append(Part(side, _cut(text, 0 if is_first else context, 0 if is_last else context)))
    return shown


def render_words(
    parts: Sequence[Part], width: int, *, color: bool, whole: bool = False, context: int = CONTEXT
) -> list[str]:
    """Return the difference of two strings as lines of at most `width` columns.

    Args:
        parts: as `diff_words` returns them.
        width: columns, 20 or more.
        color: paint the marked parts too.
        whole: all that both strings have up to thousands of characters around each difference, rather than a few words.
        context: characters to show on each side of a difference unless whole.

    Returns:
        No more than three lines unless whole.
    """
    shown = excerpt(parts, *((_LONGEST_WHOLE, _LONGEST_WHOLE) if whole else (context,)))
    pieces = [Part("both", '"')]
    pieces += [Part(side, _quoted(text)) for side, text in shown]
    pieces.append(Part("both", '"'))
    lines = [""]
    used = 0
    for side, text in pieces:
        opening, closing = _MARKS[side]
        while text:
            # One column is kept for the sign that there is more.
            room = width - 1 - used - len(opening + closing)
            count = fitting(text, room) if room > 0 else 0
            if count < len(text) and used:
                count = text.rfind(" ", 0, count) + 1
            if count:
                piece = f"{opening}{text[:count]}{closing}"
                used += columns(piece)
                lines[-1] += paint(piece, _PAINTS[side], color) if side in _PAINTS else piece
                text = text[count:]
            if text:
                lines.append("")
                used = 0
    if not whole and len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], lines[_MOST_LINES - 1] + "…"]
    return [line.rstrip() for line in lines]


def _quoted(text: str) -> str:
    return clean(json.dumps(text, ensure_ascii=False)[1:-1])
