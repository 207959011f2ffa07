"""The rows of a field-level diff: what is wrong as a tree, a row for each heading and field.

An object or array item with several wrong fields is a heading; a field is a row: its name, what is wrong in a word or
two, expected and given value. What is right is counted, what is missing or extra as a whole is one row. Terminals and
pages show the same rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pytest_edgejson.report.diff.tree import make_tree
from pytest_edgejson.report.diff.words import diff_words
from pytest_edgejson.scoring.kinds import FINDINGS
from pytest_edgejson.values.jsonvalue import ABSENT, format_path, is_leaf
from pytest_edgejson.values.lookalikes import look_alike, told_apart
from pytest_edgejson.values.text import clean, shorten, show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.report.diff.tree import Field, Move, Node
    from pytest_edgejson.report.diff.words import Part
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.values.jsonvalue import Path

# One reads a tree of a few levels; what is deeper stands in it by its path.
_MOST_LEVELS = 8
_LONGEST_PATH = 40
_MOST_FIELDS = 5_000
_MOST_ROWS = 60
_MOST_ROWS_VERBOSE = 2_000
_PREVIEWED = 12
_PREVIEWED_WIDTH = 60
_LONGEST_VALUE = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree, or more where values are long.

    Attributes:
        level: how many headings it is under.
        name: path from the heading.
        what: what is wrong; of a heading, how much is right.
        is_heading: whether rows of a deeper level follow.
        note: what is said before the values.
        expected: value as text, None where there is none.
        got: value as text, None where there is none.
        words: the difference of two strings that have much in common.
        findings: how many findings it is about.
        right: of a heading, how many leaves are right in it.
    """

    level: int
    name: str
    what: str
    is_heading: bool = False
    note: str = ""
    expected: str | None = None
    got: str | None = None
    words: tuple[Part, ...] = ()
    findings: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """What is wrong with each field of an answer; nothing in it where nothing is.

    Attributes:
        rows: from top to bottom.
        left_out: findings that the rows are not about, since there are too many.
        others: fields that are right and under no heading.
    """

    rows: tuple[Row, ...] = ()
    left_out: int = 0
    others: int = 0


def make_diff(result: Result, *, verbose: bool = False) -> Diff:
    """Return the diff of a result.

    Args:
        result: a result line.
        verbose: nothing folded, 2,000 rows rather than 60.
    """
    fields = result["fields"]
    if not fields:
        return Diff()
    most = _MOST_ROWS_VERBOSE if verbose else _MOST_ROWS
    tree = make_tree(result, fields[:_MOST_FIELDS])
    rows = tuple(islice(_rows(tree, (), 0, verbose), most))
    left_out = len(fields) - sum(row.findings for row in rows)
    if left_out > 0:
        return Diff(rows, left_out=left_out)
    leaves, wrong = tree.count()
    return Diff(rows, others=leaves - wrong - sum(row.right for row in rows if row.is_heading and row.level == 0))


def _rows(node: Node, path: Path, level: int, verbose: bool) -> Iterator[Row]:
    """Yield the rows of a node: `path` is the way to it from the heading above."""
    while node.children:
        whole = _clash_rows(node, path, level) or ([] if verbose else _absence_rows([node], _name(path), level))
        if whole:
            yield from whole
            return
        if len(node.children) > 1 or node.fields or node.moves or node.place is not None:
            break
        ((step, node),) = node.children.items()
        path = (*path, step)
    if level >= _MOST_LEVELS or len(path) > _LONGEST_PATH:
        for below, each in node.all_below():
            yield from _own_rows(each, path + below, level)
        return
    is_array = any(isinstance(step, int) for step in node.children)
    if node.children and path and (node.place is not None or not is_array):
        leaves, wrong = node.count()
        yield Row(level, _name(path), _how_much(node, leaves, wrong), is_heading=True, right=leaves - wrong)
        path, level = (), level + 1
    yield from _own_rows(node, path, level)
    for run in _runs(node, verbose):
        if len(run) > 1:
            first, last = run[0][0], run[-1][0]
            yield from _absence_rows([child for _, child in run], f"{_name(path, '')}[{first}-{last}]", level)
        else:
            ((step, child),) = run
            yield from _rows(child, (*path, step), level, verbose)


