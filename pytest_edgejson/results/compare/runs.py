"""The report over several runs: who is compared with whom, what training made of a base, how all models stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.results.compare.asked import asked, difference
from pytest_edgejson.results.compare.comparison import ModelRun, Multiplier, Report, Standing
from pytest_edgejson.results.compare.pairing import ComparisonError, Pair, pair_results, results_by_case
from pytest_edgejson.results.compare.pairs import (
    compare_models,
    correct_p_values,
    json_exact_ratio,
    pair_hits,
    pair_scores,
    pairs_by_group,
)
from pytest_edgejson.results.result import by_model, is_error
from pytest_edgejson.results.statistics import ALPHA
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.results.compare.comparison import Comparison
    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.suite.suites import Suite


def compare_runs(
    runs: Sequence[Run],
    *,
    common: bool = False,
    baseline: str | None = None,
    base: str | None = None,
    registry: Mapping[str, ModelSpec] | None = None,
) -> Report:
    """Compare the models of one or several runs, pair by pair.

    A model of a later run is compared with the model of the same name in the first run, or else with that run's first
    model; in a single run all are compared with its first model.

    Args:
        runs: in the order in which they are to be read.
        common: compare the cases that both have unchanged where the suites differ.
        baseline: name or label of the model that all others are compared with instead.
        base: the same, and the others were trained from it.
        registry: models by name, for what is published of them.

    Raises:
        ComparisonError: there is nothing to compare, no model of that name, a case stands twice, or the suites differ.
    """
    models = model_runs(runs, registry or {})
    suite = suite_of_runs(runs)
    profile: Profile = "v3" if all(run.manifest["settings"].get("profile") == "v3" for run in runs) else "default"
    pairs = _candidates(models, len(runs[0].models), baseline or base)
    comparisons = [
        compare_models(*pair, profile, alpha=ALPHA / len(pairs), common=common, suite=suite) for pair in pairs
    ]
    return Report(
        models=tuple(models),
        standings=tuple(_standings(models, profile, suite)),
        comparisons=tuple(correct_p_values(comparisons)),
        multipliers=tuple(_multipliers(models, comparisons, profile, all_trained=base is not None)),
        profile=profile,
        suite=suite,
        notes=tuple(_notes(runs, comparisons)),
    )


def model_runs(runs: Sequence[Run], registry: Mapping[str, ModelSpec]) -> list[ModelRun]:
    """Return the models of runs, in their order; the registry has what is published of them."""
    named = [(run, model) for run in runs for model in run.models]
    names = [model for _, model in named]
    files = [(model, run.path.name) for run, model in named]
    labels = [
        model
        if names.count(model) == 1
        else f"{model} ({run.path.name if files.count((model, run.path.name)) == 1 else run.path})"
        for run, model in named
    ]
    return [
        ModelRun(
            # One file given twice.
            label=label if labels.count(label) == 1 else f"{label} #{labels[:position].count(label) + 1}",
            path=run.path,
            model=model,
            description=run.manifest["models"].get(model, {}),
            results=tuple(by_model(run.results)[model]),
            published=registry[model].published if model in registry else (),
        )
        for position, ((run, model), label) in enumerate(zip(named, labels, strict=True))
    ]


def suite_of_runs(runs: Sequence[Run]) -> Suite:
    """Return the suite of all runs.

    Raises:
        ComparisonError: they are of several suites, or of several versions of one.
    """
    named = [run for run in runs if run.suite.name]
    for run in named:
        if run.suite.differs_from(named[0].suite):
            raise ComparisonError(
                f"{clean(str(run.path))} is of the suite {clean(f'{run.suite.name} {run.suite.version}')}, "
                f"{clean(str(named[0].path))} of {clean(f'{named[0].suite.name} {named[0].suite.version}')}: "
                "compare runs of the same suite"
            )
    return named[0].suite if named else runs[0].suite


def _candidates(models: Sequence[ModelRun], first: int, name: str | None) -> list[tuple[ModelRun, ModelRun]]:
    """Return each candidate after its baseline; the first so many models are those of the first run."""
    if name is not None:
        chosen = next((model for model in models if name in (model.label, model.model)), None)
        if chosen is None:
            known = ", ".join(clean(model.label) for model in models)
            raise ComparisonError(f"no model {clean(name)!r} in these results; they have: {known}")
        pairs = [(chosen, model) for model in models if model is not chosen]
    else:
        by_name = {model.model: model for model in models[:first]}
        pairs = [(by_name.get(model.model, models[0]), model) for model in models[first:]]
        pairs = pairs or [(models[0], model) for model in models[1:]]
    if not pairs:
        raise ComparisonError(
            f"{clean(str(models[0].path))} holds one model, {clean(models[0].model)}: name another results file to "
            "compare it with"
        )
    return pairs


def _multipliers(
    models: Sequence[ModelRun], comparisons: Sequence[Comparison], profile: Profile, *, all_trained: bool
) -> Iterable[Multiplier]:
    if all_trained:
        yield from (Multiplier(each.baseline, each.candidate, each.ratio) for each in comparisons)
        return
    for before in models:
        for after in models:
            pairs = pair_results(before.results, after.results).pairs if _is_base(before, after) else ()
            if pairs:
                yield Multiplier(before, after, json_exact_ratio(pairs, profile))


def _is_base(before: ModelRun, after: ModelRun) -> bool:
    """Tell whether one model is the other with an adapter on it, as their manifests describe them."""
    base, trained = before.description, after.description
    return (
        base.get("model") is not None
        and all(base.get(key) == trained.get(key) for key in ("backend", "model", "revision"))
        and not base.get("adapter")
        and bool(trained.get("adapter"))
    )


def _standings(models: Sequence[ModelRun], profile: Profile, suite: Suite) -> Iterable[Standing]:
    answers = [
        {key: result for key, result in results_by_case(model.results).items() if not is_error(result)}
        for model in models
    ]
    shared = set.intersection(*(set(each) for each in answers))
    for model, each in zip(models, answers, strict=True):
        # A pair of a model with itself: groups and scores are taken from pairs.
        pairs = [Pair(result, result) for key, result in each.items() if key in shared]
        if not pairs:
            continue
        exact = {
            group: sum(pair_hits(pair, profile, "json_exact")[0] for pair in own) / len(own)
            for group, own in pairs_by_group(pairs, profile, suite).items()
        }
        yield Standing(
            model=model,
            n=len(pairs),
            json_exact=exact.pop("all"),
            by_slice=exact,
            field_f1=sum(pair_scores(pair, profile, "field_f1")[0] for pair in pairs) / len(pairs),
        )


def _notes(runs: Sequence[Run], comparisons: Sequence[Comparison]) -> Iterable[str]:
    for comparison in comparisons:
        pairing = comparison.pairing
        names = clean(comparison.baseline.label), clean(comparison.candidate.label)
        if not pairing.same_suite:
            yield (
                f"THE SUITES DIFFER: of {names[0]} and {names[1]} only the {len(pairing.pairs)} cases that both have "
                f"unchanged are compared; {len(pairing.changed)} changed, {len(pairing.only_baseline)} only in the "
                f"first and {len(pairing.only_candidate)} only in the second"
            )
        if pairing.errors:
            verb = "1 case could not be answered", "is"
            if pairing.errors > 1:
                verb = f"{pairing.errors} cases could not be answered", "are"
            yield f"{verb[0]} by {' or '.join(names)} and {verb[1]} left out"
        of = [
            next(run for run in runs if run.path == each.path) for each in (comparison.baseline, comparison.candidate)
        ]
        model = comparison.candidate.model
        if comparison.baseline.model == model and (differing := difference(*(asked(run, model) for run in of))):
            yield f"{names[0]} and {names[1]} were asked otherwise: {clean(differing[0])}, and {clean(differing[1])}"
    for run in runs:
        if "finished" not in run.manifest:
            yield f"{clean(str(run.path))} is of a run that was cut off"
    for words, values in (
        ("with different profiles", {str(run.manifest["settings"].get("profile")) for run in runs}),
        ("with different extraction", {each["extraction"]["policy"] for run in runs for each in run.results}),
        ("by different versions", {str(run.manifest["versions"].get("pytest-edgejson")) for run in runs}),
    ):
        if len(values) > 1:
            fix = "" if words.endswith("profiles") else "; edgejson rescore makes them comparable"
            yield f"the runs were scored {words} ({', '.join(sorted(map(clean, values)))}){fix}"
