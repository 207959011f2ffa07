"""What an answer is held to: a JSON Schema as text, which every backend that can constrain understands.

It must not exclude the right answer. So `format` is left out, which SchemaCompliance does not assert either; and as
grammars fix the order of keys to that of `properties`, these are put into the order that expected outputs have.

Where a schema is silent about further keys, and no expected output has any, there are none: engines disagree about such
schemas, and among further keys no grammar keeps a key from being named twice.
"""

from __future__ import annotations

import json
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson.suite.subschemas import DATA, NAMED, referred, schemas_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ANY_OBJECT = '{"type": "object"}'
"""The constraint of the mode `json` where answers are objects."""

# Schemas that a value has to meet itself, not a part of it.
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("if", "then", "else")
# What is said of further keys, or would contradict that there are none.
_OF_FURTHER_KEYS = {
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "dependentRequired",
    "dependencies",
}

# The keys of values, in their order, without those that only other schemas of the same value declare; by the identity
# of `properties`.
_Orders: TypeAlias = "defaultdict[int, list[list[str]]]"


def any_json(roots: frozenset[str]) -> str:
    """Return the constraint of the mode `json`.

    Args:
        roots: the JSON types that answers may have as a whole.
    """
    return ANY_OBJECT if roots <= {"object"} else json.dumps({"type": sorted(roots)})


def schema_constraint(document: Mapping[str, Any], outputs: Iterable[Any]) -> str:
    """Return the constraint of the mode `schema`.

    Args:
        document: the JSON Schema of a case.
        outputs: the expected outputs of the cases of its file that have the same schema. They decide the order of keys;
            where they contradict each other, or say nothing, the schema's own stays. Their further keys stay possible.
    """
    orders: _Orders = defaultdict(list)
    for output in outputs:
        _note_orders([document], output, document, orders)
    return json.dumps(_held(document, orders, may_close=not _combines(document)))


def _held(node: Any, orders: _Orders, *, may_close: bool, is_map: bool = False) -> Any:
    if isinstance(node, list):
        return [_held(each, orders, may_close=may_close) for each in node]
    if not isinstance(node, dict):
        return node
    found = [[key for key in order if key in node] for order in orders.get(id(node), [])]
    kept = {}
    for key in merged_order(list(node), found):
        value = node[key]
        if not is_map and key in DATA:
            kept[key] = value
        elif is_map or key != "format" or not isinstance(value, str):
            kept[key] = _held(value, orders, may_close=may_close, is_map=not is_map and key in NAMED)
    if may_close and not is_map and _has_no_further_keys(node, orders):
        kept["additionalProperties"] = False
    return kept


def _has_no_further_keys(schema: Mapping[str, Any], orders: _Orders) -> bool:
    declared = _properties(schema)
    named = [*orders.get(id(declared), []), schema.get("required", [])]
    return bool(declared) and not _OF_FURTHER_KEYS & schema.keys() and all(declared.keys() >= {*keys} for keys in named)


def _combines(document: Mapping[str, Any]) -> bool:
    """Tell whether any object has to meet several schemas, each of which would exclude the keys of the others."""
    return any(
        len(schema.keys() & {"properties", "anyOf", "oneOf", "$ref", "$dynamicRef"}) > 1
        or not schema.keys().isdisjoint({"allOf", "if", "not", "dependentSchemas"})
        for schema, _ in schemas_in(document)
    )


def merged_order(declared: Sequence[str], orders: Iterable[Sequence[str]]) -> list[str]:
    """Return declared keys in an order that agrees with all of the others, and else with their own, as far as possible.

    Orders that contradict each other leave the declared one as it is.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(declared, ()))
    for order in orders:
        for before, after in pairwise(order):
            sorter.add(after, before)
    try:
        sorter.prepare()
    except CycleError:
        return list(declared)
    rank = {key: place for place, key in enumerate(declared)}
    found: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready += sorter.get_ready()
        ready.sort(key=rank.__getitem__, reverse=True)
        found.append(ready.pop())
        sorter.done(found[-1])
    return found


def in_order(document: Mapping[str, Any], value: Any) -> Any:
    """Return a value with the keys of its objects in the order in which its schema declares them, other keys last."""
    return _in_order([document], value, document)


def _in_order(schemas: Sequence[Any], value: Any, root: Mapping[str, Any]) -> Any:
    together = _in_place([*schemas], root)
    if isinstance(value, list):
        return [_in_order(_part(together, place), inner, root) for place, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    declared = [key for schema in together for key in _properties(schema)]
    rank = {key: place for place, key in reversed([*enumerate(declared)])}
    keys = sorted(value, key=lambda key: rank.get(key, len(declared)))
    return {key: _in_order(_part(together, key), value[key], root) for key in keys}


def _note_orders(schemas: Sequence[Any], value: Any, root: Mapping[str, Any], orders: _Orders) -> None:
    """Note which keys a value has, in which order, and so on into its parts."""
    if not isinstance(value, dict | list):
        return
    together = _in_place([*schemas], root)
    if isinstance(value, dict):
        declared = {key for schema in together for key in _properties(schema)}
        for schema in together:
            properties = _properties(schema)
            if properties:
                orders[id(properties)].append([key for key in value if key in properties or key not in declared])
    for place, inner in value.items() if isinstance(value, dict) else enumerate(value):
        _note_orders(_part(together, place), inner, root, orders)


def _in_place(pending: list[Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return schemas, and those beside them that the same value has to meet or may meet, references followed."""
    found: list[Mapping[str, Any]] = []
    while pending:
        schema = pending.pop(0)
        if not isinstance(schema, dict) or any(schema is other for other in found):
            continue
        found.append(schema)
        pending += [referred(root, schema.get("$ref")), *(schema.get(key) for key in _IN_PLACE)]
        for key in _IN_PLACE_LISTS:
            pending += schema[key] if isinstance(schema.get(key), list) else []
    return found


def _part(schemas: Iterable[Mapping[str, Any]], place: str | int) -> list[Any]:
    """Return the schemas of a value's part: what stands under a key, or at an index."""
    found = []
    for schema in schemas:
        if isinstance(place, str):
            found.append(_properties(schema).get(place, schema.get("additionalProperties")))
            continue
        items, rest = schema.get("prefixItems", ()), schema.get("items")
        if isinstance(rest, list):
            items, rest = rest, schema.get("additionalItems")
        found.append(items[place] if place < len(items) else rest)
    return found


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}