def _how_much(node: Node, leaves: int, wrong: int) -> str:
    right = f"{leaves - wrong or 'none'} of {leaves} right" if leaves else "extra"
    return f"({right})" if node.place is None else f"(got as [{node.place}], {right})"


def _own_rows(node: Node, path: Path, level: int) -> Iterator[Row]:
    for each in node.fields:
        yield _order_row(node, each, path, level) if each["kind"] == "array_order" else _field_row(each, path, level)
    for move in node.moves:
        yield _move_row(move, path, level)


def _runs(node: Node, verbose: bool) -> Iterator[list[tuple[str | int, Node]]]:
    """Yield the children, array items one after the other that are all missing, or all extra, together."""
    run: list[tuple[str | int, Node]] = []
    last: tuple[str | int, str | None] = "", None
    for step, child in node.children.items():
        absence = _absence(child) if isinstance(step, int) and child.place is None and not verbose else None
        if run and not (absence and (step, absence) == (last[0] + 1 if isinstance(last[0], int) else None, last[1])):
            yield run
            run = []
        run.append((step, child))
        last = step, absence
    if run:
        yield run


def _absence(node: Node) -> str | None:
    """Return `missing`, `extra` or `hallucinated` where only one side has the whole of a node, else None."""
    fields = node.all_fields()
    if not fields or any(each.moves for _, each in node.all_below()):
        return None
    kinds = {field["kind"] for _, field in fields}
    if all("got" not in field for _, field in fields) and kinds <= {"missing", "array_length"}:
        return "missing" if len(fields) == node.count()[0] else None
    if all("expected" not in field for _, field in fields) and kinds <= {"extra", "hallucinated", "array_length"}:
        return None if node.expected is not ABSENT else "hallucinated" if kinds == {"hallucinated"} else "extra"
    return None


def _absence_rows(nodes: Sequence[Node], name: str, level: int) -> list[Row]:
    """Return the one row of an object, an array, or several array items that only one side has; none otherwise."""
    what = _absence(nodes[0])
    fields = [field for node in nodes for field in node.all_fields()]
    if what is None or len(fields) < 2:
        return []
    is_array = all(isinstance(step, int) for step in nodes[0].children)
    items = len(nodes) if len(nodes) > 1 else len(nodes[0].children) if is_array else 0
    counts = [counted(items, "item")] if items else []
    counts += [counted(len(fields), "field")] if len(fields) != items else []
    preview = _preview(fields)
    expected, got = (preview, None) if what == "missing" else (None, preview)
    return [Row(level, name, what, note=f"{', '.join(counts)}:", expected=expected, got=got, findings=len(fields))]


def _clash_rows(node: Node, path: Path, level: int) -> list[Row]:
    """Return the one row of an object or array in whose place stands something of another type, or the reverse.

    None where a part of it was moved elsewhere, which has a row of its own.
    """
    if any(each.moves for _, each in node.all_below()):
        return []
    own, below = node.fields, [field for each in node.children.values() for _, field in each.all_fields()]
    is_expected, is_got = any("expected" in field for field in below), any("got" in field for field in below)
    steps = {type(step) for step in node.children}
    if len(own) == 1 and ("got" in own[0]) != ("expected" in own[0]) and is_expected != is_got:
        expected, got = (
            _value(own[0], side) if side in own[0] else _container(node, side) for side in ("expected", "got")
        )
        what = _what(own[0])
    elif not own and len(steps) == 2 and all(field["kind"] == "wrong_type" for field in below):
        expected, got, what = _container(node, "expected"), _container(node, "got"), FINDINGS["wrong_type"].words
    else:
        return []
    return [Row(level, _name(path), what, expected=expected, got=got, findings=len(own) + len(below))]


def _container(node: Node, side: str) -> str:
    """Return what a node has on one side in brief: `{4 fields}`, `[2 items]`."""
    children = [
        (step, child) for step, child in node.children.items() if any(side in field for _, field in child.all_fields())
    ]
    if all(isinstance(step, int) for step, _ in children):
        return f"[{counted(len(children), 'item')}]"
    count = sum(side in field for _, child in children for _, field in child.all_fields())
    return f"{{{counted(count, 'field')}}}"


