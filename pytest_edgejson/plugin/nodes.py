"""Nodes: a file of cases, and a case on a model as a pytest item."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.backends.interface import BackendError, Completion
from pytest_edgejson.backends.runner import Job
from pytest_edgejson.plugin.chosen_suite import check_suite
from pytest_edgejson.plugin.node_ids import case_name, keyword
from pytest_edgejson.plugin.session import SESSION
from pytest_edgejson.results.assertion import holds
from pytest_edgejson.results.batching import as_part
from pytest_edgejson.results.metrics import compared
from pytest_edgejson.results.result import Result, make_result
from pytest_edgejson.suite.cases import check_root, iter_cases
from pytest_edgejson.suite.json_rows import CaseError, may_hold_rows
from pytest_edgejson.suite.schemas import SchemaError, complexity_of
from pytest_edgejson.suite.suites import SuiteError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from _pytest._code.code import TerminalRepr

    from pytest_edgejson.plugin.session import Session
    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schema


MOST_WRONG = 10


class CaseFailure(AssertionError):
    """A model's answer misses what was asserted."""


class CaseNotRun(Exception):
    """A case could not be run: no answer of the model, but an error."""


class Unusable(pytest.Collector):
    """A row that is no case, or one whose schema cannot be used: an error when it is collected, while others run.

    Args:
        reason: what is wrong, in one line.
        is_told: whether that is told where the whole file is collected, and not only where this row is named.
    """

    def __init__(self, *, reason: str, is_told: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason
        self.is_told = is_told

    def collect(self) -> Iterable[pytest.Item]:
        """Raise the reason."""
        if self.is_told or any(f"::{self.name}" in argument for argument in self.config.args):
            raise self.CollectError(self.reason)
        return []


class CaseFile(pytest.File):
    """A JSON Lines file of cases."""

    def _cases(self, edgejson: Session) -> tuple[list[Case], Mapping[str, Schema], list[tuple[str, str]]]:
        """Return the cases, their schemas, and what is wrong with the rows that are none: names and reasons."""
        cases: list[Case] = []
        wrong: list[tuple[str, str]] = []
        try:
            check_suite(self.path, edgejson.suite)
            schemas, real = edgejson.schemas(self.path), self.path.resolve()
            for case in iter_cases(self.path, complexity_of(schemas)):
                try:
                    if isinstance(case, ValueError):
                        raise case
                    check_root(case, schemas[case.schema_id].types, self.path)
                    edgejson.collected.add(self.path, real, case)
                except (CaseError, SchemaError) as error:
                    wrong.append((f"error {len(wrong) + 1}" if isinstance(case, ValueError) else case.id, str(error)))
                else:
                    cases.append(case)
            if edgejson.marks is not None:
                cases = edgejson.marks.apply(cases)
        except (CaseError, SchemaError, SuiteError) as error:
            edgejson.collected.is_whole = False
            raise self.CollectError(str(error)) from None
        except OSError as error:
            edgejson.collected.is_whole = False
            raise self.CollectError(f"{self.path}: {error.strerror}") from None
        edgejson.collected.is_whole &= not wrong
        return cases, schemas, wrong

    def collect(self) -> Iterable[CaseItem | Unusable]:
        """Yield an item for each case on each model, and for each repeat, behind what is wrong with other rows."""
        edgejson = self.config.stash[SESSION]
        cases, schemas, wrong = self._cases(edgejson)
        told: set[str] = set()
        for name, reason in wrong:
            # Of many rows with the same error, the first tells it.
            is_told = reason not in told and len(told) < MOST_WRONG
            told |= {reason} if is_told else set()
            yield Unusable.from_parent(self, name=name, reason=reason, is_told=is_told)
        if more := len({reason for _, reason in wrong}) - len(told):
            yield Unusable.from_parent(self, name="more", reason=f"{self.path}: {more:,} more errors", is_told=True)
        outputs: defaultdict[str, list[Any]] = defaultdict(list)
        for case in cases:
            outputs[case.schema_id].append(case.expected_output)
        constraints = {
            (model, schema_id): edgejson.generation.constraint(model, schemas[schema_id], own)
            for model, (schema_id, own) in product(edgejson.specs, outputs.items())
        }
        asked = product(edgejson.specs, range(1, edgejson.settings.repeat + 1), cases)
        for model, repeat, case in asked:
            name = case_name(case.id, model, repeat)
            # Given as text, from which pytest 9.2 tells the brackets from the name: --lf compares them apart.
            yield CaseItem.from_parent(
                self,
                name=name,
                nodeid=f"{self.nodeid}::{name}",
                case=case,
                model=model,
                repeat=repeat,
                schema=schemas[case.schema_id],
                constraint=constraints[model, case.schema_id],
                outputs=edgejson.generation.limiting(model, outputs[case.schema_id]),
            )


class CaseItem(pytest.Item):
    """One case on one model.

    Attributes:
        edgejson: the plugin's state in this process.
        job: what the runner is asked for.
        schema: the case's schema.
        result: what came out, from when it ran until it is torn down.
    """

    def __init__(
        self,
        *,
        case: Case,
        model: str,
        schema: Schema,
        repeat: int = 1,
        constraint: str | None = None,
        outputs: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = Job(self.nodeid, model, case, repeat, constraint=constraint, outputs=outputs)
        self.schema = schema
        self.completion: Completion | None = None
        self.completion_alone: Completion | None = None
        self.result: Result | None = None
        self.edgejson = self.config.stash[SESSION]
        self.extra_keyword_matches.update(self.edgejson.suite.slices.of(case))
        self.extra_keyword_matches.update((case.complexity, case.schema_id, model, keyword(case.id)))
        self.add_marker(pytest.mark.edgejson(schema=case.schema_id, complexity=case.complexity, model=model))
        self.add_marker(getattr(pytest.mark, case.complexity))

    @property
    def alone(self) -> Job:
        """The job once more by itself, for cases drawn by `--edgejson-check-batching`."""
        return replace(self.job, key=f"{self.nodeid} alone", alone=True)

    @property
    def _is_drawn(self) -> bool:
        return self.edgejson.generation.is_drawn(
            self.job, lambda: (item.job for item in case_items(self.session.items))
        )

    def _jobs_beside(self) -> list[Job]:
        """Return the jobs of all cases that this process will run, and those of cases drawn to be generated alone."""
        beside = _items_beside(self)
        return [*(item.job for item in beside), *(item.alone for item in beside if item._is_drawn)]

    def _score(self, completion: Completion) -> Result:
        job = self.job
        policy, constrain = self.edgejson.settings.extraction, self.edgejson.generation.constrain(job.model)
        thoughts = self.edgejson.specs[job.model].thoughts
        return make_result(job.case, job.model, job.repeat, completion, self.schema, policy, constrain, thoughts)

    def _record(self, completion: Completion) -> Result:
        self.result = self._score(completion)
        if completion.finish_reason != "error":
            if shown := self.edgejson.generation.shots.of(self.job):
                self.result["shots"] = shown
            if self.job.outputs:
                self.result["max_new_tokens"] = self.edgejson.generation.runner.limit(self.job)
            server = self.edgejson.specs[self.job.model].server
            if server is not None and server.prices is not None:
                cost = server.prices.of(completion.prompt_tokens, completion.output_tokens, completion.cached_tokens)
                if cost is not None:
                    self.result["cost"] = cost
        return self.result

    def setup(self) -> None:
        """Take the completion, which for a model's first case starts the model."""
        slices = self.edgejson.suite.slices
        self.user_properties += [("model", self.job.model), *((slices.key, each) for each in slices.of(self.job.case))]
        try:
            self.completion = self.edgejson.generation.runner.completion(self.job, self._jobs_beside)
        except BackendError as error:
            self.completion = Completion(self.job.key, "", "error", error=str(error))
        if self.completion.finish_reason in ("error", "timeout"):
            self._record(self.completion)
            raise CaseNotRun(self.completion.error or self.completion.finish_reason)
        try:
            if self._is_drawn:
                self.completion_alone = self.edgejson.generation.runner.completion(self.alone, self._jobs_beside)
        except BackendError as error:
            self.completion_alone = Completion(self.alone.key, "", "error", error=str(error))

    def runtest(self) -> None:
        """Score the completion and raise CaseFailure where it misses what is asserted."""
        assert self.completion is not None
        result = self._record(self.completion)
        if self.completion_alone is not None:
            result["alone"] = as_part(
                self.completion_alone, json_exact=self._score(self.completion_alone)["json_exact"]
            )
        self.user_properties += [
            (metric.key or metric.name, metric.score(result, "default")) for metric in compared(self.edgejson.suite)
        ]
        settings = self.edgejson.settings
        if not holds(result, settings.assertion, settings.profile):
            raise CaseFailure("missed")

    def teardown(self) -> None:
        """Let go of what has gone on with the report: pytest keeps all items to the end."""
        self.result = self.completion = self.completion_alone = None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Return one line for a miss."""
        # pytest's own parses the source of every frame: 158 misses took 15 of 20 seconds, for a text that nobody sees.
        if isinstance(excinfo.value, CaseFailure):
            return f"{self.name}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Return file, 0-based line and name."""
        return self.path, self.job.case.line - 1, self.name


def collect_file(path: Path, parent: pytest.Collector, *, is_named: bool, is_asked_for: bool) -> CaseFile | None:
    """Return the collector of a file of cases: one that was named, or one in a folder that looks like one."""
    collected = parent.config.stash[SESSION].collected
    if not (may_hold_rows(path) and (is_named or collected.is_of_cases(path, is_asked_for=is_asked_for))):
        return None
    file: CaseFile = CaseFile.from_parent(parent, path=path)
    return file


def case_items(items: Iterable[pytest.Item]) -> Iterator[CaseItem]:
    """Yield the cases among items."""
    return (item for item in items if isinstance(item, CaseItem))


def _items_beside(item: CaseItem) -> list[CaseItem]:
    items = item.session.items
    if not item.edgejson.is_worker:
        return list(case_items(items))
    from pytest_edgejson.plugin.xdist import blocks, is_in_blocks

    if not is_in_blocks(item.config):
        # Which cases this worker gets is decided one by one.
        return [item]
    count: int = item.config.workerinput["workercount"]  # type: ignore[attr-defined]
    mine = blocks([other.nodeid for other in items], item.edgejson.specs, count)
    return [other for other in case_items(items) if mine[other.nodeid] == mine[item.nodeid]]


def drop_copies(items: list[pytest.Item]) -> list[pytest.Item]:
    """Take out and return the cases that were collected from the same file by another path before."""
    seen: set[tuple[Path, str]] = set()
    copies: list[pytest.Item] = []
    # All cases of a file have its path, and each look at it asks the file system.
    real = cache(Path.resolve)
    for item in case_items(items):
        key = (real(item.path), item.name)
        if key in seen:
            copies.append(item)
        seen.add(key)
    dropped = set(map(id, copies))
    items[:] = [item for item in items if id(item) not in dropped]
    return copies


def sort_by_model(items: list[pytest.Item], models: list[str]) -> None:
    """Put cases in the order of their models, behind all other tests, otherwise as they are."""
    items.sort(key=lambda item: models.index(item.job.model) if isinstance(item, CaseItem) else -1)


def attach_result(report: pytest.TestReport, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Put a case's result on the report of the phase in which it came out.

    The report gets `edgejson`, the result as JSON builtins, `edgejson_file`, where the case stands, and
    `edgejson_missed`, whether the answer misses what is asserted: any other failure is an error and never forgiven.
    Its text is one line; `Session.take` makes the whole of it where pytest's terminal is.
    """
    if not isinstance(item, CaseItem) or item.result is None:
        return
    error = call.excinfo.value if call.excinfo is not None else None
    if report.when == "call" or (report.when == "setup" and error is not None):
        report.edgejson = item.result  # type: ignore[attr-defined]
        report.edgejson_file = str(item.path)  # type: ignore[attr-defined]
        report.edgejson_missed = isinstance(error, CaseFailure)  # type: ignore[attr-defined]
        if isinstance(error, CaseFailure | CaseNotRun):
            report.longrepr = f"{item.name}: {error}"
