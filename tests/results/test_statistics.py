from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from pytest_edgejson.results import statistics
from pytest_edgejson.results.statistics import (
    Interval,
    PairedCounts,
    clustered_mean,
    corrected,
    detectable_difference,
    mcnemar,
    mcnemar_power,
    mean_interval,
    paired_difference_interval,
    paired_ratio_interval,
    proportion_interval,
    shares_interval,
)

# Complete response before and after a therapy (Cavo et al. 2012), an example of chapter 8 of Fagerland, Lydersen and
# Laake, "Statistical Analysis of Contingency Tables" (2017); the intervals below are those that the tests of its
# authors' R package contingencytables expect. Its first row is the candidate's hits, its first column the baseline's.
RESPONSE = PairedCounts(both=59, gains=6, losses=16, neither=80)

counts = st.builds(PairedCounts, *[st.integers(0, 60)] * 4)


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
    assert interval is not None
    assert 0 <= interval.low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= interval.high <= 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_no_proportion_is_refused(successes, n):
    with pytest.raises(ValueError, match="no proportion"):
        proportion_interval(successes, n)


@pytest.mark.parametrize("values", [[0.5], [0.0], [1.0] * 50, [0.1] * 3])
def test_values_that_are_all_the_same_are_their_interval(values):
    assert mean_interval(values) == Interval(values[0], values[0])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_that_are_all_none_or_all_whole_are_a_proportion_of_as_many_cases(share):
    assert shares_interval([share] * 7) == proportion_interval(int(7 * share), 7)


def test_other_shares_are_a_mean():
    assert shares_interval([]) is None
    for shares in ([0.5], [0.0, 0.5, 1.0]):
        assert shares_interval(shares) == mean_interval(shares)


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


def test_two_values():
    assert mean_interval([0.0, 1.0]) == Interval(0.0, 1.0)


def test_the_order_of_the_values_changes_nothing() -> None:
    values = [0.1 * number for number in range(11)]
    assert mean_interval(values) == mean_interval(values[::-1]) == mean_interval([*values[5:], *values[:5]])


@pytest.mark.parametrize("most", [300, 7_000, 10_000_000])
def test_how_many_resamples_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    values = [0.1 * number for number in range(11)]
    clusters = {"a": values[:4], "b": values[4:9], "c": values[9:]}
    usual = mean_interval(values), clustered_mean(clusters)
    monkeypatch.setattr(statistics, "_MOST_AT_ONCE", most)
    assert (mean_interval(values), clustered_mean(clusters)) == usual


# Paired proportions


@given(st.integers(0, 300), st.integers(1, 300))
def test_wilson_is_that_of_statsmodels(successes, n):
    successes = min(successes, n)
    interval = proportion_interval(successes, n)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(proportion_confint(successes, n, method="wilson"), abs=1e-9)


@given(counts)
def test_mcnemar_is_that_of_statsmodels(counts):
    table = [[counts.both, counts.losses], [counts.gains, counts.neither]]
    reference = contingency_tables.mcnemar(table, exact=True).pvalue if counts.gains + counts.losses else 1.0
    assert mcnemar(counts) == pytest.approx(reference, rel=1e-9)


def test_mcnemar_by_hand():
    # One gain, seven losses: (1 + 8) of 256 ways are as far to this side.
    assert mcnemar(PairedCounts(both=40, gains=1, losses=7, neither=12)) == pytest.approx(2 * 9 / 256)
    assert mcnemar(PairedCounts(both=3, gains=2, losses=2, neither=0)) == 1


def test_a_difference_interval_of_a_published_table():
    # Newcombe's square-and-add interval.
    interval = paired_difference_interval(RESPONSE)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


def test_a_ratio_interval_of_a_published_table():
    # The hybrid Wilson interval of Bonett and Price.
    interval = paired_ratio_interval(RESPONSE)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.7579, 0.9910), abs=5e-5)


