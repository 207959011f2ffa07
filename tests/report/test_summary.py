"""The table: rows, columns, intervals, several models, errors."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from helpers.projects import Project
from scipy.stats import binomtest

from pytest_edgejson.report.summary import render_summary
from pytest_edgejson.results.metrics import by_schema, by_slice, measure

_NUMBERS = itertools.count()


def result(complexity: str = "simple", exact: bool = True, **changes: Any) -> dict[str, Any]:
    return {
        "case_id": f"case-{next(_NUMBERS)}",
        "repeat": 1,
        "schema_id": f"{complexity}_schema",
        "complexity": complexity,
        "states_complexity": True,
        "model": "m",
        "finish_reason": "stop",
        "suspect": [],
        "output_tokens": 30,
        "latency_s": 2.0,
        "compute_s": 0.5,
        "stored": False,
        "json_exact": exact,
        "field_f1": 1.0 if exact else 0.5,
        "schema_compliant": True,
        "v3": {"json_exact": exact, "field_f1": 0.25, "schema_compliance": False, "crashed": None},
        **changes,
    }


def test_proportions_come_with_wilson_intervals_and_means_with_a_bootstrap() -> None:
    metrics = measure([result(exact=number < 3) for number in range(10)])
    assert metrics.n == 10
    exact, f1 = metrics.get("json_exact"), metrics.get("field_f1")
    assert exact is not None
    expected = binomtest(3, 10).proportion_ci(method="wilson")
    assert (exact.interval.low, exact.interval.high) == (expected.low, expected.high)
    assert f1 is not None
    assert math.isclose(f1.value, 0.65)
    assert 0.5 <= f1.interval.low < 0.65 < f1.interval.high <= 1


def test_tokens_per_second_is_all_tokens_over_all_shares_of_the_time() -> None:
    results = [result(output_tokens=100, compute_s=1.0), result(output_tokens=20, compute_s=3.0)]
    assert measure(results).get("tokens_per_s").value == 30
    assert measure([result(output_tokens=None, compute_s=None)]).get("tokens_per_s") is None
    assert measure(results, "v3").get("tokens_per_s").value == 50 / 2.0


def test_cases_that_could_not_be_run_count_in_no_metric() -> None:
    metrics = measure([result(), result(exact=False, finish_reason="error"), result(finish_reason="timeout")])
    assert (metrics.n, metrics.errors) == (1, 2)
    assert metrics.get("json_exact").value == 1
    nothing = measure([result(finish_reason="error")])
    assert (nothing.n, nothing.measured) == (0, {})
    assert "1 case could not be run and counts in no metric" in render_summary([result(finish_reason="error")], {})


def test_groups() -> None:
    results = [result("complex"), result("simple"), result("simple", schema_id="a")]
    assert {name: metrics.n for name, metrics in by_slice(results).items()} == {
        "simple": 2,
        "complex": 1,
        "all": 3,
    }
    assert list(by_schema(results)) == ["a", "simple_schema", "complex_schema"]


def test_the_v3_profile_shows_the_published_scorer() -> None:
    text = render_summary([result()], {}, profile="v3")
    assert "0.250" in text
    assert "0.0 %" in text


def test_every_line_of_one_model_fits_100_columns() -> None:
    results = [result(name, exact=number % 3 > 0) for name in ("simple", "medium", "complex") for number in range(500)]
    assert max(map(len, render_summary(results, {}).split("\n"))) <= 100


def test_by_schema_when_verbose(project: Project, pytester: pytest.Pytester) -> None:
    run = pytester.runpytest("--edgejson-model=control:gold", "-v")
    run.stdout.fnmatch_lines(["simple *3 *", "all *6 *", "contact *3 *", "bill *2 *", "tree *1 *"])
    pytester.runpytest("--edgejson-model=control:gold").stdout.no_fnmatch_line("contact *3 *")


def test_no_table_without_a_result(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest("--edgejson-model=control:gold", "-k", "nothing").stdout.no_fnmatch_line("*JSONExact*")


def test_nothing_is_printed_without_a_terminal(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:empty", "-p", "no:terminal")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.stdout.str() == ""
