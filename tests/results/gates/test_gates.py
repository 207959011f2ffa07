"""What a gate says of results: pass, fail, or that it cannot be measured."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_edgejson.report.gates import report_lines
from pytest_edgejson.results.gates.evaluate import Decision, Evaluation
from pytest_edgejson.results.gates.language import GateError, parse_gate
from pytest_edgejson.results.gates.population import Population
from pytest_edgejson.results.metric import Measurement
from pytest_edgejson.results.result import case_fingerprint
from pytest_edgejson.results.statistics import proportion_interval
from pytest_edgejson.suite.suites import Slices

SCHEMAS = {"contact": "simple", "rating": "simple", "invoice": "medium", "tree": "complex"}


def result(schema_id: str, number: int, exact: bool = True, **changes: Any) -> dict[str, Any]:
    case_id = f"{schema_id}-{number}"
    return {
        "case_id": case_id,
        "schema_id": schema_id,
        "schema_sha256": schema_id,
        "complexity": SCHEMAS[schema_id],
        "states_complexity": schema_id != "rating",
        "prompt": f"prompt of {case_id}",
        "expected_output": {"id": case_id},
        "metadata": {"half": "first" if number < 3 else "second"},
        "model": "m",
        "repeat": 1,
        "finish_reason": "stop",
        "output_tokens": 10,
        "latency_s": 1.0,
        "compute_s": 0.5,
        "stored": False,
        "json_exact": exact,
        "field_f1": 1.0 if exact else 0.5,
        "field_precision": 1.0,
        "field_recall": 1.0,
        "key_f1": 1.0,
        "schema_compliant": True,
        "format_compliant": True,
        "v3": {"json_exact": exact, "field_f1": 1.0, "schema_compliance": True, "crashed": None},
        **changes,
    }


def run(misses: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """Return four results per schema, the first so many of each but the contacts missed."""
    return [
        result(schema_id, number, schema_id == "contact" or number > misses, **changes)
        for schema_id in SCHEMAS
        for number in range(1, 5)
    ]


def evaluation(profile: Any = "default") -> Evaluation:
    cases = {case_fingerprint(row): row for row in run()}
    return Evaluation(Population(cases), profile, lambda result: result["json_exact"])


def decide(
    text: str, results: list[dict[str, Any]], baseline: list[dict[str, Any]] | None = None, profile: Any = "default"
) -> Decision:
    return evaluation(profile).decide(parse_gate(text), "m", results, baseline or [])


@pytest.mark.parametrize(
    ("text", "outcome", "value"),
    [
        ("json_exact>=0.8", "pass", 13 / 16),
        ("json_exact>=0.9", "fail", 13 / 16),
        ("json_exact[simple]>=87.5%", "pass", 7 / 8),
        ("json_exact[contact]==1", "pass", 1),
        ("json_exact[half=second]==1", "pass", 1),
        ("json_exact[first]>0.7", "fail", 5 / 8),
        ("field_f1[complex]>=0.875", "pass", 0.875),
        ("lower(json_exact)>=0.8", "fail", 13 / 16),
        ("upper(json_exact)>=0.9", "pass", 13 / 16),
        ("worst_schema(json_exact)>=0.75", "pass", 0.75),
        ("worst_complexity(json_exact)>0.75", "fail", 0.75),
        ("worst_schema(misses)<=1", "pass", 1),
        ("misses<=2", "fail", 3),
        ("errors==0", "pass", 0),
        ("latency_p95<=1", "pass", 1),
        ("tokens_per_s>20", "fail", 20),
    ],
)
def test_outcomes(text: str, outcome: str, value: float) -> None:
    decision = decide(text, run(misses=1))
    assert (decision.outcome, decision.measured and decision.measured.value) == (outcome, value)


def test_the_worst_is_named_and_is_the_highest_where_low_is_good() -> None:
    results = run()
    results[-1] = result("tree", 4, latency_s=9.0)
    decision = decide("worst_schema(latency_p95)<=2", results)
    assert (decision.outcome, decision.compared, decision.note) == ("fail", 9, "tree")


def test_margins_are_positive_on_the_right_side() -> None:
    assert decide("json_exact>=0.5", run(1)).margin == 13 / 16 - 0.5
    assert decide("misses<=5", run(1)).margin == 2
    assert decide("misses<=1", run(1)).margin == -2
    assert decide("misses==2", run(1)).margin == -1
    assert decide("json_exact>=baseline-0.1", run(1), run(1)).margin == 0.1
    assert str(decide("json_exact==0.8125", run(1)).margin) == "0.0"
    lower = decide("lower(json_exact)>=0.5", run(1))
    assert lower.measured is not None
    assert lower.measured.interval is not None
    assert math.isclose(lower.margin, lower.measured.interval.low - 0.5, abs_tol=1e-8)


@pytest.mark.parametrize(
    ("text", "kept", "note"),
    [
        ("json_exact>=0", 15, "15 of 16 cases ran"),
        ("json_exact>=0", 0, "0 of 16 cases ran"),
        ("json_exact[complex]>=0", 13, "1 of 4 cases ran"),
        ("worst_schema(json_exact)>=0", 13, "13 of 16 cases ran"),
        ("errors==0", 15, "15 of 16 cases ran"),
        ("misses<=99", 15, "15 of 16 cases ran"),
    ],
)
def test_a_part_of_the_cases_is_unmeasurable(text: str, kept: int, note: str) -> None:
    decision = decide(text, run()[:kept])
    assert (decision.outcome, decision.note, decision.measured) == ("unmeasurable", note, None)


def test_a_slice_that_ran_whole_is_measured_though_others_did_not() -> None:
    assert decide("json_exact[simple]==1", run()[:8]).outcome == "pass"


def test_results_of_other_cases_do_not_stand_in() -> None:
    others = [result("tree", number) for number in range(5, 9)]
    assert decide("json_exact[complex]>=0", [*run()[:12], *others]).note == "0 of 4 cases ran"
    changed = [*run()[:15], result("tree", 4, prompt="another text")]
    assert decide("json_exact>=0", changed).note == "15 of 16 cases ran"


def test_a_case_that_could_not_be_run_was_not_measured() -> None:
    results = [*run()[:14], result("tree", 3, finish_reason="error"), result("tree", 4, finish_reason="timeout")]
    assert decide("json_exact>=0", results).note == "2 of 16 cases could not be run"
    assert decide("json_exact[simple]>=0", results).outcome == "pass"
    errors = decide("errors<=1", results)
    assert (errors.outcome, errors.compared) == ("fail", 2)


def test_every_repeat_counts() -> None:
    twice = run(1) + run(0, repeat=2)
    decision = decide("json_exact>=0.9", twice)
    assert (decision.outcome, decision.measured and decision.measured.n) == ("pass", 32)
    assert decide("json_exact>=0", twice[:-1]).note == "15 of 16 cases ran"
    assert decide("regressions<=2", twice, run()).compared == 3


def test_repeats_of_few_cases_are_no_more_evidence() -> None:
    once, twice = run(), run() + run(repeat=2)
    for text in ("lower(json_exact)>=0.9", "lower(schema_compliance)>=0.9"):
        decision = decide(text, twice)
        assert (decision.outcome, decision.compared) == ("fail", decide(text, once).compared)


def test_a_case_misses_once_however_often_it_is_asked() -> None:
    thrice = run(1) + run(1, repeat=2) + run(0, repeat=3)
    decision = decide("misses<=baseline", run(1), thrice)
    assert (decision.compared, decision.bound, decision.measured) == (3, 3, Measurement(3, None, 16))


def test_a_population_that_is_not_known_is_unmeasurable() -> None:
    unknown = Evaluation(Population(problem="x.jsonl:3: not JSON"), "default", lambda result: True)
    unknown.check(parse_gate("json_exact[nowhere]>=0"))
    decision = unknown.decide(parse_gate("json_exact>=0"), "m", run())
    assert (decision.outcome, decision.note) == ("unmeasurable", "x.jsonl:3: not JSON")


def test_speed_of_an_earlier_run_is_not_this_runs_speed() -> None:
    results = [*run()[:15], result("tree", 4, stored=True)]
    for text in ("tokens_per_s>0", "latency_p50<9", "worst_schema(latency_p95)<9"):
        assert decide(text, results).outcome == "unmeasurable"
    assert "1 of 16 answers are from the store" in decide("tokens_per_s>0", results).note
    assert decide("json_exact==1", results).outcome == "pass"
    assert decide("tokens_per_s>0", run(output_tokens=None)).note == "no answer was timed"


def test_an_unknown_slice_points_at_it() -> None:
    with pytest.raises(GateError, match="did you mean 'invoice'") as caught:
        evaluation().check(parse_gate("lower(json_exact[invoce])>=0"))
    assert caught.value.position == 17


def test_what_is_in_no_group_is_one_more_and_without_any_group_there_is_no_worst() -> None:
    told = [result("tree", 1, metadata={"topic": "bugs"}), result("tree", 2, exact=False, metadata={})]

    def by_topic(*rows: Any) -> Evaluation:
        cases = {case_fingerprint(row): row for row in rows}
        return Evaluation(Population(cases), "default", lambda result: result["json_exact"], Slices("topic"))

    gate = parse_gate("worst_slice(json_exact)>=0.5")
    by_topic(*told).check(gate)
    decision = by_topic(*told).decide(gate, "m", told)
    assert (decision.outcome, decision.compared, decision.note) == ("fail", 0, "no topic")
    with pytest.raises(GateError, match="worst_slice has no groups, as no case says its topic: take worst_schema"):
        by_topic(told[1]).check(gate)
    by_topic(told[1]).check(parse_gate("worst_complexity(json_exact)>=0.5"))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("intent_accuracy>=0.5", "no case expects an intent and slots"),
        ("worst_schema(macro_f1)>=0.5", "not every case expects an intent and slots"),
        ("function_exact>=0.5", "no case expects function calls"),
        ("cost<=1", "no answer has a cost: it comes of prices in the model's entry of models.toml"),
        ("thought_tokens<=1", "no thoughts were counted"),
        ("latency_p50<=1", "no answer was timed"),
    ],
)
def test_what_a_metric_lacks_is_told(text: str, note: str) -> None:
    decision = decide(text, run(latency_s=None))
    assert (decision.outcome, decision.note) == ("unmeasurable", note)


def test_under_v3_a_case_without_its_own_complexity_is_of_none() -> None:
    for text in ("json_exact[simple]==1", "worst_complexity(json_exact[simple])==1"):
        assert decide(text, run(misses=1), profile="v3").measured == Measurement(1, proportion_interval(4, 4), 4)
        assert decide(text, run(misses=1)).outcome == "fail"


def test_the_baseline_is_the_same_metric_on_the_same_slice() -> None:
    before, now = run(1), run(2)
    for text, bound in (
        ("json_exact[complex]>=baseline", 0.75),
        ("json_exact[complex]>=baseline-0.25", 0.5),
        ("lower(json_exact[complex])>=baseline-0.25", 0.5),
        ("worst_schema(json_exact)>=baseline*0.5", 0.375),
        ("misses<=baseline+3", 6),
    ):
        assert decide(text, now, before).bound == bound
    assert decide("json_exact[complex]>=baseline-0.24", now, before).outcome == "fail"
    assert decide("json_exact[complex]>=baseline-25%", now, before).outcome == "pass"
    untimed = decide("tokens_per_s>=baseline*0.9", now, run(output_tokens=None))
    assert (untimed.outcome, untimed.note) == ("unmeasurable", "baseline: no answer was timed")


def test_regressions_and_gains_are_named() -> None:
    before = [*run(0)[:-1], result("tree", 4, exact=False)]
    now = run(2)
    regressions = decide("regressions<=5", now, before)
    assert (regressions.outcome, regressions.compared) == ("fail", 6)
    assert regressions.note == "invoice-1, invoice-2, rating-1, rating-2, tree-1 and 1 more"
    gains = decide("gains>=1", now, before)
    assert (gains.outcome, gains.compared, gains.note) == ("pass", 1, "tree-4")
    assert decide("regressions[contact]==0", now, before).outcome == "pass"


def lines(*texts: str, results: list[dict[str, Any]], **options: Any) -> list[str]:
    return [line.text for line in report_lines([decide(text, results, run()) for text in texts], **options)]


def test_the_report() -> None:
    assert lines(
        "json_exact[tree]>=baseline-0.1",
        "key_f1>=0.5",
        "regressions<=2",
        "latency_p95<=1.5",
        "tokens_per_s>=19",
        results=run(1),
    ) == [
        "gates of m",
        "  FAIL          json_exact[tree]>=baseline-0.1  75.0 % [30.1, 95.4], n 4, bound 90.0 %, margin -15.0 points",
        "  PASS          key_f1>=0.5                     1.000 [1.000, 1.000], n 16, margin +0.500",
        "  FAIL          regressions<=2                  3, n 16, margin -1: invoice-1, rating-1, tree-1",
        "  PASS          latency_p95<=1.5                1.000 s, n 16, margin +0.500 s",
        "  PASS          tokens_per_s>=19                20.0 tok/s, n 16, margin +1.0 tok/s",
        "gate: m may not be released: 2 of 5 gates fail",
    ]


def test_the_last_line_says_what_becomes_of_the_model() -> None:
    assert lines("json_exact==1", results=run())[-1] == "gate: m may be released"
    assert lines("json_exact==1", "errors==0", results=run(1))[-1] == "gate: m may not be released: 1 of 2 gates fails"
    assert lines("json_exact==1", "json_exact[simple]==1", "misses==9", results=run()[:8])[1:] == [
        "  UNMEASURABLE  json_exact==1          8 of 16 cases ran",
        "  PASS          json_exact[simple]==1  100.0 % [67.6, 100.0], n 8, margin +0.0 points",
        "  UNMEASURABLE  misses==9              8 of 16 cases ran",
        "gate: m may not be released: 2 of 3 gates cannot be measured",
    ]
    others = lines("json_exact==1", results=run(), others_failed=1)[-1]
    assert others == "gate: m may not be released: its gates hold, but 1 other test failed"
    aside = lines("json_exact==1", results=run(), report_only=True)[-1]
    assert aside == "gate: m may be released (--edgejson-report-only: the exit code does not say so)"
