"""`edgejson suite check --constrain`: whether the grammars of a suite's schemas let its expected outputs through.

Coverage as JSONSchemaBench has it (S. Geng et al., "JSONSchemaBench", 2025): declared, of the schemas, those that the
engine makes a grammar of; empirical, of the expected outputs, those that their grammar accepts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.constraint.grammar import GrammarError, Vocabulary, need_engine
from pytest_edgejson.backends.constraint.wanted import in_order, schema_constraint
from pytest_edgejson.suite.files import CaseRow, Problem, case_files, read_rows
from pytest_edgejson.values.text import show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.suite.schemas import Schema

_SHOWN = 40
# Floats above have no whole part that is certain.
_LARGEST_WHOLE = 2.0**53


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the grammars of a suite cover.

    Attributes:
        schemas: how many the cases use.
        declared: of those, how many have a grammar.
        cases: how many there are.
        empirical: of those, how many have an expected output that their grammar accepts.
        problems: what is not covered.
    """

    schemas: int
    declared: int
    cases: int
    empirical: int
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return (
            f"grammars: {self.declared} of {counted(self.schemas, 'schema')} can be expressed, "
            f"{self.empirical} of {counted(self.cases, 'expected output')} can be reached"
        )


def check_grammars(paths: Iterable[Path], schemas_of: Callable[[Path], Mapping[str, Schema]]) -> Coverage:
    """Try every expected output of files and folders of cases on the grammar that a run would hold it to.

    Args:
        paths: files of cases, or folders that hold them.
        schemas_of: returns the schemas of a file.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no file of cases.
        GrammarError: llguidance is not installed.
    """
    need_engine()
    vocabulary = Vocabulary.of_bytes()
    rows: defaultdict[tuple[Path, str], list[CaseRow]] = defaultdict(list)
    for row in read_rows(case_files(paths), schemas_of):
        if isinstance(row, CaseRow):
            rows[row.path, row.case.schema_id].append(row)
    inexpressible: dict[str, Problem] = {}
    unreachable: list[Problem] = []
    expressed = 0
    for own in rows.values():
        schema = own[0].schema
        constraint = schema_constraint(schema.document, [row.case.expected_output for row in own])
        try:
            vocabulary.matcher(constraint)
        except GrammarError as error:
            inexpressible[schema.source] = Problem(own[0].path, 0, f"no grammar of the schema {schema.id!r}: {error}")
            continue
        expressed += len(own)
        unreachable += _unreachable(own, constraint, vocabulary)
    schemas = {own[0].schema.source for own in rows.values()}
    return Coverage(
        schemas=len(schemas),
        declared=len(schemas) - len(inexpressible),
        cases=sum(map(len, rows.values())),
        empirical=expressed - len(unreachable),
        problems=(*inexpressible.values(), *unreachable),
    )


def _unreachable(rows: Sequence[CaseRow], constraint: str, vocabulary: Vocabulary) -> Iterable[Problem]:
    document = json.loads(constraint)
    for row in rows:
        expected = _with_whole_numbers(row.case.expected_output)
        text = _accepted(expected, constraint, vocabulary)
        if text is not None:
            # The order of keys says nothing about the value.
            text = _accepted(in_order(document, expected), constraint, vocabulary)
        if text is not None:
            message = f"{row.case.id}: the grammar of its schema excludes the expected output after {text}"
            yield Problem(row.path, row.case.line, message)


def _accepted(value: Any, constraint: str, vocabulary: Vocabulary) -> str | None:
    """Return None where the grammar accepts a value, else the end of what it accepts of its text."""
    text = json.dumps(value, ensure_ascii=True)
    tokens = vocabulary.tokens(text)
    matcher = vocabulary.matcher(constraint)
    count = matcher.allowed(tokens)
    try:
        for token in tokens[:count]:
            matcher.take(token)
    except GrammarError as error:
        return str(error)
    return None if matcher.may_end and count == len(tokens) else show(text[max(0, count - _SHOWN) : count])


def _with_whole_numbers(value: Any) -> Any:
    """Return a value with 4.0 as 4: they are the same number, and an integer in a grammar is written without point."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return int(value)
    return value
