"""Metrics: what the results of a group of cases add up to, all at once for a table or one by name for a gate."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from pytest_edgejson.results.assertion import is_error, scores
from pytest_edgejson.results.result import CaseRecord, Result
from pytest_edgejson.results.statistics import mean_interval, proportion_interval
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from pytest_edgejson.results.assertion import Profile
    from pytest_edgejson.results.statistics import Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A proportion or a mean with its 95 % interval.

    Attributes:
        value: between 0 and 1.
        interval: Wilson's for a proportion, bootstrapped for a mean.
    """

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of a group of cases.

    Attributes:
        n: answers that count.
        errors: cases that could not be run; they count in nothing else.
        json_exact: proportion of exact answers; None without answers, like the next two.
        field_f1: mean FieldF1.
        schema_compliance: proportion of schema-compliant answers.
        tokens_per_s: generated tokens per second of the model's work; None where the backend counts none.
    """

    n: int
    errors: int
    json_exact: Estimate | None
    field_f1: Estimate | None
    schema_compliance: Estimate | None
    tokens_per_s: float | None


def measure(results: Sequence[Result], profile: Profile = "default") -> Metrics:
    """Compute the metrics of a group, by the profile's scorer."""
    answers = _answers(results)
    return Metrics(
        n=len(answers),
        errors=len(results) - len(answers),
        json_exact=_proportion(answers, lambda result: scores(result, profile)[0]),
        field_f1=_mean(answers, lambda result: scores(result, profile)[1]),
        schema_compliance=_proportion(answers, lambda result: scores(result, profile)[2]),
        tokens_per_s=measure_speed(answers, profile),
    )


def _proportion(answers: Sequence[Result], hit: Callable[[Result], bool]) -> Estimate | None:
    if any(result["repeat"] > 1 for result in answers):
        return _mean(answers, hit)
    hits = sum(map(hit, answers))
    interval = proportion_interval(hits, len(answers))
    return None if interval is None else Estimate(hits / len(answers), interval)


def _mean(answers: Sequence[Result], value: Callable[[Result], float]) -> Estimate | None:
    """Return the mean over cases. Repeats of a case are alike: they count as one case, which has their mean."""
    by_case: defaultdict[str, list[float]] = defaultdict(list)
    for result in answers:
        by_case[result["case_id"]].append(value(result))
    means = [fmean(values) for values in by_case.values()]
    interval = mean_interval(means)
    return None if interval is None else Estimate(fmean(means), interval)


def measure_speed(results: Iterable[Result], profile: Profile = "default") -> float | None:
    """Return generated tokens per second of the model's work, by the profile; None where nothing was timed."""
    return _published_speed(results) if profile == "v3" else _speed(results)


def _speed(results: Iterable[Result]) -> float | None:
    timed = [
        (result["output_tokens"], result["compute_s"])
        for result in results
        if result["output_tokens"] is not None and result["compute_s"]
    ]
    seconds = sum(compute_s for _, compute_s in timed)
    return sum(tokens for tokens, _ in timed) / seconds if seconds else None


def _published_speed(results: Iterable[Result]) -> float | None:
    """Return 50 tokens over the mean latency: what the published evaluation calls tokens per second."""
    latencies = [result["latency_s"] for result in results if result["latency_s"]]
    return 50 * len(latencies) / sum(latencies) if latencies else None


def by_complexity(results: Sequence[Result], profile: Profile = "default") -> dict[str, Metrics]:
    """Return the metrics of each complexity that occurs, and of `all`.

    Under the v3 profile a row that does not state its complexity counts in `all` alone, as published.
    """
    groups: dict[str, Metrics] = {}
    for complexity in COMPLEXITIES:
        group = [
            result
            for result in results
            if result["complexity"] == complexity and (profile != "v3" or result["states_complexity"])
        ]
        if group:
            groups[complexity] = measure(group, profile)
    groups["all"] = measure(results, profile)
    return groups


def by_schema(results: Sequence[Result], profile: Profile = "default") -> dict[str, Metrics]:
    """Return the metrics of each schema, simple ones first."""
    order = sorted(
        {(COMPLEXITIES.index(result["complexity"]), result["schema_id"]) for result in results},
    )
    return {
        schema_id: measure([result for result in results if result["schema_id"] == schema_id], profile)
        for _, schema_id in order
    }


Grouping = Callable[[Sequence[Result], "Profile"], dict[str, Metrics]]


