"""The parts of a schema: what it says of a place in a value, wherever in the document that stands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jsonpointer import JsonPointerException, resolve_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.values.jsonvalue import Path

NAMED = frozenset({"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"})
"""Keywords whose values are schemas by a name of the author's."""
DATA = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose values are no schemas, even if they look like one."""


def schemas_in(part: Any, place: str = "") -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield a schema and those within it, each with its JSON pointer."""
    if isinstance(part, dict):
        yield part, place
        for keyword, inner in part.items():
            if keyword in NAMED and isinstance(inner, dict):
                for name, schema in inner.items():
                    yield from schemas_in(schema, f"{place}/{keyword}/{name}")
            elif keyword not in DATA:
                yield from schemas_in(inner, f"{place}/{keyword}")
    elif isinstance(part, list):
        for index, inner in enumerate(part):
            yield from schemas_in(inner, f"{place}/{index}")


def referred(document: Mapping[str, Any], reference: object) -> Any:
    """Return what a reference within a document leads to; None for any other, and where it leads nowhere."""
    if isinstance(reference, str) and reference.startswith("#"):
        with suppress(JsonPointerException):
            return resolve_pointer(document, reference[1:])
    return None


def alternatives(document: Mapping[str, Any], part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield a part of a schema, and those it refers to or combines: what may hold of a value there.

    Args:
        document: the whole schema.
        part: a part of it.
    """
    pending, seen = [part], set[int]()
    while pending:
        part = pending.pop(0)
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        pending.append(referred(document, part.get("$ref")))
        for keyword in ("anyOf", "oneOf", "allOf"):
            if isinstance(part.get(keyword), list):
                pending += part[keyword]


def root_types(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the JSON types that a value may have as a whole, as far as a schema says it; none where it does not."""
    declared = [part["type"] for part in alternatives(document, document) if "type" in part]
    names = {str(name) for each in declared for name in (each if isinstance(each, list) else [each])}
    return frozenset({"number" if name == "integer" else name for name in names})


def parts_at(document: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    """Return all that a schema says of a place, by `properties` and `items`; nothing where it does not know a key."""
    parts = list(alternatives(document, document))
    for step in path:
        key, within = ("items", None) if isinstance(step, int) else ("properties", step)
        inner = [part.get(key) for part in parts]
        if within is not None:
            inner = [properties.get(within) for properties in inner if isinstance(properties, dict)]
        parts = [found for part in inner for found in alternatives(document, part)]
    return parts


def own_part_at(document: Mapping[str, Any], path: Path) -> Mapping[str, Any] | None:
    """Return what a schema says of a place by `properties` and `items` alone, without what it refers to or combines.

    None where it does not know a key. Where it lets anything stand, that is an empty schema.
    """
    part = document
    for step in path:
        inner = part.get("items", True) if isinstance(step, int) else part.get("properties", {}).get(step)
        if inner is None:
            return None
        part = inner if isinstance(inner, dict) else {}
    return part
