"""Objects that any schema allows, and the facts that they state."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import pytest

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.make.facts import facts
from pytest_edgejson.suite.schemas import SchemaError, Schemas, make_schema

pytest.importorskip("faker", reason="Faker is not installed")

from pytest_edgejson.suite.make.objects import make_objects

SCHEMAS: dict[str, Any] = {
    "references": {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/$defs/node"}}},
                "required": ["name"],
            }
        },
    },
    "combined": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["b"]},
        ]
    },
    "bounds": {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 1, "maximum": 3},
            "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
            "dozens": {"type": "integer", "multipleOf": 12, "minimum": 12},
            "below": {"type": "number", "maximum": -5},
            "code": {"type": "string", "minLength": 12, "maxLength": 20},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2, "uniqueItems": True},
        },
        "required": ["age", "price", "dozens", "below", "code", "tags"],
    },
    "formats": {
        "type": "object",
        "properties": {
            name: {"type": "string", "format": name}
            for name in ("date", "date-time", "time", "email", "uri", "uuid", "ipv4", "hostname")
        },
        "additionalProperties": False,
    },
    "examples": {"type": "object", "properties": {"x": {"type": "string", "not": {"minLength": 2}, "examples": ["q"]}}},
    "open": {"type": "object", "additionalProperties": {"type": "integer"}},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": False, "minItems": 2},
    "array": {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1},
    "scalar": {"type": ["integer", "null"]},
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_all_are_valid_and_the_same_for_the_same_seed(name: str) -> None:
    schema = make_schema(name, "simple", SCHEMAS[name], "it.json")
    made = [*islice(make_objects(schema, 0, "train"), 30)]
    assert all(schema.is_valid(value, with_formats=True) for value in made)
    assert made == [*islice(make_objects(schema, 0, "train"), 30)]
    assert made != [*islice(make_objects(schema, 1, "train"), 30)]


@pytest.mark.slow
@pytest.mark.parametrize("folder", [bundled.SCHEMAS, *sorted(bundled.SUITES.glob("*/schemas"))], ids=str)
def test_of_all_bundled_schemas(folder: Any) -> None:
    for schema in Schemas(folder).values():
        assert next(make_objects(schema, 0, "train")) is not None


def test_patterns_are_met() -> None:
    pytest.importorskip("rstr", reason="rstr is not installed")
    schema = make_schema("p", "simple", {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"}, "p.json")
    assert all(re.fullmatch(r"[A-Z]{3}-\d{4}", value) for value in islice(make_objects(schema, 0, "train"), 5))


def test_what_cannot_be_made_names_file_field_and_fix() -> None:
    document = {"type": "object", "properties": {"x": {"type": "string", "not": {"minLength": 1}}}, "required": ["x"]}
    schema = make_schema("it", "simple", document, "it.json")
    with pytest.raises(SchemaError, match=r"it\.json: no value could be made for x, which .*: give .* some `examples`"):
        next(make_objects(schema, 0, "train"))


def test_facts_name_each_scalar_in_words_without_digits_of_their_own() -> None:
    value = {"buyer": {"zip_code": "007"}, "items": [{"qty": 2}, {"qty": 3.5}], "paid": True, "note": None, "tags": []}
    assert facts(value) == [
        ("buyer zip code", "007"),
        ("first item qty", "2"),
        ("second item qty", "3.5"),
        ("paid", "yes"),
    ]
    assert facts(["a", "b"]) == [("first item", "a"), ("second item", "b")]
    assert facts(False) == [("value", "no")]
