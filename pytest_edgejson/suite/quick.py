"""Quick answers to whether a value is valid, by jsonschema-rs, which has no limit of time.

It is asked where none is needed: the schema has keywords only whose work is proportional to the value, and not too
many parts when each reference is replaced by what it leads to. Patterns and formats are told as `validators` does.
jsonschema takes 20 times as long for the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import jsonschema_rs

from pytest_edgejson.suite import patterns
from pytest_edgejson.suite.drafts import draft_of
from pytest_edgejson.suite.validators import has_format

QuickValidator: TypeAlias = Callable[[Any], bool] | None
"""What tells whether a value is valid, None for a schema for which it may take too long.

It raises ValueError for a value that Rust cannot hold: a string with half a surrogate pair, or nesting too deep.
"""

# So many parts may be applied to each part of a value; 1,000 of them to the 5,000,000 values of a 50 MB answer take
# seconds.
MAX_PARTS = 1_000
MAX_PATTERN_SECONDS = 1.0

_DRAFTS = {
    "draft-04": jsonschema_rs.Draft4Validator,
    "draft-06": jsonschema_rs.Draft6Validator,
    "draft-07": jsonschema_rs.Draft7Validator,
    "draft/2019-09": jsonschema_rs.Draft201909Validator,
    "draft/2020-12": jsonschema_rs.Draft202012Validator,
}

_OF_VALUES = frozenset(
    ["type", "const", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems"]
    + [end + of for end in ("min", "max") for of in ("Length", "Items", "Properties")]
)
_NOTES = frozenset(["title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"])
_ONE = frozenset(["additionalProperties", "additionalItems", "items", "not"])
_SEVERAL = frozenset(["allOf", "anyOf", "oneOf", "prefixItems", "items"])
# What else a pattern has takes time proportional to the text.
_REFERS_BACK = re.compile(r"\\[1-9k]")
_DEFINITION = re.compile(r"#/(definitions|\$defs)/([\w.-]+)")


class _NotPlainError(Exception):
    """The schema is not one to ask jsonschema-rs about."""


class _Pattern:
    """The keyword `pattern` for jsonschema-rs, whose own is close to that of ECMA-262."""

    def __init__(self, schema: dict[str, Any], pattern: str, path: list[str | int]) -> None:
        self._pattern = pattern

    def validate(self, instance: Any) -> None:
        if isinstance(instance, str) and not patterns.matches(self._pattern, instance, MAX_PATTERN_SECONDS):
            raise ValueError


def quick_validator(document: Mapping[str, Any], *, with_formats: bool) -> QuickValidator:
    """Return a quick validator of a schema, `format` asserted or not."""
    plain = _Plain(document)
    try:
        draft = str(draft_of(document).META_SCHEMA["$schema"])
        kind = next(kind for name, kind in _DRAFTS.items() if name in draft)
        plain.visit({key: part for key, part in document.items() if key not in ("$schema", "$id", "id")})
        formats: dict[str, Callable[..., bool]] = {name: partial(has_format, name=name) for name in plain.formats}
        made = kind(
            dict(document),
            formats=formats,
            validate_formats=with_formats,
            keywords={"pattern": _Pattern},
            offline=True,
        )
    except (_NotPlainError, RecursionError, StopIteration, ValueError):
        return None
    return made.is_valid


class _Plain:
    """Goes through a schema as often as it can be applied to one part of a value."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = MAX_PARTS
        self.formats: set[str] = set()

    def visit(self, schema: Any) -> None:
        """Count a schema and what is in it.

        Raises:
            _NotPlainError: it has another keyword, or too many parts.
        """
        self._count(1)
        if isinstance(schema, bool):
            return
        if not isinstance(schema, dict):
            raise _NotPlainError
        for keyword, rule in schema.items():
            if keyword in _ONE and isinstance(rule, (bool, dict)):
                self.visit(rule)
            elif keyword in _SEVERAL and isinstance(rule, list):
                for each in rule:
                    self.visit(each)
            elif keyword == "properties" and isinstance(rule, dict):
                for each in rule.values():
                    self.visit(each)
            elif keyword == "$ref" and isinstance(rule, str) and (match := _DEFINITION.fullmatch(rule)):
                # What refers to itself has no end, and too many parts.
                self.visit(self._document.get(match[1], {}).get(match[2]))
            elif keyword == "pattern" and isinstance(rule, str) and not _REFERS_BACK.search(rule):
                continue
            elif keyword == "format" and isinstance(rule, str):
                self.formats.add(rule)
            elif keyword == "enum":
                self._count(len(rule))
            elif keyword not in _OF_VALUES and keyword not in _NOTES and keyword not in ("definitions", "$defs"):
                raise _NotPlainError

    def _count(self, parts: int) -> None:
        self._left -= parts
        if self._left < 0:
            raise _NotPlainError
