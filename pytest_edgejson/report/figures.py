"""The figures of a comparison as text: differences and ratios with their intervals, p-values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_edgejson.results.compare.comparison import Difference, Ratio
    from pytest_edgejson.results.metrics import Estimate


def p_text(value: float) -> str:
    """Return a p-value with the sign before it."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"


def change_text(difference: Difference, *, short: bool = False) -> str:
    """Return a difference with its interval: in points for proportions, as a fraction for FieldF1."""
    if difference.metric == "field_f1":
        number, unit = _signed_fraction, ""
    else:
        number, unit = _signed_points, " points"
    change = number(difference.value)
    if difference.interval is None:
        return change if short else change + unit
    low, high = number(difference.interval.low), number(difference.interval.high)
    return f"{change} [{low}, {high}]" if short else f"{change}{unit}, 95 % interval {low} to {high}"


def _signed_fraction(value: float) -> str:
    # No -0.000.
    return f"{round(value, 3) + 0.0:+.3f}"


def _signed_points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}"


def ratio_text(ratio: Ratio) -> str:
    """Return a ratio with its interval."""
    value = "undefined, the baseline has none" if ratio.value is None else f"{ratio.value:.2f}"
    if ratio.interval is None:
        return value
    high = "∞" if math.isinf(ratio.interval.high) else f"{ratio.interval.high:.2f}"
    return f"{value} [{ratio.interval.low:.2f}, {high}]"


def percent(estimate: Estimate | None) -> str:
    """Return a proportion with its interval: `69.6 % [62.1, 76.3]`."""
    if estimate is None:
        return "-"
    low, high = 100 * estimate.interval.low, 100 * estimate.interval.high
    return f"{100 * estimate.value:.1f} % [{low:.1f}, {high:.1f}]"


def fraction(estimate: Estimate | None) -> str:
    """Return a mean with its interval: `0.845 [0.791, 0.893]`."""
    if estimate is None:
        return "-"
    return f"{estimate.value:.3f} [{estimate.interval.low:.3f}, {estimate.interval.high:.3f}]"