Unit: TypeAlias = Literal["proportion", "mean", "tokens_per_s", "seconds", "count", "p_value"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The value of one metric on a group of results.

    Attributes:
        value: in the metric's unit.
        n: results it was made of.
        interval: the 95 % interval, None where the metric has none.
    """

    value: float
    n: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by itself.

    Attributes:
        name: what gates call it.
        unit: `proportion` and `mean` lie between 0 and 1 and have an interval.
        higher_is_better: whether the worst is the lowest.
        measure: computes it; None where no result has what it needs.
    """

    name: str
    unit: Unit
    higher_is_better: bool
    measure: Callable[[Sequence[Result], Profile], Measurement | None]


def _answers(results: Iterable[Result]) -> list[Result]:
    return [result for result in results if not is_error(result)]


def _proportion_of(name: str, hit: Callable[[Result, Profile], bool]) -> Metric:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        answers = _answers(results)
        estimate = _proportion(answers, lambda result: hit(result, profile))
        return None if estimate is None else Measurement(estimate.value, len(answers), estimate.interval)

    return Metric(name, "proportion", True, compute)


def _mean_of(name: str, value: Callable[[Result, Profile], float]) -> Metric:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        answers = _answers(results)
        estimate = _mean(answers, lambda result: value(result, profile))
        return None if estimate is None else Measurement(estimate.value, len(answers), estimate.interval)

    return Metric(name, "mean", True, compute)


def _latency_percentile(percent: int) -> Metric:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        latencies = sorted(result["latency_s"] for result in _answers(results) if result["latency_s"] is not None)
        if not latencies:
            return None
        # Nearest rank: the least latency that so many percent of the answers do not exceed.
        return Measurement(latencies[math.ceil(percent * len(latencies) / 100) - 1], len(latencies))

    return Metric(f"latency_p{percent}", "seconds", False, compute)


def _tokens_per_s(results: Sequence[Result], profile: Profile) -> Measurement | None:
    answers = _answers(results)
    value = measure_speed(answers, profile)
    return None if value is None else Measurement(value, len(answers))


def _errors(results: Sequence[Result], profile: Profile) -> Measurement:
    return Measurement(len(results) - len(_answers(results)), len(results))


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _proportion_of("json_exact", lambda result, profile: scores(result, profile)[0]),
        _mean_of("field_f1", lambda result, profile: scores(result, profile)[1]),
        _mean_of("field_precision", lambda result, _: result["field_precision"]),
        _mean_of("field_recall", lambda result, _: result["field_recall"]),
        _mean_of("key_f1", lambda result, _: result["key_f1"]),
        _proportion_of("schema_compliance", lambda result, profile: scores(result, profile)[2]),
        _proportion_of("format_compliance", lambda result, _: result["format_compliant"]),
        _proportion_of("v3.json_exact", lambda result, _: result["v3"]["json_exact"]),
        _mean_of("v3.field_f1", lambda result, _: result["v3"]["field_f1"]),
        _proportion_of("v3.schema_compliance", lambda result, _: result["v3"]["schema_compliance"]),
        Metric("tokens_per_s", "tokens_per_s", True, _tokens_per_s),
        _latency_percentile(50),
        _latency_percentile(95),
        Metric("errors", "count", False, _errors),
    )
}
"""The metrics that the results of one run are enough for, by name."""


class UnknownSlice(ValueError):
    """A slice that holds no case. The message lists what there is."""


_Row = TypeVar("_Row", bound=CaseRecord)


def _tags(row: CaseRecord) -> Iterator[tuple[str, str]]:
    """Yield what a case can be selected by: complexity, schema, and the scalars of its metadata, lists taken apart."""
    yield "complexity", row["complexity"]
    yield "schema_id", row["schema_id"]
    for key, value in row["metadata"].items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield key, item
            elif not isinstance(item, list | dict):
                yield key, json.dumps(item)


def select(rows: Sequence[_Row], name: str, profile: Profile = "default") -> list[_Row]:
    """Return the cases of a slice.

    Args:
        rows: cases or results.
        name: `KEY=VALUE`, where the key is `complexity`, `schema_id` or one of the metadata; or a value alone, which is
            a complexity, else a schema id, else the value of any metadata key.
        profile: under `v3` a row that does not state its complexity is of none, as published.

    Raises:
        UnknownSlice: no case is in it.
    """
    tags = [set(_tags(row)) for row in rows]
    if profile == "v3":
        for row, own in zip(rows, tags, strict=True):
            if not row["states_complexity"]:
                own.discard(("complexity", row["complexity"]))
    keys = list(dict.fromkeys(key for row in rows for key, _ in _tags(row)))
    key, equals, value = (part.strip() for part in name.partition("="))
    named = [key] if equals and key in keys else []
    for candidates, wanted in ((named, value), (["complexity"], name), (["schema_id"], name), (keys, name)):
        found = [row for row, own in zip(rows, tags, strict=True) if any((each, wanted) in own for each in candidates)]
        if found:
            return found
    raise UnknownSlice(_no_such_slice(name, {tag for own in tags for tag in own}, keys))


def _no_such_slice(name: str, tags: set[tuple[str, str]], keys: Sequence[str]) -> str:
    def of(key: str) -> list[str]:
        return sorted(value for own, value in tags if own == key)

    hint = did_you_mean(name, sorted({value for _, value in tags} | {f"{k}={v}" for k, v in tags}))
    metadata = [key for key in keys if key not in ("complexity", "schema_id")]
    there = [
        f"complexities {', '.join(complexity for complexity in COMPLEXITIES if complexity in of('complexity'))}",
        f"schemas {', '.join(of('schema_id'))}",
        f"KEY=VALUE of the metadata {', '.join(metadata)}" if metadata else "no metadata",
    ]
    return clean(f"no case is in the slice {name!r}: {hint}there are: {'; '.join(there)}")
