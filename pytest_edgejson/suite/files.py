"""The cases of a suite's files, read one after the other; a bad row is told and does not take the others with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.suite.cases import CaseError, decode_row, looks_like_cases, parse_case
from pytest_edgejson.suite.schemas import complexity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schema


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A row of a suite that is a case.

    Attributes:
        path: the file.
        case: the case, which knows its line.
        schema: the case's schema.
    """

    path: Path
    case: Case
    schema: Schema


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that is no case, or a file without any.

    Attributes:
        path: the file.
        line: 1-based line, 0 for the whole file.
        message: what is wrong.
    """

    path: Path
    line: int
    message: str


def case_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files of cases among files and folders, each once.

    Args:
        paths: JSON Lines files, or folders that hold them; what in a folder is not meant to hold cases is passed over.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no JSON Lines file.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such path")
        found = _files_in(path) if path.is_dir() else [path]
        if not found:
            raise FileNotFoundError(f"{path}: no .jsonl file of cases in it")
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _files_in(folder: Path) -> list[Path]:
    # A file without any line is one of cases that were lost.
    return [file for file in sorted(folder.rglob("*.jsonl")) if looks_like_cases(file) or not file.read_bytes().strip()]


def read_rows(
    files: Iterable[Path], schemas_of: Callable[[Path], Mapping[str, Schema]]
) -> Iterator[CaseRow | BrokenRow]:
    """Yield the rows of files.

    Args:
        files: JSON Lines files.
        schemas_of: returns the schemas of a file.

    Raises:
        SchemaError: from `schemas_of`.
    """
    for file in files:
        schemas = schemas_of(file)
        complexities = complexity_of(schemas)
        empty = True
        try:
            with file.open("rb") as lines:
                for number, raw in enumerate(lines, 1):
                    try:
                        row = decode_row(raw, file, number)
                        if row is None:
                            continue
                        case = parse_case(row, file, number, complexities)
                        yield CaseRow(file, case, schemas[case.schema_id])
                    except CaseError as error:
                        yield BrokenRow(file, number, error.message)
                    empty = False
        except OSError as error:
            yield BrokenRow(file, 0, f"cannot be read: {error.strerror}")
            continue
        if empty:
            yield BrokenRow(file, 0, "the file holds no case")
