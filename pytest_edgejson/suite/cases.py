"""Cases: rows of a suite, read from JSON Lines and checked."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Complexity: TypeAlias = Literal["simple", "medium", "complex"]
JSONValue: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"

MAX_ID_LENGTH = 200

COMPLEXITIES: tuple[Complexity, ...] = get_args(Complexity)

# What a node id and a shell can carry: no `::` or `[`, which pytest splits on, no separators, no control characters.
NAME = re.compile(r"[\w.+@=,-][\w.+@=, -]*", re.UNICODE)


class CaseError(ValueError):
    """A row that is no case. The message says what is wrong and how to mend it.

    Attributes:
        path: the file the row is in.
        line: its 1-based line, or 0 where the whole file is meant.
    """

    def __init__(self, path: Path, line: int, message: str) -> None:
        self.path = path
        self.line = line
        self.message = message
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


@dataclass(frozen=True, slots=True)
class Case:
    """One example: a text and the JSON object it should become.

    Attributes:
        id: unique within a suite; part of the node id.
        schema_id: the name of the schema, without folder and suffix.
        complexity: the folder of the schema.
        prompt: the text, without any instruction of a model's template.
        expected_output: the object a model should answer with.
        states_complexity: whether the row gives its complexity itself; only the v3 profile cares.
        line: 1-based line in the file it was read from, 0 for a case made in memory.
        metadata: the row's other keys, as they stand.
        suspect: what an audit found wrong with the label, empty for nothing.
    """

    id: str
    schema_id: str
    complexity: Complexity
    prompt: str
    expected_output: dict[str, Any]
    states_complexity: bool = True
    line: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    suspect: tuple[str, ...] = ()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {_short(key)} occurs twice in one object; remove one of them")
        found[key] = value
    return found


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value; use a number, null, or leave the key out")


def _float(digits: str) -> float:
    number = float(digits)
    # Beyond the largest double Python goes on with infinity, which JSON cannot express, and no answer is ever equal.
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]}{'…' * (len(digits) > 20)} is too large; give it as a string")
    return number


def _integer(digits: str) -> int:
    _float(digits)
    return int(digits)


def decode_row(raw: bytes, path: Path, line: int, *, nan_as_null: bool = False) -> dict[str, Any] | None:
    """Decode one line of a JSON Lines file; None for a blank one.

    Args:
        raw: the line.
        path: the file, for messages.
        line: its 1-based number, for messages.
        nan_as_null: take NaN and Infinity, which tables of pandas have for what is not there, as null.

    Raises:
        CaseError: the line is not UTF-8, not JSON or not an object.
    """
    try:
        text = raw.decode("utf-8-sig" if line == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise CaseError(
            path, line, f"not UTF-8: byte {error.start + 1} of the line is invalid; save the file as UTF-8"
        ) from None
    if not text:
        return None
    try:
        row = json.loads(
            text,
            object_pairs_hook=_reject_duplicates,
            parse_constant=(lambda name: None) if nan_as_null else _reject_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise CaseError(path, line, f"not JSON: {error.msg} at column {error.colno}; each line is one object") from None
    except RecursionError:
        raise CaseError(path, line, "not usable: nested too deeply") from None
    except ValueError as error:
        raise CaseError(path, line, f"not usable: {error}") from None
    if not isinstance(row, dict):
        raise CaseError(path, line, f"a case is a JSON object, this line is {_kind(row)}")
    return row


def iter_rows(path: Path, *, nan_as_null: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and object of each line of a JSON Lines file that is not blank.

    A byte order mark and CRLF line ends are accepted. Only line feeds end a line: JSON strings may hold any of the
    other characters that Python counts as line ends.

    Raises:
        CaseError: see `decode_row`.
        OSError: the file cannot be read.
    """
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            row = decode_row(raw, path, number, nan_as_null=nan_as_null)
            if row is not None:
                yield number, row


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def parse_case(row: Mapping[str, Any], path: Path, line: int, complexity_of: Mapping[str, Complexity]) -> Case:
    """Make a case of one row.

    Args:
        row: the decoded line.
        path: the file, for messages.
        line: its 1-based line, for messages.
        complexity_of: complexity by schema id, as the schema folder gives it.

    Raises:
        CaseError: a key is missing or has the wrong type, the schema is unknown, the id cannot be part of a node id,
            the row's own complexity contradicts the schema folder, or a text holds half a surrogate pair.
    """

    def need(key: str, kind: type, what: str) -> Any:
        if key not in row:
            raise CaseError(
                path, line, f"the key {key!r} is missing; a case has id, schema_id, prompt and expected_output"
            )
        if not isinstance(row[key], kind):
            raise CaseError(path, line, f"{key!r} must be {what}, got {_kind(row[key])}")
        return row[key]

    case_id = need("id", str, "a string")
    if len(case_id) > MAX_ID_LENGTH:
        raise CaseError(
            path, line, f"the id {case_id[:20]!r}… has {len(case_id):,} characters; use {MAX_ID_LENGTH} at most"
        )
    if not NAME.fullmatch(case_id):
        raise CaseError(
            path,
            line,
            f"the id {case_id!r} cannot be part of a test's name: use letters, digits and _ . - + = @ , only",
        )
    schema_id = need("schema_id", str, "a string")
    if schema_id not in complexity_of:
        known = ", ".join(sorted(complexity_of)) or "none"
        raise CaseError(path, line, f"unknown schema_id {_short(schema_id)}; the schema folder has: {known}")
    complexity = complexity_of[schema_id]
    own = row.get("complexity")
    if own is not None and own != complexity:
        raise CaseError(
            path,
            line,
            f"complexity {_short(own)} contradicts the schema folder, where {schema_id} is {complexity!r}; "
            "correct it or leave it out",
        )
    if _has_half_character(row):
        raise CaseError(
            path,
            line,
            "a string holds half of a surrogate pair (an escape such as \\ud83d alone), which is no character; "
            "write both halves or the character itself",
        )
    known_keys = {"id", "schema_id", "complexity", "prompt", "expected_output"}
    return Case(
        id=case_id,
        schema_id=schema_id,
        complexity=complexity,
        prompt=need("prompt", str, "a string"),
        expected_output=cast("dict[str, Any]", need("expected_output", dict, "an object")),
        states_complexity=own is not None,
        line=line,
        metadata={key: value for key, value in row.items() if key not in known_keys},
    )


