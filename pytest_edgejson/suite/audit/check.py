"""`edgejson suite check`: proves of any suite that its cases can be answered from their text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from pytest_edgejson.suite import evidence
from pytest_edgejson.suite.audit.shared_rules import (
    Repeats,
    is_settled,
    labels_of,
    makes_up_for,
    misplaced,
    numbers_in,
    total_errors,
)
from pytest_edgejson.suite.files import CaseRow, Problem, case_files, read_rows
from pytest_edgejson.suite.rendering import FormError, parse_prompt
from pytest_edgejson.suite.subschemas import parts_at
from pytest_edgejson.values.fields import ITEM, keys_of, parse_field
from pytest_edgejson.values.jsonvalue import equal, format_path, leaves
from pytest_edgejson.values.text import show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.values.jsonvalue import Path as LeafPath

_SHOWN = 100
_TRUE = re.compile(r"\b(?:true|yes|on|enabled)\b", re.IGNORECASE)
_FALSE = re.compile(r"\b(?:false|no|off|disabled|not)\b", re.IGNORECASE)


@dataclass
class SuiteCheck:
    """Problems found and cases read so far; uniqueness is checked over everything that was read."""

    problems: list[Problem] = field(default_factory=list)
    cases: int = 0
    _repeats: Repeats = field(default_factory=Repeats)

    def add(self, row: CaseRow | Problem) -> None:
        """Check a row."""
        if isinstance(row, Problem):
            self.problems.append(row)
            return
        self.cases += 1
        case = row.case
        repeated = (
            f"its {what} stands already in {first.path}:{first.case.line}" for what, first in self._repeats.of(row)
        )
        self.problems += [
            Problem(row.path, case.line, f"{case.id}: {message}")
            for message in (*repeated, *case_problems(case, row.schema, labels_of(row.path)))
        ]


def case_problems(case: Case, schema: Schema, labels: Collection[str] = ()) -> Iterator[str]:
    """Yield what is wrong with one case.

    Args:
        case: what to check.
        schema: the case's.
        labels: fields whose values are chosen and need not stand in the text.
    """
    for _, message in evidence.problems(case):
        yield message
    yield from _unknown_places(case, schema)
    for _, message in kinds_of_problems(case, schema, labels):
        yield message


Kind: TypeAlias = Literal["schema_invalid", "absent_value", "ambiguous_boundary", "wrong_total"]


def kinds_of_problems(case: Case, schema: Schema, labels: Collection[str] = ()) -> Iterator[tuple[Kind, str]]:
    """Yield what is wrong with the label of a case: schema, values that the text lacks, array boundaries, totals.

    Args:
        case: what to check.
        schema: the case's.
        labels: fields whose values are chosen and need not stand in the text.
    """
    violations = schema.violations(case.expected_output)
    for violation in violations:
        yield "schema_invalid", f"expected output against its schema, {violation.path or 'root'}: {violation.message}"
    absent = [(path, value) for path, value in absent_values(case, schema) if ".".join(keys_of(path)) not in labels]
    for path, value in absent:
        yield "absent_value", f"{format_path(path)} is {show(value, _SHOWN)}, which is nowhere in the prompt"
    # A record that cannot be read back for another reason than an absent value has lost its structure.
    if not absent and not violations:
        for message in _unrecoverable(case, schema):
            yield "ambiguous_boundary", message
    if not violations:
        for _, message in total_errors(case):
            yield "wrong_total", message


def _unknown_places(case: Case, schema: Schema) -> Iterator[str]:
    """Yield the places of accepted values that neither the schema nor the expected output has."""
    known = {tuple(ITEM if isinstance(step, int) else step for step in path) for path in _places(case.expected_output)}
    for place in case.accept:
        path = tuple(0 if step is ITEM else step for step in parse_field(place))
        field = tuple(ITEM if isinstance(step, int) else step for step in path)
        if field not in known and not parts_at(schema.document, cast("LeafPath", path)):
            yield f"'accept' names {place}, which the schema does not know"


def _places(value: Any, path: LeafPath = ()) -> Iterator[LeafPath]:
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from _places(inner, (*path, step))


def absent_values(case: Case, schema: Schema) -> Iterator[tuple[LeafPath, Any]]:
    """Yield path and value of each expected leaf that does not stand in the prompt.

    A string must stand there as it is, a number by its value, a boolean by a word such as `true`, `yes` or `off`;
    unless the row's evidence proves the value, or the field is ignored, or something that counts as the value is there.
    """
    rule = schema.rule_of(case)
    proved = evidence.proved(case)
    numbers = numbers_in(case.prompt)
    for path, value in leaves(case.expected_output).items():
        match value:
            case bool():
                there = bool((_TRUE if value else _FALSE).search(case.prompt))
            case int() | float():
                there = value in numbers
            case str():
                there = value in case.prompt
            case _:
                there = True
        there = there or (rule is not None and makes_up_for(rule, path, value, case.prompt))
        if not there and format_path(path) not in proved:
            yield path, value


def _unrecoverable(case: Case, schema: Schema) -> Iterator[str]:
    """Read the record back from a prompt in EdgeJSON's form; any other form says nothing about boundaries."""
    try:
        record = parse_prompt(case.prompt, schema.document)
    except FormError:
        return
    if equal(record, case.expected_output) or is_settled(case, schema, record):
        return
    # Other boundaries give other paths: the same labels in the same order, cut elsewhere.
    moved, other = misplaced(case.expected_output, record)
    arrays = dict.fromkeys(format_path(path[: _first_index(path)]) for path in moved if _first_index(path) < len(path))
    if arrays:
        yield f"the prompt does not determine where the items of {', '.join(arrays)} begin and end"
    else:
        where = [format_path(path) for path in dict.fromkeys([*moved, *other])]
        yield f"the text does not say what is expected at {', '.join(where[:3])}{', …' if len(where) > 3 else ''}"


def _first_index(path: tuple[str | int, ...]) -> int:
    return next((place for place, part in enumerate(path) if isinstance(part, int)), len(path))


def check_suite(paths: Iterable[Path], schemas_of: Callable[[Path], Mapping[str, Schema]]) -> SuiteCheck:
    """Check files and folders of cases together, each file once.

    Args:
        paths: JSON Lines files, or folders that hold them; what in a folder is not meant to hold cases is passed over.
        schemas_of: returns the schemas of a file.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no JSON Lines file.
    """
    check = SuiteCheck()
    for row in read_rows(case_files(paths), schemas_of):
        check.add(row)
    return check


def summary_text(check: SuiteCheck) -> str:
    """Return what was checked in one line."""
    problems = counted(len(check.problems), "problem") if check.problems else "no problems"
    return f"{counted(check.cases, 'case')}, {problems}"
