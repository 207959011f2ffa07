"""Diagnosis: what kind of failure an output is, and what is wrong with each of its leaves.

The difference itself is deepdiff's, over the leaves of the two aligned values that the scorer counts as wrong. So a
case has exactly one finding per wrong expected leaf and per extra leaf, beside one per array whose items stand in
another order.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.alignment import Alignment, align, equal, format_path, json_type

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from pytest_edgejson.alignment import Path
    from pytest_edgejson.backends import FinishReason
    from pytest_edgejson.extraction import Extraction
    from pytest_edgejson.schemas import Schema
    from pytest_edgejson.scoring import Score

FailureKind: TypeAlias = Literal[
    "runtime_error",
    "timeout",
    "empty",
    "no_json",
    "truncated",
    "malformed",
    "wrong_root",
    "schema_invalid",
    "value_error",
]
FindingKind: TypeAlias = Literal[
    "missing",
    "extra",
    "renamed",
    "wrong_type",
    "enum",
    "range",
    "near",
    "swapped",
    "hallucinated",
    "wrong_value",
    "array_length",
    "array_order",
]

_ENUM = {"enum", "const"}
_RANGE = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
}
_NEAR_RELATIVE = 0.01
_NEAR_RATIO = 0.9
# difflib is quadratic: longer texts are near only when they differ in case, space or punctuation.
_LONGEST_COMPARED = 200
_SIMILAR_KEYS = 0.6
# Leaves with the same value that are looked at as the other half of a renamed one.
_MOST_CANDIDATES = 50
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")


class Absent(Enum):
    """The side of a finding that has nothing, which is not the same as null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a value.

    Attributes:
        path: where, as `line_items[0].total`; array items have the index of the expected item they are matched with,
            items beyond the expected ones the indices after them.
        expected: the expected leaf, or `ABSENT`.
        got: the leaf that was given, or `ABSENT`.
        kind: `missing`; `extra`; `renamed` (both halves, one after the other: the expected leaf without `got`, and the
            extra leaf without `expected`: the value stands under another key or in another place); `wrong_type`; `enum`
            and `range` (the schema forbids the value); `near` (a number within 1 %, a text nearly the same); `swapped`
            (the value of another leaf, whose value is swapped too); `hallucinated` (stands nowhere in the prompt);
            `wrong_value`; `array_length` (a leaf of an item that only one side has); `array_order` (no leaf: the
            positions 0, 1, … of the items expected, and where they stand instead).
    """

    path: str
    expected: Any
    got: Any
    kind: FindingKind

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON builtins, without the side that has nothing."""
        sides = {"expected": self.expected, "got": self.got}
        return {"path": self.path} | {k: v for k, v in sides.items() if v is not ABSENT} | {"kind": self.kind}


def failure_kind(finish_reason: FinishReason, extraction: Extraction, score: Score) -> FailureKind | None:
    """Return what kind of failure an output is, the first that holds, or None when it is exact."""
    if finish_reason == "error":
        return "runtime_error"
    if finish_reason == "timeout":
        return "timeout"
    if extraction.value is None:
        if finish_reason == "length" and extraction.is_open:
            return "truncated"
        error = (extraction.error or "no_json").partition(":")[0]
        return error if error in ("empty", "malformed", "wrong_root") else "no_json"  # type: ignore[return-value]
    if score.json_exact:
        return None
    return "value_error" if score.schema_compliant else "schema_invalid"


def findings(expected: dict[str, Any], got: dict[str, Any] | None, schema: Schema, prompt: str) -> list[Finding]:
    """Return what is wrong with a value, in the order of the expected one, extra leaves last.

    Args:
        expected: the case's expected output.
        got: the object that was found. None has no findings: its failure kind says it all.
        schema: the case's schema.
        prompt: the case's text, in which values are looked for.
    """
    if got is None or equal(expected, got):
        return []
    alignment = align(expected, got)
    diagnosis = _Diagnosis(alignment, _keywords(schema, got), _Prompt(prompt))
    orders = (
        Finding(format_path(path), list(range(len(positions))), _ranks(positions), "array_order")
        for path, positions in alignment.reordered.items()
    )
    return [*diagnosis.run(), *orders]


