"""The examples that the prompts of a run show."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pytest_edgejson.backends.prompts import choose_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.backends.runner import Job
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.plugin.collected import Collected
    from pytest_edgejson.plugin.options import Settings
    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schema


class Shots:
    """Reads the examples when they are first asked for, after the cases were collected.

    Args:
        specs: the models by name.
        settings: of the run.
        collected: the cases that are asked; it is told which schemas have too few examples.
        schemas_of: returns the schemas of a file.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        settings: Settings,
        collected: Collected,
        schemas_of: Callable[[Path], Mapping[str, Schema]],
    ) -> None:
        self._specs = specs
        self._settings = settings
        self._collected = collected
        self._schemas_of = schemas_of

    @cached_property
    def examples(self) -> Mapping[str, Sequence[Case]]:
        """The cases that prompts may show, by schema id.

        Raises:
            BackendError: there are none where they should be.
        """
        wanted = max(spec.shots for spec in self._specs.values())
        if not wanted:
            return {}
        from pytest_edgejson.backends.examples import read_examples

        settings = self._settings
        found = read_examples(self._collected.files, settings.shots_from, settings.seed, self._schemas_of)
        self._collected.count_examples(found, wanted)
        return found

    def of(self, job: Job) -> list[str]:
        """Return the ids of the examples that a job's prompt shows.

        Raises:
            BackendError: as for `examples`.
        """
        count = self._specs[job.model].shots
        examples = self.examples.get(job.case.schema_id, ()) if count else ()
        return [example.id for example in choose_examples(examples, job.case, count)]
