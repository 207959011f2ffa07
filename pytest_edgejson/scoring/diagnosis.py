"""Diagnosis: what is wrong with each leaf of the object found in an output.

What differs is what the scorer counts as wrong, of the leaves of the two aligned values: a case has exactly one finding
per wrong expected leaf and per extra leaf, beside one per array whose items stand in another order.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.alignment import Alignment, align
from pytest_edgejson.scoring.near import near_detail
from pytest_edgejson.values.jsonvalue import equal, format_path, json_type, leaf_key
from pytest_edgejson.values.prompt_text import PromptText
from pytest_edgejson.values.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from pytest_edgejson.scoring.kinds import FindingKind, NearDetail
    from pytest_edgejson.scoring.records import FindingRecord
    from pytest_edgejson.scoring.score import Score
    from pytest_edgejson.suite.schemas import Schema, Violation
    from pytest_edgejson.values.jsonvalue import Path

ENUM_KEYWORDS = {"enum", "const"}
RANGE_KEYWORDS = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
}
_LONGEST_KEY_COMPARED = 200
_SIMILAR_KEYS = 0.6
# Leaves with the same value that are looked at as the other half of a renamed one.
_MOST_CANDIDATES = 50
# A shorter text, or a number of fewer digits, stands at another field too often for it to be that field's value.
_SHORTEST_TELLING_TEXT, _FEWEST_TELLING_DIGITS = 4, 3


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
            and `range` (the schema forbids the value); `near` (all but right, see `near.near_detail`); `swapped` (the
            value expected at another leaf); `hallucinated` (stands nowhere in the prompt, however it is written);
            `wrong_value`; `array_length` (a leaf of an item that only one side has); `array_order` (no leaf: the
            positions 0, 1, … of the items expected, and where they stand instead).
        detail: what keeps a `near` value from being right; None for other kinds.
    """

    path: str
    expected: Any
    got: Any
    kind: FindingKind
    detail: NearDetail | None = None

    def as_dict(self) -> FindingRecord:
        """Return the fields as JSON builtins, without the side that has nothing, and without a detail of None."""
        record: FindingRecord = {"path": self.path, "expected": self.expected, "got": self.got, "kind": self.kind}
        if self.expected is ABSENT:
            del record["expected"]
        if self.got is ABSENT:
            del record["got"]
        if self.detail:
            record["detail"] = self.detail
        return record


def findings(
    expected: dict[str, Any], got: dict[str, Any] | None, schema: Schema, prompt: str, score: Score | None = None
) -> list[Finding]:
    """Return what is wrong with a value, in the order of the expected one, extra leaves last.

    Args:
        expected: the case's expected output.
        got: the object that was found. None has no findings: its failure kind says it all.
        schema: the case's schema.
        prompt: the case's text, in which values are looked for.
        score: of the object, where it is known: aligning and validating are most of the work.
    """
    if got is None or equal(expected, got):
        return []
    if score is not None and score.alignment is not None:
        violations, alignment = score.violations, score.alignment
    else:
        violations, alignment = schema.violations(got), align(expected, got)
    diagnosis = _Diagnosis(alignment, _keywords(violations), PromptText(prompt), schema.document)
    orders = (
        Finding(format_path(path), list(range(len(positions))), _ranks(positions), "array_order")
        for path, positions in alignment.reordered.items()
    )
    return [*diagnosis.run(), *orders]


def _ranks(positions: tuple[int, ...]) -> list[int]:
    order = sorted(positions)
    rank = {position: index for index, position in enumerate(order)}
    return [rank[position] for position in positions]


def _keywords(violations: Iterable[Violation]) -> dict[str, set[str]]:
    """Return which keywords of the schema a value violates, by path."""
    keywords: dict[str, set[str]] = defaultdict(set)
    for violation in violations:
        keywords[violation.path].add(violation.keyword)
    return keywords


def _tells(leaf: Any) -> bool:
    """Tell whether two leaves with this value are likely to be the same one: half of all booleans are true."""
    return not isinstance(leaf, bool) and leaf not in (None, "", {}, [], 0, 1)


def _tells_alone(leaf: Any) -> bool:
    """Tell whether a value stands at another leaf for a reason, and not because many leaves have it."""
    if isinstance(leaf, str):
        return len(leaf) >= _SHORTEST_TELLING_TEXT
    return json_type(leaf) == "number" and sum(map(str.isdigit, repr(leaf))) >= _FEWEST_TELLING_DIGITS


