"""The leaderboard: models ranked on one suite, with what of the order is more than chance."""

from __future__ import annotations

import string
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pytest_edgejson.results.compare.asked import asked
from pytest_edgejson.results.compare.pairing import ComparisonError, pair_results
from pytest_edgejson.results.compare.pairs import measure_difference, other_suite
from pytest_edgejson.results.compare.runs import model_runs, suite_of_runs
from pytest_edgejson.results.metrics import COMPARED, by_slice
from pytest_edgejson.results.result import constraint_of
from pytest_edgejson.results.statistics import ALPHA, corrected
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.backends.interface import Constrain
    from pytest_edgejson.backends.measuring.measurement import Measurement
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.results.compare.comparison import ModelRun
    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.suite.suites import Suite

# Of a model's generation; what it is asked and held to belongs to the model.
_SETTINGS = ("max_new_tokens", "loops", "temperature", "top_p", "repetition_penalty")


@dataclass(frozen=True, slots=True)
class Place:
    """A model on the leaderboard.

    Attributes:
        model: which.
        first: the best rank that it may have: one more than there are models with evidence of being better.
        last: the worst: as many as there are models without evidence of being worse.
        group: letters; models that share one cannot be told apart.
        metrics: by slice of the suite, `all` among them.
        measured: what it costs on a device; None where nobody measured it.
    """

    model: ModelRun
    first: int
    last: int
    group: str
    metrics: Mapping[str, Metrics]
    measured: Measurement | None = None

    @property
    def constrain(self) -> Constrain:
        """What the answers were held to."""
        return constraint_of(self.model.results[0])

    @property
    def bytes(self) -> int | None:
        """How many the weights take; None where the manifest is silent."""
        count = self.model.description.get("bytes")
        return count if isinstance(count, int) else None


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Models ranked by JSONExact.

    Attributes:
        places: the highest JSONExact first.
        profile: whose scorer decides.
        suite: that of the runs.
        tests: pairs of models that were compared.
    """

    places: tuple[Place, ...]
    profile: Profile
    suite: Suite
    tests: int


def make_leaderboard(
    runs: Sequence[Run], registry: Mapping[str, ModelSpec], measured: Sequence[Measurement] = ()
) -> Leaderboard:
    """Rank the models of runs by JSONExact, and test each pair of them on the same cases.

    Args:
        runs: on one suite with one setting.
        registry: models by name, for what is published of them.
        measured: what models of these names cost on a device, each once.

    Raises:
        ComparisonError: suites or settings differ, a model answered no case, or a measurement is of no model of the
            runs, or the second one of it.
    """
    models = model_runs(runs, registry)
    costs = _by_model(measured, models)
    by_path = {run.path: run for run in runs}
    for model in models[1:]:
        _check_settings(by_path[models[0].path], models[0], by_path[model.path], model)
    profile: Profile = "v3" if runs[0].manifest["settings"].get("profile") == "v3" else "default"
    suite = suite_of_runs(runs)
    metrics = {model.label: by_slice(model.results, profile, suite) for model in models}
    for model in models:
        if not metrics[model.label]["all"].n:
            raise ComparisonError(f"{clean(str(model.path))}: {clean(model.label)} answered no case: leave it out")
    models.sort(key=lambda model: -metrics[model.label]["all"].measured["json_exact"].value)
    apart = _told_apart(models, profile)
    groups = _letters(len(models), apart)
    count = len(models)
    return Leaderboard(
        places=tuple(
            Place(
                model=model,
                first=1 + sum((other, place) in apart for other in range(place)),
                last=count - sum((place, other) in apart for other in range(place + 1, count)),
                group=groups[place],
                metrics=metrics[model.label],
                measured=costs.get(model.model),
            )
            for place, model in enumerate(models)
        ),
        profile=profile,
        suite=suite,
        tests=count * (count - 1) // 2,
    )


def _by_model(measured: Sequence[Measurement], models: Sequence[ModelRun]) -> dict[str, Measurement]:
    known = {model.model for model in models}
    found: dict[str, Measurement] = {}
    for each in measured:
        name = clean(each.model)
        if each.model not in known:
            near = did_you_mean(each.model, known)
            raise ComparisonError(f"{name} was measured and is in no results file: {near}leave it out")
        if each.model in found:
            raise ComparisonError(f"{name} was measured twice: give one measurement of each model")
        found[each.model] = each
    return found


def _check_settings(first_run: Run, first: ModelRun, run: Run, model: ModelRun) -> None:
    pairing = pair_results(first.results, model.results)
    if not pairing.same_suite:
        raise ComparisonError(f"{other_suite(first, model, pairing)}; a leaderboard is of one suite")
    before, now = _settings(first_run, first), _settings(run, model)
    for name, value in before.items():
        if value != now[name] and None not in (value, now[name]):
            raise ComparisonError(
                f"{clean(str(run.path))}: {clean(model.label)} was run with {name} {clean(str(now[name]))}, "
                f"{clean(first.label)} of {clean(str(first_run.path))} with {clean(str(value))}; "
                "a leaderboard is of one setting"
            )


def _settings(run: Run, model: ModelRun) -> dict[str, Any]:
    """Return what must be the same; None for what a manifest of an earlier version does not tell."""
    generation = asked(run, model.model)
    return {
        "profile": run.manifest["settings"].get("profile"),
        "extraction": model.results[0]["extraction"]["policy"],
        "repeats": max(result["repeat"] for result in model.results),
        **{name: generation.get(name) for name in _SETTINGS},
    }


def _told_apart(models: Sequence[ModelRun], profile: Profile) -> set[tuple[int, int]]:
    """Return the pairs of places between which there is evidence of a difference in JSONExact."""
    places = list(combinations(range(len(models)), 2))
    p_values = [
        measure_difference(COMPARED[0], "all", pairs, profile).p
        if (pairs := pair_results(models[one].results, models[two].results).pairs)
        else 1.0
        for one, two in places
    ]
    return {pair for pair, p in zip(places, corrected(p_values), strict=True) if p <= ALPHA}


def _letters(count: int, apart: set[tuple[int, int]]) -> list[str]:
    """Return letters so that two places share one where nothing tells them apart, and none otherwise.

    The insert-and-absorb algorithm of H.-P. Piepho, Journal of Computational and Graphical Statistics 13 (2004),
    456-466.
    """
    groups = [set(range(count))]
    for one, two in sorted(apart):
        split = [
            part for group in groups for part in ((group - {one}, group - {two}) if {one, two} <= group else (group,))
        ]
        groups = [
            group
            for place, group in enumerate(split)
            if not any(group < other or (group == other and place > at) for at, other in enumerate(split))
        ]
    groups.sort(key=sorted)
    names = [_letter(place) for place in range(len(groups))]
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if place in group) for place in range(count)
    ]


def _letter(place: int) -> str:
    letters = string.ascii_lowercase
    return letters[place] if place < len(letters) else f"({place + 1})"
