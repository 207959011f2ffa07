"""What the commands share that ask a model: where cases are, and what prompts are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.examples import read_examples
from pytest_edgejson.backends.prompts import asking_for, read_text
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.files import CaseRow, case_files, read_rows
from pytest_edgejson.suite.suites import SchemaFinder, find_suite
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.suites import Suite


def place_of(arguments: argparse.Namespace) -> Path:
    """Return where a command looks for cases: `--suite`, `--cases`, the project's own or the bundled ones.

    Raises:
        SuiteError: there is no such suite.
    """
    place: Path | None = arguments.cases if arguments.suite is None else find_suite(arguments.suite).cases
    own = Path("cases/test")
    return place or (own if own.is_dir() else bundled.TEST_CASES)


def cases_at(place: Path) -> Iterator[CaseRow]:
    """Yield the cases of a file or folder; rows that are none are passed over.

    Raises:
        FileNotFoundError: there is no such place, or no case in it.
        SchemaError: the schemas cannot be used.
    """
    return (row for row in read_rows(case_files([place]), SchemaFinder()) if isinstance(row, CaseRow))


def find_case(name: str, place: Path) -> CaseRow:
    """Return the case of a place that an id names, or of any file that `FILE::ID` does.

    Raises:
        ValueError: there is none.
        OSError: there is no such place.
    """
    file, colons, rest = name.partition("::")
    if colons and Path(file).is_file():
        name, place = rest, Path(file)
    rows = list(cases_at(place))
    found = next((row for row in rows if row.case.id == name), None)
    if found is None:
        near = did_you_mean(name, [row.case.id for row in rows])
        raise ValueError(f"no case {name!r} in {place}: {near}name another place with --cases PATH")
    return found


def with_prompts(spec: ModelSpec, arguments: argparse.Namespace, suite: Suite) -> ModelSpec:
    """Return a model with the prompts that the options of a command ask for, in the place of its entry's.

    Raises:
        ValueError: a text cannot be read.
    """
    changes: dict[str, Any] = {"prompt": asking_for(spec.prompt, suite.prompt)}
    for key in ("prompt", "system"):
        if (value := getattr(arguments, key)) is not None:
            changes[key] = read_text(value, Path())
    if arguments.shots is not None:
        changes["shots"] = arguments.shots
    further = {**spec.chat_template_kwargs, **(arguments.chat_template_kwargs or {})}
    return replace(spec, **changes, chat_template_kwargs=further)


def examples_for(spec: ModelSpec, arguments: argparse.Namespace, file: Path) -> dict[str, Sequence[Case]]:
    """Return the examples by schema id that the prompts of a model show, none where they show none.

    Raises:
        BackendError: there are none, see `read_examples`.
    """
    if not spec.shots:
        return {}
    return {**read_examples([file], arguments.shots_from, arguments.seed, SchemaFinder())}
