"""The state of one pytest run: models, runner, results; one object, the same with and without xdist."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.plugin.chosen_models import (
    asked_repeats,
    described_settings,
    find_backends,
    refuse_inability,
    resolve_models,
)
from pytest_edgejson.plugin.chosen_suite import choose_suite, suite_folder
from pytest_edgejson.plugin.collected import Collected
from pytest_edgejson.plugin.generation import Generation
from pytest_edgejson.plugin.node_ids import case_name, keyword
from pytest_edgejson.plugin.options import Settings, given
from pytest_edgejson.plugin.shots import Shots
from pytest_edgejson.results.file import ResultsError, ResultsWriter, Run
from pytest_edgejson.results.manifest import make_manifest
from pytest_edgejson.suite.suites import EDGEJSON, SchemaFinder
from pytest_edgejson.values.text import shell_word

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_edgejson.backends.interface import BackendType
    from pytest_edgejson.backends.runner import Job
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.plugin.gatekeeper import Gatekeeper
    from pytest_edgejson.plugin.xdist import Workers
    from pytest_edgejson.results.compare.comparison import Report
    from pytest_edgejson.results.gates.evaluate import Decision
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.marks import Marks
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.suite.suites import Suite

SESSION = pytest.StashKey["Session"]()


def is_miss(report: pytest.TestReport) -> bool:
    """Tell whether a report is of a model's answer that misses what is asserted, and counts as failed."""
    return report.failed and getattr(report, "edgejson_missed", False)


