from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.score import score
from pytest_edgejson.suite.schemas import Schema, Schemas
from pytest_edgejson.values.jsonvalue import equal, leaves

V3 = Path(__file__).resolve().parents[3] / "shared" / "edgejson-v3"
ANYTHING = Schema("anything", "simple", {"type": "object"}, "anything.json")
ORDER = Schema(
    "order",
    "medium",
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "items": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
        },
        "required": ["id"],
    },
    "order.json",
)
EXPECTED = {"id": "A1", "date": "2024-01-05", "items": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}], "note": {}}

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=4)


def scored(expected, got, schema=ANYTHING):
    text = got if isinstance(got, str) else json.dumps(got)
    return score(expected, extract(text, is_valid=schema.is_valid), schema)


def test_a_perfect_answer():
    result = scored(EXPECTED, EXPECTED, ORDER)
    assert (result.json_exact, result.schema_compliant, result.format_compliant) == (True, True, True)
    assert (result.field_f1, result.field_precision, result.field_recall, result.key_f1) == (1, 1, 1, 1)
    assert (result.right_leaves, result.expected_leaves, result.predicted_leaves) == (7, 7, 7)


@pytest.mark.parametrize("text", ["", "nothing", "[]", '{"id": "A1",}', '{"id": "A1"'])
def test_without_an_object_everything_is_zero(text):
    result = scored(EXPECTED, text, ORDER)
    assert (result.json_exact, result.schema_compliant, result.format_compliant) == (False, False, False)
    assert (result.field_f1, result.field_precision, result.field_recall, result.key_f1) == (0, 0, 0, 0)
    assert (result.right_leaves, result.expected_leaves, result.predicted_leaves) == (0, 7, 0)


@pytest.mark.parametrize(
    ("got", "right", "predicted", "right_keys"),
    [
        (EXPECTED | {"id": "A2"}, 6, 7, 7),
        (EXPECTED | {"id": None}, 6, 7, 7),
        (EXPECTED | {"extra": 1}, 7, 8, 7),
        ({"id": "A1"}, 1, 1, 1),
        ({"ID": "A1"}, 0, 1, 0),
        (EXPECTED | {"items": EXPECTED["items"][::-1]}, 7, 7, 7),
        (EXPECTED | {"items": EXPECTED["items"][1:]}, 5, 5, 5),
        (EXPECTED | {"items": [{"sku": "x"}, {"n": 2}]}, 5, 5, 5),
        (EXPECTED | {"items": [{"n": 9}, {"sku": "z", "n": 9}]}, 3, 6, 6),
        (EXPECTED | {"items": []}, 3, 4, 3),
        (EXPECTED | {"note": []}, 6, 7, 7),
        (EXPECTED | {"note": {"a": 1}}, 6, 7, 6),
        (EXPECTED | {"items": [{"sku": "x", "n": True}, {"sku": "y", "n": 2.0}]}, 6, 7, 7),
        ({"answer": EXPECTED}, 0, 7, 0),
        ({}, 0, 1, 0),
    ],
)
def test_leaves_are_counted(got, right, predicted, right_keys):
    result = scored(EXPECTED, got)
    assert not result.json_exact
    assert (result.right_leaves, result.expected_leaves, result.predicted_leaves) == (right, 7, predicted)
    assert result.field_f1 == pytest.approx(2 * right / (7 + predicted))
    assert result.field_recall == pytest.approx(right / 7)
    assert result.field_precision == pytest.approx(right / predicted)
    assert result.key_f1 == pytest.approx(2 * right_keys / (7 + predicted))


def test_an_empty_expected_object_can_be_met():
    assert scored({}, {}).field_f1 == 1
    assert scored({}, {}).json_exact
    assert scored({}, {"a": 1}).field_f1 == 0


def test_compliance_is_the_schema_s_and_formats_come_on_top():
    naive = scored(EXPECTED, EXPECTED | {"date": "5 January"}, ORDER)
    assert (naive.schema_compliant, naive.format_compliant) == (True, False)
    short = scored(EXPECTED, {"id": "A1"}, ORDER)
    assert (short.schema_compliant, short.format_compliant) == (True, True)
    wrong = scored(EXPECTED, {"id": 1}, ORDER)
    assert (wrong.schema_compliant, wrong.format_compliant) == (False, False)


