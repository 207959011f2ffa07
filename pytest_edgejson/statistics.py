"""Statistics: how far a number measured on a few cases can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The same values always give the same interval.
_SEED = 20_250_101
_RESAMPLES = 9_999
# Resampled values held at once, 8 bytes each.
_MOST_AT_ONCE = 8_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


def proportion_interval(successes: int, n: int, level: float = 0.95) -> Interval | None:
    """Return the Wilson interval of a proportion, None for no cases.

    Raises:
        ValueError: there are more successes than cases, or less than none, or the level is not between 0 and 1.
    """
    _check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no proportion")
    if n == 0:
        return None
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(confidence_level=level, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """Return the percentile bootstrap interval of a mean, None for no values.

    It is the value itself where all values are the same, which resampling cannot vary.

    Raises:
        ValueError: the level is not between 0 and 1.
    """
    _check_level(level)
    if not values:
        return None
    if min(values) == max(values):
        return Interval(float(values[0]), float(values[0]))
    import numpy as np
    from scipy.stats import bootstrap

    result = bootstrap(
        # Sorted: what workers hand in, in whatever order, gives the same interval.
        (np.sort(np.asarray(values, dtype=float)),),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=max(1, _MOST_AT_ONCE // len(values)),
        vectorized=True,
        confidence_level=level,
        method="percentile",
        random_state=np.random.default_rng(_SEED),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level is between 0 and 1, not {level}")
