"""How often gates are wrong by chance: simulated reruns of models whose accuracy is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from pytest_edgejson.results.gates.evaluate import Evaluation
from pytest_edgejson.results.gates.language import parse_gate
from pytest_edgejson.results.gates.population import Population
from pytest_edgejson.results.result import case_fingerprint
from pytest_edgejson.results.statistics import p_worse
from pytest_edgejson.suite.cases import COMPLEXITIES

RERUNS = 1_000
N = 158


def cases() -> list[dict]:
    return [
        {
            "case_id": f"c-{number}",
            "prompt": str(number),
            "expected_output": {},
            "schema_sha256": "s",
            "schema_id": "s",
            "complexity": COMPLEXITIES[number % 3],
            "states_complexity": True,
            "metadata": {},
        }
        for number in range(N)
    ]


CASES = cases()
EVALUATION = Evaluation(
    Population({case_fingerprint(case): case for case in CASES}), "default", lambda result: result["json_exact"]
)


def run(hits: np.ndarray) -> list[dict]:
    answer = {"model": "m", "repeat": 1, "finish_reason": "stop", "stored": False, "schema_compliant": True}
    return [
        {**case, **answer, "json_exact": bool(hit), "field_f1": float(hit)}
        for case, hit in zip(CASES, hits, strict=True)
    ]


def fails(gate: str, now: np.ndarray, before: np.ndarray) -> bool:
    return EVALUATION.decide(parse_gate(gate), "m", run(now), run(before)).outcome == "fail"


def test_the_same_answers_never_fail_a_gate_on_the_baseline():
    chance = np.random.default_rng(1)
    for accuracy in (0.02, 0.5, 0.98):
        hits = chance.random(N) < accuracy
        for gate in ("json_exact>=baseline", "regressions<=0", "p_worse>=0.05", "upper(json_exact)>=baseline"):
            assert not fails(gate, hits, hits)


@pytest.mark.parametrize("flips", [0.02, 0.1, 0.4])
def test_a_model_that_is_merely_different_seldom_fails_the_test(flips):
    """Each case is answered anew with some probability: the accuracy stays what it is."""
    chance = np.random.default_rng(2)
    alarms = 0
    for _ in range(RERUNS):
        before = chance.random(N) < 0.7
        now = np.where(chance.random(N) < flips, chance.random(N) < 0.7, before)
        alarms += fails("p_worse>=0.05", now, before)
    # Not above 5 %, but for the luck of the simulation itself.
    assert binomtest(alarms, RERUNS, 0.05, alternative="greater").pvalue > 0.001


def test_a_model_that_became_worse_is_found_as_often_as_computed():
    chance = np.random.default_rng(3)
    lost, gained = 0.085, 0.015
    found = 0
    for _ in range(RERUNS):
        draw = chance.random(N)
        before = chance.random(N) < 0.5
        # Of all cases so many are lost, and so many gained, whatever the baseline made of the others.
        before = np.where(draw < lost, True, np.where(draw < lost + gained, False, before))
        now = np.where(draw < lost, False, np.where(draw < lost + gained, True, before))
        found += fails("p_worse>=0.05", now, before)
    counts = np.arange(N + 1)
    power = sum(
        binom.pmf(changed, N, lost + gained)
        * sum(
            binom.pmf(losses, changed, lost / (lost + gained))
            for losses in range(changed + 1)
            if p_worse(changed - losses, losses) < 0.05
        )
        for changed in counts[:60]
    )
    assert power > 0.8
    assert binomtest(found, RERUNS, power).pvalue > 0.001


def test_an_interval_above_a_bound_is_no_luck():
    """A model that is just as good as the bound passes `lower(json_exact)` at most one time in forty."""
    chance = np.random.default_rng(4)
    passed = 0
    for _ in range(RERUNS):
        hits = chance.random(N) < 0.65
        passed += not fails("lower(json_exact)>=0.65", hits, hits)
    assert binomtest(passed, RERUNS, 0.025, alternative="greater").pvalue > 0.001
