"""Comparison: what the results of several models on the same cases say about their difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.cases import COMPLEXITIES
from pytest_edgejson.pairing import ComparisonError, Pair, Pairing, pair_results, results_by_case
from pytest_edgejson.results import Result, Run, is_error, scores
from pytest_edgejson.statistics import (
    ALPHA,
    PairedCounts,
    clustered_mean,
    corrected,
    detectable_difference,
    mcnemar,
    paired_difference_interval,
    paired_ratio_interval,
    proportion_interval,
)
from pytest_edgejson.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.models import ModelSpec, Published
    from pytest_edgejson.options import Profile
    from pytest_edgejson.statistics import Interval

ComparedMetric: TypeAlias = Literal["json_exact", "field_f1", "schema_compliance"]
COMPARED_METRICS: tuple[ComparedMetric, ...] = ("json_exact", "field_f1", "schema_compliance")

SIZE_CLASSES = (("NLM", 10_000_000), ("MLM", 250_000_000), ("SLM", 1_500_000_000))
"""Name and least number of parameters that is too many for it, as the published capacity table has them."""

_SHOWN_IDS = 3


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What one model answered in one run.

    Attributes:
        label: the model's name, with the file where several files have that name.
        path: the results file.
        model: the name in the results.
        description: what the run's manifest says of the model.
        results: in the order of the file.
        published: what is published of a model of that name.
    """

    label: str
    path: Path
    model: str
    description: Mapping[str, Any]
    results: tuple[Result, ...]
    published: tuple[Published, ...]

    @property
    def parameters(self) -> int | None:
        """How many the model has, without an adapter; None where the manifest is silent."""
        count = self.description.get("parameters")
        return count if isinstance(count, int) else None

    @property
    def size_class(self) -> str | None:
        """One of `SIZE_CLASSES`; None beyond the largest, and where the parameters are unknown."""
        count = self.parameters
        return None if count is None else next((name for name, limit in SIZE_CLASSES if count < limit), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two models are apart in a metric, over one group of cases.

    Attributes:
        metric: which.
        group: a complexity, or `all`.
        n: pairs.
        baseline: the metric of the baseline, a fraction.
        candidate: the metric of the candidate.
        value: candidate minus baseline.
        interval: its 95 % interval; None where there is too little for one.
        up: pairs in which the candidate does better.
        down: pairs in which it does worse.
        p: of the null hypothesis that both are equally good, as it is.
        p_corrected: the same, corrected for the number of comparisons (Benjamini-Hochberg).
    """

    metric: ComparedMetric
    group: str
    n: int
    baseline: float
    candidate: float
    value: float
    interval: Interval | None
    up: int
    down: int
    p: float
    p_corrected: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """JSONExact of the candidate over that of the baseline.

    Attributes:
        value: None where the baseline has no hit.
        interval: 95 %, perhaps up to infinity; None where neither has a hit, or cases were repeated.
    """

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest difference of JSONExact that would be found with 80 % power; None where there are too few cases.

    Attributes:
        observed: where the models disagree on as many cases as they do.
        conservative: where they disagree on as many as the upper end of the 95 % interval of that share.
    """

    observed: float | None
    conservative: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same cases.

    Attributes:
        baseline: what is compared with.
        candidate: what is compared.
        pairing: the cases.
        differences: each metric over all cases and by complexity.
        ratio: of JSONExact.
        detectable: what would have been noticed.
        schemas: among the pairs.
        same_outputs: pairs whose outputs are the same text.
        regressions: pairs that the baseline has exact and the candidate misses.
        gains: the reverse.
    """

    baseline: ModelRun
    candidate: ModelRun
    pairing: Pairing
    differences: tuple[Difference, ...]
    ratio: Ratio
    detectable: Detectable
    schemas: int
    same_outputs: int
    regressions: tuple[Pair, ...]
    gains: tuple[Pair, ...]

    @property
    def is_same(self) -> bool:
        """Whether all outputs are the same and were scored the same."""
        scored = any(difference.up or difference.down for difference in self.differences)
        return self.same_outputs == len(self.pairing.pairs) and not scored

    def difference(self, metric: ComparedMetric, group: str = "all") -> Difference:
        """Return the difference in a metric over a group.

        Raises:
            KeyError: there is no such group.
        """
        for difference in self.differences:
            if (difference.metric, difference.group) == (metric, group):
                return difference
        raise KeyError(f"{metric}[{group}]")


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's metrics on the cases that every compared model answered.

    Attributes:
        model: which.
        n: cases.
        json_exact: fraction over all of them.
        by_complexity: JSONExact by complexity.
        field_f1: mean over all.
    """

    model: ModelRun
    n: int
    json_exact: float
    by_complexity: Mapping[str, float]
    field_f1: float


@dataclass(frozen=True, slots=True)
class Multiplier:
    """What training made of a base: JSONExact after over JSONExact before."""

    base: ModelRun
    trained: ModelRun
    ratio: Ratio


@dataclass(frozen=True, slots=True)
class Report:
    """All that several runs say together.

    Attributes:
        models: in the order of the files.
        standings: of each model, in the same order.
        comparisons: each candidate with its baseline.
        multipliers: each trained model with its base.
        profile: whose scorer decides.
        notes: what a reader should know about the comparison, one line each.
    """

    models: tuple[ModelRun, ...]
    standings: tuple[Standing, ...]
    comparisons: tuple[Comparison, ...]
    multipliers: tuple[Multiplier, ...]
    profile: Profile
    notes: tuple[str, ...]


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
    models = _model_runs(runs, registry or {})
    profile: Profile = "v3" if all(run.manifest["settings"].get("profile") == "v3" for run in runs) else "default"
    pairs = _candidates(models, len(runs[0].models), baseline or base)
    comparisons = [_compare(*pair, profile, alpha=ALPHA / len(pairs), common=common) for pair in pairs]
    return Report(
        models=tuple(models),
        standings=tuple(_standings(models, profile)),
        comparisons=tuple(_correct(comparisons)),
        multipliers=tuple(_multipliers(models, comparisons, profile, all_trained=base is not None)),
        profile=profile,
        notes=tuple(_notes(runs, comparisons)),
    )


def _model_runs(runs: Sequence[Run], registry: Mapping[str, ModelSpec]) -> list[ModelRun]:
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
            results=tuple(result for result in run.results if result["model"] == model),
            published=registry[model].published if model in registry else (),
        )
        for position, ((run, model), label) in enumerate(zip(named, labels, strict=True))
    ]


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


