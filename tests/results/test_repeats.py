"""What several answers to the same case come to."""

from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

import pytest

from pytest_edgejson.results.repeats import measure_repeats, pass_all, pass_at
from pytest_edgejson.results.statistics import proportion_interval


def result(
    case_id: str, repeat: int, exact: bool, f1: float = 0.5, output: str = "", finish: str = "stop"
) -> dict[str, Any]:
    published = {"json_exact": not exact, "field_f1": 0.0, "schema_compliance": False}
    return {
        "case_id": case_id,
        "repeat": repeat,
        "json_exact": exact,
        "field_f1": f1,
        "schema_compliant": True,
        "finish_reason": finish,
        "output": output,
        "v3": published,
    }


@pytest.mark.parametrize(("n", "c"), [(n, c) for n in range(1, 7) for c in range(n + 1)])
def test_the_estimates_count_every_choice_of_k_answers(n, c):
    answers = [True] * c + [False] * (n - c)
    for k in range(1, n + 1):
        chosen = list(combinations(answers, k))
        assert math.isclose(pass_at(k, n, c), fmean(map(any, chosen)))
        assert math.isclose(pass_all(k, n, c), fmean(map(all, chosen)))


def test_the_estimates_are_unbiased():
    draw = random.Random(1)
    p, n, k = 0.3, 5, 2
    counts = [sum(draw.random() < p for _ in range(n)) for _ in range(40_000)]
    assert fmean(pass_at(k, n, c) for c in counts) == pytest.approx(1 - (1 - p) ** k, abs=0.01)
    assert fmean(pass_all(k, n, c) for c in counts) == pytest.approx(p**k, abs=0.01)


def test_mean_and_spread_are_of_whole_repeats():
    exact = {"a": [True, True, False], "b": [True, False, False]}
    rows = [result(case, r + 1, hit, f1=float(hit)) for case, hits in exact.items() for r, hit in enumerate(hits)]
    found = measure_repeats(rows)
    assert found is not None
    per_repeat = [1.0, 0.5, 0.0]
    assert (found.repeats, found.cases, found.left_out) == (3, 2, 0)
    assert found.json_exact.mean == fmean(per_repeat)
    assert found.json_exact.deviation == stdev(per_repeat)
    assert (found.json_exact.low, found.json_exact.high) == (0.0, 1.0)
    assert found.field_f1 == found.json_exact
    assert list(found.pass_at) == [1, 2, 3]
    assert found.pass_at[1].value == found.pass_all[1].value == 0.5
    assert (found.pass_at[3].value, found.pass_all[3].value) == (1.0, 0.0)


def test_what_always_passes_is_as_uncertain_as_its_cases_are_few():
    found = measure_repeats([result(case, repeat, True) for case in "ab" for repeat in (1, 2)])
    assert found is not None
    assert found.pass_at[2].interval == found.pass_all[2].interval == proportion_interval(2, 2)


def test_cases_that_lack_an_answer_are_left_out():
    rows = [result("a", 1, True), result("a", 2, True), result("b", 1, True), result("b", 2, True, finish="timeout")]
    found = measure_repeats(rows)
    assert found is not None
    assert (found.cases, found.left_out) == (1, 1)


def test_answers_are_identical_when_every_text_is():
    rows = [result("a", r, True, output="x") for r in (1, 2)] + [result("b", r, True, output=str(r)) for r in (1, 2)]
    found = measure_repeats(rows)
    assert found is not None
    assert found.identical == 1


def test_the_profile_decides_whose_scorer_counts():
    rows = [result("a", r, True) for r in (1, 2)]
    ours, published = measure_repeats(rows), measure_repeats(rows, "v3")
    assert ours is not None
    assert published is not None
    assert (ours.json_exact.mean, published.json_exact.mean) == (1.0, 0.0)


def test_one_answer_to_each_case_is_no_repeat():
    assert measure_repeats([result("a", 1, True), result("b", 1, False)]) is None
    assert measure_repeats([]) is None
