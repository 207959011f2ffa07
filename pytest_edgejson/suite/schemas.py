"""Schemas: JSON Schema documents of a suite, and what of a value violates them.

References are resolved inside the document and to the drafts' own meta-schemas only. Nothing is ever fetched or opened.
A validation ends after `MAX_SECONDS`, whatever the schema and the value.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.violations import ARTICLES, Violation, explain
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import format_path, json_type
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Complexity

MAX_VIOLATIONS = 100

# What a slice of a gate and a node id can carry.
_NAME = re.compile(r"[\w.+@=,-][\w.+@=, -]*")

# The limit of one validation. Of the 787 bundled cases the slowest takes 0.001 s.
MAX_SECONDS = 5.0

_DEFAULT_DRAFT = "json-schema.org/draft-07/schema"


# Valid, or applied, where something else is not valid.
_TURNING_KEYWORDS = frozenset(
    [
        "not",
        "oneOf",
        "if",
        "maxContains",
        "unevaluatedItems",
        "unevaluatedProperties",
        "disallow",
        "$ref",
        "$dynamicRef",
    ]
)


class SchemaError(ValueError):
    """A schema, or a folder of schemas, that cannot be used. The message names the file and says how to mend it."""


@dataclass(frozen=True)
class Schema:
    """One JSON Schema document.

    Attributes:
        id: the name of the file, without suffix.
        complexity: the name of the folder.
        document: the schema itself.
        source: the file it was read from.
    """

    id: str
    complexity: Complexity
    document: Mapping[str, Any] = field(hash=False)
    source: str
    # Made when first needed, with and without formats: compiling takes longer than validating.
    _validators: dict[bool, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    # The value whose validation did not end, and what was found by then: a case asks several times about one value.
    _given_up: list[tuple[Any, list[Violation]]] = field(default_factory=list, init=False, repr=False, compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of the document, whatever the layout of its file and the order of its keys."""
        canonical = json.dumps(self.document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def violations(self, value: Any) -> list[Violation]:
        """Return what of a value the schema does not allow, `format` not asserted; `MAX_VIOLATIONS` at most."""
        return self._violations(value, with_formats=False, most=MAX_VIOLATIONS)

    def format_violations(self, value: Any) -> list[Violation]:
        """Return what asserting `format` adds to `violations`."""
        known = set(self._violations(value, with_formats=False))
        found = self._violations(value, with_formats=True)
        return list(islice((violation for violation in found if violation not in known), MAX_VIOLATIONS))

    def judge(self, value: Any) -> tuple[list[Violation], bool]:
        """Return the violations of a value, and whether it is valid with `format` asserted too."""
        # One validation instead of two for what is valid either way, which most answers are.
        if self._formats_only_forbid and self.is_valid(value, with_formats=True):
            return [], True
        violations = self.violations(value)
        can_be = not violations and not self._formats_only_forbid
        return violations, can_be and self.is_valid(value, with_formats=True)

    @cached_property
    def _formats_only_forbid(self) -> bool:
        """Whether asserting `format` never makes a value valid, as it can where a keyword turns on what is invalid."""
        pending: list[Any] = [self.document]
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                if item.keys() & _TURNING_KEYWORDS:
                    return False
                pending.extend(item.values())
            elif isinstance(item, list):
                pending.extend(item)
        return True

    def is_valid(self, value: Any, *, with_formats: bool = False) -> bool:
        """Tell whether the schema allows a value, `format` asserted or not."""
        return not self._violations(value, with_formats=with_formats, most=1)

    def _violations(self, value: Any, *, with_formats: bool, most: int | None = None) -> list[Violation]:
        from jsonschema.exceptions import UnknownType
        from referencing.exceptions import Unresolvable

        from pytest_edgejson.suite.validators import OutOfTimeError, time_left, time_limit

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
        except (re.error, UnknownType, ArithmeticError, TypeError, ValueError, AttributeError) as error:
            # A schema that its meta-schema allows and the validator chokes on. The value cannot be called valid.
            found.append(Violation("", f"the schema cannot be applied: {type(error).__name__}", "$schema"))
        return found

    def _validator(self, with_formats: bool) -> Any:
        if with_formats not in self._validators:
            from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

            from pytest_edgejson.suite.validators import limited

            draft = _draft(self.document)
            # REGISTRY holds the meta-schemas and retrieves nothing; without it jsonschema would fetch over HTTP.
            self._validators[with_formats] = limited(draft)(
                self.document, registry=REGISTRY, format_checker=draft.FORMAT_CHECKER if with_formats else None
            )
        return self._validators[with_formats]


def complexity_of(schemas: Mapping[str, Schema]) -> dict[str, Complexity]:
    """Return complexity by schema id."""
    return {schema_id: schema.complexity for schema_id, schema in schemas.items()}


def _found(folder: Path, *patterns: str) -> list[Path]:
    """Return files in order, without those that macOS puts into archives beside each (`._NAME`)."""
    files = (path for pattern in patterns for path in folder.glob(pattern))
    return sorted(path for path in files if not path.name.startswith("._"))


def load_schemas(folder: Path) -> dict[str, Schema]:
    """Read and check `FOLDER/<simple|medium|complex>/<schema_id>.json`; return schemas by id.

    Raises:
        SchemaError: there is no such folder, or no schema in it; a file stands elsewhere, is no JSON or no valid schema
            of its draft, or refers to what is not in it; an id occurs twice.
    """
    layout = f"{folder}/<{'|'.join(COMPLEXITIES)}>/<schema_id>.json"
    if not folder.is_dir():
        raise SchemaError(f"{folder}: no such folder; schemas are looked for at {layout}")
    known = {complexity: folder / complexity for complexity in COMPLEXITIES}
    for path in _found(folder, "*.json", "*/*.json"):
        if path.parent not in known.values() and not path.parent.name.startswith("."):
            raise SchemaError(f"{path}: not in a folder of a complexity; move it to {layout}")
    schemas: dict[str, Schema] = {}
    for complexity, subfolder in known.items():
        for path in _found(subfolder, "*.json"):
            if not _NAME.fullmatch(path.stem):
                raise SchemaError(f"{str(path)!r}: a schema's name has letters, digits and _ . - + = @ , only")
            schema = _read(path, complexity)
            if schema.id in schemas:
                raise SchemaError(f"{path}: {schemas[schema.id].source} has the same id; rename or remove one of them")
            schemas[schema.id] = schema
    if not schemas:
        raise SchemaError(f"{folder}: no schemas; they are looked for at {layout}")
    return schemas


def _read(path: Path, complexity: Complexity) -> Schema:
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
    return make_schema(path.stem, complexity, document, str(path))


def make_schema(schema_id: str, complexity: Complexity, document: Mapping[str, Any], source: str) -> Schema:
    """Make a schema of a document, and check that it is one.

    Args:
        schema_id: its id.
        complexity: its complexity.
        document: the JSON Schema.
        source: the file it is from, for messages.

    Raises:
        SchemaError: it is no valid schema of its draft, or refers to what is not in it.
    """
    schema = Schema(schema_id, complexity, document, source)
    _check(schema)
    return schema


def _at(path: Path, text: str, position: int) -> str:
    before = text[:position]
    return f"{path}:{before.count(chr(10)) + 1}:{position - before.rfind(chr(10))}"


def _draft(document: Mapping[str, Any]) -> Any:
    """Return the validator class of a document's own draft.

    Raises:
        SchemaError: it names none that jsonschema knows. jsonschema itself would take its latest instead.
    """
    import jsonschema

    drafts = (
        jsonschema.Draft3Validator,
        jsonschema.Draft4Validator,
        jsonschema.Draft6Validator,
        jsonschema.Draft7Validator,
        jsonschema.Draft201909Validator,
        jsonschema.Draft202012Validator,
    )
    by_name = {_draft_name(str(draft.META_SCHEMA.get("$id", draft.META_SCHEMA.get("id")))): draft for draft in drafts}
    own = document.get("$schema", _DEFAULT_DRAFT)
    draft = by_name.get(_draft_name(own)) if isinstance(own, str) else None
    if draft is None:
        raise SchemaError(f"$schema is {own!r}, which is no known draft; use http://json-schema.org/draft-07/schema#")
    return draft


def _draft_name(uri: str) -> str:
    return re.sub(r"^https?://|#$", "", uri)


def _check(schema: Schema) -> None:
    from pytest_edgejson.suite.validators import OutOfTimeError

    try:
        draft = _draft(schema.document)
        _check_against_draft(schema.document, draft)
        _check_resources(schema.document, draft)
    except SchemaError as error:
        raise SchemaError(f"{schema.source}: {error}") from None
    except OutOfTimeError:
        raise SchemaError(f"{schema.source}: checking it takes more than {MAX_SECONDS:g} seconds; shorten it") from None
    except RecursionError:
        raise SchemaError(f"{schema.source}: nested too deeply") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise SchemaError(f"{schema.source}: cannot be used: {clean(str(error))[:200]}") from None
    broken = next((found for found in schema.violations({}) if found.keyword in ("$ref", "$schema")), None)
    if broken:
        raise SchemaError(f"{schema.source}: {broken.message}")


def _check_against_draft(document: Mapping[str, Any], draft: Any) -> None:
    from jsonschema_specifications import REGISTRY

    from pytest_edgejson.suite.validators import limited, time_limit

    checker = limited(draft)(draft.META_SCHEMA, registry=REGISTRY, format_checker=draft.FORMAT_CHECKER)
    # Compiling `[[a]` warns of a syntax that Python may have one day.
    with time_limit(MAX_SECONDS), warnings.catch_warnings(action="ignore", category=FutureWarning):
        error = next(checker.iter_errors(document), None)
    if error is not None:
        where = format_path(tuple(error.absolute_path)) or "the root"
        name = document.get("$schema", "draft-07")
        raise SchemaError(f"no valid schema ({name}): at {where}: {error.message[:200]}")


def _check_resources(document: Mapping[str, Any], draft: Any) -> None:
    """Look up every reference, so that one that leads nowhere is known before a model has run.

    Raises:
        SchemaError: one does, or the schema uses what no time limit can be set for.
    """
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    specification = specification_with(draft.ID_OF(draft.META_SCHEMA))
    root = specification.create_resource(document)
    pending = [(root, REGISTRY.with_resource(root.id() or "", root).crawl().resolver_with_root(root))]
    keywords: set[str] = set()
    seen: set[int] = set()
    while pending:
        resource, resolver = pending.pop()
        if not isinstance(resource.contents, dict) or id(resource.contents) in seen:
            continue
        seen.add(id(resource.contents))
        keywords |= resource.contents.keys()
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = resource.contents.get(keyword)
            if not isinstance(reference, str):
                continue
            try:
                found = resolver.lookup(reference)
            except (Unresolvable, LookupError, TypeError, ValueError):  # or a pointer that is none
                found = None
            if found is None or not isinstance(found.contents, (bool, dict)):
                raise SchemaError(
                    f"the reference {reference!r} leads nowhere; nothing is fetched: move what it refers to into "
                    "the file, and refer to it as '#/definitions/…'"
                )
            # A reference may lead to where no keyword says that a schema is.
            pending.append((specification.create_resource(found.contents), found.resolver))
        pending.extend((child, resolver.in_subresource(child)) for child in resource.subresources())
    # To know what is unevaluated, jsonschema matches patterns in a place that validators.py has no way into.
    if {"patternProperties", "unevaluatedProperties"} <= keywords & draft.VALIDATORS.keys():
        raise SchemaError(
            "patternProperties and unevaluatedProperties together can keep a validator busy without end; "
            "use additionalProperties instead of unevaluatedProperties"
        )
