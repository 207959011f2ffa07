from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.results.breakdown import break_down, count_fields, count_kinds
from pytest_edgejson.results.points import could_be_exact
from pytest_edgejson.results.result import make_result
from pytest_edgejson.scoring.kinds import LOSSES
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.schemas import Schema

SCHEMA = Schema(
    "order",
    "medium",
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "state": {"enum": ["open", "paid"]},
            "count": {"type": "integer", "minimum": 0, "maximum": 100},
            "rush": {"type": "boolean"},
            "note": {"type": ["string", "null"]},
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}},
                    "required": ["sku"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["id"],
    },
    "order.json",
)
EXPECTED = {
    "id": "A-17",
    "state": "open",
    "count": 12,
    "rush": True,
    "lines": [{"sku": "tea", "n": 3}, {"sku": "ink", "n": 4}],
}
DEEP = {"id": "A-17", "lines": [{"sku": "tea", "of": {"maker": {"name": "Ada"}}}]}
ANY = Schema("any", "complex", {"type": "object"}, "any.json")
SCHEMAS = {schema.fingerprint: schema for schema in (SCHEMA, ANY)}
GOLD = json.dumps(EXPECTED)


def answer(
    output: Any, expected: dict[str, Any] = EXPECTED, reason: str = "stop", schema: Schema = SCHEMA, **case: Any
) -> dict[str, Any]:
    text = output if isinstance(output, str) else json.dumps(output)
    policy = case.pop("policy", "lenient")
    made = Case(case.pop("id", "order-001"), schema.id, schema.complexity, json.dumps(expected), expected, **case)
    completion = Completion("key", text, reason)  # type: ignore[arg-type]
    return make_result(made, "m", 1, completion, schema, policy)


def points(*answers):
    return {each.condition: each for each in break_down(answers, SCHEMAS, "r.jsonl", "m").points}


# ---------------------------------------------------------------- kinds and fields


def test_kinds_by_complexity():
    kinds = count_kinds(
        [
            answer(GOLD),
            answer(EXPECTED | {"count": 13, "total": 5}),
            answer('{"a": 1,}'),
            answer(f"Here: {GOLD}"),
            answer({"id": "A-17"}, DEEP, schema=ANY),
            answer("", reason="error"),
        ]
    )
    assert kinds.answers == {"medium": 4, "complex": 1, "all": 5}
    assert kinds.failures == {
        "exact": {"medium": 2, "all": 2},
        "malformed": {"medium": 1, "all": 1},
        "value_error": {"medium": 1, "complex": 1, "all": 2},
    }
    assert list(kinds.failures) == ["exact", "value_error", "malformed"]
    assert kinds.malformed == {"trailing_comma": {"medium": 1, "all": 1}}
    assert kinds.flags == {"prose": {"medium": 1, "all": 1}}
    assert kinds.leaves == {"medium": 3 * 8, "complex": 3, "all": 3 * 8 + 3}
    assert kinds.findings["missing"] == {"complex": 2, "all": 2}


def test_a_renamed_field_counts_once():
    renamed = {key: value for key, value in EXPECTED.items() if key != "state"} | {"State": "open"}
    assert count_kinds([answer(renamed)]).findings == {"renamed": {"medium": 1, "all": 1}}
    (field,) = count_fields([answer(renamed)])
    assert (field.path, field.wrong, field.expected, field.extra) == ("order.state", 1, 1, 0)


def test_details_of_near_values():
    kinds = count_kinds([answer(EXPECTED | {"id": "a-17"}), answer(EXPECTED | {"id": "A-17 "})])
    assert kinds.details == {"case": {"medium": 1, "all": 1}, "whitespace": {"medium": 1, "all": 1}}


