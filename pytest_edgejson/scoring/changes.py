"""What differs between the expected output and an aligned answer: deepdiff's changes, leaf by leaf."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.values.jsonvalue import ABSENT, equal, is_leaf, json_type, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepdiff import DeepDiff

    from pytest_edgejson.scoring.alignment import Alignment
    from pytest_edgejson.values.jsonvalue import Path

Containers: TypeAlias = Literal["wrong_type", "array_length"]

# What a delta of deepdiff does once it has removed items of arrays: it means places in what is left then.
_AFTER_REMOVAL = ("iterable_item_added", "dictionary_item_added", "dictionary_item_removed")


@dataclass(frozen=True, slots=True)
class Change:
    """A leaf that is not as expected.

    Attributes:
        path: where, in the aligned answer.
        expected: the expected leaf, or `ABSENT`.
        got: the leaf that was given, or `ABSENT`.
        containers: what is wrong with the containers the leaf is in, if that is what makes it wrong: `wrong_type`, one
            side has something of another type in their place; `array_length`, only one side has the array item.
    """

    path: Path
    expected: Any
    got: Any
    containers: Containers | None = None


class _ByValue:
    """Tells deepdiff how leaves are compared: by the equality of scores, in which 1 is 1.0 and true is not 1."""

    def match(self, level: Any) -> bool:
        return is_leaf(level.t1) or is_leaf(level.t2) or type(level.t1) is not type(level.t2)

    def give_up_diffing(self, level: Any, diff_instance: Any) -> bool:
        from deepdiff.helper import notpresent

        if level.t2 is ABSENT:
            level.t2 = notpresent
            diff_instance.custom_report_result("iterable_item_removed", level)
        elif not equal(level.t1, level.t2):
            is_same_type = json_type(level.t1) == json_type(level.t2)
            diff_instance.custom_report_result("values_changed" if is_same_type else "type_changes", level)
        return True


def compare(alignment: Alignment) -> DeepDiff:
    """Return deepdiff's difference, as a tree view, of an expected output and an answer that is aligned with it."""
    from deepdiff import DeepDiff

    return DeepDiff(
        *_differing(alignment.expected, alignment.value),
        view="tree",
        custom_operators=[_ByValue()],
        # Arrays are aligned already, and a key is never private.
        zip_ordered_iterables=True,
        ignore_private_variables=False,
        # An object with few keys in common is no change of a value as a whole.
        threshold_to_diff_deeper=0,
    )


def _differing(expected: Any, got: Any) -> tuple[Any, Any]:
    """Return two aligned values without what is equal in objects: deepdiff makes objects for each key it looks at.

    Without this, comparing takes a third longer, and collecting what it leaves behind twice as long.
    """
    # Containers that are equal are the same object, see `alignment.align`.
    if expected is got or is_leaf(expected) or is_leaf(got) or type(expected) is not type(got):
        return expected, got
    if isinstance(expected, list):
        pairs = [_differing(one, two) for one, two in zip(expected, got, strict=False)]
        both = len(pairs)
        return [one for one, _ in pairs] + expected[both:], [two for _, two in pairs] + got[both:]
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for key, value in expected.items():
        if key not in got:
            ours[key] = value
        elif got[key] is not value and not (is_leaf(value) and equal(value, got[key])):
            ours[key], theirs[key] = _differing(value, got[key])
    theirs |= {key: value for key, value in got.items() if key not in expected}
    # An object without keys would be a value that differs, and not one that lacks some.
    return (ours, theirs) if ours and theirs else (expected, got)


def changed_leaves(diff: DeepDiff) -> Iterator[Change]:
    """Yield what `compare` found, leaf by leaf: a leaf of another value is one change, else each side has its own."""
    from deepdiff.helper import notpresent

    for category, levels in diff.tree.items():
        for level in levels:
            path = tuple(level.path(output_format="list"))
            expected, got = (ABSENT if side is notpresent else side for side in (level.t1, level.t2))
            is_changed = category in ("values_changed", "type_changes")
            if is_changed and is_leaf(expected) and is_leaf(got):
                yield Change(path, expected, got)
                continue
            containers: Containers | None = None
            if category == "type_changes":
                containers = "wrong_type"
            elif category.startswith("iterable_item") or (is_changed and isinstance(expected, list)):
                containers = "array_length"
            if expected is not ABSENT:
                for below, leaf in leaves(expected).items():
                    yield Change(path + below, leaf, ABSENT, containers)
            if got is not ABSENT:
                for below, leaf in leaves(got).items():
                    yield Change(path + below, ABSENT, leaf, containers)


def as_json(diff: DeepDiff) -> dict[str, Any]:
    """Return deepdiff's own JSON of a difference, as builtins: what its `to_json` writes, and its `Delta` reads.

    The delta, added to the expected output, is the aligned answer.
    """
    document: dict[str, Any] = json.loads(diff.to_json(force_use_builtin_json=True, verbose_level=2))
    removed = [level.path(output_format="list") for level in diff.tree.get("iterable_item_removed", ())]
    for category in _AFTER_REMOVAL if removed else ():
        if category in document:
            levels, said = diff.tree[category], document[category]
            document[category] = {
                _moved(removed, level.path(output_format="list")): said[level.path()] for level in levels
            }
    return document


def _moved(removed: Sequence[list[Any]], path: list[Any]) -> str:
    """Return a path, as deepdiff writes it, when array items are removed, whose own paths are given."""
    from deepdiff import path as paths

    def left(at: int, step: int) -> int:
        before: int = sum(each[:-1] == path[:at] and each[-1] < step for each in removed)
        return step - before

    steps = [step if isinstance(step, str) else left(at, step) for at, step in enumerate(path)]
    stringify: Any = paths.stringify_path
    return str(stringify(steps, root_element=("root", "GET")))
