"""What columns of a table mean by their names: properties of a schema."""

from __future__ import annotations

import functools
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.schemas import make_schema
from pytest_edgejson.suite.subschemas import alternatives
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.suite.schemas import Schema

_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def is_scalar(schema: Schema) -> bool:
    """Tell whether a schema allows neither objects nor arrays as a whole."""
    return bool(schema.types) and not schema.types & {"object", "array"}


class Columns:
    """What columns mean by their names: properties of a schema."""

    def __init__(self, schema: Schema) -> None:
        self._is_array = schema.types == {"array"}
        self._root = _Place(schema.document, schema.document, is_required=True)
        self._paths: dict[str, list[tuple[str, _Place]] | None] = {}

    def _path(self, column: str) -> list[tuple[str, _Place]] | None:
        """Return keys and places from the root to what a column is named after; None where it is no property."""
        if column not in self._paths:
            self._paths[column] = self._find(self._root, [column]) or self._find(self._root, column.split("."))
        return self._paths[column]

    @staticmethod
    def _find(place: _Place, keys: list[str]) -> list[tuple[str, _Place]] | None:
        path = []
        for key in keys:
            found = place.child(key)
            if found is None:
                return None
            path.append((key, place := found))
        return path

    def used(self, row: Mapping[str, Any]) -> list[str]:
        """Return the columns that are properties."""
        return [column for column in row if self._path(column)]

    def scalar_of(self, cell: Any) -> Any:
        """Return what a cell means as a whole expected output."""
        return self._root.value_of(cell)

    def value_of(self, row: Mapping[str, Any]) -> Any:
        """Return the object, or array, that a row makes."""
        root: dict[str, Any] = _Items() if self._is_array else {}
        # Empty cells last: what they say depends on whether the object or item that they are in is there.
        for column in sorted(self.used(row), key=lambda column: _is_empty(row[column])):
            path = self._path(column) or []
            inside = root
            for (key, _), (_, following) in pairwise(path):
                container: dict[str, Any] = _Items() if following.is_item else {}
                if _is_empty(row[column]) and key not in inside:
                    # An array of which no item is there is empty, an object of which nothing is there is none.
                    if following.is_item:
                        inside[key] = container
                    break
                inside = inside.setdefault(key, container)
            else:
                key, place = path[-1]
                value = place.value_of(row[column])
                if value is not ABSENT:
                    inside[key] = value
        return _listed(root)


class _Items(dict[str, Any]):
    """The items of an array by place."""


def _listed(value: Any) -> Any:
    if isinstance(value, _Items):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(item) for key, item in value.items()} if isinstance(value, dict) else value


class _Place:
    """A place in a schema: what it says of a value there.

    Attributes:
        is_item: whether it is an array's item.
    """

    def __init__(self, document: Mapping[str, Any], rules: Any, *, is_required: bool = False, is_item: bool = False):
        self._document = document
        self._rules = rules
        self._is_required = is_required
        self.is_item = is_item

    def child(self, key: str) -> _Place | None:
        """Return the place of a property, or of an array's item; None where the schema names none."""
        for rules in alternatives(self._document, self._rules):
            if key in rules.get("properties", {}):
                is_required = key in rules.get("required", ())
                return _Place(self._document, rules["properties"][key], is_required=is_required)
            if key.isdecimal() and isinstance(rules.get("items"), dict):
                return _Place(self._document, rules["items"], is_item=True)
        return None

    def value_of(self, cell: Any) -> Any:
        """Return what a cell means here: of what a text may mean, the first that the schema allows."""
        if _is_empty(cell):
            candidates = [None, ""] if self._is_required else [ABSENT]
        elif isinstance(cell, str):
            candidates = [cell, *_meanings(cell)]
        else:
            candidates = [cell]
        return next((each for each in candidates if each is ABSENT or self._schema.is_valid(each)), candidates[0])

    @functools.cached_property
    def _schema(self) -> Schema:
        shared = {name: self._document[name] for name in ("$schema", "$defs", "definitions") if name in self._document}
        return make_schema("cell", "simple", {**shared, "allOf": [self._rules]}, "the schema")


def _is_empty(cell: Any) -> bool:
    return cell is None or cell == "" or cell != cell  # NaN, which is what pandas writes for nothing


def _meanings(cell: str) -> Iterator[Any]:
    stripped = cell.strip()
    if stripped.lower() in _WORDS:
        yield _WORDS[stripped.lower()]
    with suppress(MalformedError):
        value, end = decode(stripped)
        if end == len(stripped):
            yield value
    yield stripped