def test_fields_are_counted_over_array_items_and_cases():
    one, two = EXPECTED["lines"]
    found = count_fields(
        [
            answer(EXPECTED | {"lines": [{"sku": "tea"}, {"sku": "ink", "n": 5}]}),
            answer(EXPECTED | {"lines": [{"sku": "tea", "n": "3", "vat": "Q"}, two]}),
            answer(EXPECTED | {"lines": [two, one]}),
            answer(GOLD),
            answer("no object"),
            answer("", reason="timeout"),
        ]
    )
    assert [(field.path, field.wrong, field.expected, field.extra) for field in found] == [
        ("order.lines[].n", 3, 8, 0),
        ("order.lines[].vat", 0, 0, 1),
        ("order.lines", 0, 0, 0),
    ]
    assert found[0].kinds == {"missing": 1, "hallucinated": 1, "wrong_type": 1}
    assert found[2].kinds == {"array_order": 1}


def test_a_key_that_looks_like_an_index_is_not_taken_for_one():
    expected = {'a "[0]" [1]': [{"x y": 1}, {"x y": 2}]}
    fields = count_fields([answer({'a "[0]" [1]': [{}, {}]}, expected, schema=ANY)])
    assert fields[0].path == r'any["a \"[0]\" [1]"][]["x y"]'
    assert (fields[0].wrong, fields[0].expected) == (2, 2)


# ---------------------------------------------------------------- points


def test_points_under_each_condition():
    cut = GOLD[: GOLD.index('"ink"')]
    answers = [
        answer(GOLD, id="bare"),
        answer(f"Sure!\n```json\n{GOLD}\n```", id="fenced"),
        answer(f"<think>hm</think>{GOLD}", id="thought"),
        answer(json.dumps(DEEP) + " Done.", DEEP, schema=ANY, id="deep"),
        answer(cut, reason="length", id="cut"),
        answer(EXPECTED | {"count": 1}, id="wrong", suspect=("text_differs",)),
        answer(GOLD, reason="error", id="broken"),
    ]
    found = points(*answers)
    assert list(found) == ["as it stands", "strict", "v3 extractor", "finished", "sound labels"]
    assert [(each.n, each.right) for each in found.values()] == [(6, 4), (6, 1), (6, 3), (6, 5), (5, 4)]
    assert found["strict"].lost == ("fenced", "thought", "deep")
    assert found["v3 extractor"].lost == ("deep",)
    assert found["finished"].gained == ("cut",)
    assert found["sound labels"].left_out == ("wrong",)
    assert all(each.gained == () for name, each in found.items() if name != "finished")
    assert found["as it stands"].json_exact is not None
    assert found["as it stands"].json_exact.value == 4 / 6


def test_what_lenient_extraction_would_add_to_a_strict_run():
    found = points(answer(f"Sure: {GOLD}", policy="strict", id="prose"), answer(GOLD, policy="strict"))
    assert found["as it stands"].right == 1
    assert found["lenient"].gained == ("prose",)


def test_repeats_of_a_case_are_told_apart():
    again = answer(f"Sure: {GOLD}") | {"repeat": 2}
    assert points(answer(f"Sure: {GOLD}"), again)["strict"].lost == ("order-001", "order-001 (repeat 2)")


@pytest.mark.parametrize(
    ("output", "could_be"),
    [
        ("{", True),
        ('Sure {now}: {"id": "A-17", "st', True),
        ('```json\n{"id": "A-17", "state": "open", "count": 1', True),
        ('{"id": "A-17", "lines": [{"sku": "tea", "n": 3}, {"sku": "i', True),
        ('<think>{"id": "B-1', True),
        ('<think>hm</think>{"id": "A-17", ', True),
        ('{"id": "A-18", "st', False),
        ('{"id": "A-17", "total": 4, "st', False),
        ('{"id": "A-17", "lines": [{"sku": "tea", "n": 3}], "st', False),
        ('{"id": "A-17", "lines": [{"sku": "ink", "n": 4}, {"sk', False),
        ('{"id": "A-17", "lines": [{"sku": "tea", "n": 3}, {"sku": "ink", "n": 4}, {', False),
        ('{"id": "A-17", "rush": 1, "st', False),
        ('{"id": "A-17", "lines": {"sku": ', False),
        ('{"id": "A-17", "port, "lines": [{', False),
    ],
)
def test_an_answer_that_was_cut_off_could_be_exact(output, could_be):
    assert could_be_exact(answer(output, reason="length")) is could_be
    assert not could_be_exact(answer(output, reason="stop"))