@given(objects)
def test_a_perfect_answer_scores_one_in_any_wrapping(value):
    assume(value)
    for text in (
        json.dumps(value),
        json.dumps(value, indent=2, ensure_ascii=False),
        f"<think>{{}} is empty</think>```json\n{json.dumps(value)}\n```",
        f"Sure, here it is: {json.dumps(value)}\n\nInput: {{}}",
    ):
        result = scored(value, text)
        assert result.json_exact
        assert result.field_f1 == result.field_precision == result.field_recall == result.key_f1 == 1


@given(st.lists(objects, min_size=2, max_size=5, unique_by=json.dumps), st.randoms())
def test_items_in_another_order_have_all_fields_right_and_are_not_exact(items, random):
    shuffled = items.copy()
    random.shuffle(shuffled)
    assume(not equal(items, shuffled))
    result = scored({"items": items}, {"items": shuffled})
    assert result.field_f1 == result.key_f1 == 1
    assert not result.json_exact


@given(objects, objects)
def test_scores_are_bounded_symmetric_and_consistent(expected, got):
    forth, back = scored(expected, got), scored(got, expected)
    assert 0 <= forth.field_f1 <= forth.key_f1 <= 1
    assert forth.field_f1 == back.field_f1
    assert forth.key_f1 == back.key_f1
    assert (forth.field_precision, forth.field_recall) == (back.field_recall, back.field_precision)
    assert forth.json_exact == back.json_exact == equal(expected, got)
    assert (forth.expected_leaves, forth.predicted_leaves) == (len(leaves(expected)), len(leaves(got)))
    if forth.json_exact:
        assert forth.field_f1 == 1


@given(st.text(max_size=40))
def test_any_output_has_a_score(text):
    assert 0 <= scored(EXPECTED, text, ORDER).field_f1 < 1


def test_a_million_keys_are_all_counted():
    text = "{" + ", ".join(f'"key{i}": {i}' for i in range(1_000_000)) + "}"
    result = scored({"key7": 7, "key8": 9}, text)
    assert (result.right_leaves, result.expected_leaves, result.predicted_leaves) == (1, 2, 1_000_000)


def test_an_expected_output_nested_deeper_than_any_answer_is_no_crash():
    expected: dict[str, object] = {"a": 1}
    for _ in range(900):
        expected = {"a": expected, "b": [expected] if len(expected) == 1 else 2}
    result = scored(expected, {"a": {"b": 2}})
    assert result.right_leaves == 1
    assert not result.json_exact


# What each way of changing an upstream answer must do to its scores.
EXACT = {
    "perfect",
    "perfect_indented",
    "trailing_prose",
    "next_prompt",
    "fenced",
    "prefaced_fenced",
    "think",
    "repeated",
    "extra_brace",
    "reorder",
    "ints_as_floats",
    "scientific",
    "empty_then_object",
}
NO_OBJECT = {
    "truncated",
    "python_literal",
    "trailing_comma",
    "nan_leaf",
    "duplicate_key",
    "list_root",
    "null",
    "empty",
    "whitespace",
    "prose",
    "deep_nesting",
    "deep_objects",
    "huge_integer",
}


@pytest.mark.skipif(not V3.is_dir(), reason="the upstream data is not beside the project")
def test_upstream_answers_score_by_what_was_done_to_them():
    schemas = Schemas(V3 / "schemas")
    rows = {row["id"]: row for row in map(json.loads, (V3 / "train.jsonl").read_text().splitlines())}
    seen = set()
    for vector in map(json.loads, (V3 / "score-vectors.jsonl").read_text().splitlines()):
        row, kind = rows[vector["case_id"]], vector["kind"]
        result = scored(row["expected_output"], vector["output"], schemas[row["schema_id"]])
        seen.add(kind)
        if kind in EXACT:
            assert result.json_exact, vector
            assert result.schema_compliant, vector
        elif kind in NO_OBJECT:
            assert result.predicted_leaves == 0, vector
        elif kind == "nested_arrays_reversed":
            assert result.field_f1 == 1, vector
        elif kind in ("wrapped_root", "extra_top", "wrong_leaf", "null_leaf", "drop_leaf", "drop_top"):
            assert not result.json_exact, vector
            assert result.field_f1 < 1, vector
    assert seen >= EXACT | NO_OBJECT


def test_judging_imports_nothing_heavy_until_it_judges():
    code = (
        "import sys\n"
        "from pytest_edgejson.scoring import alignment, diagnosis, extraction, scanner, score, v3\n"
        "from pytest_edgejson.report.diff import render\n"
        "from pytest_edgejson.results import statistics\n"
        "from pytest_edgejson.suite import schemas\n"
        "heavy = {'pytest', 'numpy', 'scipy', 'jsonschema', 'referencing', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