def _compare(baseline: ModelRun, candidate: ModelRun, profile: Profile, *, alpha: float, common: bool) -> Comparison:
    pairing = pair_results(baseline.results, candidate.results)
    if not pairing.same_suite and not common:
        raise ComparisonError(_refusal(baseline, candidate, pairing))
    pairs = pairing.pairs
    if not pairs:
        raise ComparisonError(
            f"no case that {clean(baseline.label)} and {clean(candidate.label)} both answered: "
            "compare runs of the same suite"
        )
    counts = _counts(pairs, profile, "json_exact")
    discordant = counts.gains + counts.losses
    repeated = _is_repeated(pairs)
    # Repeats of a case agree more than cases do: only as many cases as there are tell how often models disagree.
    cases = len({pair.baseline["case_id"] for pair in pairs})
    most = proportion_interval(round(discordant * cases / counts.n), cases)
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        pairing=pairing,
        differences=tuple(_differences(pairs, profile)),
        ratio=_ratio(counts, repeated=repeated),
        detectable=Detectable(
            detectable_difference(cases, discordant / counts.n, alpha),
            detectable_difference(cases, most.high if most else 1.0, alpha),
        ),
        schemas=len({pair.baseline["schema_id"] for pair in pairs}),
        same_outputs=sum(pair.baseline["output"] == pair.candidate["output"] for pair in pairs),
        regressions=tuple(pair for pair in pairs if _hits(pair, profile, "json_exact") == (True, False)),
        gains=tuple(pair for pair in pairs if _hits(pair, profile, "json_exact") == (False, True)),
    )


def _refusal(baseline: ModelRun, candidate: ModelRun, pairing: Pairing) -> str:
    by_change: dict[str, list[str]] = {}
    for name, keys in pairing.changed.items():
        by_change.setdefault(" and ".join(keys), []).append(name)
    parts = [f"{_some(ids)} changed {change}" for change, ids in by_change.items()]
    for model, ids in ((baseline, pairing.only_baseline), (candidate, pairing.only_candidate)):
        if ids:
            parts.append(f"{_some(ids)} only in {clean(str(model.path))}")
    shared = len(pairing.pairs) + pairing.errors
    fix = f"add --common to compare the {shared} that both have unchanged" if shared else "nothing is left to compare"
    return f"{clean(str(candidate.path))} asks other things than {clean(str(baseline.path))}: {'; '.join(parts)}; {fix}"


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(clean(name) for name in ids[:_SHOWN_IDS]) + ", …" * (len(ids) > _SHOWN_IDS)
    return f"{len(ids)} case{'s' * (len(ids) != 1)} ({shown})"


def _scores(pair: Pair, profile: Profile, metric: ComparedMetric) -> tuple[float, float]:
    place = COMPARED_METRICS.index(metric)
    return scores(pair.baseline, profile)[place], scores(pair.candidate, profile)[place]


