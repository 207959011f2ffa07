"""Diagnosis: what is wrong with each leaf of the object found in an output.

What differs is what deepdiff finds between the expected output and the aligned answer, which is what the scorer counts
as wrong: a case has exactly one finding per wrong expected leaf and per extra leaf, beside one per array whose items
stand in another order.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.changes import changed_leaves
from pytest_edgejson.scoring.near import near_detail
from pytest_edgejson.suite.subschemas import parts_at
from pytest_edgejson.values.jsonvalue import ABSENT, format_path, json_type, leaf_key, leaves
from pytest_edgejson.values.lookalikes import skeleton
from pytest_edgejson.values.prompt_text import PromptText
from pytest_edgejson.values.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from deepdiff import DeepDiff

    from pytest_edgejson.scoring.alignment import Alignment
    from pytest_edgejson.scoring.changes import Change
    from pytest_edgejson.scoring.kinds import FindingKind, NearDetail
    from pytest_edgejson.scoring.records import FindingRecord
    from pytest_edgejson.scoring.score import Score
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.suite.violations import Violation
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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a value.

    Attributes:
        loc: where, as keys and indices; array items have the index of the expected item they are matched with, items
            beyond the expected ones the indices after them.
        expected: the expected leaf, or `ABSENT`.
        got: the leaf that was given, or `ABSENT`.
        kind: `missing`; `extra`; `renamed` (both halves, one after the other: the expected leaf without `got`, and the
            extra leaf without `expected`: the value stands under another key or in another place); `wrong_type`; `enum`
            and `range` (the schema forbids the value); `near` (all but right, see `near.near_detail`); `swapped` (the
            value expected at another leaf); `hallucinated` (stands nowhere in the prompt, however it is written);
            `wrong_value`; `array_length` (a leaf of an item that only one side has); `array_order` (no leaf: the
            positions 0, 1, … of the items expected, and where they stand instead).
        detail: what keeps a `near` value from being right; None for other kinds.
        got_loc: where in the answer the leaf stands, or would stand; None where that is `loc`.
    """

    loc: Path
    expected: Any
    got: Any
    kind: FindingKind
    detail: NearDetail | None = None
    got_loc: Path | None = None

    @property
    def path(self) -> str:
        """Where, as text: `line_items[0].total`."""
        return format_path(self.loc)

    def as_dict(self) -> FindingRecord:
        """Return the fields as JSON builtins, without the side that has nothing, and without a detail of None."""
        record: FindingRecord = {
            "path": self.path,
            "loc": list(self.loc),
            "expected": self.expected,
            "got": self.got,
            "kind": self.kind,
        }
        if self.expected is ABSENT:
            del record["expected"]
        if self.got is ABSENT:
            del record["got"]
        if self.detail:
            record["detail"] = self.detail
        if self.got_loc is not None:
            record["got_loc"] = list(self.got_loc)
        return record


def findings(score: Score, diff: DeepDiff | None, schema: Schema, prompt: str) -> list[Finding]:
    """Return what is wrong with an answer, in the order of the expected output, extra leaves last.

    Args:
        score: of the answer.
        diff: what `changes.compare` found between the two; None where there is no answer, or an exact one.
        schema: the case's schema.
        prompt: the case's text, in which values are looked for.
    """
    alignment = score.alignment
    if diff is None or alignment is None:
        return []
    diagnosis = _Diagnosis(alignment, _keywords(score.violations), PromptText(prompt), schema.document)
    orders = (
        Finding(path, list(range(len(positions))), _ranks(positions), "array_order")
        for path, positions in alignment.reordered.items()
    )
    return [*diagnosis.run(changed_leaves(diff)), *orders]


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


def _is_enumerated(document: Mapping[str, Any], path: Path) -> bool:
    """Tell whether the schema lists the values of a leaf: its siblings have them too, so they say nothing."""
    return any(ENUM_KEYWORDS & part.keys() for part in parts_at(document, path))


def _spelt(path: Path) -> Path:
    """Return a path as it would be if its keys were spelt in one way."""
    return tuple(squeeze(skeleton(step)) if isinstance(step, str) else step for step in path)


