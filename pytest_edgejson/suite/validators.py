"""Validators: jsonschema's, made to end on any schema and any value.

A catastrophic `pattern`, branches that multiply, or comparing each item with each other item can keep jsonschema busy
for longer than anybody waits. The validators here give the same errors, but look at the clock before each keyword, and
find equal items by hashing. Patterns are those of ECMA-262 (see `patterns`), multiples are told in decimal numbers, and
formats are jsonschema-rs's.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import cache, lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import attrs
import jsonschema_rs
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend, validator_for
from referencing.jsonschema import lookup_recursive_ref

from pytest_edgejson.suite import patterns
from pytest_edgejson.suite.patterns import OutOfTimeError
from pytest_edgejson.values.jsonvalue import equality_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# jsonschema's way to find which items are unevaluated is quadratic in what it is given, and nothing looks at the clock
# meanwhile: 10,000 items took 0.4 s.
MAX_UNEVALUATED = 10_000

# Errors of a branch that are looked at to tell which branch was meant.
MAX_BRANCH_ERRORS = 8

# Calls on the stack at which a reference is not followed any more. What is decoded is nested 64 deep, which takes about
# 700 under a recursive schema.
MAX_FRAMES = 1_200
# Python's own limit is kept out of reach meanwhile: where it strikes inside the library that holds the references, that
# one panics instead of raising.
_RECURSION_LIMIT = 4_000

# The last two drafts, which have two keywords in its place, let it be used for compatibility; jsonschema does not.
_DEPENDENCIES = {"dependencies": Draft7Validator.VALIDATORS["dependencies"]}

# By what this thread computes: whether a value is valid must not hang on what else a machine does.
_DEADLINE: ContextVar[float] = ContextVar("deadline")


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit what is validated inside of the `with`, in seconds of this thread's computing.

    Raises:
        OutOfTimeError: it takes longer.
        RecursionError: a schema refers to itself without end.
    """
    token = _DEADLINE.set(time.thread_time() + seconds)
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
    left = _DEADLINE.get() - time.thread_time()
    if left <= 0:
        raise OutOfTimeError
    return left


@cache
def limited(draft: Any) -> Any:
    """Return a validator class of jsonschema's with a time limit; its instances work inside of `time_limit` only."""
    own: dict[str, Callable[..., Any]] = {
        "additionalProperties": _additional_properties,
        "anyOf": _any_of,
        "format": _format,
        "multipleOf": _multiple_of,
        "oneOf": _one_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "unevaluatedItems": _unevaluated_items(draft.VALIDATORS.get("unevaluatedItems")),
        "unevaluatedProperties": _unevaluated_properties,
        "uniqueItems": _unique_items,
    }
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        if name in draft.VALIDATORS:
            own[name] = _bounded(draft.VALIDATORS[name])
    keywords = {name: _timed(own.get(name, keyword)) for name, keyword in (_DEPENDENCIES | draft.VALIDATORS).items()}
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
    now, deadline = time.thread_time, _DEADLINE.get

    def timed(validator: Any, rule: Any, instance: Any, schema: Any) -> Any:
        if now() > deadline():
            raise OutOfTimeError
        return keyword(validator, rule, instance, schema)

    return timed


def _bounded(keyword: Callable[..., Any]) -> Callable[..., Any]:
    """End a schema that refers to itself without end while there is stack left."""

    def bounded(validator: Any, reference: Any, instance: Any, schema: Any) -> Any:
        _check_stack()
        return keyword(validator, reference, instance, schema)

    return bounded


def _check_stack() -> None:
    try:
        sys._getframe(MAX_FRAMES)
    except ValueError:
        return
    raise RecursionError


def _matches(pattern: str, text: str) -> bool:
    return patterns.matches(pattern, text, time_left())


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


def _is_valid(validator: Any, instance: Any, schema: Any) -> bool:
    return next(validator.descend(instance, schema), None) is None


# jsonschema's own two keep the errors of all branches, and those of the branches in these. Here, who explains an error
# asks for those of its own branches.


class BranchError(ValidationError):
    """A value that fits none of several subschemas, or more than one where it should not.

    Attributes:
        rules: the subschemas.
        branches: returns the errors of each, of which the first few are found.
    """

    rules: list[Any]
    branches: Callable[[], list[list[ValidationError]]]


def _branch_error(message: str, validator: Any, branches: list[Any], instance: Any) -> BranchError:
    error = BranchError(message)

    def errors_of() -> list[list[ValidationError]]:
        found = [list(islice(validator.descend(instance, branch), MAX_BRANCH_ERRORS)) for branch in branches]
        for inner in chain.from_iterable(found):
            inner.parent = error
        return found

    error.rules, error.branches = branches, errors_of
    return error