@pytest.mark.parametrize(
    ("output", "how", "could_be"),
    [
        ('[{"name": "st', "unordered", True),
        ('[{"name": "start"}, {"na', "unordered", False),
        ('[{"name": "start"}, {"na', "set", True),
        # No array at all.
        ('{"name": "st', "unordered", False),
        ('{"name": "st', "set", False),
    ],
)
def test_an_array_without_order_that_was_cut_off_could_be_exact(output: str, how: str, could_be: bool) -> None:
    cut_off = {
        **answer("[", reason="length"),
        "output": output,
        "expected_output": [{"name": "start"}],
        "comparators": {"": [how]},
        "extraction": {"form": None, "policy": "lenient", "error": "malformed:unterminated", "roots": ["array"]},
    }
    assert could_be_exact(cut_off) is could_be
    assert not could_be_exact({**cut_off, "expected_output": []})


@given(st.integers(1, len(GOLD) - 1), st.sampled_from(["", "Sure: ", "```json\n", "<think>{</think>"]))
def test_every_beginning_of_the_expected_output_could_be_exact(length, before):
    result = answer(before + GOLD[:length], reason="length")
    assert could_be_exact(result)
    assert result["failure"] == "truncated"


def test_losses_are_put_down_to_a_cause():
    answers = [
        answer(""),
        answer("I cannot."),
        answer('{"a": 1,}'),
        answer("[]"),
        answer('{"id": ', reason="length"),
        answer({"state": "open"}),
        answer({"id": "x"}),
        answer(GOLD),
        answer("", reason="error"),
    ]
    losses = break_down(answers, SCHEMAS, "r.jsonl", "m").losses
    assert losses == {"no answer": 2, "formatting": 2, "truncation": 1, "schema": 1, "values": 1}
    assert list(losses) == list(LOSSES)


# ---------------------------------------------------------------- the published scorer


def differences(*answers):
    found = break_down(answers, SCHEMAS, "r.jsonl", "m").differences
    return {(each.metric, each.ours, each.reason): each.cases for each in found}


@pytest.mark.parametrize(
    ("result", "ours", "reason"),
    [
        (
            answer(json.dumps(DEEP) + " Done.", DEEP, schema=ANY),
            True,
            "v3 takes an object inside the answer for the answer",
        ),
        (
            answer(json.dumps({"a": {"b": {"c": "{"}}}) + " Done.", {"a": {"b": {"c": "{"}}}, schema=ANY),
            True,
            "v3 finds nothing: there is text around the object, nested deeper than its regular expression sees",
        ),
        (
            answer(json.dumps({"a": "{"}) + " Done.", {"a": "{"}, schema=ANY),
            True,
            "v3 finds nothing in the text around the object",
        ),
        (answer(EXPECTED | {"rush": 1}), False, "Python's == calls true equal to 1, and false to 0"),
        (answer("9" * 5_000 + f" {GOLD}"), True, "the published scorer crashes on the output"),
        (answer(f'{{"example": 1}} {GOLD}'), True, "v3 takes another object of the output"),
        (
            answer('{"id": "x", "id": "A-17"}', {"id": "A-17"}),
            False,
            "json.loads takes what is no valid object (duplicate key)",
        ),
        (
            answer(f"Sure: {GOLD}", policy="strict"),
            False,
            "there is text around the object, which strict extraction does not take",
        ),
    ],
)
def test_why_the_scorers_differ_on_exactness(result, ours, reason):
    assert result["json_exact"] is ours
    assert result["v3"]["json_exact"] is not ours
    assert ("JSONExact", ours, reason) in differences(result)


