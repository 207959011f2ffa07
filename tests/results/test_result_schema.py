"""`results.schema.json` and the typed records say the same of a result line."""

from __future__ import annotations

import json
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from pytest_edgejson.results.file import SCHEMA_FILE
from pytest_edgejson.results.result import Result

DEFINITIONS = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["$defs"]
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null", dict: "object"}


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type of the records."""
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
        return {
            "type": "object",
            "properties": {
                name: schema_of(get_args(hint)[0] if name in optional else hint) for name, hint in hints.items()
            },
            "required": hints.keys() - optional,
        }
    if kind is Any:
        return {}
    origin = get_origin(kind)
    if origin is Literal:
        return {"enum": set(get_args(kind))}
    if origin is list:
        return {"type": "array", "items": schema_of(get_args(kind)[0])}
    if origin in (Union, UnionType):
        parts = [schema_of(part) for part in get_args(kind)]
        if any("enum" in part for part in parts):
            return {"enum": set().union(*(part.get("enum", {None}) for part in parts))}
        return {"type": {part["type"] for part in parts}}
    return {"type": TYPES[origin or kind]}


def essence(schema: Any) -> Any:
    """What of a schema a type says too: no descriptions, no bounds; what is only described by kinds is an enum."""
    if schema.get("$ref"):
        return essence(DEFINITIONS[schema["$ref"].rpartition("/")[2]])
    if "examples" in schema:
        nothing = {None} if "null" in schema["type"] else set()
        return {"enum": set(schema["examples"]) | nothing}
    told = {key: value for key, value in schema.items() if key in ("type", "enum", "properties", "required", "items")}
    if isinstance(told.get("type"), list):
        told["type"] = set(told["type"])
    for key in told.keys() & {"enum", "required"}:
        told[key] = set(told[key])
    if "properties" in told:
        told["properties"] = {name: essence(each) for name, each in told["properties"].items()}
    if "items" in told:
        told["items"] = essence(told["items"])
    return told


def differences(one: Any, two: Any, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(two, dict):
        return [
            difference
            for key in sorted(one.keys() | two.keys())
            for difference in differences(one.get(key), two.get(key), f"{path}.{key}")
        ]
    return [] if one == two else [f"{path}: {one} in the records, {two} in the schema"]


def test_the_records_and_the_schema_have_the_same_keys_types_and_kinds():
    assert differences(schema_of(Result), essence(DEFINITIONS["result"])) == []


@pytest.mark.parametrize("change", [{"new": str}, {"new": NotRequired[str]}, {"leaves": str}, {"failure": str}])
def test_a_key_of_one_side_alone_is_noticed(change):
    class Changed(Result):  # type: ignore[misc]
        __annotations__ = change

    assert differences(schema_of(Changed), essence(DEFINITIONS["result"]))
