"""What a comparison of runs consists of: the models, their differences, all that a report says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.backends.spec import Published
    from pytest_edgejson.results.compare.pairing import Pair, Pairing
    from pytest_edgejson.results.result import Profile, Result
    from pytest_edgejson.results.statistics import Interval
    from pytest_edgejson.suite.suites import Suite

SIZE_CLASSES = (("NLM", 10_000_000), ("MLM", 250_000_000), ("SLM", 1_500_000_000))
"""Name and least number of parameters that is too many for it, as the published capacity table has them."""


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
        metric: its name, one of `metrics.compared`.
        group: a slice of the suite, or `all`.
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

    metric: str
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
        differences: each metric over all cases and by slice.
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

    def difference(self, metric: str, group: str = "all") -> Difference:
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
        by_slice: JSONExact by slice of the suite.
        field_f1: mean over all.
    """

    model: ModelRun
    n: int
    json_exact: float
    by_slice: Mapping[str, float]
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
        suite: that of the runs.
        notes: what a reader should know about the comparison, one line each.
    """

    models: tuple[ModelRun, ...]
    standings: tuple[Standing, ...]
    comparisons: tuple[Comparison, ...]
    multipliers: tuple[Multiplier, ...]
    profile: Profile
    suite: Suite
    notes: tuple[str, ...]