def _ranks(positions: tuple[int, ...]) -> list[int]:
    order = sorted(positions)
    rank = {position: index for index, position in enumerate(order)}
    return [rank[position] for position in positions]


def _keywords(schema: Schema, got: dict[str, Any]) -> dict[str, set[str]]:
    """Return which keywords of the schema a value violates, by path."""
    keywords: dict[str, set[str]] = defaultdict(set)
    for violation in schema.violations(got):
        keywords[violation.path].add(violation.keyword)
    return keywords


def _differences(alignment: Alignment) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the paths of changed, missing and extra leaves, as deepdiff reports them."""
    from deepdiff import DeepDiff

    expected, got = alignment.expected, alignment.got
    paths = [path for path, leaf in expected.items() if path not in got or not equal(leaf, got[path])]
    paths += [path for path in got if path not in expected]
    # Numbers as keys: deepdiff passes over keys that begin with two underscores. Strings as JSON: it runs difflib over
    # values with line feeds, which a model could make quadratic. A threshold of 0: else it reports two dicts with few
    # keys in common as one change.
    report = DeepDiff(
        {number: _plain(expected[path]) for number, path in enumerate(paths) if path in expected},
        {number: _plain(got[path]) for number, path in enumerate(paths) if path in got},
        view="tree",
        threshold_to_diff_deeper=0,
    )

    def reported(*kinds: str) -> list[Path]:
        numbers = (level.path(output_format="list")[0] for kind in kinds for level in report.get(kind, ()))
        return [paths[number] for number in sorted(numbers)]

    return (
        reported("values_changed", "type_changes"),
        reported("dictionary_item_removed"),
        reported("dictionary_item_added"),
    )


def _plain(leaf: Any) -> Any:
    return json.dumps(leaf) if isinstance(leaf, str) else leaf


def _value_key(leaf: Any) -> Hashable:
    return json_type(leaf), None if isinstance(leaf, (dict, list)) else leaf


def _tells(leaf: Any) -> bool:
    """Tell whether two leaves with this value are likely to be the same one: half of all booleans are true."""
    return not isinstance(leaf, bool) and leaf not in (None, "", {}, [], 0, 1)


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _key_of(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


class _Prompt:
    """The text of a case, to look values up in."""

    def __init__(self, text: str) -> None:
        self._text = self._flat(text)
        self._numbers: set[float] = {float(token.replace(",", "")) for token in _NUMBER.findall(text)}

    @staticmethod
    def _flat(text: str) -> str:
        return " ".join(text.casefold().split())

    def holds(self, leaf: Any) -> bool:
        """Tell whether a value stands in the text. What cannot stand in a text (true, null, {}) always does."""
        if isinstance(leaf, str):
            return self._flat(leaf) in self._text
        if json_type(leaf) == "number":
            return leaf in self._numbers or -leaf in self._numbers
        return True


@dataclass(slots=True)
class _Diagnosis:
    alignment: Alignment
    keywords: Mapping[str, set[str]]
    prompt: _Prompt
    renamed: dict[Path, Path] = field(default_factory=dict)

    def run(self) -> Iterator[Finding]:
        expected, got = self.alignment.expected, self.alignment.got
        changed, missing, extra = _differences(self.alignment)
        self._pair_renamed(
            [path for path in missing if self._structure(path) is None],
            [path for path in extra if self._structure(path) is None],
        )
        wanted = {_value_key(expected[path]) for path in changed}
        given = {_value_key(got[path]) for path in changed}
        is_missing, is_changed = set(missing), set(changed)
        for path in expected:
            if path in is_changed:
                one, two = expected[path], got[path]
                is_swapped = _tells(one) and _tells(two) and _value_key(two) in wanted and _value_key(one) in given
                kind: FindingKind = "swapped" if is_swapped else self._changed_kind(path, one, two)
                yield Finding(format_path(path), one, two, kind)
            elif path in self.renamed:
                other = self.renamed[path]
                yield Finding(format_path(path), expected[path], ABSENT, "renamed")
                yield Finding(format_path(other), ABSENT, got[other], "renamed")
            elif path in is_missing:
                yield Finding(format_path(path), expected[path], ABSENT, self._structure(path) or "missing")
        partners = set(self.renamed.values())
        for path in extra:
            if path not in partners:
                invented: FindingKind = "extra" if self.prompt.holds(got[path]) else "hallucinated"
                yield Finding(format_path(path), ABSENT, got[path], self._structure(path) or invented)

    def _structure(self, path: Path) -> FindingKind | None:
        """Return what is wrong with the containers a leaf is in, if that is what makes it wrong."""
        for length in range(len(path) + 1):
            if path[:length] in self.alignment.clashes:
                return "wrong_type"
            if path[:length] in self.alignment.unmatched:
                return "array_length"
        return "array_length" if path in self.alignment.lengths else None

    def _changed_kind(self, path: Path, expected: Any, got: Any) -> FindingKind:
        keywords = self.keywords.get(format_path(self.alignment.origin[path]), set())
        if json_type(expected) != json_type(got) or "type" in keywords:
            return "wrong_type"
        if keywords & _ENUM:
            return "enum"
        if keywords & _RANGE:
            return "range"
        if _is_near(expected, got):
            return "near"
        # Where the expected value is worked out from the text too, a wrong one is miscalculated rather than made up.
        if not self.prompt.holds(got) and self.prompt.holds(expected):
            return "hallucinated"
        return "wrong_value"

    def _pair_renamed(self, missing: list[Path], extra: list[Path]) -> None:
        """Find missing leaves that stand under another key or in another place: spelt alike, or the same value."""
        expected, got = self.alignment.expected, self.alignment.got
        free = dict.fromkeys(extra)
        by_key = {(path[:-1], _squeezed(_key_of(path))): path for path in extra}
        by_value: dict[Hashable, list[Path]] = defaultdict(list)
        for path in extra:
            by_value[_value_key(got[path])].append(path)

        def pair(path: Path, other: Path | None) -> None:
            if other is not None and other in free:
                del free[other]
                self.renamed[path] = other

        for path in missing:
            pair(path, by_key.get((path[:-1], _squeezed(_key_of(path)))))
        for path in missing:
            if path not in self.renamed:
                leaf = expected[path]
                candidates = [other for other in by_value[_value_key(leaf)][:_MOST_CANDIDATES] if other in free]
                nearness = {other: _nearness(path, other, _tells(leaf)) for other in candidates}
                best = max(candidates, key=nearness.__getitem__, default=None)
                pair(path, best if best is not None and nearness[best] else None)


def _nearness(path: Path, other: Path, tells: bool) -> int:
    """Return how well one path can stand for another with the same value; 0: not at all."""
    if len(path) == len(other):
        different = [index for index, (a, b) in enumerate(zip(path, other, strict=True)) if a != b]
        if len(different) == 1:
            a, b = path[different[0]], other[different[0]]
            is_last = different[0] == len(path) - 1
            if isinstance(a, str) and isinstance(b, str):
                alike = difflib.SequenceMatcher(None, a[:_LONGEST_COMPARED], b[:_LONGEST_COMPARED]).ratio()
                return (3 if is_last else 2) if tells or alike >= _SIMILAR_KEYS else 0
    return int(tells and path[-1:] == other[-1:] and isinstance(path[-1], str))


def _is_near(expected: Any, got: Any) -> bool:
    if json_type(expected) == "number":
        difference = abs(expected - got)
        return bool(difference <= _NEAR_RELATIVE * max(abs(expected), abs(got)))
    if not isinstance(expected, str):
        return False
    squeezed = _squeezed(expected)
    if squeezed and squeezed == _squeezed(got):
        return True
    if max(len(expected), len(got)) > _LONGEST_COMPARED:
        return False
    matcher = difflib.SequenceMatcher(None, expected, got, autojunk=False)
    return matcher.real_quick_ratio() >= _NEAR_RATIO and matcher.ratio() >= _NEAR_RATIO
