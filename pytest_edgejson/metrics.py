"""Metrics: what the results of a group of cases add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.cases import COMPLEXITIES
from pytest_edgejson.results import Result, is_error, scores
from pytest_edgejson.statistics import mean_interval, proportion_interval

if TYPE_CHECKING:
    from pytest_edgejson.options import Profile
    from pytest_edgejson.statistics import Interval


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
    answers = [result for result in results if not is_error(result)]
    rows = [scores(result, profile) for result in answers]
    return Metrics(
        n=len(answers),
        errors=len(results) - len(answers),
        json_exact=_proportion([exact for exact, _, _ in rows]),
        field_f1=_mean([field_f1 for _, field_f1, _ in rows]),
        schema_compliance=_proportion([compliant for _, _, compliant in rows]),
        tokens_per_s=_published_speed(answers) if profile == "v3" else _speed(answers),
    )


def _proportion(hits: Sequence[bool]) -> Estimate | None:
    interval = proportion_interval(sum(hits), len(hits))
    return None if interval is None else Estimate(sum(hits) / len(hits), interval)


def _mean(values: Sequence[float]) -> Estimate | None:
    interval = mean_interval(values)
    return None if interval is None else Estimate(sum(values) / len(values), interval)


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
