"""Baselines: the results of an earlier run, on exactly the cases of this one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.references import split_file
from pytest_edgejson.results.compare.asked import asked, difference
from pytest_edgejson.results.file import ResultsError, read_run
from pytest_edgejson.results.result import by_model, case_fingerprint, changes_of, constraint_of, is_error
from pytest_edgejson.suite.suites import UNNAMED
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.gates.population import Population
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.suites import Suite

_SHOWN = 3


class BaselineError(ValueError):
    """A baseline that a run cannot be compared with. The message is one line that names file and fix."""


def baseline_file(name: Path) -> Path:
    """Return the file that `FILE.jsonl` or `FILE.jsonl#MODEL` names."""
    return split_file(str(name))[0]


class Baseline:
    """A results file to compare with.

    Args:
        name: `FILE.jsonl`, or `FILE.jsonl#MODEL` where it has several models.

    Raises:
        BaselineError: the file cannot be read, or has no such model.
    """

    def __init__(self, name: Path) -> None:
        try:
            self._run = read_run(baseline_file(name))
        except ResultsError as error:
            raise BaselineError(f"baseline {error}") from None
        self._chosen = split_file(str(name))[1]
        if self._chosen and self._chosen not in self._run.models:
            raise BaselineError(f"baseline {self._run.path}: no model {self._chosen!r}: {self._there()}")

    def run(
        self,
        model: str,
        population: Population,
        extraction: str,
        constrain: str,
        prompts: Mapping[str, Any],
        suite: Suite = UNNAMED,
    ) -> Run:
        """Return the run of what to compare a model with: the one that was named, else of the same name, else the only.

        Args:
            model: a model of this run.
            population: the cases of this run; where they are not known, nothing is compared with them.
            extraction: this run's extraction policy.
            constrain: what the model's answers are held to in this run.
            prompts: what the model's prompts are made of, as the manifest has it.
            suite: of this run.

        Raises:
            BaselineError: there are several models, or they were run on other cases, with another policy or held to
                something else, or the same model was asked otherwise and is not named expressly.
        """
        before = self._run.suite
        if before.differs_from(suite):
            raise BaselineError(
                f"baseline {self._run.path}: of the suite {clean(f'{before.name} {before.version}')}, this run is of "
                f"{suite.name} {suite.version}: use one of the same suite"
            )
        name = self._model(model)
        results = by_model(self._run.results)[name]
        for result in results:
            _check_same(self._run.path, "extraction", result["extraction"]["policy"], extraction)
            _check_same(self._run.path, "constrain", constraint_of(result), constrain)
        if name == model and not self._chosen:
            self._check_asked(name, prompts)
        if not population.problem:
            _check_cases(self._run.path, results, population)
        return replace(self._run, results=tuple(results))

    def _check_asked(self, name: str, now: Mapping[str, Any]) -> None:
        differing = difference(asked(self._run, name), now)
        if differing is not None:
            raise BaselineError(
                f"baseline {self._run.path}: {name} was asked otherwise there: {differing[0]}, and {differing[1]} in "
                f"this run: use the same, or name it to compare the two: {self._run.path}#{clean(name)}"
            )

    def _there(self) -> str:
        return f"it has {', '.join(map(clean, self._run.models))}"

    def _model(self, model: str) -> str:
        models = self._run.models
        if self._chosen:
            return self._chosen
        if model in models:
            return model
        if len(models) == 1:
            return models[0]
        raise BaselineError(
            f"baseline {self._run.path}: which model is {model} to be compared with? {self._there()}: "
            f"name it, such as {self._run.path}#{clean(models[0])}"
        )


def _check_same(path: Path, option: str, before: str, now: str) -> None:
    if before != now:
        raise BaselineError(
            f"baseline {path}: made with --edgejson-{option}={before}, this run has {now}: use the same"
        )


def _check_cases(path: Path, results: Sequence[Result], population: Population) -> None:
    broken = {case_fingerprint(result) for result in results if is_error(result)}
    # A case of several repeats was answered where all were.
    answered = {asked: result for result in results if (asked := case_fingerprint(result)) not in broken}
    mine = {fingerprint: row for fingerprint, row in population.cases.items() if fingerprint not in answered}
    theirs = {row["case_id"]: row for fingerprint, row in answered.items() if fingerprint not in population.cases}
    others = dict(theirs)
    differences = []
    for fingerprint, row in mine.items():
        case_id = row["case_id"]
        if fingerprint in broken:
            differences.append(f"{case_id} (could not be run in the baseline)")
        elif case_id in theirs:
            differences.append(f"{case_id} ({', '.join(changes_of(theirs.pop(case_id), row))} changed)")
        else:
            differences.append(f"{case_id} (not in the baseline)")
    differences += [f"{case_id} (not in this suite)" for case_id in theirs]
    if differences:
        more = f", and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        fix = "make it anew on the whole suite with --edgejson-results"
        if any(row.get("comparators") != others.get(row["case_id"], row).get("comparators") for row in mine.values()):
            fix = f"score it by the same comparators with edgejson rescore {path} --schemas DIR --out FILE, or {fix}"
        verb = plural(len(differences), "case differs", "cases differ")
        raise BaselineError(
            f"baseline {path}: made on other cases: {len(differences)} {verb}: "
            f"{clean(', '.join(differences[:_SHOWN]))}{more}: {fix}"
        )
