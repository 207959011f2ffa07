"""Figures as text: metrics, differences and ratios with their intervals, p-values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Aside, plain
from pytest_edgejson.results.metrics import METRICS

if TYPE_CHECKING:
    from pytest_edgejson.report.document import Inline
    from pytest_edgejson.results.compare.comparison import Difference, Ratio
    from pytest_edgejson.results.metric import Estimate
    from pytest_edgejson.results.units import Unit


def p_text(value: float) -> str:
    """Return a p-value with the sign before it."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"


def value_text(value: float, unit: Unit) -> str:
    """Return a number in its unit: `69.6 %`, `0.845`, `12.3 tok/s`."""
    return f"{unit.before}{_number(value, unit)}{unit.after}"


def estimate_text(estimate: Estimate | None, unit: Unit) -> str:
    """Return a number in its unit, with its interval where it has one: `69.6 % [62.1, 76.3]`."""
    return plain(_estimate(estimate, unit))


def _estimate(estimate: Estimate | None, unit: Unit) -> Inline:
    if estimate is None:
        return "-"
    value, interval = value_text(estimate.value, unit), estimate.interval
    if interval is None:
        return value
    return value, Aside(f" [{_number(interval.low, unit)}, {_number(interval.high, unit)}]")


def cell_text(estimate: Estimate | None, unit: Unit) -> Inline:
    """Return a number for a column whose head names what it is in: as `estimate_text`, else the number alone."""
    if estimate is None or unit.has_interval:
        return _estimate(estimate, unit)
    return f"{estimate.value:.0f}" if estimate.value >= 10 else _number(estimate.value, unit)


def margin_text(margin: float, unit: Unit) -> str:
    """Return how far a number is from a bound, with its sign: `+1.0 points`."""
    return f"{_number(margin, unit, '+')}{unit.after_change}"


def change_text(difference: Difference, *, short: bool = False) -> str:
    """Return a difference with its interval: in points for proportions, as a fraction for means."""
    unit = METRICS[difference.metric].unit
    # No -0.000.
    change = _number(difference.value, unit, "+z")
    if difference.interval is None:
        return change if short else change + unit.after_change
    low, high = (_number(end, unit, "+z") for end in (difference.interval.low, difference.interval.high))
    return f"{change} [{low}, {high}]" if short else f"{change}{unit.after_change}, 95 % interval {low} to {high}"


def share_text(count: int, n: int) -> str:
    """Return a count as its share of `n`, `-` where that is none of none."""
    return f"{100 * count / n:.1f} %" if n else "-"


def _number(value: float, unit: Unit, sign: str = "") -> str:
    return f"{unit.factor * value:{sign}{'g' if unit.decimals is None else f'.{unit.decimals}f'}}"


def ratio_text(ratio: Ratio) -> str:
    """Return a ratio with its interval."""
    value = "undefined, the baseline has none" if ratio.value is None else f"{ratio.value:.2f}"
    if ratio.interval is None:
        return value
    high = "∞" if math.isinf(ratio.interval.high) else f"{ratio.interval.high:.2f}"
    return f"{value} [{ratio.interval.low:.2f}, {high}]"
