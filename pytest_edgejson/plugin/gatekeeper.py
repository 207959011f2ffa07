"""The gatekeeper of a pytest run: which gates apply to which model, on which cases, against which baseline."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.plugin.chosen_models import asked_of
from pytest_edgejson.plugin.node_ids import read_arguments
from pytest_edgejson.plugin.options import given
from pytest_edgejson.results.compare.baseline import Baseline, BaselineError, baseline_file
from pytest_edgejson.results.gates.evaluate import Decision, Evaluation
from pytest_edgejson.results.gates.language import Gate, GateError, parse_gate
from pytest_edgejson.results.gates.population import collected_files, read_population, suite_of
from pytest_edgejson.results.result import by_model
from pytest_edgejson.suite.json_rows import may_hold_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.backends.interface import Constrain
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.plugin.options import Settings
    from pytest_edgejson.results.compare.comparison import Report
    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.suite.suites import Suite


class Gatekeeper:
    """The gates of each model, and what they say at the end.

    Args:
        config: pytest's.
        settings: what was asked for.
        specs: the models by name.
        suite: whose cases run.
        folder: what runs where no path is given.
        schemas_of: the schemas by id for a file of cases.
        constrain: what a model's answers are held to.

    Raises:
        pytest.UsageError: a gate speaks of cases that are not there, needs a baseline that is not named, or a baseline
            cannot be compared with.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        specs: Mapping[str, ModelSpec],
        suite: Suite,
        folder: Path,
        schemas_of: Callable[[Path], Mapping[str, Schema]],
        constrain: Callable[[str], Constrain],
    ) -> None:
        from pytest_edgejson.results.assertion import holds

        self._settings = settings
        self.gates: dict[str, Sequence[Gate]] = {
            name: [*dict.fromkeys((*settings.gates, *map(parse_gate, spec.gates)))]
            for name, spec in specs.items()
            if settings.gates or spec.gates
        }
        self._asked = {name: asked_of(settings, spec) for name, spec in specs.items()}
        self._constrain = constrain
        _refuse_contradictions(config, settings)
        for name in self.gates:
            if name + "+schema" in self.gates:
                raise pytest.UsageError(
                    f"gates decide on one way to run {name}, free or held to its schemas: choose "
                    "--edgejson-constrain=none or schema"
                )
        paths = [argument.path for argument in read_arguments(config.args, config.invocation_params.dir)]
        skip = config.getini("norecursedirs")
        files = [file for path in paths for file in collected_files(suite_of(path, folder), skip)]
        # A file that is named is collected whatever it looks like.
        files += [path.resolve() for path in paths if may_hold_rows(path) and path.is_file()]
        self._evaluation = Evaluation(
            read_population(files, schemas_of),
            settings.profile,
            lambda result: holds(result, settings.assertion, settings.profile),
            suite.slices,
        )
        self._suite = suite
        self._baselines: dict[Path, Baseline] = {}
        self._before: dict[str, Run] = {}
        for name, spec in specs.items():
            self._prepare(name, self.gates.get(name, ()), settings.baseline or spec.baseline)

    def _prepare(self, model: str, gates: Sequence[Gate], baseline: Path | None) -> None:
        try:
            for gate in gates:
                self._evaluation.check(gate)
        except GateError as error:
            raise pytest.UsageError(str(error)) from None
        if baseline is None:
            needy = next((gate for gate in gates if gate.needs_baseline), None)
            if needy is None:
                return
            raise pytest.UsageError(
                f"the gate {needy.text} needs a baseline: add --edgejson-baseline=FILE.jsonl, "
                "the results file of an earlier run (--edgejson-results)"
            )
        if self._settings.results is not None and self._settings.results.resolve() == baseline_file(baseline).resolve():
            raise pytest.UsageError(
                f"--edgejson-results would replace the baseline {baseline_file(baseline)}: name another file"
            )
        try:
            if baseline not in self._baselines:
                self._baselines[baseline] = Baseline(baseline)
            self._before[model] = self._baselines[baseline].run(
                model,
                self._evaluation.population,
                self._settings.extraction,
                self._constrain(model),
                self._asked[model],
                self._suite,
            )
        except BaselineError as error:
            raise pytest.UsageError(str(error)) from None
        repeats, now = max(result["repeat"] for result in self._before[model].results), self._settings.repeat
        needy = next((gate for gate in gates if gate.needs_same_repeats), None)
        if needy is not None and repeats != now:
            raise pytest.UsageError(
                f"the gate {needy.text} needs a baseline with as many repeats: {baseline_file(baseline)} has "
                f"{repeats}, this run has {now}: use the same --edgejson-repeat"
            )

    def decide(self, results: Sequence[Result]) -> list[Decision]:
        """Return what each gate says of each model.

        Args:
            results: all of the run.
        """
        own = by_model(results)
        return [
            self._evaluation.decide(
                gate,
                name,
                own[name],
                self._before[name].results if name in self._before else (),
            )
            for name, gates in self.gates.items()
            for gate in gates
        ]

    def compare(self, run: Run) -> dict[str, Report]:
        """Return how each model that has a baseline compares with it, on the cases that both answered.

        Args:
            run: this one.
        """
        from pytest_edgejson.results.compare.pairing import ComparisonError
        from pytest_edgejson.results.compare.runs import compare_runs

        reports = {}
        for name, before in self._before.items():
            own = replace(run, results=tuple(by_model(run.results)[name]))
            # Nothing to compare where not one case has an answer.
            with suppress(ComparisonError):
                reports[name] = compare_runs([before, own], common=True)
        return reports


def _refuse_contradictions(config: pytest.Config, settings: Settings) -> None:
    if settings.report_only and settings.gates and (given(config, "gate") or not given(config, "report_only")):
        raise pytest.UsageError(
            "--edgejson-gate decides the exit code, --edgejson-report-only leaves nothing to decide: drop one of them"
        )
