"""The cases of a suite's files, read one after the other; a bad row is told and does not take the others with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.suite.cases import check_root, kind_of_file, parse_case
from pytest_edgejson.suite.json_rows import CaseError, decode_row, may_hold_rows, raw_rows
from pytest_edgejson.suite.schemas import SchemaError, complexity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}:{self.case.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a suite: a row that is no case, a file without any, or what a case lacks.

    Attributes:
        path: the file.
        line: 1-based line, 0 for the whole file.
        message: what is wrong.
    """

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


def case_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files of cases among files and folders, each once.

    Args:
        paths: files, or folders that hold them; what in a folder is not meant to hold cases is passed over.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no file of cases.
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
    kinds = {"cases", "empty"}
    return sorted(file for file in files_below(folder) if kind_of_file(file) in kinds)


def files_below(folder: Path, skip: Sequence[str] = ()) -> Iterator[Path]:
    """Yield the files in a folder that may hold rows, in order, also behind symbolic links, each once.

    Args:
        folder: where to look.
        skip: patterns for names of folders not to look into.
    """
    seen: set[Path] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        inside = (Path(place, name) for name in sorted(folders) if not any(fnmatch(name, each) for each in skip))
        folders[:] = [path.name for path in inside if not is_loop(path)]
        for path in (Path(place, name) for name in sorted(names)):
            if may_hold_rows(path) and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def is_loop(folder: Path) -> bool:
    """Tell whether a folder is a symbolic link to one that it lies in."""
    return folder.is_symlink() and folder.resolve() in {parent.resolve() for parent in folder.absolute().parents}


def read_rows(files: Iterable[Path], schemas_of: Callable[[Path], Mapping[str, Schema]]) -> Iterator[CaseRow | Problem]:
    """Yield the rows of files.

    Args:
        files: of cases.
        schemas_of: returns the schemas of a file.

    Raises:
        SchemaError: from `schemas_of`.
    """
    for file in files:
        schemas = schemas_of(file)
        complexities = complexity_of(schemas)
        unusable: set[str] = set()
        empty = True
        try:
            for number, raw in raw_rows(file):
                try:
                    row = decode_row(raw, file, number)
                    if row is None:
                        continue
                    case = parse_case(row, file, number, complexities)
                    check_root(case, schemas[case.schema_id].types, file)
                    yield CaseRow(file, case, schemas[case.schema_id])
                except CaseError as error:
                    yield Problem(file, number, error.message)
                except SchemaError as error:
                    # That of a schema is told with the first case of it.
                    if str(error) not in unusable:
                        unusable.add(str(error))
                        yield Problem(file, number, str(error))
                empty = False
        except CaseError as error:
            yield Problem(file, error.line, error.message)
            continue
        except OSError as error:
            yield Problem(file, 0, f"cannot be read: {error.strerror}")
            continue
        if empty:
            yield Problem(file, 0, "the file holds no case")
