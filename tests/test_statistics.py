from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.statistics import Interval, mean_interval, proportion_interval

# Machines that run tests are busy with other things too.
settings.register_profile("edgejson", deadline=None)
settings.load_profile("edgejson")


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Wilson's formula with z = 1.959964
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (87, 158, 0.4728, 0.6261),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilson_interval(successes, n, low, high):
    interval = proportion_interval(successes, n)
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_nothing_has_no_interval():
    assert proportion_interval(0, 0) is None
    assert mean_interval([]) is None


@given(st.integers(0, 200), st.integers(1, 200))
def test_a_proportion_lies_in_its_interval(successes, n):
    successes = min(successes, n)
    interval = proportion_interval(successes, n)
    wider = proportion_interval(successes, n, level=0.99)
    assert interval is not None
    assert wider is not None
    assert 0 <= interval.low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= interval.high <= 1
    assert wider.low <= interval.low <= interval.high <= wider.high


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_no_proportion_is_refused(successes, n):
    with pytest.raises(ValueError, match="no proportion"):
        proportion_interval(successes, n)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_no_level_is_refused(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        proportion_interval(1, 2, level)
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([0.0, 1.0], level)


@pytest.mark.parametrize("values", [[0.5], [0.0], [1.0] * 50, [0.1] * 3])
def test_values_that_are_all_the_same_are_their_interval(values):
    assert mean_interval(values) == Interval(values[0], values[0])


def test_the_mean_lies_in_its_interval_and_more_cases_narrow_it():
    few = [0.0, 0.2, 0.9, 1.0, 1.0, 0.4]
    narrow, wide = mean_interval(few * 20), mean_interval(few)
    assert narrow is not None
    assert wide is not None
    mean = sum(few) / len(few)
    assert 0 <= wide.low < narrow.low < mean < narrow.high < wide.high <= 1


def test_the_interval_is_near_the_normal_one():
    values = [index / 999 for index in range(1_000)]
    interval = mean_interval(values)
    assert interval is not None
    half = 1.96 * (1 / 12) ** 0.5 / 1_000**0.5
    assert (interval.low, interval.high) == (pytest.approx(0.5 - half, abs=2e-3), pytest.approx(0.5 + half, abs=2e-3))


def test_the_same_values_have_the_same_interval():
    values = [0.0, 0.25, 1.0, 0.5]
    assert mean_interval(values) == mean_interval(list(values))
    assert mean_interval(values) != mean_interval(values, level=0.5)


def test_two_values():
    assert mean_interval([0.0, 1.0]) == Interval(0.0, 1.0)


def test_the_order_of_the_values_changes_nothing() -> None:
    values = [0.1 * number for number in range(11)]
    assert mean_interval(values) == mean_interval(values[::-1]) == mean_interval([*values[5:], *values[:5]])
