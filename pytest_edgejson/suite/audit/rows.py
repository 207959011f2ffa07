"""What an audit finds between rows: contradictions, duplicates and near-duplicates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_edgejson.suite.audit.findings import finding_of
from pytest_edgejson.suite.audit.shared_rules import Repeats
from pytest_edgejson.suite.audit.similarity import near_duplicates, words_of
from pytest_edgejson.values.agreement import Keys, counted
from pytest_edgejson.values.jsonvalue import equality_key

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from pytest_edgejson.suite.audit.findings import Finding
    from pytest_edgejson.suite.files import CaseRow


def between_rows(rows: Sequence[CaseRow]) -> Iterator[Finding]:
    """Tell which rows contradict each other, and which have the same content or nearly the same."""
    yield from _contradictions(rows)
    yield from _duplicates(rows)
    yield from _near_duplicates(rows)


def _contradictions(rows: Iterable[CaseRow]) -> Iterator[Finding]:
    """Which of two labels of one prompt is right, nobody knows: both are told."""
    by_prompt: defaultdict[str, dict[Hashable, list[CaseRow]]] = defaultdict(dict)
    for row in rows:
        by_prompt[row.case.prompt].setdefault(_label(row), []).append(row)
    for by_output in by_prompt.values():
        first, *others = by_output.values()
        for group in by_output.values() if others else ():
            other = others[0][0] if group is first else first[0]
            for row in group:
                message = f"{_place(other, row)} has the same prompt and another expected output"
                yield finding_of(row, "contradiction", message)


def _label(row: CaseRow) -> Hashable:
    """Return what labels that count as the same have in common, as far as comparators tell that without comparing."""
    rule, value = row.schema.rule, row.case.expected_output
    return equality_key(value) if rule is None or not rule.is_keyed else Keys().of(counted(value, rule), rule)


def _duplicates(rows: Iterable[CaseRow]) -> Iterator[Finding]:
    repeats = Repeats()
    for row in rows:
        same = [f"its {what} is that of {_place(first, row)}" for what, first in repeats.of(row)]
        if same:
            yield finding_of(row, "duplicate", "; ".join(same))


def _near_duplicates(rows: Iterable[CaseRow]) -> Iterator[Finding]:
    by_schema: defaultdict[str, dict[Hashable, CaseRow]] = defaultdict(dict)
    for row in rows:
        # Equal ones are duplicates already.
        by_schema[row.schema.id].setdefault(equality_key(row.case.expected_output), row)
    for different in by_schema.values():
        group = list(different.values())
        for index, other, similarity in near_duplicates([words_of(row.case.expected_output) for row in group]):
            message = f"{_place(group[other], group[index])} expects nearly the same (similarity {similarity:.2f})"
            yield finding_of(group[index], "near_duplicate", message)


def _place(row: CaseRow, seen_from: CaseRow) -> str:
    """Name a row; its file too where it is another one, such as the other split."""
    where = f"line {row.case.line}" if row.path == seen_from.path else f"{row.path}:{row.case.line}"
    return f"{row.case.id} ({where})"