@given(counts)
def test_paired_intervals_hold_their_value_and_mirror(counts):
    swapped = PairedCounts(counts.both, counts.losses, counts.gains, counts.neither)
    interval, mirrored = paired_difference_interval(counts), paired_difference_interval(swapped)
    if counts.n == 0:
        assert interval is mirrored is None
        return
    assert interval is not None
    assert mirrored is not None
    difference = (counts.gains - counts.losses) / counts.n
    assert -1 <= interval.low <= difference + 1e-12
    assert difference - 1e-12 <= interval.high <= 1
    assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)
    ratio = paired_ratio_interval(counts)
    if counts.both + counts.gains + counts.losses == 0:
        assert ratio is None
        return
    assert ratio is not None
    assert (counts.baseline == 0) == math.isinf(ratio.high)
    assert (counts.candidate == 0) == (ratio.low == 0)
    if counts.baseline:
        assert ratio.low - 1e-9 <= counts.candidate / counts.baseline <= ratio.high + 1e-9


def test_intervals_of_paired_proportions_cover():
    # 158 cases, of which the candidate gains 12 % and loses 6 %.
    rng = np.random.default_rng(1)
    shares = (0.55, 0.12, 0.06, 0.27)
    draws = [PairedCounts(*map(int, draw)) for draw in rng.multinomial(158, shares, size=500)]
    for function, truth in ((paired_difference_interval, 0.06), (paired_ratio_interval, 0.67 / 0.61)):
        intervals = [function(draw) for draw in draws]
        covered = sum(interval is not None and interval.low <= truth <= interval.high for interval in intervals)
        # 95 % and three standard errors of 500 draws around it.
        assert covered / len(draws) == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / len(draws)))


# What can be detected


def test_power_of_a_published_example():
    # O'Brien 2002, in the G*Power 3.1 manual: n = 50, 40 % discordant, odds ratio 0.25, one-sided 5 %: 0.839343. The
    # two-sided test at 10 % has the same region, and another one that is all but never reached.
    assert mcnemar_power(50, 0.4, -0.24, alpha=0.1) == pytest.approx(0.839343, abs=2e-5)


@pytest.mark.parametrize(("n", "discordance", "difference"), [(40, 0.5, 0.3), (158, 0.1, 0.06), (12, 0.9, 0.9)])
def test_power_is_reached_by_the_test(n, discordance, difference):
    rng = np.random.default_rng(2)
    gains, losses = (discordance + difference) / 2, (discordance - difference) / 2
    draws = rng.multinomial(n, (gains, losses, 1 - discordance), size=2_000)
    found = np.mean([mcnemar(PairedCounts(0, int(gain), int(loss), 0)) <= 0.05 for gain, loss, _ in draws])
    # Four standard errors of 2,000 draws.
    assert mcnemar_power(n, discordance, difference) == pytest.approx(found, abs=4 * math.sqrt(0.25 / 2_000))


def test_without_a_difference_the_alarm_rate_is_at_most_what_is_stated():
    for n in (6, 25, 158, 787):
        for discordance in (0.01, 0.1, 0.5, 1.0):
            assert mcnemar_power(n, discordance, 0.0) <= 0.05


@settings(max_examples=50)
@given(st.integers(1, 400), st.integers(0, 400))
def test_the_detectable_difference_is_detected_with_the_stated_power(n, discordant):
    discordance = min(discordant, n) / n
    least = detectable_difference(n, discordance)
    if least is None:
        # Even if every case were discordant to one side, at most five are too few for p <= 0.05.
        assert n <= 5
        return
    assert mcnemar_power(n, max(discordance, least), least) == pytest.approx(0.8, abs=1e-3) or least == 1
    assert mcnemar_power(n, max(discordance, least), 0.9 * least) < 0.8


def test_a_detectable_difference_that_all_discordant_cases_make():
    # Two models that never disagreed on 158 cases: six changes to one side are the least with p <= 0.05.
    least = detectable_difference(158, 0.0)
    assert least is not None
    assert float(binom.sf(5, 158, least)) == pytest.approx(0.8, abs=1e-3)


