"""Which schemas jsonschema-rs is asked about: those for which its answer is jsonschema's, and cannot take long."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.quick import MAX_PARTS, quick_validator
from pytest_edgejson.suite.schemas import Schema, Schemas

DRAFT3, DRAFT7 = (f"http://json-schema.org/draft-0{number}/schema#" for number in (3, 7))
ORDER: dict[str, Any] = {
    "$id": "http://example.org/order",
    "properties": {
        "currency": {"enum": ["EUR", "USD"], "description": "ISO 4217"},
        "code": {"type": "string", "pattern": r"^\d{2}$"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "minItems": 1},
        "paid": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    },
    "required": ["lines"],
    "additionalProperties": False,
    "$defs": {"Line": {"properties": {"price": {"type": "number", "exclusiveMinimum": 0}}, "required": ["price"]}},
}


def test_every_bundled_schema_is_asked_about() -> None:
    schemas = Schemas(bundled.SCHEMAS).values()
    assert all(
        quick_validator(schema.document, with_formats=formats) for schema in schemas for formats in (True, False)
    )


@pytest.mark.parametrize(
    ("value", "valid", "right_formats"),
    [
        ({"lines": [{"price": 1}], "paid": "2024-02-29", "currency": "EUR", "code": "12"}, True, True),
        ({"lines": [{"price": 0.5}], "paid": "2024-02-30"}, True, False),
        ({"lines": [{"price": 1}], "code": "١٢"}, False, False),
        ({"lines": [{"price": 1}], "code": "12\n"}, False, False),
        ({"lines": [{"price": 0}]}, False, False),
        ({"lines": [{}]}, False, False),
        ({"lines": []}, False, False),
        ({"lines": [{"price": True}]}, False, False),
        ({"lines": [{"price": 1}], "other": 1}, False, False),
    ],
)
def test_its_answers_are_jsonschema_s(value: Any, valid: bool, right_formats: bool) -> None:
    schema = Schema("order", "simple", ORDER, "order.json")
    for formats, wanted in ((False, valid), (True, right_formats)):
        quick = quick_validator(ORDER, with_formats=formats)
        assert quick is not None
        assert quick(value) == (not schema._violations(value, with_formats=formats)) == wanted
    assert schema.judge(value) == (schema.violations(value), right_formats)
    assert (schema.violations(value) == []) == valid


def test_half_a_character_is_left_to_jsonschema() -> None:
    schema = Schema("it", "simple", {"properties": {"a": {"type": "string", "minLength": 1}}}, "it.json")
    assert schema.is_valid({"a": "\ud800"})
    assert not schema.is_valid({"a": 1, "\ud800": 1})


CHAIN = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{m}"}] * 2} for n, m in pairwise(range(12))} | {"d11": {}}


@pytest.mark.parametrize(
    "document",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}},
        {"$ref": "#/$defs/d0", "$defs": CHAIN},
        {"enum": list(range(MAX_PARTS))},
        {"pattern": r"^(a*)*\1b$"},
        {"patternProperties": {"a": {}}},
        {"unevaluatedProperties": False},
        {"multipleOf": 0.01},
        {"properties": {"a": {"$id": "http://example.org/a"}}},
        {"$schema": DRAFT3, "type": "string"},
        {"$schema": "http://example.org/mine"},
    ],
)
def test_it_is_not_asked_about_what_may_take_long_or_be_told_otherwise(document: dict[str, Any]) -> None:
    assert quick_validator(document, with_formats=False) is None


def test_a_property_may_have_the_name_of_a_keyword() -> None:
    document = {"$schema": DRAFT7, "properties": {"$ref": {"type": "string"}, "pattern": {"type": "number"}}}
    quick = quick_validator(document, with_formats=True)
    assert quick is not None
    assert quick({"$ref": "#/nowhere", "pattern": 1})
    assert not quick({"pattern": "a"})
