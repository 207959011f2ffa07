"""Repeats: what several answers of a model to the same case say about it.

pass@k is the chance that at least one of k answers passes, pass^k that all k do, both estimated without bias from the n
answers to a case, c of which pass: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, arXiv:2107.03374) and C(c, k) / C(n, k)
(Yao et al. 2024, arXiv:2406.12045), averaged over the cases.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from pytest_edgejson.results.metric import Estimate
from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.results.result import is_error
from pytest_edgejson.results.statistics import shares_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.results.result import Profile, Result


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric over repeats of a whole run.

    Attributes:
        mean: over the repeats.
        deviation: sample standard deviation between repeats.
        low: of the worst repeat.
        high: of the best.
    """

    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Repeats:
    """What the repeats of one model come to.

    Attributes:
        repeats: answers to each case.
        cases: cases with that many answers.
        left_out: cases with fewer, because some of theirs could not be run.
        json_exact: proportion of exact answers, over the repeats.
        field_f1: mean FieldF1, over the repeats.
        pass_at: pass@k of JSONExact by k, each with the interval of its mean over the cases.
        pass_all: pass^k of JSONExact by k, likewise.
        identical: cases whose answers are all the same text.
    """

    repeats: int
    cases: int
    left_out: int
    json_exact: Spread
    field_f1: Spread
    pass_at: Mapping[int, Estimate]
    pass_all: Mapping[int, Estimate]
    identical: int


def measure_repeats(results: Sequence[Result], profile: Profile = "default") -> Repeats | None:
    """Return what the repeats of one model come to, None where each case was asked only once.

    Args:
        results: of one model.
        profile: whose scorer counts.
    """
    by_case: defaultdict[str, dict[int, Result]] = defaultdict(dict)
    repeats = max((result["repeat"] for result in results), default=1)
    for result in results:
        if not is_error(result):
            by_case[result["case_id"]][result["repeat"]] = result
    whole = {case_id: answers for case_id, answers in by_case.items() if len(answers) == repeats}
    if repeats < 2 or not whole:
        return None
    exact, f1 = (
        {case_id: {r: METRICS[name].score(answers[r], profile) for r in answers} for case_id, answers in whole.items()}
        for name in ("json_exact", "field_f1")
    )
    passes = [int(sum(row.values())) for row in exact.values()]
    return Repeats(
        repeats=repeats,
        cases=len(whole),
        left_out=len({result["case_id"] for result in results}) - len(whole),
        json_exact=_spread([fmean(row[r] for row in exact.values()) for r in range(1, repeats + 1)]),
        field_f1=_spread([fmean(row[r] for row in f1.values()) for r in range(1, repeats + 1)]),
        pass_at={k: _mean([pass_at(k, repeats, c) for c in passes]) for k in _powers(repeats)},
        pass_all={k: _mean([pass_all(k, repeats, c) for c in passes]) for k in _powers(repeats)},
        identical=sum(len({result["output"] for result in answers.values()}) == 1 for answers in whole.values()),
    )


def pass_at(k: int, n: int, c: int) -> float:
    """Return the unbiased estimate that at least one of k answers passes, c of n having passed."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def pass_all(k: int, n: int, c: int) -> float:
    """Return the unbiased estimate that k answers all pass, c of n having passed."""
    return math.comb(c, k) / math.comb(n, k)


def _powers(repeats: int) -> list[int]:
    """Return 1, 2, 4, … and the number of repeats itself."""
    return sorted({2**power for power in range(repeats.bit_length())} | {repeats})


def _spread(values: Sequence[float]) -> Spread:
    return Spread(fmean(values), stdev(values), min(values), max(values))


def _mean(values: Sequence[float]) -> Estimate:
    interval = shares_interval(values)
    assert interval is not None
    return Estimate(fmean(values), interval)
