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
    "minContains": "has too few items that the schema asks for",
    "maxContains": "has too many items of those that the schema asks for",
    "items": "has more items than the schema allows",
    "additionalItems": "has more items than the schema allows",
    "unevaluatedItems": "has more items than the schema allows",
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
    elif keyword in ("dependentRequired", "dependencies") and (pair := _asked_for(error)) is not None:
        key, other = pair
        yield Violation(format_path((*path, key)), f"is missing, which {_short(other)} asks for", keyword)
    elif keyword in ("additionalProperties", "unevaluatedProperties") and rule is False:
        yield Violation(format_path(path), "is not in the schema", keyword)
    elif keyword in ("anyOf", "oneOf") and (nearest := _nearest_branch(error)) is not None:
        name, errors, all_errors = nearest
        for inner in errors:
            if len(allowed := _allowed_by_any(inner, all_errors)) > 1:
                yield Violation(
                    format_path(tuple(inner.absolute_path)), _message("enum", allowed, inner.instance), "enum"
                )
                continue
            for violation in explain(inner):
                yield replace(violation, message=f"{violation.message} (in {name})") if name else violation
    else:
        yield Violation(format_path(path), _message(keyword, rule, instance), keyword)


def _asked_for(error: Any) -> tuple[str, str] | None:
    """Return the key that is missing and the one that asks for it, which only the error's message names."""
    for other, keys in error.validator_value.items():
        for key in keys if isinstance(keys, list) else [keys]:
            if error.message == f"{key!r} is a dependency of {other!r}":
                return key, other
    return None


def _allowed_by_any(error: Any, branches: list[list[Any]]) -> list[Any]:
    """Return the values that several forms allow in one place, where each of them says which; else nothing."""
    allowed: list[Any] = []
    for errors in branches:
        rules = [
            each.validator_value if each.validator == "enum" else [each.validator_value]
            for each in errors
            if each.validator in ("const", "enum") and each.path == error.path
        ]
        if error.validator not in ("const", "enum") or not rules:
            return []
        allowed += [value for value in rules[0] if value not in allowed]
    return allowed


def _nearest_branch(error: Any) -> tuple[str, list[Any], list[list[Any]]] | None:
    """Return the form that a value was most likely meant in, by name, what is wrong with it, and with all forms of its
    type; None for none.

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
    of_its_type = [errors for errors in branches if not distance(errors)[0]]
    return _name_of(error.rules[branches.index(nearest)]) if len(of_its_type) > 1 else "", nearest, of_its_type


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
