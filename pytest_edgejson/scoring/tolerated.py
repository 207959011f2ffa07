"""What a case's comparators and accepted values take for right though it is not what is expected."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.alignment import pair
from pytest_edgejson.values.agreement import agree, counted
from pytest_edgejson.values.jsonvalue import ABSENT, equal, is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_edgejson.values.agreement import Rule
    from pytest_edgejson.values.jsonvalue import Path

_COMPARED = ("number", "date", "similar", "case", "whitespace")


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A difference that counts as none.

    Attributes:
        path: where, in the expected output.
        expected: the expected value, or `ABSENT`.
        got: the value that was given, or `ABSENT`.
        by: why: the field's comparators, or `accepted value`.
    """

    path: Path
    expected: Any
    got: Any
    by: str


def tolerated(expected: Any, got: Any, rule: Rule | None, path: Path = ()) -> Iterator[Tolerated]:
    """Yield the differences of an answer that its rule takes for right.

    Args:
        expected: the expected output, as it stands in the case.
        got: the answer.
        rule: how the two are compared; None for exactly.
        path: of both.
    """
    if rule is None or equal(expected, got):
        return
    if rule.has("ignored"):
        yield Tolerated(path, expected, got, "ignored")
    elif rule.accepted and not agree(expected, got, rule.without_accepted) and agree(expected, got, rule):
        yield Tolerated(path, expected, got, "accepted value")
    elif isinstance(expected, dict) and isinstance(got, dict):
        for key in {**expected, **got}:
            yield from tolerated(expected.get(key, ABSENT), got.get(key, ABSENT), rule.at(key), (*path, key))
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _of_items(expected, got, rule, path)
    elif is_leaf(expected) and is_leaf(got) and ABSENT not in (expected, got) and rule.takes(expected, got):
        yield Tolerated(path, expected, got, ", ".join(use.name for use in rule.uses if use.name in _COMPARED))


def _of_items(expected: list[Any], got: list[Any], rule: Rule, path: Path) -> Iterator[Tolerated]:
    pairs = sorted(pair(expected, got, rule))
    is_moved = any(one[1] > two[1] for one, two in pairwise(pairs))
    if rule.has("set") and (is_moved or agree(counted(expected, rule), counted(got, rule), rule)):
        yield Tolerated(path, expected, got, "set")
    elif rule.has("unordered") and is_moved:
        yield Tolerated(path, expected, got, "unordered")
    for index, place in pairs:
        yield from tolerated(expected[index], got[place], rule.at(index), (*path, index))