def _hits(pair: Pair, profile: Profile, metric: ComparedMetric) -> tuple[bool, bool]:
    before, after = _scores(pair, profile, metric)
    return bool(before), bool(after)


def _counts(pairs: Iterable[Pair], profile: Profile, metric: ComparedMetric) -> PairedCounts:
    hits = [_hits(pair, profile, metric) for pair in pairs]
    return PairedCounts(
        both=hits.count((True, True)),
        gains=hits.count((False, True)),
        losses=hits.count((True, False)),
        neither=hits.count((False, False)),
    )


def _is_repeated(pairs: Iterable[Pair]) -> bool:
    return any(pair.baseline["repeat"] > 1 for pair in pairs)


def _groups(pairs: Sequence[Pair], profile: Profile) -> dict[str, Sequence[Pair]]:
    groups: dict[str, Sequence[Pair]] = {"all": pairs}
    for complexity in COMPLEXITIES:
        group = [
            pair
            for pair in pairs
            # As in the published table, where a row that states no complexity counts in `all` alone.
            if pair.candidate["complexity"] == complexity and (profile != "v3" or pair.candidate["states_complexity"])
        ]
        if group:
            groups[complexity] = group
    return groups


def _differences(pairs: Sequence[Pair], profile: Profile) -> Iterable[Difference]:
    for metric in COMPARED_METRICS:
        for name, group in _groups(pairs, profile).items():
            yield _difference(metric, name, group, profile)


def _difference(metric: ComparedMetric, group: str, pairs: Sequence[Pair], profile: Profile) -> Difference:
    both = [_scores(pair, profile, metric) for pair in pairs]
    interval: Interval | None
    if metric == "field_f1" or _is_repeated(pairs):
        # Cases of one schema, and repeats of one case, are alike.
        cluster = "schema_id" if metric == "field_f1" else "case_id"
        clusters: dict[str, list[float]] = {}
        for pair, (before, after) in zip(pairs, both, strict=True):
            clusters.setdefault(pair.baseline[cluster], []).append(after - before)
        mean = clustered_mean(clusters)
        interval, p = mean.interval, mean.p
    else:
        counts = _counts(pairs, profile, metric)
        interval, p = paired_difference_interval(counts), mcnemar(counts)
    baseline, candidate = (sum(values) / len(pairs) for values in zip(*both, strict=True))
    return Difference(
        metric=metric,
        group=group,
        n=len(pairs),
        baseline=baseline,
        candidate=candidate,
        value=candidate - baseline,
        interval=interval,
        up=sum(after > before for before, after in both),
        down=sum(after < before for before, after in both),
        p=p,
        p_corrected=p,
    )


def _correct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Correct the p-values of each metric: over all cases by the number of comparisons, and the others apart."""
    places: dict[tuple[ComparedMetric, bool], list[tuple[int, int]]] = {}
    for number, comparison in enumerate(comparisons):
        for place, difference in enumerate(comparison.differences):
            places.setdefault((difference.metric, difference.group == "all"), []).append((number, place))
    differences = [list(comparison.differences) for comparison in comparisons]
    for family in places.values():
        p_values = corrected([differences[number][place].p for number, place in family])
        for (number, place), p in zip(family, p_values, strict=True):
            differences[number][place] = replace(differences[number][place], p_corrected=p)
    return [
        replace(comparison, differences=tuple(own)) for comparison, own in zip(comparisons, differences, strict=True)
    ]


def _ratio(counts: PairedCounts, *, repeated: bool) -> Ratio:
    return Ratio(
        counts.candidate / counts.baseline if counts.baseline else None,
        None if repeated else paired_ratio_interval(counts),
    )


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
                ratio = _ratio(_counts(pairs, profile, "json_exact"), repeated=_is_repeated(pairs))
                yield Multiplier(before, after, ratio)


def _is_base(before: ModelRun, after: ModelRun) -> bool:
    """Tell whether one model is the other with an adapter on it, as their manifests describe them."""
    base, trained = before.description, after.description
    return (
        base.get("model") is not None
        and all(base.get(key) == trained.get(key) for key in ("backend", "model", "revision"))
        and not base.get("adapter")
        and bool(trained.get("adapter"))
    )


def _standings(models: Sequence[ModelRun], profile: Profile) -> Iterable[Standing]:
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
            group: sum(_hits(pair, profile, "json_exact")[0] for pair in own) / len(own)
            for group, own in _groups(pairs, profile).items()
        }
        yield Standing(
            model=model,
            n=len(pairs),
            json_exact=exact.pop("all"),
            by_complexity=exact,
            field_f1=sum(_scores(pair, profile, "field_f1")[0] for pair in pairs) / len(pairs),
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
