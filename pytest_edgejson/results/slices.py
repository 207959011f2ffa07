"""Slices: the cases of a suite that a gate is about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from pytest_edgejson.results.result import CaseRecord
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.results.result import Profile


class UnknownSlice(ValueError):
    """A slice that holds no case. The message lists what there is."""


_Row = TypeVar("_Row", bound=CaseRecord)


def _tags(row: CaseRecord) -> Iterator[tuple[str, str]]:
    """Yield what a case can be selected by: complexity, schema, and the scalars of its metadata, lists taken apart."""
    yield "complexity", row["complexity"]
    yield "schema_id", row["schema_id"]
    for key, value in row["metadata"].items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield key, item
            elif not isinstance(item, list | dict):
                yield key, json.dumps(item)


def select(rows: Sequence[_Row], name: str, profile: Profile = "default") -> list[_Row]:
    """Return the cases of a slice.

    Args:
        rows: cases or results.
        name: `KEY=VALUE`, where the key is `complexity`, `schema_id` or one of the metadata; or a value alone, which is
            a complexity, else a schema id, else the value of any metadata key.
        profile: under `v3` a row that does not state its complexity is of none, as published.

    Raises:
        UnknownSlice: no case is in it.
    """
    tags = [set(_tags(row)) for row in rows]
    if profile == "v3":
        for row, own in zip(rows, tags, strict=True):
            if not row["states_complexity"]:
                own.discard(("complexity", row["complexity"]))
    keys = list(dict.fromkeys(key for row in rows for key, _ in _tags(row)))
    key, equals, value = (part.strip() for part in name.partition("="))
    named = [key] if equals and key in keys else []
    for candidates, wanted in ((named, value), (["complexity"], name), (["schema_id"], name), (keys, name)):
        found = [row for row, own in zip(rows, tags, strict=True) if any((each, wanted) in own for each in candidates)]
        if found:
            return found
    raise UnknownSlice(_no_such_slice(name, {tag for own in tags for tag in own}, keys))


def _no_such_slice(name: str, tags: set[tuple[str, str]], keys: Sequence[str]) -> str:
    def of(key: str) -> list[str]:
        return sorted(value for own, value in tags if own == key)

    hint = did_you_mean(name, sorted({value for _, value in tags} | {f"{k}={v}" for k, v in tags}))
    metadata = [key for key in keys if key not in ("complexity", "schema_id")]
    there = [
        f"complexities {', '.join(complexity for complexity in COMPLEXITIES if complexity in of('complexity'))}",
        f"schemas {', '.join(of('schema_id'))}",
        f"KEY=VALUE of the metadata {', '.join(metadata)}" if metadata else "no metadata",
    ]
    return clean(f"no case is in the slice {name!r}: {hint}there are: {'; '.join(there)}")