@pytest.mark.parametrize(
    ("output", "ours", "reason"),
    [
        (EXPECTED | {"state": "late"}, False, "a value that the schema does not list (enum)"),
        (EXPECTED | {"count": 101}, False, "a value out of the schema's range (limits, lengths, patterns)"),
        (EXPECTED | {"count": 12.5}, False, "a fraction where the schema asks for an integer"),
        (
            EXPECTED | {"lines": [{"sku": 1}]},
            False,
            "a wrong type that v3 does not look at (below the top level, or of a key not expected)",
        ),
        (
            EXPECTED | {"lines": [{"n": 1}]},
            False,
            "a required key is missing that v3 does not look for (below the top level, or not expected)",
        ),
        (EXPECTED | {"lines": [{"sku": "tea", "x": 1}]}, False, "a key that the schema does not have"),
        (
            f'{{"order": {json.dumps(EXPECTED | {"lines": [{"n": 1}]})}, ',
            False,
            "v3 takes a part of an object that is malformed or cut off",
        ),
        ({"id": "A-17"}, True, "an optional key is left out, which the schema allows"),
    ],
)
def test_why_the_scorers_differ_on_compliance(output, ours, reason):
    assert differences(answer(output)) == {("SchemaCompliance", ours, reason): ("order-001",)}


def test_other_types_and_empty_objects_that_the_schema_allows():
    with_note = EXPECTED | {"note": "soon"}
    reason = "a value has another type than the expected one, which the schema allows"
    assert ("SchemaCompliance", True, reason) in differences(answer(with_note | {"note": None}, with_note))
    reason = "v3 takes no empty object, which the schema allows"
    assert ("SchemaCompliance", True, reason) in differences(answer("{}", DEEP, schema=ANY))


def test_no_difference_on_a_right_and_on_a_hopeless_answer():
    assert differences(answer(GOLD), answer("I cannot.")) == {}


def test_both_scorers_are_measured_on_the_same_cases():
    found = break_down([answer(GOLD), answer(GOLD, states_complexity=False)], SCHEMAS, "r.jsonl", "m")
    assert [(pair.metric, pair.group, pair.n) for pair in found.pairs][:2] == [
        ("JSONExact", "medium", 2),
        ("JSONExact", "all", 2),
    ]
    assert found.unstated == 1


outputs = st.sampled_from([GOLD, "", "[]", "{}", f"{GOLD} Done.", GOLD[:40], "[" * 1_000]) | st.text('{}[]":,1a ')
reasons = st.sampled_from(["stop", "length", "timeout", "error"])


@given(st.lists(st.tuples(outputs, reasons), max_size=5))
def test_the_parts_add_up_whatever_the_answers(given_answers):
    answers = [answer(output, reason=reason) for output, reason in given_answers]
    found = break_down(answers, SCHEMAS, "r.jsonl", "m")
    first = found.points[0]
    assert first.n + found.errors == len(answers)
    assert first.right + sum(found.losses.values()) == first.n
    assert sum(counts["all"] for counts in found.kinds.failures.values()) == first.n
    assert all(
        each.right == first.right + len(each.gained) - len(each.lost)
        for each in found.points
        if each.condition != "sound labels"
    )
    assert sum(field.wrong for field in found.fields) == sum(
        "expected" in field and field["kind"] != "array_order"
        for result in answers
        if result["finish_reason"] in ("stop", "length")
        for field in result["fields"]
    )
    differ = sum(
        result["json_exact"] != result["v3"]["json_exact"]
        for result in answers
        if result["finish_reason"] in ("stop", "length")
    )
    assert sum(len(each.cases) for each in found.differences if each.metric == "JSONExact") == differ