def _has_half_character(row: Mapping[str, Any]) -> bool:
    # JSON can escape what UTF-8 cannot hold. No tokenizer, terminal or results file takes it.
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def read_cases(path: Path, complexity_of: Mapping[str, Complexity]) -> list[Case]:
    """Read all cases of a file.

    Raises:
        CaseError: see `parse_case`; also when an id occurs twice, or the file holds no case.
        OSError: the file cannot be read.
    """
    seen: dict[str, int] = {}
    cases = []
    for line, row in iter_rows(path):
        case = parse_case(row, path, line, complexity_of)
        if case.id in seen:
            raise CaseError(path, line, f"the id {case.id!r} stands already in line {seen[case.id]}; ids are unique")
        seen[case.id] = line
        cases.append(case)
    if not cases:
        raise CaseError(path, 0, "the file holds no case; a case is a JSON object on a line of its own")
    return cases


def looks_like_cases(path: Path) -> bool:
    """Tell whether a JSON Lines file found in a folder is meant to hold cases.

    A file whose first line is an object without any of a case's keys (training data, a results file) is not; one that
    cannot be read is, so that a broken suite is not passed over in silence.
    """
    try:
        _, row = next(iter_rows(path))
    except StopIteration:
        return False
    except (CaseError, OSError):
        return True
    return (
        not {"schema_id", "prompt", "expected_output"}.isdisjoint(row)
        and "edgejson" not in row
        and "case_id" not in row
    )
