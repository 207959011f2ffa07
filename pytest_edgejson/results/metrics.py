"""Metrics: what the results of a group of cases add up to, and all that is known of each metric.

Tables, gates, comparisons, what CI services are told and `docs/gates.md` are made of `METRICS`. A new metric is a row
of it; what it is made of is a key of results, or a function beside the table.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from pytest_edgejson.results.result import Result, is_error
from pytest_edgejson.results.statistics import mean_interval, proportion_interval
from pytest_edgejson.results.units import COUNT, MEAN, MONEY, P_VALUE, PROPORTION, SECONDS, TOKENS, TOKENS_PER_S, Unit
from pytest_edgejson.suite.cases import COMPLEXITIES

if TYPE_CHECKING:
    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.results.statistics import Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: in its unit.
        interval: Wilson's for a proportion, bootstrapped for a mean; None where there is none.
    """

    value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Measurement(Estimate):
    """The value of one metric on a group of results.

    Attributes:
        n: results it was made of.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: what gates, documents and properties call it.
        label: what a reader sees.
        unit: what its values are and how they are shown.
        meaning: what it is, as Markdown.
        key: where a result has its value for a case, such as `v3.json_exact`; it is a proportion or a mean of these.
        published: the same by the published scorer, where the v3 profile takes that one.
        compute: computes it of answers where it is no proportion or mean; None where none has what it needs.
        of: what it is made of: the `results` of one run; which of them miss what the run asserts (`misses`); or which
            cases changed sides since the baseline (`changes`). The latter two are computed by gates.
        higher_is_better: whether the worst is the lowest.
        is_headline: whether it stands in the tables of a run and in JUnit XML.
        is_rare: whether tables leave it out where no model has what it needs.
        is_compared: whether a comparison of runs tells its differences; for proportions and means by a key.
    """

    name: str
    label: str
    unit: Unit
    meaning: str
    key: str = ""
    published: str = ""
    compute: Callable[[Sequence[Result], Profile], Measurement | None] | None = None
    of: Literal["results", "misses", "changes"] = "results"
    higher_is_better: bool = True
    is_headline: bool = False
    is_rare: bool = False
    is_compared: bool = False

    def score(self, result: Result, profile: Profile) -> float:
        """Return the value of one result, by the profile's scorer."""
        value: float = get(result, self.published if profile == "v3" and self.published else self.key)
        return value

    def measure(self, results: Sequence[Result], profile: Profile) -> Measurement | None:
        """Return the value for a group of results; None where none of them has what it needs."""
        if self.compute is not None:
            return self.compute(results, profile)
        answers = _answers(results)
        scores = [(result, self.score(result, profile)) for result in answers]
        # Repeats of a case are alike: they count as one case, which has their mean.
        if self.unit is PROPORTION and not any(result["repeat"] > 1 for result in answers):
            hits = sum(bool(score) for _, score in scores)
            value, interval = hits / len(answers) if answers else 0.0, proportion_interval(hits, len(answers))
        else:
            by_case: defaultdict[str, list[float]] = defaultdict(list)
            for result, score in scores:
                by_case[result["case_id"]].append(score)
            means = [fmean(scores) for scores in by_case.values()]
            value, interval = fmean(means) if means else 0.0, mean_interval(means)
        return None if interval is None else Measurement(value, interval, len(answers))


def get(result: Mapping[str, Any], key: str) -> Any:
    """Return the value of a key of a result; the keys of records in it follow a dot: `v3.json_exact`."""
    first, _, second = key.partition(".")
    return result[first][second] if second else result[first]


def _answers(results: Iterable[Result]) -> list[Result]:
    return [result for result in results if not is_error(result)]


def _tokens_per_s(results: Sequence[Result], profile: Profile) -> Measurement | None:
    """Compute generated tokens per second of the model's work.

    By the v3 profile it is 50 tokens over the mean latency: what the published evaluation calls tokens per second.
    """
    answers = _answers(results)
    if profile == "v3":
        latencies = [result["latency_s"] for result in answers if result["latency_s"]]
        tokens, seconds = 50 * len(latencies), sum(latencies)
    else:
        timed = [
            (result["output_tokens"], result["compute_s"])
            for result in answers
            if result["output_tokens"] is not None and result["compute_s"]
        ]
        tokens, seconds = sum(tokens for tokens, _ in timed), sum(seconds for _, seconds in timed)
    return Measurement(tokens / seconds, None, len(answers)) if seconds else None


def _latency_percentile(percent: int) -> Callable[[Sequence[Result], Profile], Measurement | None]:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        latencies = sorted(result["latency_s"] for result in _answers(results) if result["latency_s"] is not None)
        if not latencies:
            return None
        return Measurement(latencies[math.ceil(percent * len(latencies) / 100) - 1], None, len(latencies))

    return compute


def _sum(key: Literal["cost", "thought_tokens"]) -> Callable[[Sequence[Result], Profile], Measurement | None]:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        known = [result[key] for result in _answers(results) if key in result]
        return Measurement(sum(known), None, len(known)) if known else None

    return compute