class Session:
    """Settings, models and results of a run.

    Attributes:
        config: pytest's.
        settings: what was asked for.
        suite: whose cases run.
        specs: the models by the name in node ids, in order.
        typed: what was typed for each of them.
        results: what came in, in order; on the controller only.
        places: file and 1-based line of the case of each result.
        schemas: returns the schemas by id for a file of cases.
        collected: cases and files that pytest came upon.
        generation: what asks the models.
        decisions: what the gates say, once all cases ran; on the controller only.
        comparisons: with the baseline, by model, once all cases ran.
        others_failed: items that failed and that no gate forgives.
        decisions_shown: whether the terminal has them.
        marks: of suspect labels; None without an audit file.
        is_worker: whether this is an xdist worker.
        workers: those that this process controls; None without xdist, and on a worker.
        has_begun: whether cases were run, or begun to; on the controller only.
        is_finished: whether the run came to its end with a result; else what an earlier run published stays.
        results_file: where the results are, once the run has ended; None where there is none.
        unwritten: why results could not be written, as where the disk is full; empty where they could.
        warnings: not yet shown: of the models that xdist's workers run, which have no terminal, of the store, and of
            files that cannot be written.
    """

    def __init__(self, config: pytest.Config, settings: Settings, suite: Suite) -> None:
        self.config = config
        self.suite = suite
        backends = find_backends(config)
        models = resolve_models(settings, config, backends, suite)
        self.typed = {name: typed for name, (typed, _) in models.items()}
        self.specs = {name: spec for name, (_, spec) in models.items()}
        self.settings = settings = replace(settings, repeat=asked_repeats(settings, self.specs))
        self.marks = _read_marks(settings)
        self.is_worker = hasattr(config, "workerinput")
        self.workers = _make_workers(config, self.specs, settings, backends)
        self.has_begun = False
        self.is_finished = False
        self.results_file: Path | None = None
        self.unwritten = ""
        self.warnings: list[str] = []
        self.results: list[Result] = []
        self.decisions: list[Decision] = []
        self.comparisons: dict[str, Report] = {}
        self.places: list[tuple[str, int]] = []
        self.collected = Collected()
        self._answered: dict[str, Collection[str]] = {}
        self._misses: Counter[str] = Counter()
        self._gatekeeper: Gatekeeper | None = None
        self.others_failed = 0
        self.decisions_shown = False
        self.manifest: dict[str, Any] = {}
        self._writer: ResultsWriter | None = None
        self.schemas = SchemaFinder(settings.schemas)
        self._schema_of: dict[str, Schema] = {}
        self.generation = Generation(
            config,
            settings,
            self.specs,
            backends,
            Shots(self.specs, settings, self.collected, self.schemas),
            self.schemas.loaded.values(),
            self.workers,
            self.warnings,
        )

    def tell_collected(self) -> dict[str, Any]:
        """Return what a worker of xdist tells its controller of what it has collected."""
        # Told again, with the fix, as soon as a model is asked.
        with suppress(BackendError):
            _ = self.generation.shots.examples
        return self.collected.as_dict()

    def begin(self, jobs: Sequence[Job]) -> None:
        """Look gates and models up and open the results file, before the first case runs.

        Args:
            jobs: of the cases that this process runs.

        Raises:
            pytest.UsageError: a gate or its baseline does not fit the suite, a model cannot be had, or the results file
                cannot be written.
        """
        if self.is_worker:
            return
        specs = self.specs.values()
        if self.settings.gates or self.settings.baseline or any(spec.gates or spec.baseline for spec in specs):
            from pytest_edgejson.plugin.gatekeeper import Gatekeeper

            folder = suite_folder(self.config, self.settings, self.suite)
            try:
                self._gatekeeper = Gatekeeper(
                    self.config, self.settings, self.specs, self.suite, folder, self.schemas, self.generation.constrain
                )
            except BackendError as error:
                raise pytest.UsageError(str(error)) from None
        models: dict[str, dict[str, Any]] = {}
        try:
            for name in self.specs:
                backend = self.generation.runner.backend(name)
                models[name] = {"fingerprint": backend.fingerprint, **backend.description}
                if backend.case_ids is not None:
                    self._answered[name] = backend.case_ids
                if self.workers and (devices := self.workers.devices.get(self.specs[name].backend)):
                    models[name]["device"] = ",".join(devices)
                refuse_inability(name, self.specs[name], self.settings, backend, self.generation.backends)
                self.generation.runner.check(name, jobs)
        except BackendError as error:
            raise pytest.UsageError(str(error)) from None
        # Asking git for its state takes long in a large repository.
        if self.settings.results or self.settings.html or self._gatekeeper is not None:
            described = described_settings(self.config, self.settings, self.specs)
            for name, generation in described["generation"].items():
                generation["constrain"] = self.generation.constrain(name)
            self.manifest = make_manifest(models, described, self.config.rootpath, self.suite)
        if self.settings.results is not None:
            self._refuse_to_replace_recordings(self.settings.results)
            try:
                self._writer = ResultsWriter(self.settings.results, self.manifest)
            except ResultsError as error:
                raise pytest.UsageError(str(error)) from None
        self.has_begun = True

    def _refuse_to_replace_recordings(self, results: Path) -> None:
        from pytest_edgejson.backends.references import split_file

        for spec in self.specs.values():
            if spec.backend == "replay" and split_file(spec.model or "")[0].resolve() == results.resolve():
                raise pytest.UsageError(f"--edgejson-results would replace the recording {results}: name another file")

    def take(self, report: pytest.TestReport) -> None:
        """Take in the result that a report brings, on the controller."""
        result: Result | None = getattr(report, "edgejson", None)
        # An attempt that pytest-rerunfailures repeats is none of the run's answers: the last one is.
        if result is None or self.is_worker or str(report.outcome) == "rerun":
            return
        self.results.append(result)
        place, line, _ = report.location
        self.places.append((place, (line or 0) + 1))
        if report.failed and isinstance(report.longrepr, str):
            from pytest_edgejson.plugin.failures import FailureText

            name = case_name(result["case_id"], result["model"], result["repeat"])
            file = report.edgejson_file
            report.longrepr = FailureText(
                result,
                name,
                file,
                rerun=partial(self.rerun_command, file, name, result["model"], result["repeat"]),
                verbose=self.config.get_verbosity() >= 2,
                profile=self.settings.profile,
            )
        self._misses[result["model"]] += is_miss(report)
        if self._writer is not None:
            key = result["schema_sha256"]
            if key not in self._schema_of:
                self._schema_of[key] = self.schemas(Path(report.edgejson_file))[result["schema_id"]]
            try:
                self._writer.add(result, self._schema_of[key])
            except ResultsError as error:
                self._stop_writing(error)
        self.config.hook.pytest_edgejson_result(result=result, config=self.config)

    def _stop_writing(self, error: ResultsError) -> None:
        """Go on without a results file: table and gates need none."""
        assert self._writer is not None
        self.unwritten = str(error)
        self._writer.leave()
        self._writer = None

    def let_go(self, report: pytest.TestReport) -> None:
        """Drop the result of a report that a worker has sent: its terminal, which nobody sees, keeps all reports."""
        if self.is_worker:
            vars(report).pop("edgejson", None)

    def testsfailed(self, count: int) -> int:
        """Return how many of the failed items fail the run: 0 lets it succeed.

        Misses do not where there is nothing to decide, nor those of a model whose gates decide; a gate that fails does,
        though every case may have passed, and so do results that could not be written.

        Args:
            count: all that failed.
        """
        if self.is_worker:
            return count
        least = int(bool(self.unwritten))
        if self.settings.report_only:
            return max(count - self._misses.total(), least)
        failed = any(decision.outcome == "fail" for decision in self.decisions)
        gated = {decision.model for decision in self.decisions}
        self.others_failed = count - sum(self._misses[model] for model in gated)
        return max(count, 1) if failed else max(self.others_failed, least)

    @property
    def unmeasurable(self) -> bool:
        """Whether a gate could not be measured, and something depends on it."""
        return not self.settings.report_only and any(each.outcome == "unmeasurable" for each in self.decisions)

    def header(self) -> list[str]:
        """Return the lines for the head of pytest's output."""
        is_other = self.suite.name not in ("", EDGEJSON.name)
        lines = [f"edgejson: suite {self.suite.name} ({self.suite})"] if is_other else []
        for name, spec in self.specs.items():
            what = spec.description or spec.adapter or spec.model or ""
            lines.append(f"edgejson: model {name}" + (f" ({what})" if what not in ("", name) else ""))
        if self.settings.ray is not None:
            lines += _cluster_header(self.settings.ray, self.specs)
        return [*lines, *self.workers.header()] if self.workers else lines

    def close(self, *, has_ended: bool) -> None:
        """Stop the model, let the gates decide, close store and results file.

        Args:
            has_ended: whether all cases ran, or `-x` ended the run; not so after an interrupt or an error.
        """
        self.generation.close()
        self.is_finished = has_ended and bool(self.results)
        if self.is_finished:
            self.manifest = {**self.manifest, "finished": datetime.now(UTC).isoformat(timespec="seconds")}
        if self._gatekeeper is not None:
            self.decisions = self._gatekeeper.decide(self.results)
            self.comparisons = self._gatekeeper.compare(Run(Path("this run"), self.manifest, tuple(self.results), {}))
        if self._writer is not None and self.is_finished:
            try:
                self._writer.close([decision.as_dict() for decision in self.decisions])
                self.results_file = self._writer.path
            except ResultsError as error:
                self._stop_writing(error)
        elif self._writer is not None:
            self.results_file = self._writer.leave()

    def rerun_command(self, file: str, name: str, model: str, repeat: int) -> str:
        """Return the command that runs one case again."""
        path = Path(file)
        with suppress(ValueError):
            path = path.relative_to(self.config.invocation_params.dir)
        place = f"{path.as_posix()}::{name}"
        # pytest takes a word that begins otherwise for an option, or for a file of arguments.
        words = ["pytest", f"./{place}" if place.startswith(("-", "@")) else place]
        # The node id of a repeat may be one of another model: of a server, `openai:deepseek-r1`.
        if self.typed[model] != model or repeat > 1 or given(self.config, "models"):
            words.append(f"--edgejson-model={self.typed[model]}")
        return " ".join([*map(shell_word, words), *self.settings.rerun_options])

    def notes(self) -> list[str]:
        """Return a line for each thing that may be a mistake of the files that were collected."""
        # Only where they are all that the suite has.
        is_whole = not self.config.getoption("lf", False) and not any("::" in arg for arg in self.config.args)
        return self.collected.notes(self._answered if is_whole else {})


