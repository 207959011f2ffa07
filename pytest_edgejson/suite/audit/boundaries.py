"""Array boundaries that a text does not determine: arrays of objects whose items can be cut otherwise."""

from __future__ import annotations

import copy
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.audit.findings import finding_of, list_paths
from pytest_edgejson.suite.rendering import FormError, read_prompt, required_keys, splits
from pytest_edgejson.suite.subschemas import own_part_at
from pytest_edgejson.values.fields import keys_of
from pytest_edgejson.values.jsonvalue import equal, format_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_edgejson.suite.audit.findings import Finding
    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.suite.rendering import Reading
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.values.jsonvalue import Path as LeafPath

# Other ways to cut an array that are tried against the schema before it is taken to be settled.
_MOST_SPLITS = 64


def of_boundaries(row: CaseRow, reading: Reading, stated: Any) -> Iterator[Finding]:
    """Tell which arrays can be cut otherwise, and whether the expected way is the one that repeated labels give."""
    expected = row.case.expected_output
    open_arrays = [
        path for path in _undelimited(expected, reading) if _can_be_cut_otherwise(expected, path, row.schema)
    ]
    if not open_arrays:
        return
    as_read = equal(stated, expected)
    if not as_read:
        cut = [path for path in open_arrays if _lengths(stated, path) != _lengths(expected, path)]
        # Within an array that is cut otherwise every item is another one.
        open_arrays = [path for path in cut if not any(path[: len(other)] == other for other in cut if other != path)]
    paths = [format_path(path) for path in open_arrays]
    fields = list_paths(format_path(keys_of(path)) for path in open_arrays)
    what = f"the prompt does not determine where the items of {fields} begin and end"
    if as_read:
        message = f"{what}; expected is what a reader assumes: a label that occurs again begins an item"
        yield finding_of(row, "assumed_boundary", message, paths)
        return
    try:
        by_order = read_prompt(row.case.prompt, row.schema.document, in_key_order=True).record
    except FormError:
        by_order = {}
    hint = "; the order of the schema's keys would tell" if equal(by_order, expected) else ""
    yield finding_of(row, "ambiguous_boundary", what + hint, paths)


def renders_alike(one: Any, other: Any) -> bool:
    """Tell whether two values give the same lines of a prompt without delimiters, the order of keys aside."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(renders_alike(one[key], other[key]) for key in one)
    if not (isinstance(one, list) and isinstance(other, list)):
        return equal(one, other)
    if not all(isinstance(item, dict) for item in (*one, *other)):
        return equal(one, other)
    lines = iter([(key, value) for item in one for key, value in item.items()])
    for item in other:
        found = dict(islice(lines, len(item)))
        if not renders_alike(found, item):
            return False
    return next(lines, None) is None


def _lengths(record: Any, path: LeafPath) -> list[int] | None:
    """Return how many keys each item of an array of objects has; None where there is no such array."""
    value = record
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return [len(item) for item in value] if isinstance(value, list) else None


def _undelimited(expected: Any, reading: Reading) -> Iterator[LeafPath]:
    fields = {keys_of(path) for path in reading.undelimited}
    pending: list[tuple[LeafPath, Any]] = [((), expected)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, list) and value and keys_of(path) in fields:
            yield path
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        pending.extend(reversed([((*path, step), child) for step, child in steps]))


def _can_be_cut_otherwise(record: Any, path: LeafPath, schema: Schema) -> bool:
    """Tell whether another record that the schema allows has the same prompt, this array's items cut otherwise.

    An empty object leaves no line. It counts where it is expected; that there could be others is no doubt worth having.
    """
    other = copy.deepcopy(record)
    holder: Any = other
    for step in path[:-1]:
        holder = holder[step]
    array = holder[path[-1]]
    lines = [(key, value) for item in array for key, value in item.items()]
    required = required_keys(own_part_at(schema.document, (*path, 0)) or {})
    ways = splits([key for key, _ in lines], required) if lines else iter([[]])
    for lengths in islice(ways, _MOST_SPLITS):
        if lengths != [len(item) for item in array]:
            rest = iter(lines)
            holder[path[-1]] = [dict(islice(rest, length)) for length in lengths]
            if schema.is_valid(other):
                return True
    return False
