"""The prompts' form: what a record looks like, and that it can be read back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.make.random_values import Values
from pytest_edgejson.suite.make.records import generate_record
from pytest_edgejson.suite.rendering import FormError, label, parse_prompt, render_prompt
from pytest_edgejson.suite.schemas import Schemas
from pytest_edgejson.values.jsonvalue import equal

CLOSING = "Please extract the order information as JSON."
SCHEMAS = Schemas(bundled.SCHEMAS)

# Hostile on purpose: what separates, delimits, labels or quotes in the form itself.
_LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12)
STRINGS = _LINES | st.sampled_from(
    [
        "", " ", "- ", "-", "- a", "a: b", "Key: value", "Key:", "  Key: 5", "Quantity: 3", "{", "}", '{"a": 1}', "[]",
        '"', '\\"', "O'Hara", "C:\\new", "True", "False", "None", "null", "0", "007", "-5", "1e5", "1.50", "+49 30",
        "2020-01-01T00:00:00Z", "\r", "\t", "\u2028", "\x85", "größe", "日本", "😀", "- Key: value", CLOSING,
    ]
)  # fmt: skip
KEYS = st.from_regex(r"[a-z][a-z0-9]{0,4}(_[a-z0-9]{1,4}){0,2}", fullmatch=True)


def _scalars(strings: st.SearchStrategy[str], *, lists: bool = False) -> st.SearchStrategy[tuple[dict[str, Any], Any]]:
    """Draw a type and a value of it, or a few."""
    values: dict[str, st.SearchStrategy[Any]] = {
        "string": strings,
        "integer": st.integers(),
        "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return st.one_of(
        st.tuples(st.just({"type": kind}), st.lists(value, min_size=1, max_size=3) if lists else value)
        for kind, value in values.items()
    )


@st.composite
def _objects(draw: st.DrawFn, depth: int = 2, *, empty: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a schema and a record it allows."""
    properties: dict[str, Any] = {}
    record: dict[str, Any] = {}
    for key in draw(st.lists(KEYS, min_size=0 if empty else 1, max_size=4, unique=True)):
        kind = draw(st.integers(0, 4)) if depth else 0
        if kind < 2:
            properties[key], record[key] = draw(_scalars(STRINGS))
        elif kind == 2:
            properties[key], record[key] = draw(_objects(depth - 1))
        elif kind == 3:
            items, values = draw(_scalars(STRINGS, lists=True))
            properties[key] = {"type": "array", "items": items}
            record[key] = values
        else:
            # The items share one schema; each has some of its keys, in any order.
            items, full = draw(_objects(depth - 1, empty=False))
            keys = st.lists(st.sampled_from(sorted(full)), min_size=1, unique=True)
            properties[key] = {"type": "array", "items": items}
            record[key] = [
                {name: full[name] for name in chosen} for chosen in draw(st.lists(keys, min_size=1, max_size=3))
            ]
    return {"type": "object", "properties": properties}, record


# There and back


@settings(deadline=None)
@given(_objects(), st.sampled_from(["Order", "New Order", "=== Order ===", ""]))
def test_a_record_can_be_read_back_from_its_prompt(pair: tuple[dict[str, Any], dict[str, Any]], heading: str) -> None:
    schema, record = pair
    prompt = render_prompt(record, heading, "Order")
    assert prompt.startswith(f"{heading}\n\n")
    assert prompt.endswith(f"\n\n{CLOSING}")
    parsed = parse_prompt(prompt, schema)
    assert equal(parsed, record)
    assert list(parsed) == list(record)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SCHEMAS)), st.integers(0, 10_000), st.floats(0, 1))
def test_records_of_every_bundled_schema_can_be_read_back(schema_id: str, seed: int, fullness: float) -> None:
    document = SCHEMAS[schema_id].document
    record = generate_record(schema_id, document, Values(seed, "train"), fullness)
    assert equal(parse_prompt(render_prompt(record, "X", "X"), document), record)


