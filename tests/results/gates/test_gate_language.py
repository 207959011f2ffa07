"""The language of gates: what it takes, and what its messages point at."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.results.gates.language import (
    FUNCTIONS,
    Bound,
    Comparison,
    GateError,
    parse_gate,
)
from pytest_edgejson.results.metrics import METRICS


@pytest.mark.parametrize(
    ("text", "metric", "function", "slice_", "comparison", "bound"),
    [
        ("json_exact>=0.55", "json_exact", None, None, ">=", Bound(0.55)),
        (" json_exact [ simple ] >= 75 % ", "json_exact", None, "simple", ">=", Bound(0.75)),
        ("v3.field_f1[lang=de, at]>.5", "v3.field_f1", None, "lang=de, at", ">", Bound(0.5)),
        ("lower(json_exact)>=0.5", "json_exact", "lower", None, ">=", Bound(0.5)),
        ("upper( schema_compliance[medium] ) == 1", "schema_compliance", "upper", "medium", "==", Bound(1)),
        ("worst_schema(field_f1[complex])>=20%", "field_f1", "worst_schema", "complex", ">=", Bound(0.2)),
        ("worst_complexity(latency_p95)<2.5", "latency_p95", "worst_complexity", None, "<", Bound(2.5)),
        ("json_exact>=baseline", "json_exact", None, None, ">=", Bound(0, 1)),
        ("json_exact>=baseline - 2%", "json_exact", None, None, ">=", Bound(-0.02, 1)),
        ("json_exact>=baseline+0.01", "json_exact", None, None, ">=", Bound(0.01, 1)),
        ("tokens_per_s>=baseline*0.95", "tokens_per_s", None, None, ">=", Bound(0, 0.95)),
        ("tokens_per_s>=baseline*95%", "tokens_per_s", None, None, ">=", Bound(0, 0.95)),
        ("regressions[simple]<=3", "regressions", None, "simple", "<=", Bound(3)),
        ("misses<=baseline+2", "misses", None, None, "<=", Bound(2, 1)),
    ],
)
def test_gates(text: str, metric: str, function: str | None, slice_: str | None, comparison: str, bound: Bound) -> None:
    gate = parse_gate(text)
    assert (gate.metric.name, gate.function, gate.slice, gate.comparison) == (metric, function, slice_, comparison)
    assert gate.bound == bound
    assert gate.text == text.strip()


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "a metric is missing: json_exact, field_f1"),
        ("json_exat>=0.5", 0, "unknown metric 'json_exat': did you mean 'json_exact'?"),
        ("schema_compliant>=0.5", 0, "did you mean 'schema_compliance'?"),
        ("lower(json_exat)>=0.5", 6, "unknown metric 'json_exat'"),
        (
            "worst(json_exact)>=0.5",
            0,
            "unknown function 'worst': did you mean 'worst_slice'? there are: lower, upper, worst_schema",
        ),
        ("json_exact(simple)>=0.5", 10, "a slice stands in brackets: json_exact[simple]"),
        ("lower>=0.5", 0, "lower is a function of a metric: lower(json_exact)"),
        ("lower(tokens_per_s)>=5", 6, "tokens_per_s has no interval"),
        ("lower(json_exact>=0.5", 16, "a closing ) is missing"),
        ("json_exact[simple>=0.5", 10, "a closing ] is missing"),
        ("json_exact[ ]>=0.5", 12, "the slice is empty"),
        ("json_exact", 10, "a comparison is missing: >=, >, <=, < or =="),
        ("json_exact=0.5", 10, "== rather than ="),
        ("json_exact => 0.5", 11, ">= rather than =>"),
        ("json_exact!=0.5", 10, "a comparison is missing"),
        ("json_exact>=", 12, "a number is missing"),
        ("json_exact>=-0.5", 12, "a number is missing"),
        ("json_exact>=55", 12, "json_exact lies between 0 and 1: write 0.55 or 55%"),
        ("json_exact>=155%", 12, "json_exact lies between 0 and 1"),
        ("errors<=5%", 8, "errors is no proportion: write a number"),
        ("json_exact>=best", 12, "a bound is a number, a percentage, or baseline"),
        ("json_exact>=baseline-", 21, "a number is missing"),
        ("json_exact>=baseline*0", 21, "0 times the baseline"),
        ("regressions<=baseline", 13, "regressions is made of the baseline already"),
        ("json_exact>=0.5 and errors<=0", 16, "a gate ends after its bound"),
        ("json_exact>=0.5.1", 15, "a gate ends after its bound"),
        ("json_exact>=١", 12, "a number is missing"),
    ],
)
def test_messages_point_at_the_place(text: str, position: int, message: str) -> None:
    with pytest.raises(GateError) as caught:
        parse_gate(text)
    first, shown, caret = str(caught.value).split("\n")
    assert message in first
    assert shown == f"  {text}"
    assert caret == "  " + " " * position + "^"


def test_an_unknown_metric_lists_all_there_are() -> None:
    with pytest.raises(GateError, match=", ".join(METRICS)):
        parse_gate("accuracy>=0.5")


def test_control_characters_do_not_reach_the_message() -> None:
    with pytest.raises(GateError) as caught:
        parse_gate("json_exact\x1b[2J>=0.5")
    assert "\x1b" not in str(caught.value)


def test_numbers_that_should_be_equal_are() -> None:
    gate = parse_gate("json_exact>=baseline-0.1")
    bound = gate.bound.value(0.3)
    assert bound != 0.2
    assert gate.holds(0.2, bound)
    assert not gate.holds(0.199, bound)
    assert not parse_gate("json_exact>0.3").holds(0.1 + 0.2, 0.3)
    assert not parse_gate("json_exact<0.3").holds(0.1 + 0.2, 0.3)
    assert parse_gate("json_exact==0.3").holds(0.1 + 0.2, 0.3)
    assert not parse_gate("json_exact==0.3").holds(0.31, 0.3)


PIECES = [*"[]()<>=%.*+- 0159\x00é", "json_exact", "errors", "lower", "baseline", "simple"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_a_gate_or_a_message(text: str) -> None:
    caught = None
    try:
        parse_gate(text)
    except GateError as error:
        caught = error
    assert caught is None or 0 <= caught.position <= len(caught.text)


@given(
    st.sampled_from(list(METRICS)),
    st.none() | st.sampled_from(["simple", "lang=de"]),
    st.none() | st.sampled_from(FUNCTIONS),
    st.sampled_from(get_args(Comparison)),
    st.sampled_from([0, 0.25, 1]),
)
def test_what_is_put_together_is_read_back(
    metric: str, slice_: str | None, function: str | None, comparison: str, number: float
) -> None:
    if function in ("lower", "upper") and not METRICS[metric].unit.has_interval:
        function = None
    measured = metric if slice_ is None else f"{metric}[{slice_}]"
    measured = measured if function is None else f"{function}({measured})"
    gate = parse_gate(f"{measured}{comparison}{number}")
    assert (gate.metric.name, gate.slice, gate.function) == (metric, slice_, function)
    assert (gate.comparison, gate.bound) == (comparison, Bound(number))