class _Diagnosis:
    def __init__(
        self,
        alignment: Alignment,
        keywords: Mapping[str, set[str]],
        prompt: PromptText,
        document: Mapping[str, Any],
    ) -> None:
        self.expected = leaves(alignment.expected)
        self.alignment = alignment
        self.keywords = keywords
        self.prompt = prompt
        self.document = document

    def run(self, changes: Iterable[Change]) -> Iterator[Finding]:
        ranks = [
            {path: rank for rank, path in enumerate(side)} for side in (self.expected, leaves(self.alignment.value))
        ]

        def order(change: Change) -> tuple[bool, int]:
            is_extra = change.expected is ABSENT
            return is_extra, ranks[is_extra][change.path]

        changes = sorted(changes, key=order)
        renamed = self._pair_renamed([change for change in changes if change.containers is None])
        wanted = {leaf_key(leaf) for leaf in self.expected.values()}
        given = {leaf_key(change.got) for change in changes if ABSENT not in (change.expected, change.got)}
        partners = {other.path for other in renamed.values()}
        for change in changes:
            if change.path in renamed:
                yield self._finding(change, "renamed")
                yield self._finding(renamed[change.path], "renamed")
            elif change.expected is not ABSENT or change.path not in partners:
                kind, detail = self._kind(change, wanted, given)
                yield self._finding(change, kind, detail)

    def _finding(self, change: Change, kind: FindingKind, detail: NearDetail | None = None) -> Finding:
        origin = self.alignment.origin(change.path)
        got_loc = origin if origin != change.path else None
        return Finding(change.path, change.expected, change.got, kind, detail, got_loc)

    def _kind(
        self, change: Change, wanted: set[Hashable], given: set[Hashable]
    ) -> tuple[FindingKind, NearDetail | None]:
        expected, got = change.expected, change.got
        if change.containers is not None:
            return change.containers, None
        if got is ABSENT:
            return "missing", None
        if expected is ABSENT:
            return ("extra" if self.prompt.holds(got) else "hallucinated"), None
        detail = near_detail(expected, got)
        if leaf_key(got) in wanted and self._is_swapped(
            change.path, expected, got, leaf_key(expected) in given, detail
        ):
            return "swapped", None
        kind = self._changed_kind(change.path, expected, got, detail)
        return kind, detail if kind == "near" else None

    def _is_swapped(self, path: Path, expected: Any, got: Any, mutual: bool, detail: NearDetail | None) -> bool:
        """Tell whether the value expected at another leaf was taken for this one.

        Where this one's value was given for another in turn, any value that tells will do.
        """
        if mutual and _tells(expected) and _tells(got):
            return True
        return _tells_alone(got) and detail is None and not _is_enumerated(self.document, path)

    def _changed_kind(self, path: Path, expected: Any, got: Any, detail: NearDetail | None) -> FindingKind:
        keywords = self.keywords.get(format_path(self.alignment.origin(path)), set())
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

    def _pair_renamed(self, changes: Iterable[Change]) -> dict[Path, Change]:
        """Find missing leaves that stand under another key or in another place: spelt alike, or the same value."""
        missing = [change for change in changes if change.got is ABSENT]
        extra = {change.path: change for change in changes if change.expected is ABSENT}
        renamed: dict[Path, Change] = {}
        by_spelling = {_spelt(path): path for path in extra}
        by_value: dict[Hashable, list[Path]] = defaultdict(list)
        for path, change in extra.items():
            by_value[leaf_key(change.got)].append(path)

        def pair(path: Path, other: Path | None) -> None:
            if other is not None and other in extra:
                renamed[path] = extra.pop(other)

        for change in missing:
            pair(change.path, by_spelling.get(_spelt(change.path)))
        for change in missing:
            path, leaf = change.path, change.expected
            if path not in renamed:
                candidates = [other for other in by_value[leaf_key(leaf)][:_MOST_CANDIDATES] if other in extra]
                nearness = {other: _nearness(path, other, _tells(leaf)) for other in candidates}
                best = max(candidates, key=nearness.__getitem__, default=None)
                pair(path, best if best is not None and nearness[best] else None)
        return renamed


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
