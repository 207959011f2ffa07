"""The cases of a fine-tuning: read, checked, and spread so that any first part of them is like the whole."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_edgejson.suite.audit.check import check_suite
from pytest_edgejson.suite.files import CaseRow, Problem, case_files, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.suite.schemas import Schema


def check(paths: Sequence[Path], schemas: Callable[[Path], Mapping[str, Schema]]) -> None:
    """Check files and folders of cases together, as `edgejson suite check` does.

    Raises:
        ValueError: there are problems. The message has the first.
        FileNotFoundError: a path does not exist, or a folder holds no JSON Lines file.
        SchemaError: from `schemas`.
    """
    problems = check_suite(paths, schemas).problems
    if problems:
        raise ValueError(
            f"{problems[0]}; {len(problems)} such problem{'s' * (len(problems) > 1)} in all: mend them (edgejson suite "
            f"check {' '.join(map(str, paths))} shows them), or train on the cases as they are with --unchecked"
        )


def read(path: Path, schemas: Callable[[Path], Mapping[str, Schema]]) -> list[CaseRow]:
    """Read the cases of a file or folder.

    Raises:
        ValueError: a row is no case, or a file holds none.
        FileNotFoundError: the path does not exist, or the folder holds no JSON Lines file.
        SchemaError: from `schemas`.
    """
    rows = []
    for row in read_rows(case_files([path]), schemas):
        if isinstance(row, Problem):
            raise ValueError(str(row))
        rows.append(row)
    return rows


def spread(rows: Sequence[CaseRow], seed: int) -> list[CaseRow]:
    """Shuffle cases so that each schema has the same share of any first part as of the whole, within a case."""
    draw = random.Random(seed)
    by_schema: dict[str, list[CaseRow]] = defaultdict(list)
    for row in draw.sample(rows, len(rows)):
        by_schema[row.case.schema_id].append(row)
    # A schema's cases lie at even distances, the last tie is broken by the schemas' own random order.
    places = [
        ((place + 0.5) / len(group), order, row)
        for order, group in enumerate(by_schema.values())
        for place, row in enumerate(group)
    ]
    return [row for _, _, row in sorted(places, key=lambda place: place[:2])]
