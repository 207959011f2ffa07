"""Metrics: what the results of a group of cases add up to, and all that is known of each metric.

Tables, gates, comparisons, what CI services are told and `docs/gates.md` are made of `METRICS`. A new metric is a row
of it; what it is made of is a key of results, or a function beside the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_edgejson.results import calls, intents
from pytest_edgejson.results.metric import Estimate, Measurement, Metric, answers_of
from pytest_edgejson.results.result import Result
from pytest_edgejson.results.slices import group_by_slice
from pytest_edgejson.results.statistics import sums_interval
from pytest_edgejson.results.units import COUNT, MEAN, MONEY, P_VALUE, PROPORTION, SECONDS, TOKENS, TOKENS_PER_S
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.suites import EDGEJSON, FILE, SuiteError
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.suite.suites import Suite


def _tokens_per_s(results: Sequence[Result], profile: Profile) -> Measurement | None:
    """Compute generated tokens per second of the model's work.

    By the v3 profile it is 50 tokens over the mean latency: what the published evaluation calls tokens per second.
    """
    answers = answers_of(results)
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
        latencies = sorted(result["latency_s"] for result in answers_of(results) if result["latency_s"] is not None)
        if not latencies:
            return None
        return Measurement(latencies[math.ceil(percent * len(latencies) / 100) - 1], None, len(latencies))

    return compute


def _sum(key: Literal["cost", "thought_tokens"]) -> Callable[[Sequence[Result], Profile], Measurement | None]:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        known = [result[key] for result in answers_of(results) if key in result]
        return Measurement(sum(known), None, len(known)) if known else None

    return compute


def _of_sums(
    counts: Callable[[Sequence[Result]], list[list[float]]],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Callable[[Sequence[Result], Profile], Measurement | None]:
    def compute(results: Sequence[Result], profile: Profile) -> Measurement | None:
        answers = answers_of(results)
        if not answers or not intents.has_intents(answers):
            return None
        import numpy as np

        rows = counts(answers)
        return Measurement(float(statistic(np.sum(rows, axis=0))), sums_interval(rows, statistic), len(answers))

    return compute


def _where(
    has: Callable[[Iterable[Result]], bool], value: Callable[[Result], float | None]
) -> Callable[[Result], float | None]:
    return lambda result: value(result) if has([result]) else None


def _errors(results: Sequence[Result], profile: Profile) -> Measurement:
    return Measurement(len(results) - len(answers_of(results)), None, len(results))


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
            "intent_accuracy",
            "intent accuracy",
            PROPORTION,
            "answers with the expected `intent`; in suites of intents, as the next three",
            value=_where(intents.has_intents, intents.is_right),
            lacking="no case expects an intent and slots",
            is_compared=True,
        ),
        Metric(
            "macro_f1",
            "macro-F1",
            MEAN,
            "F1 of each intent, out-of-scope among them; the mean over those that are expected",
            compute=_of_sums(intents.intent_counts, intents.macro_f1),
            lacking="not every case expects an intent and slots",
        ),
        Metric(
            "oos_recall",
            "out-of-scope recall",
            PROPORTION,
            "cases out of scope that were seen to be",
            value=_where(intents.has_intents, intents.is_found_out),
            lacking="no case is out of scope",
        ),
        Metric(
            "slot_f1",
            "slot F1",
            MEAN,
            "slots whose name and value are right, of those expected and those given in all cases together",
            compute=_of_sums(intents.slot_counts, intents.slot_f1),
            lacking="not every case expects an intent and slots",
        ),
        Metric(
            "function_exact",
            "FunctionExact",
            PROPORTION,
            "answers that make the expected function calls and no other, by the rules of BFCL; in suites of calls",
            value=_where(calls.has_calls, calls.is_exact),
            lacking="no case expects function calls",
            is_compared=True,
        ),
        Metric(
            "param_f1",
            "ParamF1",
            MEAN,
            "parameters of calls that are right, of those expected and those given; the mean over cases",
            value=_where(calls.has_calls, calls.param_f1),
            lacking="no case expects function calls",
            is_compared=True,
        ),
        Metric(
            "tokens_per_s",
            "tok/s",
            TOKENS_PER_S,
            "generated tokens over the seconds that the model worked",
            compute=_tokens_per_s,
            lacking="no answer was timed",
            is_headline=True,
        ),
        Metric(
            "cost",
            "cost",
            MONEY,
            "what the answers cost by the `prices` of the model's entry, also of those from the store",
            compute=_sum("cost"),
            lacking="no answer has a cost: it comes of prices in the model's entry of models.toml",
            higher_is_better=False,
            is_headline=True,
            is_rare=True,
        ),
        Metric(
            "thought_tokens",
            "thought tokens",
            TOKENS,
            "generated tokens of thoughts; the sum over the answers in which they are counted",
            compute=_sum("thought_tokens"),
            lacking="no thoughts were counted",
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
                lacking="no answer was timed",
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

COMPARED = tuple(metric for metric in METRICS.values() if metric.is_compared and metric.key)
"""The metrics whose differences a comparison tells; the first is the one that its verdict rests on."""


def headline(suite: Suite = EDGEJSON) -> tuple[Metric, ...]:
    """Return the metrics in the tables of a suite, in their order: JSONExact, those that it names, speed and cost.

    Raises:
        SuiteError: there is no metric of a name.
    """
    if not suite.metrics:
        return HEADLINE
    for name in suite.metrics:
        if name not in METRICS or METRICS[name].of != "results":
            known = [metric.name for metric in METRICS.values() if metric.of == "results"]
            raise SuiteError(
                f"{suite.name}/{FILE}: unknown metric {name!r}: {did_you_mean(name, known)}use {', '.join(known)}"
            )
    own = (METRICS[name] for name in dict.fromkeys(("json_exact", *suite.metrics)))
    return (*own, *(metric for metric in HEADLINE if not metric.key))


def compared(suite: Suite = EDGEJSON) -> tuple[Metric, ...]:
    """Return the metrics whose differences a comparison tells: JSONExact, and those of the suite that are compared."""
    if not suite.metrics:
        return COMPARED
    return tuple(metric for metric in headline(suite) if metric.is_compared)


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


def measure(results: Sequence[Result], profile: Profile = "default", suite: Suite = EDGEJSON) -> Metrics:
    """Compute the headline metrics of a group, by the profile's scorer."""
    answers = answers_of(results)
    measured = {metric.name: metric.measure(answers, profile) for metric in headline(suite)}
    return Metrics(
        n=len(answers),
        errors=len(results) - len(answers),
        measured={name: found for name, found in measured.items() if found is not None},
    )


def shown(groups: Iterable[Metrics], suite: Suite = EDGEJSON) -> list[Metric]:
    """Return the metrics that stand in a table of groups, in their order."""
    measured = {name for group in groups for name in group.measured}
    return [metric for metric in headline(suite) if not metric.is_rare or metric.name in measured]


def by_slice(results: Sequence[Result], profile: Profile = "default", suite: Suite = EDGEJSON) -> dict[str, Metrics]:
    """Return the metrics of each slice of the suite that occurs, and of `all`."""
    groups = group_by_slice(results, suite.slices, profile) | {"all": list(results)}
    return {name: measure(group, profile, suite) for name, group in groups.items()}


def by_schema(results: Sequence[Result], profile: Profile = "default", suite: Suite = EDGEJSON) -> dict[str, Metrics]:
    """Return the metrics of each schema, simple ones first."""
    order = sorted(
        {(COMPLEXITIES.index(result["complexity"]), result["schema_id"]) for result in results},
    )
    return {
        schema_id: measure([result for result in results if result["schema_id"] == schema_id], profile, suite)
        for _, schema_id in order
    }


Grouping = Callable[[Sequence[Result], "Profile", "Suite"], dict[str, Metrics]]