def test_the_form() -> None:
    record = {
        "order_id": "A-1",
        "paid": True,
        "note": None,
        "total": 12.5,
        "address": {"zip_code": "01234", "extra": {}},
        "tags": ["a", "b: c"],
        "items": [{"sku": "x", "sizes": [{"w": 1}, {"w": 2}]}, {"sku": "y"}],
    }
    prompt = """New Order

Order Id: A-1
Paid: True
Note: None
Total: 12.5
Address:
  Zip Code: 01234
  Extra:
Tags:
  - a
  - b: c
Items:
  - Sku: x
    Sizes:
      - W: 1
      - W: 2
  - Sku: y

Please extract the order information as JSON."""
    assert render_prompt(record, "New Order", "Order") == prompt
    strings = {"type": "object", "properties": {"zip_code": {"type": "string"}}}
    schema = {"properties": {"address": strings, "tags": {"type": "array", "items": {"type": "string"}}}}
    assert parse_prompt(prompt, schema) == record


def test_white_space_after_the_prompt_does_not_matter() -> None:
    assert parse_prompt(f"T\n\nA: 1\n\n{CLOSING}\n \n") == {"a": 1}


# EdgeJSON v3's form

V3 = """Order

Status: 12
Tags:
  red
  Note: green
Empty:
Items:
  Sku: a
  Quantity: 1
  Sku: b
  Quantity: 2
  Dimensions:
    W: 1

Please extract the order information as JSON."""


def test_the_undelimited_form_ends_an_item_where_a_key_repeats() -> None:
    record = {
        "status": "12",
        "tags": ["red", "Note: green"],
        "empty": {},
        "items": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 2, "dimensions": {"w": 1}}],
    }
    assert render_prompt(record, "Order", "Order", delimited=False) == V3
    items = {"type": "object", "properties": {"sku": {"type": "string"}}}
    schema = {
        "properties": {
            "status": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "items": {"type": "array", "items": items},
        }
    }
    assert parse_prompt(V3, schema) == record


def test_the_undelimited_form_loses_boundaries() -> None:
    record = {"items": [{"a": 1}, {"b": 2}]}
    schema = {"properties": {"items": {"type": "array", "items": {"type": "object"}}}}
    assert parse_prompt(render_prompt(record, "T", "Order", delimited=False), schema) == {"items": [{"a": 1, "b": 2}]}
    assert parse_prompt(render_prompt(record, "T", "Order"), schema) == record


# Types


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("True", True), ("False", False), ("None", None), ("true", "true"), ("null", "null"),
        ("5", 5), ("-5", -5), ("0", 0), ("1.50", 1.5), ("1e5", 1e5), ("1E-5", 1e-5), ("-0.5", -0.5),
        ("007", "007"), ("+5", "+5"), ("5.", "5."), (".5", ".5"), ("5 pieces", "5 pieces"), ("1,234", "1,234"),
        ("0x10", "0x10"), ("1_000", "1_000"), ("NaN", "NaN"), ("Infinity", "Infinity"), ("٣", "٣"), ("５", "５"),
        ("2020-01-01", "2020-01-01"), ("", ""), (" 5", " 5"), ("5 ", "5 "), ('"5"', '"5"'), ("{}", "{}"),
        ("[1]", "[1]"),
    ],
)  # fmt: skip
def test_without_a_schema_types_are_guessed(text: str, guess: Any) -> None:
    parsed = parse_prompt(f"T\n\nValue: {text}\nValues:\n  - {text}\n\n{CLOSING}")
    assert parsed == {"value": guess, "values": [guess]}
    assert type(parsed["value"]) is type(guess)
    assert type(parsed["values"][0]) is type(guess)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "True", "True"),
        ("string", "5", "5"),
        ("string", "None", "None"),
        ("integer", "5", 5),
        ("number", "5", 5),
        (["string", "null"], "None", None),
        (["string", "null"], "5", "5"),
        (["integer", "string"], "5", 5),
        (["integer", "string"], "five", "five"),
        (["boolean", "null"], "False", False),
    ],
)
def test_the_schemas_type_decides(kind: Any, text: str, value: Any) -> None:
    parsed = parse_prompt(f"T\n\nA: {text}\n\n{CLOSING}", {"properties": {"a": {"type": kind}}})
    assert parsed["a"] == value
    assert type(parsed["a"]) is type(value)


