"""Single metrics by name, and the slices they are taken of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from scipy.stats import binomtest

from pytest_edgejson.results.metric import Measurement
from pytest_edgejson.results.metrics import HEADLINE, METRICS, by_slice, measure
from pytest_edgejson.results.slices import UnknownSlice, select


def result(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "case_id": f"case-{number}",
        "schema_id": "contact",
        "complexity": "simple",
        "states_complexity": True,
        "metadata": {},
        "model": "m",
        "repeat": 1,
        "finish_reason": "stop",
        "output_tokens": 30,
        "latency_s": 2.0,
        "compute_s": 0.5,
        "json_exact": number < 3,
        "field_f1": 0.5,
        "field_precision": 0.25,
        "field_recall": 0.75,
        "key_f1": 0.9,
        "schema_compliant": True,
        "format_compliant": False,
        "v3": {"json_exact": number < 1, "field_f1": 0.125, "schema_compliance": number < 2, "crashed": None},
        **changes,
    }


def value(name: str, results: list[dict[str, Any]], profile: Any = "default") -> Measurement:
    measured = METRICS[name].measure(results, profile)
    assert measured is not None
    return measured


TEN = [result(number) for number in range(10)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("json_exact", 0.3),
        ("schema_compliance", 1.0),
        ("format_compliance", 0.0),
        ("v3.json_exact", 0.1),
        ("v3.schema_compliance", 0.2),
        ("field_f1", 0.5),
        ("field_precision", 0.25),
        ("field_recall", 0.75),
        ("key_f1", 0.9),
        ("v3.field_f1", 0.125),
        ("tokens_per_s", 60),
        ("latency_p50", 2.0),
        ("errors", 0),
    ],
)
def test_values(name: str, expected: float) -> None:
    measured = value(name, TEN)
    assert math.isclose(measured.value, expected)
    assert measured.n == 10
    assert (measured.interval is None) == (not METRICS[name].unit.has_interval)


def test_a_proportion_has_wilsons_interval() -> None:
    interval = value("json_exact", TEN).interval
    expected = binomtest(3, 10).proportion_ci(method="wilson")
    assert interval is not None
    assert (interval.low, interval.high) == (expected.low, expected.high)


@pytest.mark.parametrize("profile", ["default", "v3"])
def test_metrics_by_name_are_those_of_the_table(profile: Any) -> None:
    table = measure(TEN, profile)
    assert table.measured == {
        metric.name: value(metric.name, TEN, profile) for metric in HEADLINE if not metric.is_rare
    }


def test_a_percentile_is_an_observed_latency_that_so_many_do_not_exceed() -> None:
    results = [result(latency_s=float(seconds)) for seconds in range(20, 0, -1)]
    assert value("latency_p95", results).value == 19
    assert value("latency_p50", results).value == 10
    assert value("latency_p95", [*results, result(latency_s=None)]) == Measurement(19, None, 20)
    assert METRICS["latency_p95"].measure([result(latency_s=None)], "default") is None


def test_cases_that_could_not_be_run_count_as_errors_only() -> None:
    results = [result(), result(finish_reason="error", latency_s=99.0), result(finish_reason="timeout")]
    assert value("errors", results) == Measurement(2, None, 3)
    assert value("json_exact", results).n == 1
    assert value("latency_p95", results).value == 2
    broken = [result(finish_reason="error")]
    of_results = [metric for metric in METRICS.values() if metric.of == "results"]
    assert [metric.name for metric in of_results if metric.measure(broken, "default") is not None] == ["errors"]


ROWS = [
    result(
        1, complexity="simple", schema_id="contact", metadata={"lang": "de", "tags": ["short", "web"], "hard": True}
    ),
    result(2, complexity="simple", schema_id="rating", metadata={"lang": "en", "year": 2024, "note": None}),
    result(3, complexity="medium", schema_id="web", metadata={"lang": "en", "level": "simple", "deep": {"a": 1}}),
    result(4, complexity="medium", schema_id="web", metadata={"lang": "a=b"}, states_complexity=False),
]


def ids(rows: list[Mapping[str, Any]]) -> list[int]:
    return [int(row["case_id"].removeprefix("case-")) for row in rows]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("simple", [1, 2]),
        ("rating", [2]),
        ("de", [1]),
        ("lang=en", [2, 3]),
        ("lang = en", [2, 3]),
        ("tags=web", [1]),
        ("web", [3, 4]),
        ("level=simple", [3]),
        ("hard=true", [1]),
        ("year=2024", [2]),
        ("2024", [2]),
        ("note=null", [2]),
        ("schema_id=web", [3, 4]),
        ("complexity=medium", [3, 4]),
        ("lang=a=b", [4]),
        ("a=b", [4]),
    ],
)
def test_slices(name: str, expected: list[int]) -> None:
    assert ids(select(ROWS, name)) == expected


def test_an_unknown_slice_lists_what_there_is() -> None:
    with pytest.raises(UnknownSlice) as caught:
        select(ROWS, "simpel")
    assert str(caught.value) == (
        "no case is in the slice 'simpel': did you mean 'simple'? there are: complexities simple, medium; "
        "schemas contact, rating, web; KEY=VALUE of the metadata lang, tags, hard, year, note, level"
    )
    with pytest.raises(UnknownSlice, match="did you mean 'lang=en'"):
        select(ROWS, "lang=eng")
    with pytest.raises(UnknownSlice, match="no metadata"):
        select([result()], "lang=en")


def test_what_a_case_file_holds_does_not_reach_the_terminal_raw() -> None:
    with pytest.raises(UnknownSlice) as caught:
        select([result(metadata={"\x1b[2J": "\x07"})], "\x1b[31m")
    assert str(caught.value).isprintable()


def test_under_v3_a_row_that_states_no_complexity_is_of_none_as_in_the_table() -> None:
    assert ids(select(ROWS, "medium", "v3")) == [3]
    assert by_slice(ROWS, "v3")["medium"].n == 1
    assert ids(select(ROWS, "web", "v3")) == [3, 4]
