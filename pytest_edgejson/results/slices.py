"""Slices: the groups that a suite's cases are in, and the cases that a gate is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_edgejson.results.result import CaseRecord
from pytest_edgejson.suite.suites import EDGEJSON, tags
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_edgejson.results.result import Profile
    from pytest_edgejson.suite.suites import Slices


class UnknownSlice(ValueError):
    """A slice that holds no case. The message lists what there is."""


_Row = TypeVar("_Row", bound=CaseRecord)


def _tags(row: CaseRecord) -> Iterator[tuple[str, str]]:
    return tags(row["complexity"], row["schema_id"], row["metadata"])


def slices_of(row: CaseRecord, key: str, profile: Profile = "default") -> set[str]:
    """Return the slices that a case is in, by what has this key: one, several where it is a list, or none.

    Under `v3` a row that does not state its complexity is of none, as published.
    """
    if key == "complexity":
        return set() if profile == "v3" and not row["states_complexity"] else {row["complexity"]}
    if key == "schema_id":
        return {row["schema_id"]}
    return {value for name, value in _tags(row) if name == key}


def group_by_slice(rows: Iterable[_Row], slices: Slices, profile: Profile = "default") -> dict[str, list[_Row]]:
    """Return the rows of each slice that has any, in the order that the suite names them.

    Args:
        rows: cases or results.
        slices: the suite's.
        profile: see `slices_of`.
    """
    groups: dict[str, list[_Row]] = {name: [] for name in slices.values}
    for row in rows:
        for name in sorted(slices_of(row, slices.key, profile)):
            groups.setdefault(name, []).append(row)
    return {name: group for name, group in groups.items() if group}


def select(
    rows: Sequence[_Row], name: str, profile: Profile = "default", slices: Slices = EDGEJSON.slices
) -> list[_Row]:
    """Return the cases of a slice.

    Args:
        rows: cases or results.
        name: `KEY=VALUE`, where the key is `complexity`, `schema_id` or one of the metadata; or a value alone, which is
            a slice of the suite, else a complexity, else a schema id, else the value of any metadata key.
        profile: see `slices_of`.
        slices: the suite's.

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
    for candidates, wanted in (
        (named, value),
        *(([each], name) for each in (slices.key, "complexity", "schema_id")),
        (keys, name),
    ):
        found = [row for row, own in zip(rows, tags, strict=True) if any((each, wanted) in own for each in candidates)]
        if found:
            return found
    raise UnknownSlice(_no_such_slice(name, {tag for own in tags for tag in own}, keys, slices))


def _no_such_slice(name: str, tags: set[tuple[str, str]], keys: Sequence[str], slices: Slices) -> str:
    def of(key: str) -> list[str]:
        found = {value for own, value in tags if own == key}
        return [*(each for each in slices.values if each in found), *sorted(found.difference(slices.values))]

    hint = did_you_mean(name, sorted({value for _, value in tags} | {f"{k}={v}" for k, v in tags}))
    metadata = [key for key in keys if key not in ("complexity", "schema_id")]
    own = [] if slices.key == "complexity" else [f"slices by {slices.words} {', '.join(of(slices.key))}"]
    there = [
        *own,
        f"complexities {', '.join(of('complexity'))}",
        f"schemas {', '.join(of('schema_id'))}",
        f"KEY=VALUE of the metadata {', '.join(metadata)}" if metadata else "no metadata",
    ]
    return clean(f"no case is in the slice {name!r}: {hint}there are: {'; '.join(there)}")
