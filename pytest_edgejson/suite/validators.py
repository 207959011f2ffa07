"""Validators: jsonschema's, made to end on any schema and any value.

A catastrophic `pattern`, branches that multiply, or comparing each item with each other item can keep jsonschema busy
for longer than anybody waits. The validators here give the same errors, but match patterns with the `regex` package,
which can be told to stop, look at the clock before each keyword, and find equal items by hashing.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
import regex  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend, validator_for
from rfc3986_validator import validate_rfc3986  # type: ignore[import-untyped]

from pytest_edgejson.values.jsonvalue import equality_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# jsonschema's ways to find what is unevaluated are quadratic in what they are given, and nothing looks at the clock
# meanwhile, nor while a reference is matched: 10,000 items took 0.4 s, 100,000 characters 0.04 s.
MAX_UNEVALUATED = 10_000
MAX_URI_LENGTH = 100_000

# Calls on the stack at which a reference is not followed any more. What is decoded is nested 64 deep, which takes about
# 700 under a recursive schema.
MAX_FRAMES = 1_200
# Python's own limit is kept out of reach meanwhile: where it strikes inside the library that holds the references, that
# one panics instead of raising.
_RECURSION_LIMIT = 4_000

# Formats of references, with what rfc3986_validator calls them, or the URIs they stand for.
_REFERENCES = {"uri": "URI", "uri-reference": "URI_reference", "iri": "URI", "iri-reference": "URI_reference"}
_ASCII = "".join(map(chr, range(128)))

_DEADLINE: ContextVar[float] = ContextVar("deadline")


class OutOfTimeError(Exception):
    """A validation did not end within its limits."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit what is validated inside of the `with`.

    Raises:
        OutOfTimeError: it takes longer.
        RecursionError: a schema refers to itself without end.
    """
    token = _DEADLINE.set(time.monotonic() + seconds)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        _DEADLINE.reset(token)


def time_left() -> float:
    """Return how many seconds a validation has left.

    Raises:
        OutOfTimeError: none.
    """
    left = _DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise OutOfTimeError
    return left


@cache
def limited(draft: Any) -> Any:
    """Return a validator class of jsonschema's with a time limit; its instances work inside of `time_limit` only."""
    own: dict[str, Callable[..., Any]] = {
        "additionalProperties": _additional_properties,
        "anyOf": _any_of,
        "format": _format(draft.VALIDATORS["format"]),
        "oneOf": _one_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "unevaluatedItems": _unevaluated(draft.VALIDATORS.get("unevaluatedItems")),
        "unevaluatedProperties": _unevaluated(draft.VALIDATORS.get("unevaluatedProperties")),
        "uniqueItems": _unique_items,
    }
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        if name in draft.VALIDATORS:
            own[name] = _bounded(draft.VALIDATORS[name])
    keywords = {name: _timed(own.get(name, keyword)) for name, keyword in draft.VALIDATORS.items()}
    made: Any = extend(draft, keywords)  # type: ignore[no-untyped-call]
    # jsonschema's own `evolve` goes back to its own class wherever a subschema names its draft, as a root does that
    # is referred to with `#`.
    fields = [(field.name, field.alias) for field in attrs.fields(made) if field.init]

    def evolve(self: Any, **changes: Any) -> Any:
        for name, alias in fields:
            if alias not in changes:
                changes[alias] = getattr(self, name)
        other = validator_for(changes["schema"], default=draft)
        return (made if other is draft else limited(other))(**changes)

    made.evolve = evolve
    return made


def _timed(keyword: Callable[..., Any]) -> Callable[..., Any]:
    now, deadline = time.monotonic, _DEADLINE.get

    def timed(validator: Any, rule: Any, instance: Any, schema: Any) -> Any:
        if now() > deadline():
            raise OutOfTimeError
        return keyword(validator, rule, instance, schema)

    return timed


def _bounded(keyword: Callable[..., Any]) -> Callable[..., Any]:
    """End a schema that refers to itself without end while there is stack left."""

    def bounded(validator: Any, reference: Any, instance: Any, schema: Any) -> Any:
        try:
            sys._getframe(MAX_FRAMES)
        except ValueError:
            return keyword(validator, reference, instance, schema)
        raise RecursionError

    return bounded


_compiled = lru_cache(maxsize=512)(regex.compile)


def _matches(pattern: str, text: str) -> bool:
    try:
        return _compiled(pattern).search(text, timeout=time_left()) is not None
    except (TimeoutError, MemoryError):  # regex ends a search whose ways to go back take more than it allows itself
        raise OutOfTimeError from None
    except regex.error as error:
        raise ValueError(str(error)) from None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if _matches(pattern, key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Yield an error per key, which stands in its path, where jsonschema's own yields one whose text names them all."""
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, value in instance.items():
        if key not in known and not any(_matches(pattern, key) for pattern in patterns):
            if validator.is_type(rule, "object"):
                yield from validator.descend(value, rule, path=key)
            elif not rule:
                yield ValidationError("is not in the schema", path=[key])


def _is_valid(validator: Any, instance: Any, schema: Any, index: int) -> bool:
    return next(validator.descend(instance, schema, schema_path=index), None) is None


# jsonschema's own two keep the errors of all branches, each with a copy of the value.


def _any_of(validator: Any, branches: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not any(_is_valid(validator, instance, branch, index) for index, branch in enumerate(branches)):
        yield ValidationError("fits no branch")


def _one_of(validator: Any, branches: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if sum(_is_valid(validator, instance, branch, index) for index, branch in enumerate(branches)) != 1:
        yield ValidationError("fits no branch, or more than one")


def _unique_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if rule and validator.is_type(instance, "array") and len({equality_key(item) for item in instance}) < len(instance):
        yield ValidationError("has the same item twice")


def _unevaluated(keyword: Callable[..., Any] | None) -> Callable[..., Any]:
    def unevaluated(validator: Any, rule: Any, instance: Any, schema: Any) -> Any:
        if isinstance(instance, (dict, list)) and len(instance) > MAX_UNEVALUATED:
            raise OutOfTimeError
        return keyword(validator, rule, instance, schema) if keyword else None

    return unevaluated


def _format(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def checked(validator: Any, name: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if validator.format_checker is None:
            return
        if name in _REFERENCES and isinstance(instance, str):
            if not _is_reference(instance, name):
                yield ValidationError(f"is no valid {name}")
            return
        try:
            yield from keyword(validator, name, instance, schema)
        except RecursionError:  # a regular expression with a thousand brackets
            yield ValidationError(f"is no valid {name}")

    return checked


def _is_reference(text: str, name: str) -> bool:
    """Tell whether a text is of one of the formats of references.

    An IRI is one if the URI that it stands for is (RFC 3987, section 3.1). jsonschema asks a library for that which
    spends a second on its grammar when it is imported.
    """
    if len(text) > MAX_URI_LENGTH:
        return False
    try:
        uri = quote(text, safe=_ASCII) if name.startswith("iri") else text
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return validate_rfc3986(uri, rule=_REFERENCES[name]) is not None
