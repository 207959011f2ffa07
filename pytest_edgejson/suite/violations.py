"""Violations: what of a value its schema does not allow, in words for a person."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.jsonvalue import format_path, json_type
from pytest_edgejson.values.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


ARTICLES = {"object": "an object", "array": "an array", "string": "a string", "number": "a number"} | {
    "integer": "an integer",
    "boolean": "a boolean",
    "null": "null",
}
_LIMITS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "exclusiveMinimum": "must be more than",
    "exclusiveMaximum": "must be less than",
    "multipleOf": "must be a multiple of",
    "pattern": "must match",
}
_COUNTS = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"),
    "maxItems": ("at most", "item"),
    "minProperties": ("at least", "key"),
    "maxProperties": ("at most", "key"),
}
_OTHERS = {
    "uniqueItems": "has the same item twice",
    "anyOf": "fits none of the forms that the schema allows",
    "oneOf": "fits none, or more than one, of the forms that the schema allows",
    "not": "has a form that the schema forbids",
    "false": "is not allowed",
    "contains": "lacks an item that the schema asks for",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing about a value that its schema does not allow.

    Attributes:
        path: where, as `line_items[0].total`; for a missing key, where it should be. Empty for the root.
        message: short and for a person; it holds nothing of the value but a number.
        keyword: the schema's keyword: `type`, `required`, `enum`, `minimum`, …
    """

    path: str
    message: str
    keyword: str


def explain(error: Any) -> Iterator[Violation]:
    """Yield the violations that a validation error of jsonschema's stands for."""
    path, keyword = tuple(error.absolute_path), str(error.validator or "false")
    instance, rule = error.instance, error.validator_value
    if keyword == "required" and isinstance(rule, list):
        # One error for each missing key, which only its message names.
        key = next((key for key in rule if error.message.startswith(f"{key!r} ")), None)
        yield Violation(format_path(path if key is None else (*path, key)), "is missing", keyword)
    elif keyword in ("additionalProperties", "unevaluatedProperties") and rule is False:
        yield Violation(format_path(path), "is not in the schema", keyword)
    elif keyword in ("anyOf", "oneOf") and (nearest := _nearest_branch(error)) is not None:
        name, errors = nearest
        for inner in errors:
            for violation in explain(inner):
                yield replace(violation, message=f"{violation.message} (in {name})") if name else violation
    else:
        yield Violation(format_path(path), _message(keyword, rule, instance), keyword)


def _nearest_branch(error: Any) -> tuple[str, list[Any]] | None:
    """Return the form that a value was most likely meant in, by name, and what is wrong with it; None for none.

    That is the form with its type and, of those, with its discriminating values (`const` and `enum` of its keys), then
    the one with the fewest errors. It has a name where there are several that the value may have been meant in.
    """

    def distance(errors: list[Any]) -> tuple[bool, int, int]:
        is_other_type = any(each.validator == "type" and not each.path for each in errors)
        return (
            is_other_type,
            sum(each.validator in ("const", "enum") and bool(each.path) for each in errors),
            len(errors),
        )

    branches = error.branches()
    nearest = min(branches, key=distance)
    if not nearest or distance(nearest)[0]:
        return None
    are_several = sum(not distance(errors)[0] for errors in branches) > 1
    return _name_of(error.rules[branches.index(nearest)]) if are_several else "", nearest


def _name_of(rules: Any) -> str:
    """Return what one of several forms is called: its title, its definition, or the values that tell it from others."""
    if not isinstance(rules, dict):
        return ""
    constants = [_short(each["const"]) for each in _properties(rules) if isinstance(each, dict) and "const" in each]
    return str(rules.get("title") or str(rules.get("$ref", "")).rpartition("/")[2] or ", ".join(constants))[:60]


def _properties(rules: Mapping[str, Any]) -> list[Any]:
    properties = rules.get("properties")
    return list(properties.values()) if isinstance(properties, dict) else []


def _message(keyword: str, rule: Any, instance: Any) -> str:
    if keyword == "type":
        types = [rule] if isinstance(rule, str) else list(rule)
        is_type = "a number that is no integer" if types == ["integer"] and isinstance(instance, float) else None
        return f"must be {_list(types, ARTICLES)}, is {is_type or ARTICLES[json_type(instance)]}"
    if keyword == "enum":
        return f"must be {_list(rule)}"
    if keyword == "const":
        return f"must be {_short(rule)}"
    if keyword in _LIMITS:
        return f"{_LIMITS[keyword]} {_short(rule)}" + ("" if isinstance(instance, str) else f", is {_short(instance)}")
    if keyword in _COUNTS:
        how, unit = _COUNTS[keyword]
        return f"must have {how} {rule} {plural(rule, unit)}, has {len(instance)}"
    if keyword == "format":
        return f"is no valid {rule}"
    return _OTHERS.get(keyword, f"breaks the schema's {keyword}")


def _list(options: Iterable[Any], names: Mapping[str, str] | None = None) -> str:
    shown = [names.get(option, option) if names and isinstance(option, str) else _short(option) for option in options]
    text = " or ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
    return text if len(text) <= 120 else f"one of {len(shown)} values, such as {shown[0]}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
