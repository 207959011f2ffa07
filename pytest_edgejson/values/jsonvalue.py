"""JSON values: their types, equality and leaves."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root to a place in a value."""


class Absent(Enum):
    """What stands for a value where there is none, which is not the same as null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT

_TYPES = {type(None): "null", dict: "object", list: "array", str: "string", bool: "boolean"}


def format_path(path: Path) -> str:
    """Return a path as text: `line_items[0].total`, keys that are no identifiers as `["a b"]`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif step.isidentifier():
            parts.append(f".{step}" if parts else step)
        else:
            quoted = json.dumps(step, ensure_ascii=False)
            parts.append("[" + "".join(char if char.isprintable() else _escaped(char) for char in quoted) + "]")
    return "".join(parts)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]


def is_leaf(value: Any) -> bool:
    """Tell whether a value is a scalar or an empty container."""
    return not (isinstance(value, (dict, list)) and value)


def json_type(value: Any) -> str:
    """Return the JSON name of a value's type: object, array, string, number, boolean or null."""
    return _TYPES.get(type(value), "number")


def equal(a: Any, b: Any) -> bool:
    """Tell whether two JSON values are the same.

    Numbers are compared by value (1 = 1.0), booleans are no numbers, strings by code point; the order of keys does not
    matter, the order of items does; null is not missing, and `{}` is not either.
    """
    if type(a) is type(b) and not isinstance(a, (dict, list)):
        return bool(a == b)
    pending = [(a, b)]
    while pending:
        one, two = pending.pop()
        if json_type(one) != json_type(two):
            return False
        if isinstance(one, dict):
            if one.keys() != two.keys():
                return False
            pending.extend((one[key], two[key]) for key in one)
        elif isinstance(one, list):
            if len(one) != len(two):
                return False
            pending.extend(zip(one, two, strict=True))
        elif one != two:
            return False
    return True


def leaf_key(leaf: Any) -> Hashable:
    """Return what equal leaves have in common and others don't: `1 == 1.0`, but `1 != true`."""
    return json_type(leaf), None if isinstance(leaf, (dict, list)) else leaf


def equality_key(value: Any) -> Hashable:
    """Return what equal values have in common and others don't, see `equal`."""
    return frozenset((path, leaf_key(leaf)) for path, leaf in leaves(value).items())


def leaves(value: Any) -> dict[Path, Any]:
    """Return the leaves of a value by path, in document order. A leaf as root has the path `()`."""
    found: dict[Path, Any] = {}
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending:
        path, item = pending.pop()
        if is_leaf(item):
            found[path] = item
        else:
            steps = list(item.items()) if isinstance(item, dict) else list(enumerate(item))
            pending.extend(((*path, step), child) for step, child in reversed(steps))
    return found