def _errors(results: Sequence[Result], profile: Profile) -> Measurement:
    return Measurement(len(results) - len(_answers(results)), None, len(results))


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "json_exact",
            "JSONExact",
            PROPORTION,
            "answers that are exact",
            key="json_exact",
            published="v3.json_exact",
            is_headline=True,
            is_compared=True,
        ),
        Metric(
            "field_f1",
            "FieldF1",
            MEAN,
            "leaves that are right, of those expected and those given; the mean over cases",
            key="field_f1",
            published="v3.field_f1",
            is_headline=True,
            is_compared=True,
        ),
        Metric(
            "field_precision", "field precision", MEAN, "leaves that are right, of those given", key="field_precision"
        ),
        Metric("field_recall", "field recall", MEAN, "leaves that are right, of those expected", key="field_recall"),
        Metric("key_f1", "KeyF1", MEAN, "as `field_f1`, values ignored", key="key_f1"),
        Metric(
            "schema_compliance",
            "SchemaCompliance",
            PROPORTION,
            "answers that the case's schema allows",
            key="schema_compliant",
            published="v3.schema_compliance",
            is_headline=True,
            is_compared=True,
        ),
        Metric(
            "format_compliance",
            "format compliance",
            PROPORTION,
            "the same with `format` asserted",
            key="format_compliant",
        ),
        Metric(
            "v3.json_exact", "v3 JSONExact", PROPORTION, "`json_exact` by the published scorer", key="v3.json_exact"
        ),
        Metric("v3.field_f1", "v3 FieldF1", MEAN, "`field_f1` by the published scorer", key="v3.field_f1"),
        Metric(
            "v3.schema_compliance",
            "v3 SchemaCompliance",
            PROPORTION,
            "`schema_compliance` by the published scorer",
            key="v3.schema_compliance",
        ),
        Metric(
            "tokens_per_s",
            "tok/s",
            TOKENS_PER_S,
            "generated tokens over the seconds that the model worked",
            compute=_tokens_per_s,
            is_headline=True,
        ),
        Metric(
            "cost",
            "cost",
            MONEY,
            "what the answers cost by the `prices` of the model's entry, also of those from the store",
            compute=_sum("cost"),
            higher_is_better=False,
            is_headline=True,
            is_rare=True,
        ),
        Metric(
            "thought_tokens",
            "thought tokens",
            TOKENS,
            "generated tokens of thoughts, where a server counts them; the sum over answers",
            compute=_sum("thought_tokens"),
            higher_is_better=False,
            is_headline=True,
            is_rare=True,
        ),
        *(
            Metric(
                f"latency_p{percent}",
                f"latency p{percent}",
                SECONDS,
                f"the least latency that {percent} % of the answers do not exceed (nearest rank)",
                compute=_latency_percentile(percent),
                higher_is_better=False,
            )
            for percent in (50, 95)
        ),
        Metric(
            "errors",
            "errors",
            COUNT,
            "cases that could not be run; they fail the run whatever this gate says",
            compute=_errors,
            higher_is_better=False,
        ),
        Metric(
            "misses",
            "misses",
            COUNT,
            "cases that miss what `--edgejson-assert` asks",
            of="misses",
            higher_is_better=False,
        ),
        Metric(
            "regressions",
            "regressions",
            COUNT,
            "cases that pass in the baseline and miss now, by this run's `--edgejson-assert`",
            of="changes",
            higher_is_better=False,
        ),
        Metric("gains", "gains", COUNT, "cases that miss in the baseline and pass now", of="changes"),
        Metric(
            "p_worse",
            "p worse",
            P_VALUE,
            "chance of so many regressions or more among the cases that changed, if each were as likely a gain: the "
            "one-sided exact McNemar test",
            of="changes",
        ),
    )
}
"""All metrics by name."""

HEADLINE = tuple(metric for metric in METRICS.values() if metric.is_headline)
"""The metrics in the tables of a run, in their order."""

COMPARED = tuple(metric for metric in METRICS.values() if metric.is_compared)
"""The metrics whose differences a comparison tells; the first is the one that its verdict rests on."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The headline metrics of a group of cases.

    Attributes:
        n: answers that count.
        errors: cases that could not be run; they count in nothing else.
        measured: by name; a metric that no answer has what it needs for is absent.
    """

    n: int
    errors: int
    measured: Mapping[str, Measurement]

    def get(self, name: str) -> Measurement | None:
        """Return the metric of a name; None where it could not be measured."""
        return self.measured.get(name)

    def estimate(self, name: str) -> Estimate | None:
        """Return the same without what it was made of."""
        found = self.get(name)
        return None if found is None else Estimate(found.value, found.interval)


def measure(results: Sequence[Result], profile: Profile = "default") -> Metrics:
    """Compute the headline metrics of a group, by the profile's scorer."""
    answers = _answers(results)
    measured = {metric.name: metric.measure(answers, profile) for metric in HEADLINE}
    return Metrics(
        n=len(answers),
        errors=len(results) - len(answers),
        measured={name: found for name, found in measured.items() if found is not None},
    )


def shown(groups: Iterable[Metrics]) -> list[Metric]:
    """Return the metrics that stand in a table of groups, in their order."""
    measured = {name for group in groups for name in group.measured}
    return [metric for metric in HEADLINE if not metric.is_rare or metric.name in measured]


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
