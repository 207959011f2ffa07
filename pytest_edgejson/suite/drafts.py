"""Drafts: which version of JSON Schema a document is written in, where its references lead, and whether it is valid.

A document without `$schema` is of draft 2020-12. A part that has a `$schema` of its own may be of another draft.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from pytest_edgejson.suite.subschemas import DATA
from pytest_edgejson.suite.validators import has_schema_format, limited
from pytest_edgejson.suite.violations import explain
from pytest_edgejson.values.jsonvalue import format_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from referencing._core import Resolver

# Of a schema that names none. The bundled schemas name theirs.
_DEFAULT = "https://json-schema.org/draft/2020-12/schema"


class DraftError(ValueError):
    """A document that is no valid schema of its draft. The message says where, and how to mend it."""


def draft_of(document: Mapping[str, Any]) -> Any:
    """Return jsonschema's validator class of a document's own draft.

    Raises:
        DraftError: it names none that jsonschema knows. jsonschema itself would take its latest instead.
    """
    own = document.get("$schema", _DEFAULT)
    draft = _known_draft(own)
    if draft is None:
        raise DraftError(f"$schema is {own!r}, which is no known draft; use {_DEFAULT}")
    return draft


def _known_draft(uri: Any) -> Any:
    return _drafts().get(_name(uri)) if isinstance(uri, str) else None


@cache
def _drafts() -> dict[str, Any]:
    drafts = (
        jsonschema.Draft3Validator,
        jsonschema.Draft4Validator,
        jsonschema.Draft6Validator,
        jsonschema.Draft7Validator,
        jsonschema.Draft201909Validator,
        jsonschema.Draft202012Validator,
    )
    return {_name(_id(draft)): draft for draft in drafts}


def _id(draft: Any) -> str:
    return str(draft.ID_OF(draft.META_SCHEMA))


def _name(uri: str) -> str:
    return re.sub(r"^https?://|#$", "", uri)


def validator_of(document: Mapping[str, Any], *, format_checker: Callable[[str, Any], bool] | None = None) -> Any:
    """Return a validator of a document by its own draft, see `validators.limited`; references lead into the document
    and to the drafts' own meta-schemas only.

    Raises:
        DraftError: see `draft_of`.
    """
    # REGISTRY holds the meta-schemas and retrieves nothing; without it jsonschema would fetch over HTTP.
    return limited(draft_of(document))(_ordered(document), registry=REGISTRY, format_checker=format_checker)


def _ordered(item: Any) -> Any:
    """Return part of a document with the names in each `dependencies` before the schemas.

    `referencing` tells by the first of them whether all are schemas, in which it looks for further ids.
    """
    if isinstance(item, list):
        return [_ordered(each) for each in item]
    if not isinstance(item, dict):
        return item
    ordered = {key: _ordered(each) for key, each in item.items()}
    if isinstance(mixed := ordered.get("dependencies"), dict):
        ordered["dependencies"] = dict(sorted(mixed.items(), key=lambda each: isinstance(each[1], dict)))
    return ordered


def check(document: Mapping[str, Any]) -> None:
    """Check that a document is valid under its draft, its parts under theirs, and that every reference leads somewhere.

    Must be called inside of `time_limit`.

    Raises:
        DraftError: it is not.
        OutOfTimeError: checking takes too long.
        RecursionError: the document is nested too deeply.
    """
    draft = draft_of(document)
    _check_against(draft, document)
    root = specification_with(_id(draft)).create_resource(_ordered(document))
    resolver = REGISTRY.with_resource(root.id() or "", root).crawl().resolver_with_root(root)
    pending: list[tuple[Any, Any]] = [(root, resolver)]
    seen: set[int] = set()
    while pending:
        resource, resolver = pending.pop()
        if not isinstance(resource.contents, dict) or id(resource.contents) in seen:
            continue
        seen.add(id(resource.contents))
        for reference in _references(resource.contents):
            found = _look_up(reference, resolver)
            # A reference may lead to where no keyword says that a schema is.
            there = specification_with(_id(draft)).detect(found.contents).create_resource(found.contents)
            pending.append((there, found.resolver))
        pending.extend((child, resolver.in_subresource(child)) for child in resource.subresources())


def _check_against(draft: Any, document: Mapping[str, Any]) -> None:
    others: list[tuple[Any, dict[str, Any]]] = []
    checker = limited(draft)(draft.META_SCHEMA, registry=REGISTRY, format_checker=has_schema_format)
    error = next(checker.iter_errors({key: _cut(item, draft, others) for key, item in document.items()}), None)
    if error is not None:
        where = format_path(tuple(error.absolute_path)) or "the root"
        name = document.get("$schema", f"{_DEFAULT}, since it has no $schema; name another draft there")
        told = next(explain(error)).message if error.validator in ("anyOf", "type") else error.message[:200]
        raise DraftError(f"no valid schema ({name}): at {where}: {told}")
    for other in others:
        _check_against(*other)


def _cut(item: Any, draft: Any, others: list[tuple[Any, dict[str, Any]]]) -> Any:
    """Return part of a document with an empty schema for what names another draft, which is added to `others`."""
    if isinstance(item, list):
        return [_cut(each, draft, others) for each in item]
    if not isinstance(item, dict):
        return item
    if (other := _known_draft(item.get("$schema"))) not in (None, draft):
        others.append((other, item))
        return {}
    return {key: each if key in DATA else _cut(each, draft, others) for key, each in item.items()}


def _references(contents: Mapping[str, Any]) -> Iterable[str]:
    found = (contents.get(keyword) for keyword in ("$ref", "$dynamicRef", "$recursiveRef"))
    return (reference for reference in found if isinstance(reference, str))


def _look_up(reference: str, resolver: Resolver[Any]) -> Any:
    try:
        found = resolver.lookup(reference)
    except (Unresolvable, LookupError, TypeError, ValueError):  # or a pointer that is none
        found = None
    if found is None or not isinstance(found.contents, (bool, dict)):
        raise DraftError(
            f"the reference {reference!r} leads nowhere; nothing is fetched: move what it refers to into the file, and "
            "refer to it as '#/$defs/…'"
        )
    return found
