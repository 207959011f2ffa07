"""Cases: rows of a suite, checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pytest_edgejson.suite.json_rows import (
    CaseError,
    NoObject,
    decode_row,
    is_json_lines,
    is_leftover,
    iter_rows,
    kind_of,
    quoted,
    raw_rows,
)
from pytest_edgejson.suite.violations import ARTICLES
from pytest_edgejson.values.fields import KEY, parse_field
from pytest_edgejson.values.jsonvalue import json_type

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from pytest_edgejson.values.fields import FieldPath

Complexity: TypeAlias = Literal["simple", "medium", "complex"]
JSONValue: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"

MAX_ID_LENGTH = 200

COMPLEXITIES: tuple[Complexity, ...] = get_args(Complexity)

# What can be seen, in any script: no control characters, line ends, marks that turn the direction of writing.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_ID = re.compile(rf"(?!\s)[^{_UNSEEN}]+(?<!\s)")


@dataclass(frozen=True, slots=True)
class Case:
    """One example: a text and the JSON object, or other JSON value, it should become.

    Attributes:
        id: unique within a suite; part of the node id.
        schema_id: the name of the schema, without folder and suffix.
        complexity: the folder of the schema.
        prompt: the text, without any instruction of a model's template.
        expected_output: what a model should answer with.
        states_complexity: whether the row gives its complexity itself; only the v3 profile cares.
        line: 1-based line in the file it was read from, or place in its array; 0 for a case made in memory.
        metadata: the row's other keys, as they stand.
        suspect: what an audit found wrong with the label, empty for nothing.
        accept: values that count as well as the expected ones, by field or place; `""` also stands for none at all.
    """

    id: str
    schema_id: str
    complexity: Complexity
    prompt: str
    expected_output: Any
    states_complexity: bool = True
    line: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    suspect: tuple[str, ...] = ()
    accept: Mapping[str, list[Any]] = field(default_factory=dict)


def parse_case(row: Mapping[str, Any], path: Path, line: int, complexity_of: Mapping[str, Complexity]) -> Case:
    """Make a case of one row.

    Args:
        row: the decoded line.
        path: the file, for messages.
        line: its 1-based line, for messages.
        complexity_of: complexity by schema id, as the schema folder gives it.

    Raises:
        CaseError: a key is missing or has the wrong type, the schema is unknown, the id cannot be part of a node id,
            the row's own complexity contradicts the schema folder, a text holds half a surrogate pair, or `accept` is
            no lists of values by place.
    """
    wrong = partial(CaseError, path, line)

    def need(key: str, kind: type = object, what: str = "") -> Any:
        if key not in row:
            raise wrong(f"the key {key!r} is missing; a case has id, schema_id, prompt and expected_output")
        if not isinstance(row[key], kind):
            raise wrong(f"{key!r} must be {what}, got {kind_of(row[key])}")
        return row[key]

    case_id = need("id", str, "a string")
    if len(case_id) > MAX_ID_LENGTH:
        raise wrong(f"the id {case_id[:20]!r}… has {len(case_id):,} characters; use {MAX_ID_LENGTH} at most")
    if not _ID.fullmatch(case_id):
        raise wrong(
            f"the id {case_id!r} cannot be part of a test's name: leave out control characters, and spaces at its ends"
        )
    schema_id = need("schema_id", str, "a string")
    if schema_id not in complexity_of:
        known = ", ".join(sorted(filter(str.isprintable, complexity_of))) or "none"
        raise wrong(f"unknown schema_id {quoted(schema_id)}; the schema folder has: {known}")
    complexity = complexity_of[schema_id]
    own = row.get("complexity")
    if own is not None and own != complexity:
        raise wrong(
            f"complexity {quoted(own)} contradicts the schema folder, where {schema_id} is {complexity!r}; "
            "correct it or leave it out"
        )
    if _has_half_character(row):
        raise wrong(
            "a string holds half of a surrogate pair (an escape such as \\ud83d alone), which is no character; "
            "write both halves or the character itself"
        )
    known_keys = {"id", "schema_id", "complexity", "prompt", "expected_output", "accept"}
    return Case(
        id=case_id,
        schema_id=schema_id,
        complexity=complexity,
        prompt=need("prompt", str, "a string"),
        expected_output=need("expected_output"),
        states_complexity=own is not None,
        line=line,
        metadata={key: value for key, value in row.items() if key not in known_keys},
        accept=_accepted(row, wrong),
    )


def _accepted(row: Mapping[str, Any], wrong: Callable[[str], CaseError]) -> dict[str, list[Any]]:
    given = row.get("accept", {})
    if not isinstance(given, dict):
        raise wrong(f"'accept' must be an object of lists of values by place, got {kind_of(given)}")
    for place, values in given.items():
        if not isinstance(values, list):
            raise wrong(
                f"'accept' must have a list of values for {quoted(place)}, got {kind_of(values)}: write [ ] around it"
            )
        try:
            steps = parse_field(place)
        except ValueError:
            raise wrong(f"'accept' names no place with {quoted(place)}: write one such as items[0].unit") from None
        if KEY in steps or not _is_known(row["expected_output"], steps):
            raise wrong(
                f"'accept' names {quoted(place)}, and the expected output has no object or array for it: correct "
                "the place"
            )
    return given


def _is_known(value: Any, steps: FieldPath) -> bool:
    """Tell whether a value has a place, or an object that could have its last key."""
    if not steps:
        return True
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        return isinstance(value, dict) and (not rest or (step in value and _is_known(value[step], rest)))
    if not isinstance(value, list):
        return False
    if isinstance(step, int):
        return step < len(value) and _is_known(value[step], rest)
    return not value or any(_is_known(item, rest) for item in value)


def check_root(case: Case, types: Collection[str], path: Path) -> None:
    """Check that the expected output is of a type that the schema allows as a whole.

    Args:
        case: one read from a file.
        types: the schema's; empty where it names none.
        path: the file.

    Raises:
        CaseError: it is of another one.
    """
    if types and json_type(case.expected_output) not in types:
        wanted = " or ".join(ARTICLES.get(name, name) for name in sorted(types))
        raise CaseError(path, case.line, f"'expected_output' must be {wanted}, got {kind_of(case.expected_output)}")


def _has_half_character(row: Mapping[str, Any]) -> bool:
    # JSON can escape what UTF-8 cannot hold. No tokenizer, terminal or results file takes it.
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def iter_cases(path: Path, complexity_of: Mapping[str, Complexity]) -> Iterator[Case | ValueError]:
    """Yield each case of a file, or what is wrong with its row: see `parse_case`; also an id that occurs twice.

    Raises:
        CaseError: the file as a whole cannot be read, or holds no row.
        OSError: the file cannot be read.
    """
    seen: dict[str, int] = {}
    is_empty = True
    for line, raw in raw_rows(path):
        try:
            row = decode_row(raw, path, line)
            if row is None:
                continue
            is_empty = False
            case = parse_case(row, path, line, complexity_of)
            first = seen.setdefault(case.id, line)
            if first != line:
                raise CaseError(path, line, f"the id {case.id!r} stands already in line {first}; ids are unique")
            yield case
        except ValueError as error:
            is_empty = False
            yield error
    if is_empty:
        raise CaseError(path, 0, "the file holds no case; a case is a JSON object on a line of its own")


def read_cases(path: Path, complexity_of: Mapping[str, Complexity]) -> list[Case]:
    """Read all cases of a file.

    Raises:
        CaseError: see `parse_case` and `iter_cases`, for the first row that is wrong.
        OSError: the file cannot be read.
    """
    cases = []
    for case in iter_cases(path, complexity_of):
        if isinstance(case, ValueError):
            raise case
        cases.append(case)
    return cases


def kind_of_file(path: Path) -> Literal["cases", "results", "empty", "other"]:
    """Tell from the first row what a file found in a folder is meant to hold.

    Cases name a schema, or have a prompt and an object or array that is expected. Results are those of a run, a
    recording or an audit. JSON Lines that cannot be read are cases, so that a broken suite is not passed over in
    silence; but for hidden files, of which macOS puts one into archives beside each file (`._NAME`), and locks.
    """
    if is_leftover(path):
        return "other"
    try:
        _, row = next(iter_rows(path, nan_as_null=True))
    except StopIteration:
        return "empty" if is_json_lines(path) else "other"
    except NoObject:
        return "other"
    except (CaseError, OSError):
        return "cases" if is_json_lines(path) else "other"
    if not row.keys().isdisjoint({"edgejson", "edgejson_audit", "case_id"}):
        return "results"
    expects = "prompt" in row and isinstance(row.get("expected_output"), dict | list)
    return "cases" if expects or "schema_id" in row else "other"
