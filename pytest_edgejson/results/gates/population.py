"""The population: all cases that a run could have run, whatever was selected of them; a gate speaks about these.

It is read from the suite's files, not from what pytest collected: `-k`, `--lf`, a node id, one file of several or an
interrupt leave it as it is, and xdist's controller, which collects nothing, knows it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_edgejson.results.result import case_fingerprint, compared_by
from pytest_edgejson.suite.cases import COMPLEXITIES, kind_of_file, read_cases
from pytest_edgejson.suite.files import files_below
from pytest_edgejson.suite.json_rows import CaseError
from pytest_edgejson.suite.schemas import SchemaError, complexity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.results.result import CaseRecord
    from pytest_edgejson.suite.schemas import Schema


@dataclass(frozen=True, slots=True)
class Population:
    """The cases of a suite.

    Attributes:
        cases: what is asked, in the keys of a result line, by `results.case_fingerprint`.
        problem: why they are not all known, empty where they are.
    """

    cases: Mapping[str, CaseRecord] = field(default_factory=dict)
    problem: str = ""


def suite_of(path: Path, default: Path) -> Path:
    """Return the suite that a path given to pytest selects from.

    That is the default suite for what lies in it. Elsewhere it is the folder itself, or the folder that a file is in;
    of a folder named after a complexity, the one above.

    Args:
        path: a file or folder.
        default: the suite that runs where no path is given.
    """
    path, default = path.resolve(), default.resolve()
    if path.is_relative_to(default):
        return default
    folder = path if path.is_dir() else path.parent
    return folder.parent if folder.name in COMPLEXITIES else folder


def collected_files(suite: Path, skip: Sequence[str]) -> list[Path]:
    """Return the files of cases in a folder, as pytest finds them, in order; for a file itself.

    Args:
        suite: folder or file.
        skip: patterns for names of folders not to look into, pytest's `norecursedirs`.
    """
    if suite.is_file():
        return [suite]
    return [file for file in files_below(suite, skip) if kind_of_file(file) == "cases"]


def read_population(files: Iterable[Path], schemas_of: Callable[[Path], Mapping[str, Schema]]) -> Population:
    """Read the cases of files; one that cannot be read makes the population unknown and raises nothing.

    Args:
        files: JSON Lines files of cases.
        schemas_of: the schemas by id for a file.
    """
    found: dict[str, CaseRecord] = {}
    for file in dict.fromkeys(files):
        try:
            schemas = schemas_of(file)
            cases = read_cases(file, complexity_of(schemas))
        except (CaseError, SchemaError) as error:
            return Population(problem=str(error))
        except OSError as error:
            return Population(problem=f"{file}: {error.strerror}")
        for case in cases:
            row: CaseRecord = {
                "case_id": case.id,
                "schema_id": case.schema_id,
                "schema_sha256": schemas[case.schema_id].fingerprint,
                "complexity": case.complexity,
                "states_complexity": case.states_complexity,
                "prompt": case.prompt,
                "expected_output": case.expected_output,
                **compared_by(case, schemas[case.schema_id]),
                "metadata": dict(case.metadata),
            }
            found[case_fingerprint(row)] = row
    return Population(found, "" if found else "the paths given hold no case")