@pytest.mark.parametrize("anything", [True, {}, {"enum": ["x"]}, {"$ref": "#/definitions/x"}, {"anyOf": [{}]}])
def test_a_schema_without_a_type_leaves_it_to_the_text(anything: Any) -> None:
    prompt = f"T\n\nA: 5\nB:\n  - 5\n  - x\nC:\n  D: True\n\n{CLOSING}"
    expected = {"a": 5, "b": [5, "x"], "c": {"d": True}}
    assert parse_prompt(prompt, {"properties": {"a": anything, "b": anything, "c": anything}}) == expected
    array = {"type": "array", "items": anything}
    assert parse_prompt(prompt, {"properties": {"b": array, "c": {"additionalProperties": anything}}}) == expected


def test_items_that_differ_by_place_are_guessed() -> None:
    schema = {"properties": {"b": {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}}}
    assert parse_prompt(f"T\n\nB:\n  - 5\n  - x\n\n{CLOSING}", schema) == {"b": [5, "x"]}


def test_a_bare_label_is_what_the_schema_makes_of_it() -> None:
    prompt = f"T\n\nA:\n\n{CLOSING}"
    assert parse_prompt(prompt) == {"a": {}}
    for kind, value in {"object": {}, "array": [], "string": ""}.items():
        assert parse_prompt(prompt, {"properties": {"a": {"type": kind}}}) == {"a": value}
    with pytest.raises(FormError, match="integer"):
        parse_prompt(prompt, {"properties": {"a": {"type": "integer"}}})


# What has another form


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "hello",
        "\n\n\n\n",
        f"T\n\nA: 1\n{CLOSING}",
        f"T\nA: 1\n\n{CLOSING}",
        "T\n\nA: 1\n\nPlease extract the order information as XML.",
        "T\n\nA: 1\n\nWhat is A?",
        f"T\n\nfree text\n\n{CLOSING}",
        f"T\n\na: 1\n\n{CLOSING}",
        f"T\n\nA:1\n\n{CLOSING}",
        f"T\n\nA: 1\n\nB: 2\n\n{CLOSING}",
        f"T\n\nA: 1\nA: 2\n\n{CLOSING}",
        f"T\n\nA: 1\n  B: 2\n\n{CLOSING}",
        f"T\n\n    A: 1\n  B: 2\n\n{CLOSING}",
    ],
)
def test_another_form_is_an_error(prompt: str) -> None:
    with pytest.raises(FormError):
        parse_prompt(prompt)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "five"),
        ("number", "5 pieces"),
        ("boolean", "yes"),
        ("null", "nothing"),
        ("object", "{}"),
        ("array", "[]"),
        (["integer", "null"], "x"),
    ],
)
def test_a_value_of_another_type_is_an_error(kind: Any, text: str) -> None:
    with pytest.raises(FormError, match=re.escape(f"'{text}' is no ")):
        parse_prompt(f"T\n\nA: {text}\n\n{CLOSING}", {"properties": {"a": {"type": kind}}})


def test_lines_below_a_scalar_are_an_error() -> None:
    with pytest.raises(FormError, match="string"):
        parse_prompt(f"T\n\nA:\n  B: 1\n\n{CLOSING}", {"properties": {"a": {"type": "string"}}})


def test_hostile_sizes_are_errors_of_form() -> None:
    deep = "\n".join("  " * depth + "A:" for depth in range(2000))
    with pytest.raises(FormError, match="nested too deeply"):
        parse_prompt(f"T\n\n{deep}\n\n{CLOSING}")
    with pytest.raises(FormError, match="5000 digits"):
        parse_prompt(f"T\n\nA: {'9' * 5000}\n\n{CLOSING}")


@settings(deadline=None)
@given(st.text(alphabet=" \n-:AB1ab", max_size=60))
def test_any_text_is_a_record_or_an_error_of_form(body: str) -> None:
    schemas: list[dict[str, Any] | None] = [None, {"properties": {"a": {"type": "array"}, "b": {"type": "object"}}}]
    for schema in schemas:
        try:
            parsed = parse_prompt(f"T\n\n{body}\n\n{CLOSING}", schema)
        except FormError:
            continue
        assert isinstance(parsed, dict)


def test_labels() -> None:
    assert label("total_amount") == "Total Amount"
    assert label("line2_item") == "Line2 Item"
