"""The examples that prompts show: cases of the train split, in an order that the seed decides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.suite.files import Problem, case_files, read_rows
from pytest_edgejson.suite.schemas import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schema

_FIX = "name cases to take examples from: --edgejson-shots-from=PATH"


def train_split(file: Path) -> Path | None:
    """Return the folder `train` beside the nearest folder `test` that a file lies in, None where there is none.

    A file of the train split itself is in the folder that is asked for.
    """
    for folder in file.resolve().parents:
        if folder.name in ("test", "train"):
            train = folder.with_name("train")
            return train if train.is_dir() else None
    return None


def read_examples(
    files: Iterable[Path], place: Path | None, seed: int, schemas_of: Callable[[Path], Mapping[str, Schema]]
) -> dict[str, tuple[Case, ...]]:
    """Return the cases to choose examples from, by schema id; an order for each seed, whatever else there is.

    Args:
        files: those of the cases that are asked.
        place: where examples are, a file or folder; None for the train split beside each file.
        seed: decides the order.
        schemas_of: returns the schemas of a file.

    Raises:
        BackendError: a file has no train split, the place holds what is asked, or a row of it is no case.
    """
    asked = {file.resolve() for file in files}
    places = {place} if place else {_found(file, train_split(file)) for file in asked}
    try:
        found = case_files(sorted(places))
    except FileNotFoundError as error:
        raise BackendError(f"no examples: {error}: {_FIX}") from None
    if place is not None and (both := asked.intersection(file.resolve() for file in found)):
        raise BackendError(f"--edgejson-shots-from: {min(both)} holds cases that are asked: {_FIX}, others than those")
    examples: defaultdict[str, list[Case]] = defaultdict(list)
    try:
        for row in read_rows(found, schemas_of):
            if isinstance(row, Problem):
                raise BackendError(f"no examples: {row}")
            examples[row.case.schema_id].append(row.case)
    except SchemaError as error:
        raise BackendError(f"no examples: {error}") from None

    def draw(case: Case) -> str:
        return hashlib.sha256(f"{seed}\0{case.id}\0{case.prompt}".encode()).hexdigest()

    return {schema_id: tuple(sorted(cases, key=draw)) for schema_id, cases in examples.items()}


def _found(file: Path, train: Path | None) -> Path:
    if train is None:
        raise BackendError(f"no examples for {file}: no folder `train` is beside a folder `test` with it in: {_FIX}")
    return train
