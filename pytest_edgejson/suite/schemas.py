"""Schemas: JSON Schema documents of a suite, and what of a value violates them.

References are resolved inside the document and to the drafts' own meta-schemas only. Nothing is ever fetched or opened.
A validation ends after `MAX_SECONDS`, whatever the schema and the value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.compared import comparators_of, without_comparators
from pytest_edgejson.suite.json_rows import is_leftover
from pytest_edgejson.suite.subschemas import alternatives, root_types
from pytest_edgejson.suite.violations import ARTICLES, Violation, explain
from pytest_edgejson.values.agreement import read_rule
from pytest_edgejson.values.comparators import ComparatorError
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_edgejson.suite.cases import Case, Complexity
    from pytest_edgejson.suite.quick import QuickValidator
    from pytest_edgejson.suite.told import ToldComparators
    from pytest_edgejson.values.agreement import Rule

MAX_VIOLATIONS = 100

# What a slice of a gate and a node id can carry.
_NAME = re.compile(r"[\w.+@=,-][\w.+@=, -]*")

# The limit of one validation, in seconds of computing. Of the 787 bundled cases the slowest takes 0.001 s.
MAX_SECONDS = 5.0


class SchemaError(ValueError):
    """A schema, or a folder of schemas, that cannot be used. The message names the file and says how to mend it."""


@dataclass(frozen=True)
class Schema:
    """One JSON Schema document.

    Attributes:
        id: the name of the file, without suffix.
        complexity: the name of the folder.
        document: the schema itself, without what it says of comparing.
        source: the file it was read from.
        comparators: how fields are compared, as `rules.describe` returns it; empty for exactly.
    """

    id: str
    complexity: Complexity
    document: Mapping[str, Any] = field(hash=False)
    source: str
    comparators: Mapping[str, Any] = field(default_factory=dict, hash=False)
    # Made when first needed, with and without formats: compiling takes longer than validating.
    _validators: dict[bool, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _quick: dict[bool, QuickValidator] = field(default_factory=dict, init=False, repr=False, compare=False)
    # The value whose validation did not end, and what was found by then: a case asks several times about one value.
    _given_up: list[tuple[Any, list[Violation]]] = field(default_factory=list, init=False, repr=False, compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of the document, whatever the layout of its file and the order of its keys."""
        canonical = json.dumps(self.document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def rule(self) -> Rule | None:
        """How values are compared; None for exactly."""
        return read_rule(self.comparators) if self.comparators else None

    def rule_of(self, case: Case) -> Rule | None:
        """Return how answers to a case are compared; None for exactly."""
        return read_rule(self.comparators, case.accept) if case.accept else self.rule

    @cached_property
    def types(self) -> frozenset[str]:
        """The JSON types that a value may have as a whole, as far as the schema says it; none where it does not."""
        return root_types(self.document)

    def roots(self, expected: Any) -> frozenset[str]:
        """Return the JSON types that an answer may have as a whole.

        Args:
            expected: the expected output, whose type it is where the schema names none.
        """
        return self.types or frozenset({json_type(expected)})

    def violations(self, value: Any) -> list[Violation]:
        """Return what of a value the schema does not allow, `format` not asserted; `MAX_VIOLATIONS` at most."""
        if self._quick_answer(value, with_formats=False):
            return []
        return self._violations(value, with_formats=False, most=MAX_VIOLATIONS)

    def format_violations(self, value: Any) -> list[Violation]:
        """Return what asserting `format` adds to `violations`."""
        known = set(self._violations(value, with_formats=False))
        found = self._violations(value, with_formats=True)
        return list(islice((violation for violation in found if violation not in known), MAX_VIOLATIONS))

    def judge(self, value: Any) -> tuple[list[Violation], bool]:
        """Return the violations of a value, and whether it is valid with `format` asserted too."""
        violations = self.violations(value)
        return violations, not violations and self.is_valid(value, with_formats=True)

    def is_valid(self, value: Any, *, with_formats: bool = False) -> bool:
        """Tell whether the schema allows a value, `format` asserted or not."""
        known = self._quick_answer(value, with_formats)
        return known if known is not None else not self._violations(value, with_formats=with_formats, most=1)

    def may_be_answer(self, value: Any) -> bool:
        """Tell whether a value is valid, and no mere object that breaks no rule of a schema that asks for little.

        An object has a key that the schema names, if it names any: `{"status": "ok"}` tells nothing that was asked for,
        nor does the schema itself.
        """
        if isinstance(value, dict) and self._keys and self._keys.isdisjoint(value):
            return False
        return self.is_valid(value)

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The keys that the schema names for the object as a whole; none where it takes others by pattern."""
        parts = list(alternatives(self.document, self.document))
        if any("patternProperties" in part for part in parts):
            return frozenset()
        named = [part["properties"] for part in parts if isinstance(part.get("properties"), dict)]
        return frozenset(chain.from_iterable(named))

    def _quick_answer(self, value: Any, with_formats: bool) -> bool | None:
        """Return whether the schema allows a value, None where jsonschema has to tell."""
        if with_formats not in self._quick:
            from pytest_edgejson.suite.quick import quick_validator

            self._quick[with_formats] = quick_validator(self.document, with_formats=with_formats)
        is_valid = self._quick[with_formats]
        try:
            return is_valid and is_valid(value)
        except ValueError:
            return None

    def _violations(self, value: Any, *, with_formats: bool, most: int | None = None) -> list[Violation]:
        from jsonschema.exceptions import UnknownType
        from referencing.exceptions import Unresolvable

        from pytest_edgejson.suite.patterns import OutOfTimeError
        from pytest_edgejson.suite.validators import time_left, time_limit

        found: list[Violation] = []
        for other, violations in self._given_up:
            if other is value:
                return violations
        try:
            with time_limit(MAX_SECONDS):
                errors = self._validator(with_formats).iter_errors(value)
                for violation in islice(chain.from_iterable(map(explain, errors)), most):
                    found.append(violation)
                    time_left()
        except OutOfTimeError:
            found.append(
                Violation("", f"the schema cannot be applied to this value within {MAX_SECONDS:g} seconds", "$schema")
            )
            if not with_formats:
                self._given_up[:] = [(value, found)]
        except RecursionError:
            message = "the schema refers to itself without end, or the value is nested too deeply"
            found.append(Violation("", message, "$ref"))
        except Unresolvable as error:
            found.append(Violation("", f"the schema's reference {error.ref!r} leads nowhere", "$ref"))
        except (UnknownType, ArithmeticError, TypeError, ValueError, AttributeError) as error:
            # A schema that its meta-schema allows and the validator chokes on. The value cannot be called valid.
            found.append(Violation("", f"the schema cannot be applied: {type(error).__name__}", "$schema"))
        return found

    def _validator(self, with_formats: bool) -> Any:
        if with_formats not in self._validators:
            from pytest_edgejson.suite.drafts import validator_of
            from pytest_edgejson.suite.validators import has_format

            checker = has_format if with_formats else None
            self._validators[with_formats] = validator_of(self.document, format_checker=checker)
        return self._validators[with_formats]


class Schemas(Mapping[str, Schema]):
    """The schemas of a folder by id. Each is read and checked when it is first asked for: one that cannot be used stops
    nothing that does not use it.

    Attributes:
        used: those that were asked for.

    Args:
        folder: has them as `FOLDER/<simple|medium|complex>/<schema_id>.json`.
        told: comparators that go before those of the schemas.

    Raises:
        SchemaError: there is no such folder, or no schema in it; `told` names a schema or field that is not there. When
            a schema is asked for: its file stands elsewhere, is no JSON or no valid schema of its draft, or refers to
            what is not in it; the id occurs twice.
    """

    def __init__(self, folder: Path, told: ToldComparators | None = None) -> None:
        self._layout = f"{folder}/<{'|'.join(COMPLEXITIES)}>/<schema_id>.json"
        if not folder.is_dir():
            raise SchemaError(f"{folder}: no such folder; schemas are looked for at {self._layout}")
        self._folder = folder
        self._paths: dict[str, list[Path]] = {}
        self._complexities: dict[str, Complexity] = {}
        self.used: dict[str, Schema] = {}
        for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
            if path.suffix.lower() == ".json" and not path.parent.name.startswith(".") and not is_leftover(path):
                self._paths.setdefault(path.stem, []).append(path)
        if not self._paths:
            raise SchemaError(f"{folder}: no schemas; they are looked for at {self._layout}")
        self._told = told
        if told is not None:
            try:
                told.check(dict(self._documents()), self._paths)
            except ComparatorError as error:
                raise SchemaError(clean(str(error))) from None

    def _documents(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the documents of the schemas that can be read, by id."""
        for schema_id, (path, *_) in self._paths.items():
            with suppress(SchemaError):
                yield schema_id, without_comparators(_read_document(path))

    def complexity(self, schema_id: str) -> Complexity:
        """Return the complexity of a schema, which is the name of its folder.

        Raises:
            KeyError: there is no such schema.
            SchemaError: its file stands elsewhere, its name is not one for a schema, or the id occurs twice.
        """
        # Each case asks for that of its schema.
        if schema_id in self._complexities:
            return self._complexities[schema_id]
        path, *others = self._paths[schema_id]
        complexity = next((each for each in COMPLEXITIES if path.parent == self._folder / each), None)
        if others:
            raise SchemaError(f"{path}: {others[0]} has the same id; rename or remove one of them")
        if complexity is None:
            raise SchemaError(f"{path}: not in a folder of a complexity; move it to {self._layout}")
        if not _NAME.fullmatch(schema_id):
            raise SchemaError(f"{str(path)!r}: a schema's name has letters, digits and _ . - + = @ , only")
        self._complexities[schema_id] = complexity
        return complexity

    def __getitem__(self, schema_id: str) -> Schema:
        if schema_id not in self.used:
            path = self._paths[schema_id][0]
            schema = make_schema(path.stem, self.complexity(schema_id), _read_document(path), str(path))
            if self._told is not None:
                said = self._told.apply(schema_id, schema.document, schema.comparators)
                schema = replace(schema, comparators=said)
            self.used[schema_id] = schema
        return self.used[schema_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class _Complexities(Mapping[str, "Complexity"]):
    """Complexity by schema id, known without reading a schema."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def __getitem__(self, schema_id: str) -> Complexity:
        return self._schemas.complexity(schema_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemas)

    def __len__(self) -> int:
        return len(self._schemas)


def complexity_of(schemas: Mapping[str, Schema]) -> Mapping[str, Complexity]:
    """Return complexity by schema id. Of a folder's schemas none is read; one in no place for a schema raises when it
    is asked for."""
    if isinstance(schemas, Schemas):
        return _Complexities(schemas)
    return {schema_id: schema.complexity for schema_id, schema in schemas.items()}


def _read_document(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
        document, end = decode(text)
    except OSError as error:
        raise SchemaError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8: byte {error.start + 1} is invalid; save it as UTF-8") from None
    except MalformedError as error:
        raise SchemaError(f"{_at(path, text, error.position)}: not JSON: {error.kind.replace('_', ' ')}") from None
    if end != len(text):
        raise SchemaError(f"{_at(path, text, end)}: not JSON: something follows the schema")
    if not isinstance(document, dict):
        raise SchemaError(f"{path}: a schema is a JSON object, this is {ARTICLES[json_type(document)]}")
    return document


def make_schema(
    schema_id: str,
    complexity: Complexity,
    document: Mapping[str, Any],
    source: str,
) -> Schema:
    """Make a schema of a document, and check that it is one.

    Args:
        schema_id: its id.
        complexity: its complexity.
        document: the JSON Schema.
        source: the file it is from, for messages.

    Raises:
        SchemaError: it is no valid schema of its draft, or refers to what is not in it; a comparator cannot be used.
    """
    try:
        bare = without_comparators(document)
    except RecursionError:
        raise SchemaError(f"{source}: nested too deeply") from None
    schema = Schema(schema_id, complexity, bare, source)
    _check(schema)
    if bare is document:
        return schema
    try:
        return replace(schema, comparators=comparators_of(document))
    except ComparatorError as error:
        raise SchemaError(f"{source}: {clean(str(error))}") from None


def _at(path: Path, text: str, position: int) -> str:
    before = text[:position]
    return f"{path}:{before.count(chr(10)) + 1}:{position - before.rfind(chr(10))}"


def _check(schema: Schema) -> None:
    from pytest_edgejson.suite import drafts
    from pytest_edgejson.suite.patterns import OutOfTimeError
    from pytest_edgejson.suite.validators import time_limit

    try:
        with time_limit(MAX_SECONDS):
            drafts.check(schema.document)
    except drafts.DraftError as error:
        raise SchemaError(f"{schema.source}: {clean(str(error))}") from None
    except OutOfTimeError:
        raise SchemaError(f"{schema.source}: checking it takes more than {MAX_SECONDS:g} seconds; shorten it") from None
    except RecursionError:
        raise SchemaError(f"{schema.source}: nested too deeply") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise SchemaError(f"{schema.source}: cannot be used: {clean(str(error))[:200]}") from None
    broken = next((found for found in schema.violations({}) if found.keyword in ("$ref", "$schema")), None)
    if broken:
        raise SchemaError(f"{schema.source}: {broken.message}")
