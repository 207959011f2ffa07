"""What is wrong with a value as a tree: findings under the objects and array items of the expected output they are in.

Findings are those of a result line. Their places are aligned already: `items[1]` is the expected item 1, wherever in
the answer the item stands that the scorer matched with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson.results.result import expected_of
from pytest_edgejson.scoring.kinds import LEAFLESS
from pytest_edgejson.values.jsonvalue import ABSENT, equal, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.records import FindingRecord
    from pytest_edgejson.values.jsonvalue import Path

Field: TypeAlias = "FindingRecord"

# Answers are nested no deeper than 64; the tree's work grows with the square of its depth.
_MOST_STEPS = 100


@dataclass(slots=True)
class Move:
    """Leaves whose values stand under another name or in another place.

    Attributes:
        source: the path of the object or leaf that they were expected in.
        target: the path of the one that has them instead.
        names: the paths of the leaves from there; empty for a single leaf.
        expected: the value, for a single leaf.
        got: the value it has in the other place.
    """

    source: Path
    target: Path
    names: list[Path]
    expected: Any = ABSENT
    got: Any = ABSENT


@dataclass(slots=True)
class Node:
    """A place in the expected output, or beside it, at or under which something is wrong.

    Attributes:
        expected: what is expected here, or `ABSENT`.
        children: by key or index, in the order of the expected output, what is extra last.
        fields: the findings with this very path.
        moves: leaves of this place that stand elsewhere.
        place: the index in the answer, of an expected array item that stands at another one there.
    """

    expected: Any = ABSENT
    children: dict[str | int, Node] = field(default_factory=dict)
    fields: list[Field] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    place: int | None = None

    def at(self, path: Path) -> Node:
        """Return the node at a path from here, made where there is none yet."""
        node = self
        for step in path:
            if step not in node.children:
                node.children[step] = Node(_child(node.expected, step))
            node = node.children[step]
        return node

    def all_below(self) -> Iterator[tuple[Path, Node]]:
        """Yield this node and all under it with their paths from here, in order."""
        pending: list[tuple[Path, Node]] = [((), self)]
        while pending:
            path, node = pending.pop()
            yield path, node
            pending.extend(((*path, step), child) for step, child in reversed(node.children.items()))

    def all_fields(self) -> list[tuple[Path, Field]]:
        """Return the findings here and below with their paths from here."""
        return [(path, each) for path, node in self.all_below() for each in node.fields]

    def count(self) -> tuple[int, int]:
        """Return how many leaves are expected here and below, and how many of them are wrong."""
        wrong = sum(
            sum("expected" in each and each["kind"] not in LEAFLESS for each in node.fields)
            + sum(max(len(move.names), 1) for move in node.moves)
            for _, node in self.all_below()
        )
        return (0 if self.expected is ABSENT else len(leaves(self.expected))), wrong


def _loc(each: Field) -> Path:
    """Return a finding's place: its path as one key where it has none (of an earlier version), or too many steps."""
    loc = tuple(each.get("loc", (each["path"],)))
    return loc if len(loc) <= _MOST_STEPS else (each["path"],)


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and isinstance(step, str):
        return value.get(step, ABSENT)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return ABSENT


def make_tree(result: Result, fields: Sequence[Field]) -> Node:
    """Return findings of a result as a tree under its expected output."""
    root = Node(expected_of(result))
    moves: dict[tuple[Path, Path], list[tuple[Path, Field, Field]]] = {}
    position = 0
    while position < len(fields):
        one, two = fields[position], fields[position + 1] if position + 1 < len(fields) else None
        path = _loc(one)
        position += 1
        if two is not None and _is_move(one, two):
            position += 1
            other = _loc(two)
            common = _common_suffix(path, other)
            bases = path[: len(path) - common], other[: len(other) - common]
            moves.setdefault(bases, []).append((path[len(path) - common :], one, two))
        else:
            root.at(path).fields.append(one)
    for (base, target), leaves_moved in moves.items():
        if len(leaves_moved) > 1 and all(equal(one["expected"], two["got"]) for _, one, two in leaves_moved):
            root.at(base).moves.append(Move(base, target, [name for name, _, _ in leaves_moved]))
        else:
            for name, one, two in leaves_moved:
                move = Move(base + name, target + name, [], one["expected"], two["got"])
                root.at(base + name).moves.append(move)
    _order(root)
    _set_places(root, fields)
    return root


def _is_move(one: Field, two: Field) -> bool:
    return (
        one["kind"] == two["kind"] == "renamed"
        and "got" not in one
        and "expected" not in two
        and "expected" in one
        and "got" in two
    )


def _common_suffix(one: Path, two: Path) -> int:
    count = 0
    while count < min(len(one), len(two)) and one[-1 - count] == two[-1 - count]:
        count += 1
    return count


def _order(root: Node) -> None:
    for _, node in root.all_below():
        if len(node.children) > 1:
            keys = list(node.expected) if isinstance(node.expected, dict) else []
            rank: dict[str | int, int] = {key: number for number, key in enumerate(keys)}
            ordered = sorted(
                node.children, key=lambda step: step if isinstance(step, int) else rank.get(step, len(rank))
            )
            node.children = {step: node.children[step] for step in ordered}


def _set_places(root: Node, fields: Sequence[Field]) -> None:
    """Note where in the answer array items stand that are matched with an expected item of another index."""
    for each in fields:
        if "got_loc" in each:
            node: Node | None = root
            for step, stands in zip(_loc(each), each["got_loc"], strict=False):
                node = node and node.children.get(step)
                if node is not None and node.expected is not ABSENT and isinstance(stands, int) and step != stands:
                    node.place = stands
