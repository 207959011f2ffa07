"""The field-level diff for reading on a terminal: its rows in columns, expected → given value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.diff.rows import make_diff
from pytest_edgejson.report.diff.words import CONTEXT, render_words
from pytest_edgejson.values.text import columns, pad, paint, shorten, wrap
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.report.diff.rows import Row
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.values.text import Paint

WIDTH = 80
LEAST_WIDTH = 60

# Less room than this beside name and kind, and a value that does not fit goes to a line of its own.
_LEAST_ROOM = 24


def render_diff(result: Result, *, width: int = WIDTH, color: bool = False, verbose: bool = False) -> str:
    """Return what is wrong with each field, as a tree.

    Args:
        result: a result line.
        width: columns to fit into, at least 60. What does not fit is shortened, or goes to lines of its own.
        color: paint expected values red, given ones green; the text is the same without.
        verbose: nothing folded, whole values, 2,000 lines rather than 60.
    """
    diff = make_diff(result, verbose=verbose)
    lines = list(_lay_out(diff.rows, max(width, LEAST_WIDTH), color=color, verbose=verbose))
    if diff.left_out > 0:
        lines.append(f"  … and {diff.left_out:,} more{'' if verbose else ', -vv shows them'}")
    elif diff.others > 0:
        lines.append(f"  … {counted(diff.others, 'other field')} right")
    return "\n".join(lines)


def _lay_out(rows: Sequence[Row], width: int, *, color: bool, verbose: bool) -> Iterator[str]:
    """Yield the lines of rows: names, what is wrong, and values in columns as far as they fit."""
    fields = [row for row in rows if not row.is_heading]
    what_width = max((columns(row.what) for row in fields), default=0)
    name_width = max((columns(_indented(row)) for row in fields), default=0)
    if name_width + what_width + 4 + _LEAST_ROOM > width:
        names = [columns(_indented(row)) for row in fields]
        name_width = max((name for name in names if name <= width * 2 // 5), default=0)
    for row in rows:
        name = shorten(_indented(row), width - columns(row.what) - 4)
        if row.is_heading:
            yield f"{paint(name, 'bold', color)}  {paint(row.what, 'faint', color)}"
            continue
        is_aligned = columns(name) <= name_width
        head = f"{pad(name, name_width if is_aligned else 0)}  {pad(row.what, what_width if is_aligned else 0)}  "
        first, *more = _value_lines(row, width - columns(head), width - 6 - 2 * row.level, color, verbose)
        yield (head + first).rstrip()
        yield from (f"{'':{6 + 2 * row.level}}{line}" for line in more)


def _indented(row: Row) -> str:
    return "  " * (row.level + 1) + row.name


def _value_lines(row: Row, room: int, below: int, color: bool, verbose: bool) -> list[str]:
    """Return the values of a row: what stands on its line, which has `room` columns, then the lines under it."""
    sides: list[tuple[str, str, Paint]] = []
    if row.expected is not None:
        sides.append(("- ", row.expected, "red"))
    if row.got is not None:
        sides.append(("+ ", row.got, "green"))
    note = f"{row.note} " if sides and row.note else row.note
    length = columns(note + " → ".join(text for _, text, _ in sides))
    painted = note + " → ".join(paint(text, colour, color) for _, text, colour in sides)
    if length <= room:
        return [painted]
    if row.words:
        for context in (CONTEXT, CONTEXT // 3) if room >= _LEAST_ROOM else ():
            beside = render_words(row.words, room, color=color, whole=verbose, context=context)
            if len(beside) == 1:
                return beside
        return ["", *render_words(row.words, below, color=color, whole=verbose)]
    if length <= below and (len(sides) == 2 or verbose):
        return ["", painted]
    if len(sides) == 2:
        notes = [note.rstrip()] if columns(note) <= room else ["", *wrap(note.rstrip(), below)]
        return [*notes, *(line for side in sides for line in _side_lines(side, below, color, verbose))]
    left = room - columns(note)
    if verbose or left < _LEAST_ROOM // 2:
        notes = [note.rstrip()] if left >= 0 else ["", *(wrap(note, below) if verbose else [shorten(note, below)])]
        return notes + [line for side in sides for line in _side_lines(side, below, color, verbose)]
    return [note + "".join(paint(shorten(text, left), colour, color) for _, text, colour in sides)]


def _side_lines(side: tuple[str, str, Paint], width: int, color: bool, verbose: bool) -> list[str]:
    sign, text, colour = side
    lines = wrap(text, width - 2) if verbose else [shorten(text, width - 2)]
    return [paint(f"{sign if number == 0 else '  '}{line}", colour, color) for number, line in enumerate(lines)]