def _preview(fields: Sequence[tuple[Path, Field]]) -> str:
    parts = []
    for path, field in fields[:_PREVIEWED]:
        value = show(field.get("expected", field.get("got")), _PREVIEWED_WIDTH)
        # The index of an item says nothing where its fields follow.
        name = path[1:] if len(path) > 1 and isinstance(path[0], int) else path
        parts.append(value if all(isinstance(step, int) for step in name) else f"{_name(name)} {value}")
    return ", ".join(parts) + ", …" * (len(fields) > _PREVIEWED)


def _field_row(field: Field, path: Path, level: int) -> Row:
    expected, got = (_value(field, side) for side in ("expected", "got"))
    one, two = field.get("expected"), field.get("got")
    words, note = None, ""
    if isinstance(one, str) and isinstance(two, str) and one != two:
        if look_alike(one, two):
            # Their difference is in no glyph: escapes show where it is, names what it is.
            expected, got, note = json.dumps(one), json.dumps(two), f"{told_apart(one, two)}:"
        else:
            words = diff_words(one, two)
    # An object or array of which parts stand elsewhere has a heading, and what became of the rest stands under it.
    name = _name(path, "(itself)" if level else "(root)")
    return Row(level, name, _what(field), note=note, expected=expected, got=got, words=tuple(words or ()), findings=1)


def _order_row(node: Node, field: Field, path: Path, level: int) -> Row:
    """Return the row of an array in another order: its items where they are scalars, else their positions."""
    expected: Any = node.expected
    ranks: Any = field.get("got", [])
    are_scalars = isinstance(expected, list) and all(map(is_leaf, expected)) and not node.children
    if are_scalars and isinstance(ranks, list) and sorted(map(str, ranks)) == sorted(map(str, range(len(expected)))):
        order = sorted(range(len(ranks)), key=ranks.__getitem__)
        note, sides = "", (expected, [expected[position] for position in order])
    else:
        note, sides = "items", (field.get("expected", []), ranks)
    expected_text, got_text = (show(side, _LONGEST_VALUE) for side in sides)
    return Row(level, _name(path), _what(field), note=note, expected=expected_text, got=got_text, findings=1)


def _move_row(move: Move, path: Path, level: int) -> Row:
    is_renamed = bool(move.target) and move.source[:-1] == move.target[:-1]
    what, target = "renamed" if is_renamed else "moved", _target(move)
    if move.names:
        names = ", ".join(_name(name) for name in move.names[:_PREVIEWED]) + ", …" * (len(move.names) > _PREVIEWED)
        count = counted(len(move.names), "field")
        name, note = (_name(path), f"{count} to {target}:") if path else (count, f"to {target}:")
        return Row(level, name, what, note=note, got=names, findings=2 * len(move.names))
    sides = [show(value, _LONGEST_VALUE) for value in (move.expected, move.got)]
    if look_alike(_name(move.source), _name(move.target)):
        target += f" ({told_apart(_name(move.source), _name(move.target))})"
    if sides[0] == sides[1]:
        return Row(level, _name(path), what, note=f"to {target}", findings=2)
    return Row(level, _name(path), what, note=f"to {target}:", expected=sides[0], got=sides[1], findings=2)


def _target(move: Move) -> str:
    """Return where something was moved to: its path from the object that both places are in."""
    shared = 0
    for one, two in zip(move.source[:-1], move.target[:-1], strict=False):
        if one != two:
            break
        shared += 1
    # An index says nothing without the name of its array.
    while shared and isinstance(move.target[shared], int):
        shared -= 1
    if not move.target:
        return "the root"
    name = _name(move.target[shared:])
    return f"{name} at the root" if len(move.target) == 1 < len(move.source) and not move.names else name


def _what(field: Field) -> str:
    kind = field["kind"]
    if kind == "array_length":
        return "missing" if "expected" in field else "extra"
    known = FINDINGS.get(kind)
    word = known.words if known else clean(kind).replace("_", " ")
    return f"{word}: {clean(field['detail'])}" if field.get("detail") else word


def _value(field: Field, side: Literal["expected", "got"]) -> str | None:
    return show(field[side], _LONGEST_VALUE) if side in field else None


def _name(path: Path, root: str = "(root)") -> str:
    return shorten(clean(format_path(path)), _LONGEST_VALUE) or root
