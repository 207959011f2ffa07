"""How a schema's fields are compared: the keyword `x-edgejson` beside a property's own ones, taken out of the schema.

A schema without it is what models see and validators read, the same whatever is compared how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.subschemas import DATA, NAMED, alternatives, schemas_in
from pytest_edgejson.values.agreement import Rule, describe
from pytest_edgejson.values.comparators import ComparatorError, read_uses
from pytest_edgejson.values.fields import ITEM, KEY, Each, format_field
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.values.comparators import Use
    from pytest_edgejson.values.fields import FieldPath, Step

KEYWORD = "x-edgejson"


def without_comparators(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without the keyword; the same object where it has none."""
    return _without(document) if any(_places(document)) else document


def comparators_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the keyword says in a valid schema that has it, as `rules.describe` returns it.

    Raises:
        ComparatorError: a comparator cannot be used, or stands where no field is.
    """
    reader = _Reader(document)
    rule = reader.rule_of([document], ())
    for part, place in _places(document):
        if id(part) not in reader.read:
            raise ComparatorError(
                f"{KEYWORD} at {place or 'the root'} stands beside no field: put it into properties, items or "
                "additionalProperties"
            )
    return describe(rule)


def _places(document: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield the parts of a schema that have the keyword, and their JSON pointers."""
    return ((part, place) for part, place in schemas_in(document) if KEYWORD in part)


def _without(part: Any) -> Any:
    if isinstance(part, list):
        return [_without(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {
        keyword: {name: _without(schema) for name, schema in inner.items()}
        if keyword in NAMED and isinstance(inner, dict)
        else inner
        if keyword in DATA
        else _without(inner)
        for keyword, inner in part.items()
        if keyword != KEYWORD
    }


class _Reader:
    """Makes rules of the parts of a schema, one for the same parts wherever they stand.

    Attributes:
        read: the ids of the parts whose keyword was read.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._rules: dict[tuple[int, ...], Rule] = {}
        self.read: set[int] = set()

    def rule_of(self, given: list[Any], path: FieldPath) -> Rule:
        parts = {id(part): part for each in given for part in alternatives(self._document, each)}
        which = tuple(parts)
        if which not in self._rules:
            rule = self._rules[which] = Rule(self._uses(given, list(parts.values()), path))
            for step, inner in _steps(list(parts.values())).items():
                rule.fields[step] = self.rule_of(inner, (*path, step))
        return self._rules[which]

    def _uses(self, given: list[Any], parts: list[Mapping[str, Any]], path: FieldPath) -> tuple[Use, ...]:
        self.read.update(id(part) for part in parts if KEYWORD in part)
        # What stands beside a reference goes before what it leads to.
        own = [part for part in given if isinstance(part, dict) and KEYWORD in part] or parts
        said = [part[KEYWORD] for part in own if KEYWORD in part]
        try:
            uses = read_uses([each for one in said for each in (one if isinstance(one, list) else [one])])
            check_uses(uses, parts, path)
        except ComparatorError as error:
            raise ComparatorError(f"{KEYWORD} of {format_field(path) or 'the root'}: {error}") from None
        return uses


def _steps(parts: list[Mapping[str, Any]]) -> dict[Step, list[Any]]:
    """Return what parts of a schema say of each key, index, any item and any key."""
    steps: dict[Step, list[Any]] = {}
    for part in parts:
        properties, items = part.get("properties"), part.get("items")
        if isinstance(properties, dict):
            for key, inner in properties.items():
                steps.setdefault(key, []).append(inner)
        for place, inner in enumerate(part.get("prefixItems") or (items if isinstance(items, list) else ())):
            steps.setdefault(place, []).append(inner)
        if isinstance(items, dict):
            steps.setdefault(ITEM, []).append(items)
        if isinstance(part.get("additionalProperties"), dict):
            steps.setdefault(KEY, []).append(part["additionalProperties"])
    return steps


def parts_of_field(document: Mapping[str, Any], path: FieldPath) -> list[Mapping[str, Any]]:
    """Return all that a schema says of a field.

    Args:
        document: the schema.
        path: of the field; a key or place that the schema does not name is one of any key or item, where it has that.

    Raises:
        ComparatorError: the schema names no such field.
    """
    parts = list(alternatives(document, document))
    for place, step in enumerate(path, 1):
        steps = _steps(parts)
        any_one = ITEM if isinstance(step, int) else KEY
        inner = steps.get(step) or (None if isinstance(step, Each) else steps.get(any_one))
        if inner is None:
            known = [format_field((*path[: place - 1], each)) for each in steps]
            name = format_field(path[:place])
            raise ComparatorError(f"the schema has no field {name!r}: {did_you_mean(name, known)}name one that it has")
        parts = [part for each in inner for part in alternatives(document, each)]
    return parts


def check_uses(uses: tuple[Use, ...], parts: list[Mapping[str, Any]], path: Sequence[object]) -> None:
    """Check that a field may have values of the types that its comparators compare.

    Args:
        uses: the field's comparators.
        parts: all that the schema says of the field.
        path: of the field; empty for the root.

    Raises:
        ComparatorError: it may not, or the whole output is ignored.
    """
    if not path and any(use.name == "ignored" for use in uses):
        raise ComparatorError("the whole output cannot be ignored: name fields")
    declared = [part["type"] for part in parts if "type" in part]
    types = {name for each in declared for name in (each if isinstance(each, list) else [each])}
    types = {"number" if name == "integer" else str(name) for name in types}
    for use in uses:
        if types and not types & use.comparator.types:
            wanted = " or ".join(sorted(use.comparator.types))
            inner = "; comparators of its items stand in items" if types == {"array"} else ""
            raise ComparatorError(
                f"{use.name} compares {'an' if wanted == 'array' else 'a'} {wanted}, and the field is of type "
                f"{' or '.join(sorted(types))}: take another comparator{inner}"
            )