def _is_enumerated(document: Any, path: Path) -> bool:
    """Tell whether the schema lists the values of a leaf: its siblings have them too, so they say nothing."""
    for step in path:
        if not isinstance(document, dict):
            return False
        inner = document.get("items") if isinstance(step, int) else document.get("properties")
        document = inner.get(step) if isinstance(step, str) and isinstance(inner, dict) else inner
    return isinstance(document, dict) and bool(ENUM_KEYWORDS & document.keys())


def _key_of(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


@dataclass(slots=True)
class _Diagnosis:
    alignment: Alignment
    keywords: Mapping[str, set[str]]
    prompt: PromptText
    document: Mapping[str, Any]
    renamed: dict[Path, Path] = field(default_factory=dict)

    def run(self) -> Iterator[Finding]:
        expected, got = self.alignment.expected, self.alignment.got
        changed = [path for path, leaf in expected.items() if path in got and not equal(leaf, got[path])]
        missing = [path for path in expected if path not in got]
        extra = [path for path in got if path not in expected]
        self._pair_renamed(
            [path for path in missing if self._structure(path) is None],
            [path for path in extra if self._structure(path) is None],
        )
        wanted = {leaf_key(leaf) for leaf in expected.values()}
        given = {leaf_key(got[path]) for path in changed}
        is_missing, is_changed = set(missing), set(changed)
        for path in expected:
            if path in is_changed:
                one, two = expected[path], got[path]
                detail = near_detail(one, two)
                kind: FindingKind
                if leaf_key(two) in wanted and self._is_swapped(path, one, two, leaf_key(one) in given, detail):
                    kind = "swapped"
                else:
                    kind = self._changed_kind(path, one, two, detail)
                yield Finding(format_path(path), one, two, kind, detail if kind == "near" else None)
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

    def _is_swapped(self, path: Path, expected: Any, got: Any, mutual: bool, detail: NearDetail | None) -> bool:
        """Tell whether the value expected at another leaf was taken for this one.

        Where this one's value was given for another in turn, any value that tells will do.
        """
        if mutual and _tells(expected) and _tells(got):
            return True
        return _tells_alone(got) and detail is None and not _is_enumerated(self.document, path)

    def _changed_kind(self, path: Path, expected: Any, got: Any, detail: NearDetail | None) -> FindingKind:
        keywords = self.keywords.get(format_path(self.alignment.origin[path]), set())
        if json_type(expected) != json_type(got) or "type" in keywords:
            return "wrong_type"
        if keywords & ENUM_KEYWORDS:
            return "enum"
        if keywords & RANGE_KEYWORDS:
            return "range"
        if detail is not None:
            return "near"
        # Where the expected value is worked out from the text too, a wrong one is miscalculated rather than made up.
        if not self.prompt.holds(got) and self.prompt.holds(expected):
            return "hallucinated"
        return "wrong_value"

    def _pair_renamed(self, missing: list[Path], extra: list[Path]) -> None:
        """Find missing leaves that stand under another key or in another place: spelt alike, or the same value."""
        expected, got = self.alignment.expected, self.alignment.got
        free = dict.fromkeys(extra)
        by_key = {(path[:-1], squeeze(_key_of(path))): path for path in extra}
        by_value: dict[Hashable, list[Path]] = defaultdict(list)
        for path in extra:
            by_value[leaf_key(got[path])].append(path)

        def pair(path: Path, other: Path | None) -> None:
            if other is not None and other in free:
                del free[other]
                self.renamed[path] = other

        for path in missing:
            pair(path, by_key.get((path[:-1], squeeze(_key_of(path)))))
        for path in missing:
            if path not in self.renamed:
                leaf = expected[path]
                candidates = [other for other in by_value[leaf_key(leaf)][:_MOST_CANDIDATES] if other in free]
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
                alike = difflib.SequenceMatcher(None, a[:_LONGEST_KEY_COMPARED], b[:_LONGEST_KEY_COMPARED]).ratio()
                return (3 if is_last else 2) if tells or alike >= _SIMILAR_KEYS else 0
    return int(tells and path[-1:] == other[-1:] and isinstance(path[-1], str))
