from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.suite.schemas import Schema, SchemaError, Schemas, make_schema


def schema_of(document: dict[str, Any]) -> Schema:
    return make_schema("it", "simple", document, "it.json")


def test_comparators_stand_beside_keywords_and_are_no_part_of_the_schema() -> None:
    bare = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "total": {"type": "number"},
            "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
            # A key of that name is none of ours.
            "x-edgejson": {"type": "string", "default": {"x-edgejson": 1}},
        },
        "additionalProperties": {"type": "string"},
    }
    document = json.loads(json.dumps(bare))
    properties = document["properties"]
    properties["name"]["x-edgejson"] = ["whitespace", "case"]
    properties["total"]["x-edgejson"] = {"number": {"absolute": 0.01}}
    properties["items"]["x-edgejson"] = "unordered"
    properties["items"]["items"]["properties"]["sku"]["x-edgejson"] = "case"
    document["additionalProperties"]["x-edgejson"] = "ignored"
    schema = schema_of(document)
    assert schema.comparators == {
        "name": ["case", "whitespace"],
        "total": [{"number": {"absolute": 0.01}}],
        "items": ["unordered"],
        "items[].sku": ["case"],
        "*": ["ignored"],
        '["x-edgejson"]': ["exact"],
    }
    assert schema.document == bare
    assert schema.fingerprint == schema_of(bare).fingerprint
    assert schema_of(bare).rule is None


def test_references_bring_comparators_with_them() -> None:
    schema = schema_of(
        {
            "$defs": {
                "name": {"type": "string", "x-edgejson": "case"},
                "node": {
                    "properties": {
                        "name": {"$ref": "#/$defs/name"},
                        "code": {"$ref": "#/$defs/name", "x-edgejson": "whitespace"},
                        "children": {"items": {"$ref": "#/$defs/node"}},
                    }
                },
            },
            "anyOf": [{"$ref": "#/$defs/node"}, {"type": "object"}],
        }
    )
    assert schema.comparators == {
        "name": ["case"],
        "code": ["whitespace"],
        "children[].name": {"same as": "name"},
        "children[].code": {"same as": "code"},
        "children[].children": {"same as": "children"},
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"properties": {"name": {"x-edgejson": "fuzzy"}}},
            "it.json: x-edgejson of name: there is no comparator 'fuzzy': name one of exact, case, ",
        ),
        (
            {"properties": {"name": {"type": "string", "x-edgejson": {"number": {"absolute": 1}}}}},
            "it.json: x-edgejson of name: number compares a number, and the field is of type string: take another",
        ),
        (
            {"properties": {"tags": {"type": "array", "x-edgejson": "case"}}},
            "it.json: x-edgejson of tags: case compares a string, and the field is of type array: take another "
            "comparator; comparators of its items stand in items",
        ),
        (
            {"properties": {"a": {"items": {"properties": {"b": {"x-edgejson": {"number": {"relative": -1}}}}}}}},
            "it.json: x-edgejson of a[].b: relative of number is -1: write a number of 0 or more",
        ),
        ({"x-edgejson": "ignored"}, "it.json: x-edgejson of the root: the whole output cannot be ignored: name fields"),
        (
            {"patternProperties": {"^a": {"x-edgejson": "case"}}},
            "it.json: x-edgejson at /patternProperties/^a stands beside no field: put it into properties, items or ",
        ),
    ],
)
def test_a_wrong_comparator_is_told_with_file_place_and_fix(document: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        schema_of(document)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_integers_and_what_may_be_null_are_compared() -> None:
    schema = schema_of({"properties": {"n": {"type": ["integer", "null"], "x-edgejson": {"number": {"absolute": 1}}}}})
    assert schema.comparators == {"n": [{"number": {"absolute": 1}}]}


def test_comparators_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "simple").mkdir()
    document = {"properties": {"name": {"x-edgejson": "case"}}}
    (tmp_path / "simple" / "it.json").write_text(json.dumps(document), encoding="utf-8")
    assert Schemas(tmp_path)["it"].comparators == {"name": ["case"]}