def _read_marks(settings: Settings) -> Marks | None:
    if settings.audit is None:
        return None
    from pytest_edgejson.suite.marks import MarksError, read_marks

    try:
        return read_marks(settings.audit)
    except MarksError as error:
        raise pytest.UsageError(f"--edgejson-audit: {error}") from None


def _make_workers(
    config: pytest.Config,
    specs: Mapping[str, ModelSpec],
    settings: Settings,
    backends: Mapping[str, BackendType],
) -> Workers | None:
    # As xdist decides it, which hides its options from workers.
    if config.getoption("dist", "no") == "no" or not config.getoption("tx") or config.option.collectonly:
        return None
    if settings.ray is not None:
        raise pytest.UsageError(
            "--edgejson-ray runs models in actors and pytest in one process: leave -n out, and any other option of "
            "pytest-xdist that starts workers"
        )
    from pytest_edgejson.plugin.xdist import Workers

    return Workers(config, specs, settings.devices, backends)


def _cluster_header(address: str, specs: Mapping[str, ModelSpec]) -> list[str]:
    where = "a cluster of this machine" if address == "local" else address
    lines = [f"edgejson: models run in actors of Ray ({where})"]
    if servers := [name for name, spec in specs.items() if spec.server is not None]:
        lines.append(
            f"edgejson: {', '.join(servers)}: asked from here, as many cases at once as concurrency in models.toml or "
            "--edgejson-batch-size says: more actors would ask the same server"
        )
    return lines


def begin_session(config: pytest.Config, settings: Settings) -> Session:
    """Make the session of a run and let it collect a suite where no path was given.

    That is `--edgejson-cases`, else `--edgejson-suite`, else the project's own `cases/test`, else the bundled one.

    Raises:
        pytest.UsageError: a model is unknown, an option names what is not there, a plugin's backends are none, or there
            are more xdist workers than devices.
    """
    for name, path in (("cases", settings.cases), ("schemas", settings.schemas)):
        if path is not None and not path.exists():
            raise pytest.UsageError(f"--edgejson-{name}: there is no {path}")
    if settings.ray is not None and any(":" in device for device in settings.devices or ()):
        raise pytest.UsageError(
            "--edgejson-device: Ray chooses which GPU an actor gets: with --edgejson-ray write cuda or cpu, or one "
            "of them several times with commas between them, for as many actors on each device"
        )
    suite = choose_suite(config, settings)
    session = Session(config, settings, suite)
    config.stash[SESSION] = session
    config.option.keyword = keyword(config.option.keyword)
    return session
