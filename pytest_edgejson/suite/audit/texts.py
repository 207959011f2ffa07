"""Whether a text that a teacher wrote tells an expected output, so that the two make a sound case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pytest_edgejson.suite.audit.check import kinds_of_problems
from pytest_edgejson.suite.audit.shared_rules import Repeats, makes_up_for, number_places
from pytest_edgejson.suite.audit.similarity import near_duplicates, words_of
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import equality_key, format_path, leaves
from pytest_edgejson.values.text import show

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.values.jsonvalue import Path

Reason: TypeAlias = Literal[
    "error",
    "empty",
    "cut_off",
    "no_object",
    "leak",
    "copied",
    "schema_invalid",
    "format_invalid",
    "absent_value",
    "ambiguous_boundary",
    "wrong_total",
    "duplicate",
    "near_duplicate",
]

REASONS: dict[Reason, str] = dict(
    zip(
        get_args(Reason),
        (
            "the teacher broke or ran out of time",
            "the teacher wrote nothing",
            "the text ended at the token limit, or in a loop",
            "the teacher was to propose an object, and its answer holds none",
            "the text holds JSON",
            "the text is the list of facts that the teacher was given",
            "the schema does not allow the object",
            "the schema's formats do not allow the object",
            "a value has no place of its own in the text, as it is",
            "the text does not say where array items begin and end",
            "a derived total is wrong",
            "a prompt or an expected output is there already",
            "an expected output is there already, but for little",
        ),
        strict=True,
    )
)
"""Why a candidate is no case."""

_SHOWN = 100
# Fewer words than `suite check` takes: `on` and `off` stand in most texts.
_TRUE = re.compile(r"\b(?:true|yes)\b", re.IGNORECASE)
_FALSE = re.compile(r"\b(?:false|no|not)\b", re.IGNORECASE)
_OPENING = re.compile(r"[{\[]")


def flaw_of(row: CaseRow, given: Sequence[str]) -> tuple[Reason, str] | None:
    """Return why a text and an expected output make no case, with a message; None where they make one.

    Args:
        row: the text as the prompt of a case.
        given: the lines of facts that the teacher was given.
    """
    case, schema = row.case, row.schema
    if _holds_json(case.prompt):
        return "leak", "the text holds a JSON object or array"
    if len(given) > 1 and all(line in case.prompt for line in given):
        return "copied", f"the text holds all {len(given)} lines of facts as they were given"
    for kind, message in kinds_of_problems(case, schema):
        return kind, message
    homeless = _without_place(row)
    if homeless is not None:
        path, value = homeless
        said = f"{format_path(path)} is {show(value, _SHOWN)}, which has no place of its own in the text"
        return "absent_value", said
    for violation in schema.format_violations(case.expected_output):
        return "format_invalid", f"{violation.path or 'the root'} {violation.message}"
    return None


def _without_place(row: CaseRow) -> tuple[Path, Any] | None:
    """Return an expected value that has no place in the text that is no other one's, longer values placed first."""
    text, rule = row.case.prompt, row.schema.rule_of(row.case)
    taken: list[tuple[int, int]] = []
    told = [each for each in leaves(row.case.expected_output).items() if isinstance(each[1], str | int | float)]
    for path, leaf in sorted(told, key=lambda each: -len(str(each[1]))):
        if leaf == "" or (rule is not None and makes_up_for(rule, path, leaf, text)):
            continue
        free = (one for one in _places(leaf, text) if all(one[1] <= start or end <= one[0] for start, end in taken))
        place = next(free, None)
        if place is None:
            return path, leaf
        taken.append(place)
    return None


def _places(leaf: str | float, text: str) -> list[tuple[int, int]]:
    if isinstance(leaf, bool):
        return [match.span() for match in (_TRUE if leaf else _FALSE).finditer(text)]
    if isinstance(leaf, str):
        # No part of a longer word or number.
        return [match.span() for match in re.finditer(rf"(?<!\w){re.escape(leaf)}(?!\w)", text)]
    return [place for number, place in number_places(text) if number == leaf]


def _holds_json(text: str) -> bool:
    """Tell whether a text holds an object with keys, or an array of several items."""
    for match in _OPENING.finditer(text):
        try:
            value, _ = decode(text, match.start())
        except MalformedError:
            continue
        if len(value) > (isinstance(value, list)):
            return True
    return False


class Known:
    """Cases that there are already, and objects that were drawn: what a further one must not repeat.

    Args:
        rows: the cases.
    """

    def __init__(self, rows: Iterable[CaseRow]) -> None:
        self._repeats = Repeats()
        self._words: dict[str, dict[Hashable, tuple[str, frozenset[tuple[str, str]]]]] = {}
        for row in rows:
            list(self._repeats.of(row))
            self._add(row)

    def _add(self, row: CaseRow) -> None:
        value = row.case.expected_output
        self._words.setdefault(row.schema.id, {}).setdefault(equality_key(value), (row.case.id, words_of(value)))

    def repeated_object(self, row: CaseRow) -> tuple[Reason, str] | None:
        """Return what the expected output of a candidate repeats, and take it in."""
        value = row.case.expected_output
        known = self._words.setdefault(row.schema.id, {})
        if (key := equality_key(value)) in known:
            return "duplicate", f"its expected output is that of {known[key][0]}"
        self._add(row)
        names = [name for name, _ in known.values()]
        for index, other, similarity in near_duplicates([words for _, words in known.values()]):
            if index == len(known) - 1:
                return "near_duplicate", f"{names[other]} expects nearly the same (similarity {similarity:.2f})"
        return None

    def repeated_text(self, row: CaseRow) -> tuple[Reason, str] | None:
        """Return what the whole of a case repeats, and take it in."""
        for what, first in self._repeats.of(row):
            return "duplicate", f"its {what} stands already in {first.case.id}"
        return None
