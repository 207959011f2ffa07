"""What a metric is, and what it measures on a group of results."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from pytest_edgejson.results.result import Result, is_error
from pytest_edgejson.results.statistics import mean_interval, proportion_interval, shares_interval
from pytest_edgejson.results.units import PROPORTION, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
        value: computes it of a result where no key has it; None for a result that it does not concern.
        published: the same by the published scorer, where the v3 profile takes that one.
        compute: computes it of answers where it is no proportion or mean; None where none has what it needs.
        of: what it is made of: the `results` of one run; which of them miss what the run asserts (`misses`); or which
            cases changed sides since the baseline (`changes`). The latter two are computed by gates.
        higher_is_better: whether the worst is the lowest.
        is_headline: whether it stands in the tables of a run and in JUnit XML, where the suite names no metrics.
        is_rare: whether tables leave it out where no model has what it needs.
        is_compared: whether a comparison of runs tells its differences; for proportions and means by a key.
        lacking: what is the matter where no result has what it needs, in words.
    """

    name: str
    label: str
    unit: Unit
    meaning: str
    key: str = ""
    value: Callable[[Result], float | None] | None = None
    published: str = ""
    compute: Callable[[Sequence[Result], Profile], Measurement | None] | None = None
    of: Literal["results", "misses", "changes"] = "results"
    higher_is_better: bool = True
    is_headline: bool = False
    is_rare: bool = False
    is_compared: bool = False
    lacking: str = "no case has an answer"

    def score(self, result: Result, profile: Profile) -> float:
        """Return the value of one result, by the profile's scorer."""
        if self.value is not None:
            return self.value(result) or 0.0
        value: float = get(result, self.published if profile == "v3" and self.published else self.key)
        return value

    def measure(self, results: Sequence[Result], profile: Profile) -> Measurement | None:
        """Return the value for a group of results; None where none of them has what it needs."""
        if self.compute is not None:
            return self.compute(results, profile)
        answers = [each for each in answers_of(results) if self.value is None or self.value(each) is not None]
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
            interval_of = shares_interval if self.unit is PROPORTION else mean_interval
            value, interval = fmean(means) if means else 0.0, interval_of(means)
        return None if interval is None else Measurement(value, interval, len(answers))


def get(result: Mapping[str, Any], key: str) -> Any:
    """Return the value of a key of a result; the keys of records in it follow a dot: `v3.json_exact`."""
    first, _, second = key.partition(".")
    return result[first][second] if second else result[first]


def answers_of(results: Iterable[Result]) -> list[Result]:
    """Return the results of cases that could be run."""
    return [result for result in results if not is_error(result)]
