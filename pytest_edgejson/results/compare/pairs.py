"""Two models compared case by case: how far they are apart in each metric, and what speaks for chance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pytest_edgejson.results.compare.comparison import Comparison, Detectable, Difference, Ratio
from pytest_edgejson.results.compare.pairing import ComparisonError, pair_results
from pytest_edgejson.results.metrics import METRICS, compared
from pytest_edgejson.results.slices import group_by_slice
from pytest_edgejson.results.statistics import (
    PairedCounts,
    clustered_mean,
    corrected,
    detectable_difference,
    mcnemar,
    paired_difference_interval,
    paired_ratio_interval,
    proportion_interval,
)
from pytest_edgejson.results.units import MEAN
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_edgejson.results.compare.comparison import ModelRun
    from pytest_edgejson.results.compare.pairing import Pair, Pairing
    from pytest_edgejson.results.metric import Metric
    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.results.statistics import Interval
    from pytest_edgejson.suite.suites import Suite

_SHOWN_IDS = 3


def compare_models(
    baseline: ModelRun,
    candidate: ModelRun,
    profile: Profile,
    *,
    alpha: float,
    common: bool,
    suite: Suite = EDGEJSON,
) -> Comparison:
    """Compare two models on the cases that both answered; p-values are not yet corrected.

    Args:
        baseline: what is compared with.
        candidate: what is compared.
        profile: whose scorer decides.
        alpha: at which a difference would be detected.
        common: compare the cases that both have unchanged where the suites differ.
        suite: whose metrics and slices count.

    Raises:
        ComparisonError: a case stands twice, the suites differ, or there is no case that both answered.
    """
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
    # Repeats of a case agree more than cases do: only as many cases as there are tell how often models disagree.
    cases = len({pair.baseline["case_id"] for pair in pairs})
    most = proportion_interval(round(discordant * cases / counts.n), cases)
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        pairing=pairing,
        differences=tuple(_differences(pairs, profile, suite)),
        ratio=json_exact_ratio(pairs, profile),
        detectable=Detectable(
            detectable_difference(cases, discordant / counts.n, alpha),
            detectable_difference(cases, most.high if most else 1.0, alpha),
        ),
        schemas=len({pair.baseline["schema_id"] for pair in pairs}),
        same_outputs=sum(pair.baseline["output"] == pair.candidate["output"] for pair in pairs),
        regressions=tuple(pair for pair in pairs if pair_hits(pair, profile, "json_exact") == (True, False)),
        gains=tuple(pair for pair in pairs if pair_hits(pair, profile, "json_exact") == (False, True)),
    )


def _refusal(baseline: ModelRun, candidate: ModelRun, pairing: Pairing) -> str:
    shared = len(pairing.pairs) + pairing.errors
    fix = f"add --common to compare the {shared} that both have unchanged" if shared else "nothing is left to compare"
    return f"{other_suite(baseline, candidate, pairing)}; {fix}"


def other_suite(baseline: ModelRun, candidate: ModelRun, pairing: Pairing) -> str:
    """Return in what the suites of two models differ, in words."""
    by_change: dict[str, list[str]] = {}
    for name, keys in pairing.changed.items():
        by_change.setdefault(" and ".join(keys), []).append(name)
    parts = [f"{_some(ids)} changed {change}" for change, ids in by_change.items()]
    for model, ids in ((baseline, pairing.only_baseline), (candidate, pairing.only_candidate)):
        if ids:
            parts.append(f"{_some(ids)} only in {clean(str(model.path))}")
    return f"{clean(str(candidate.path))} asks other things than {clean(str(baseline.path))}: {'; '.join(parts)}"


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(clean(name) for name in ids[:_SHOWN_IDS]) + ", …" * (len(ids) > _SHOWN_IDS)
    return f"{counted(len(ids), 'case')} ({shown})"


def _differences(pairs: Sequence[Pair], profile: Profile, suite: Suite) -> Iterable[Difference]:
    for metric in compared(suite):
        for name, group in pairs_by_group(pairs, profile, suite).items():
            yield measure_difference(metric, name, group, profile)


def measure_difference(metric: Metric, group: str, pairs: Sequence[Pair], profile: Profile) -> Difference:
    """Return how far two models are apart in a metric; the p-value is not corrected.

    Args:
        metric: one of `metrics.compared`.
        group: what the pairs are called.
        pairs: one or more.
        profile: whose scorer decides.
    """
    both = [pair_scores(pair, profile, metric.name) for pair in pairs]
    interval: Interval | None
    if metric.unit is MEAN or _is_repeated(pairs):
        # Cases of one schema, and repeats of one case, are alike.
        cluster: Literal["schema_id", "case_id"] = "schema_id" if metric.unit is MEAN else "case_id"
        clusters: dict[str, list[float]] = {}
        for pair, (before, after) in zip(pairs, both, strict=True):
            clusters.setdefault(pair.baseline[cluster], []).append(after - before)
        mean = clustered_mean(clusters)
        interval, p = mean.interval, mean.p
    else:
        counts = _counts(pairs, profile, metric.name)
        interval, p = paired_difference_interval(counts), mcnemar(counts)
    baseline, candidate = (sum(values) / len(pairs) for values in zip(*both, strict=True))
    return Difference(
        metric=metric.name,
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


def json_exact_ratio(pairs: Sequence[Pair], profile: Profile) -> Ratio:
    """Return JSONExact of the candidate over that of the baseline."""
    counts = _counts(pairs, profile, "json_exact")
    return Ratio(
        counts.candidate / counts.baseline if counts.baseline else None,
        None if _is_repeated(pairs) else paired_ratio_interval(counts),
    )


def correct_p_values(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Correct the p-values of each metric: over all cases by the number of comparisons, and the others apart."""
    places: dict[tuple[str, bool], list[tuple[int, int]]] = {}
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


def pairs_by_group(pairs: Sequence[Pair], profile: Profile, suite: Suite = EDGEJSON) -> dict[str, Sequence[Pair]]:
    """Return `all` pairs, and those of each slice of the suite that has any."""
    of = {id(pair.candidate): pair for pair in pairs}
    groups = group_by_slice([pair.candidate for pair in pairs], suite.slices, profile)
    return {"all": pairs} | {name: [of[id(result)] for result in group] for name, group in groups.items()}


def pair_scores(pair: Pair, profile: Profile, metric: str) -> tuple[float, float]:
    """Return a metric of the baseline and of the candidate."""
    score = METRICS[metric].score
    return score(pair.baseline, profile), score(pair.candidate, profile)


def pair_hits(pair: Pair, profile: Profile, metric: str) -> tuple[bool, bool]:
    """Tell whether the baseline and the candidate fulfil a metric that is a yes or no."""
    before, after = pair_scores(pair, profile, metric)
    return bool(before), bool(after)


def _counts(pairs: Iterable[Pair], profile: Profile, metric: str) -> PairedCounts:
    hits = [pair_hits(pair, profile, metric) for pair in pairs]
    return PairedCounts(
        both=hits.count((True, True)),
        gains=hits.count((False, True)),
        losses=hits.count((True, False)),
        neither=hits.count((False, False)),
    )


def _is_repeated(pairs: Iterable[Pair]) -> bool:
    return any(pair.baseline["repeat"] > 1 for pair in pairs)