def test_more_cases_and_less_disagreement_detect_smaller_differences():
    def least(n, discordance):
        found = detectable_difference(n, discordance)
        assert found is not None
        return found

    assert least(787, 0.2) < least(158, 0.2) < least(50, 0.2)
    assert least(158, 0.1) < least(158, 0.2) < least(158, 0.4)
    assert detectable_difference(158, 0.2, alpha=0.01) > least(158, 0.2)


@pytest.mark.parametrize(("discordance", "difference"), [(0.1, 0.2), (1.2, 0.1), (0.1, -0.2)])
def test_a_difference_beyond_the_discordance_is_refused(discordance, difference):
    with pytest.raises(ValueError, match="no difference of"):
        mcnemar_power(10, discordance, difference)


# Means over clusters

SCHEMAS = (10, 9, 9, 9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 5, 5, 4, 3, 2, 2)


def drawn(rng, sizes, schema_deviation):
    return {
        str(number): list(rng.normal(0, schema_deviation) + rng.normal(0, 0.3, size))
        for number, size in enumerate(sizes)
    }


@pytest.mark.parametrize("sizes", [SCHEMAS, (9, 7, 5, 2, 2)], ids=["24 schemas", "5 schemas"])
@pytest.mark.parametrize("schema_deviation", [0.0, 0.2])
def test_a_mean_of_no_difference_is_in_its_interval_as_often_as_stated(monkeypatch, sizes, schema_deviation):
    monkeypatch.setattr("pytest_edgejson.results.statistics._RESAMPLES", 999)
    rng = np.random.default_rng(3)
    means = [clustered_mean(drawn(rng, sizes, schema_deviation)) for _ in range(600)]
    covered = sum(mean.interval is not None and mean.interval.low <= 0 <= mean.interval.high for mean in means)
    # 95 % and three standard errors of 600 draws below it.
    assert covered / len(means) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 600)
    alarms = sum(mean.p <= 0.05 for mean in means)
    assert alarms == len(means) - covered


def test_clusters_widen_the_interval_where_their_cases_are_alike():
    alike = {str(number): [value] * 8 for number, value in enumerate(np.linspace(-0.2, 0.4, 12))}
    apart = {f"{name}-{place}": [value] for name, values in alike.items() for place, value in enumerate(values)}
    clustered, independent = clustered_mean(alike), clustered_mean(apart)
    assert clustered.value == pytest.approx(independent.value)
    assert clustered.p > 2 * independent.p
    assert clustered.interval is not None
    assert independent.interval is not None
    assert clustered.interval.high - clustered.interval.low > 2 * (independent.interval.high - independent.interval.low)
    assert (clustered.clusters, independent.clusters) == (12, 96)


def test_the_mean_is_over_cases_not_over_clusters():
    assert clustered_mean({"large": [0.1] * 9, "small": [1.1]}).value == pytest.approx(0.2)


def test_clusters_that_all_differ_by_the_same_are_judged_by_their_signs():
    same = clustered_mean({"a": [0.5, 0.5], "b": [0.5], "c": [0.5]})
    assert same.interval == Interval(0.5, 0.5)
    assert same.p == pytest.approx(2 * 0.5**3)
    assert clustered_mean({"a": [0.0], "b": [0.0, 0.0]}).p == 1


def test_one_cluster_says_nothing_of_others():
    one = clustered_mean({"a": [0.5, 0.7, 0.6], "empty": []})
    assert (one.value, one.interval, one.p, one.clusters) == (pytest.approx(0.6), None, 1.0, 1)


def test_no_differences_are_refused():
    with pytest.raises(ValueError, match="no differences"):
        clustered_mean({"a": []})


def test_the_order_of_clusters_and_cases_changes_nothing():
    some = {"a": [0.1, 0.7, 0.3], "b": [-0.2, 0.4], "c": [0.9]}
    assert clustered_mean(some) == clustered_mean({name: some[name][::-1] for name in reversed(some)})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_correction_is_that_of_statsmodels(p_values):
    assert corrected(p_values) == pytest.approx(list(multipletests(p_values, method="fdr_bh")[1]), abs=1e-12)


def test_nothing_is_corrected():
    assert corrected([]) == []
