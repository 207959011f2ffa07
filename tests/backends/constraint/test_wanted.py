"""What answers are held to: formats and the order of keys."""

from __future__ import annotations

import json

import pytest

from pytest_edgejson.backends.constraint.wanted import merged_order, schema_constraint

STRING = {"type": "string"}


def test_formats_are_left_out_and_nothing_of_that_name_else() -> None:
    schema = {
        "type": "object",
        "format": "x",
        "properties": {
            "format": {"type": "string", "format": "date"},
            "const": {"type": "string", "format": "date"},
            "kind": {"const": {"format": "a"}, "examples": [{"format": "b"}]},
            "either": {"anyOf": [{"type": "string", "format": "uri"}, {"enum": [{"format": "c"}]}]},
        },
        "components": {"schemas": {"format": {"type": "string", "format": "time"}}},
    }
    assert json.loads(schema_constraint(schema, [])) == {
        "type": "object",
        "properties": {
            "format": STRING,
            "const": STRING,
            "kind": {"const": {"format": "a"}, "examples": [{"format": "b"}]},
            "either": {"anyOf": [STRING, {"enum": [{"format": "c"}]}]},
        },
        "additionalProperties": False,
        "components": {"schemas": {"format": STRING}},
    }


def test_keys_stand_as_in_the_expected_outputs() -> None:
    item = {"properties": {"price": {}, "text": {}}}
    schema = {
        "properties": {"total": {}, "note": {}, "items": {"items": {"$ref": "#/definitions/item"}}, "either": {}},
        "allOf": [{"properties": {"z": {}, "y": {}}}],
        "definitions": {"item": item},
    }
    outputs = [
        {"items": [{"text": "a", "price": 1}, {"price": 2}], "y": 1, "z": 2, "total": 3},
        {"items": [], "note": "n", "extra": 1, "total": 3},
    ]
    held = json.loads(schema_constraint(schema, outputs))
    assert list(held["properties"]) == ["items", "note", "total", "either"]
    assert list(held["definitions"]["item"]["properties"]) == ["text", "price"]
    assert list(held["allOf"][0]["properties"]) == ["y", "z"]


def test_a_schema_that_refers_to_itself_is_followed_as_far_as_the_value_goes() -> None:
    schema = {"properties": {"a": {}, "child": {"$ref": "#"}}, "anyOf": [{"$ref": "#"}, True]}
    held = json.loads(schema_constraint(schema, [{"child": {"child": {"a": 1}}, "a": 1}]))
    assert list(held["properties"]) == ["child", "a"]


NAME = {"properties": {"name": STRING}}


def closed(schema: dict[str, object], *outputs: object) -> bool:
    return json.loads(schema_constraint(schema, outputs)).get("additionalProperties") is False


def test_there_are_no_further_keys_where_neither_the_schema_nor_an_expected_output_has_any() -> None:
    assert closed(NAME)
    assert closed(NAME, {"name": "a"}, {})
    assert not closed(NAME, {"name": "a"}, {"age": 1})
    assert not closed({"type": "object"})
    assert not closed({"properties": {}})
    held = json.loads(
        schema_constraint(
            {"items": NAME, "$defs": {"if": {"properties": {"if": STRING}}}}, [[{"name": "a"}, {"age": 1}]]
        )
    )
    assert held == {"items": NAME, "$defs": {"if": {"properties": {"if": STRING}, "additionalProperties": False}}}


@pytest.mark.parametrize(
    "said",
    [
        {"additionalProperties": True},
        {"additionalProperties": STRING},
        {"patternProperties": {"^x": {}}},
        {"required": ["name", "age"]},
        {"minProperties": 2},
        {"allOf": [{"properties": {"age": {}}}]},
        {"anyOf": [{"required": ["age"]}, {}]},
        {"$ref": "#/$defs/aged", "$defs": {"aged": {"properties": {"age": {}}}}},
        {"dependentRequired": {"name": ["age"]}},
        {"then": {"properties": {"age": {}}}, "if": {"required": ["name"]}},
    ],
)
def test_what_a_schema_says_of_further_keys_holds(said: dict[str, object]) -> None:
    held = json.loads(schema_constraint({**NAME, **said}, [{"name": "a"}]))
    assert held == {**NAME, **said}


def test_each_of_some_alternatives_has_its_own_keys() -> None:
    age = {"properties": {"age": {}}}
    held = json.loads(schema_constraint({"anyOf": [NAME, age]}, [{"age": 1}]))
    assert held == {"anyOf": [{**each, "additionalProperties": False} for each in (NAME, age)]}


@pytest.mark.parametrize(
    ("declared", "orders", "merged"),
    [
        ("abc", [], "abc"),
        ("abc", ["ac", "ab"], "abc"),
        ("abcd", ["db"], "acdb"),
        ("abcd", ["dc", "cb", "ba"], "dcba"),
        ("abc", ["ba", "ab"], "abc"),
    ],
)
def test_orders_are_merged_and_contradictions_change_nothing(declared: str, orders: list[str], merged: str) -> None:
    assert "".join(merged_order(declared, orders)) == merged