def _any_of(validator: Any, branches: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not any(_is_valid(validator, instance, branch) for branch in branches):
        yield _branch_error("fits no branch", validator, branches, instance)


def _one_of(validator: Any, branches: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if sum(_is_valid(validator, instance, branch) for branch in branches) != 1:
        yield _branch_error("fits no branch, or more than one", validator, branches, instance)


def _unique_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if rule and validator.is_type(instance, "array") and len({equality_key(item) for item in instance}) < len(instance):
        yield ValidationError("has the same item twice")


def _multiple_of(validator: Any, divisor: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Divide what the numbers' shortest texts say: in doubles, 19.99 is no multiple of 0.01."""
    if validator.is_type(instance, "number") and (Fraction(repr(instance)) / Fraction(repr(divisor))).denominator != 1:
        yield ValidationError("is no multiple")


def _unevaluated_items(keyword: Callable[..., Any] | None) -> Callable[..., Any]:
    def unevaluated_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Any:
        if isinstance(instance, list) and len(instance) > MAX_UNEVALUATED:
            raise OutOfTimeError
        return keyword(validator, rule, instance, schema) if keyword else None

    return unevaluated_items


def _unevaluated_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Yield errors as `_additional_properties` does; jsonschema's own matches patterns, as Python has them, itself."""
    if not validator.is_type(instance, "object"):
        return
    known = _evaluated(validator, instance, {key: schema[key] for key in schema.keys() - {"unevaluatedProperties"}})
    for key, value in instance.items():
        if key not in known:
            if validator.is_type(rule, "object"):
                yield from validator.descend(value, rule, path=key)
            elif not rule:
                yield ValidationError("is not in the schema", path=[key])


def _evaluated(validator: Any, instance: dict[str, Any], schema: Any) -> set[str]:
    """Return the keys of a valid object that a schema, and what in it applies in place, evaluates.

    That is what JSON Schema 2020-12, section 11.3 of its core, calls so.
    """
    if not isinstance(schema, dict):
        return set()
    _check_stack()
    if schema.keys() & {"additionalProperties", "unevaluatedProperties"}:
        return set(instance)
    known: set[str] = instance.keys() & schema.get("properties", {}).keys()
    known |= {key for key in instance for pattern in schema.get("patternProperties", {}) if _matches(pattern, key)}
    resolver = validator._resolver
    for keyword in schema.keys() & {"$ref", "$dynamicRef", "$recursiveRef"}:
        there = lookup_recursive_ref(resolver) if keyword == "$recursiveRef" else resolver.lookup(schema[keyword])
        known |= _evaluated(validator.evolve(schema=there.contents, _resolver=there.resolver), instance, there.contents)
    branches = [schema[keyword] for keyword in ("allOf", "anyOf", "oneOf") if keyword in schema]
    branches.append([there for key, there in schema.get("dependentSchemas", {}).items() if key in instance])
    for branch in chain.from_iterable(branches):
        if _is_valid(validator, instance, branch):
            known |= _evaluated(validator, instance, branch)
    if "if" in schema:
        holds = _is_valid(validator, instance, schema["if"])
        known |= _evaluated(validator, instance, schema["if"]) if holds else set()
        known |= _evaluated(validator, instance, schema.get("then" if holds else "else"))
    return known


def _format(validator: Any, name: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Ask the validator's format checker, which is a function of a text and a format's name here."""
    has = validator.format_checker
    if has is not None and isinstance(instance, str) and not has(instance, name):
        called = "regular expression of ECMA-262" if name == "regex" else name
        yield ValidationError(f"{instance!r} is no valid {called}")


def has_format(text: str, name: Any) -> bool:
    """Tell whether a text is of a format, as draft 2020-12 defines it; a format that it does not define takes any."""
    if name == "regex":
        return patterns.is_strict(text)
    # jsonschema-rs takes the name and the angle brackets of a mail's header too.
    if name in ("email", "idn-email") and text.endswith(">"):
        return False
    try:
        return bool(_format_validator(name).is_valid(text))
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def has_schema_format(text: str, name: Any) -> bool:
    """Tell whether a text in a schema is of a format: as `has_format`, and takes every pattern that can be used."""
    return patterns.is_pattern(text) if name == "regex" else has_format(text, name)


@lru_cache(maxsize=64)
def _format_validator(name: Any) -> Any:
    return jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)
