"""Fields of a record: where a value stands by its keys, places in arrays left out, and what the schema has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.values.jsonvalue import Path as LeafPath


def keys_of(path: LeafPath) -> tuple[str, ...]:
    """Return the keys of a path: those of its field, whatever the places in arrays."""
    return tuple(step for step in path if isinstance(step, str))


def part_at(document: Mapping[str, Any], path: LeafPath) -> Mapping[str, Any] | None:
    """Return what a schema has for a path by `properties` and `items`; None where it does not know a key."""
    part = document
    for step in path:
        inner = part.get("items", True) if isinstance(step, int) else part.get("properties", {}).get(step)
        if inner is None:
            return None
        part = inner if isinstance(inner, dict) else {}
    return part
