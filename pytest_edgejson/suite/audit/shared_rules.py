"""What `edgejson suite check` and `edgejson suite audit` both look at; each tells it in its own form."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.suites import suite_at
from pytest_edgejson.suite.totals import wrong_totals
from pytest_edgejson.values.agreement import agree, counted
from pytest_edgejson.values.jsonvalue import equal, equality_key, leaves
from pytest_edgejson.values.text import show

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from pathlib import Path

    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.values.agreement import Rule
    from pytest_edgejson.values.jsonvalue import Path as LeafPath


# Ends neither inside a longer number nor before its decimals; a full stop after it is no decimal point. `1,234` is one
# number: commas before groups of three digits separate thousands.
_NUMBER = re.compile(r"(?<![\w.])-?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w|\.\d)")


@cache
def labels_of(file: Path) -> tuple[str, ...]:
    """Return the fields whose values are chosen from a list, by the suite that a file of cases is in."""
    return suite_at(file).labels


class Repeats:
    """Ids, prompts and expected outputs that an earlier row has already."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, Hashable], CaseRow] = {}

    def of(self, row: CaseRow) -> Iterator[tuple[str, CaseRow]]:
        """Yield what a row has in common with an earlier one, and the first that has it."""
        case = row.case
        keys: list[tuple[str, Hashable]] = [("id", case.id), ("prompt", case.prompt)]
        # What is chosen from a list is often the same.
        if not labels_of(row.path):
            keys.append(("expected output", equality_key(case.expected_output)))
        for what, key in keys:
            first = self._first.setdefault((what, key), row)
            if first is not row:
                yield what, first


def total_errors(case: Case) -> list[tuple[str, str]]:
    """Return path and description of each derived total that is wrong; the path is empty where none can be told."""
    try:
        wrong = wrong_totals(case.schema_id, case.expected_output)
    except ArithmeticError:
        return [("", "its totals are beyond what can be added up")]
    return [(path, f"{path} is {show(value)}, its parts give {show(right)}") for path, value, right in wrong]


def misplaced(expected: Any, stated: Any) -> tuple[list[LeafPath], list[LeafPath]]:
    """Return the paths that only one of two values has, and those at which both have a leaf and not the same."""
    ours, theirs = leaves(expected), leaves(stated)
    moved = [path for path in (*ours, *theirs) if path not in ours or path not in theirs]
    return moved, [path for path, value in ours.items() if path in theirs and not equal(theirs[path], value)]


def _number(text: str) -> int | float | None:
    """Return a number of a text, whole ones exactly; None for one too long to be anyone's value."""
    digits = text.replace(",", "")
    try:
        return float(digits) if set(digits) & set(".eE") else int(digits)
    except ValueError:
        return None


def numbers_in(text: str) -> set[int | float]:
    """Return the numbers that stand in a text."""
    return {number for number, _ in number_places(text)}


def number_places(text: str) -> Iterator[tuple[int | float, tuple[int, int]]]:
    """Yield the numbers that stand in a text, and where each begins and ends."""
    for match in _NUMBER.finditer(text):
        if (number := _number(match.group())) is not None:
            yield number, match.span()


def makes_up_for(rule: Rule, path: LeafPath, value: Any, text: str) -> bool:
    """Tell whether a text need not have a value as it is, by the comparators of its field.

    Args:
        rule: how the case's answers are compared.
        path: the place of the value.
        value: the expected leaf.
        text: the case's text.
    """
    rules = rule.along(path)
    if any(each.has("ignored") for each in rules):
        return True
    return len(rules) == len(path) + 1 and rules[-1].stands_in(value, text, numbers_in(text))


def is_settled(case: Case, schema: Schema, stated: Any) -> bool:
    """Tell whether what a text states counts as what is expected, by the comparators of the case's fields."""
    rule = schema.rule_of(case)
    if rule is None:
        return False
    return agree(counted(case.expected_output, rule), counted(stated, rule), rule)
