"""The answer with its arrays in the order of the expected output, so that what belongs together has the same path.

Items of two arrays are matched so that as many leaves as possible are right, whatever their order. An answer's item
gets the index of the expected item it is matched with; what is left over goes to the end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.agreement import Keys, agree
from pytest_edgejson.values.jsonvalue import ABSENT, equal, is_leaf

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pytest_edgejson.values.agreement import Rule
    from pytest_edgejson.values.jsonvalue import Path


# Bounds of one alignment. Equal items are paired off before and don't count, so only arrays of hundreds of items that
# all differ reach them; beyond, what is left of an array is matched in index order. 1,000,000 take about a second.
MAX_LEAF_COMPARISONS = 1_000_000
MAX_CELLS = 250_000


def count_leaves(value: Any) -> int:
    """Return how many leaves a value has."""
    count, pending = 0, [value]
    while pending:
        item = pending.pop()
        if is_leaf(item):
            count += 1
        else:
            pending.extend(item.values() if isinstance(item, dict) else item)
    return count


@dataclass(frozen=True, slots=True)
class Alignment:
    """An answer beside the expected output.

    Attributes:
        expected: the expected output, as far as it is compared.
        value: the answer, its arrays renumbered. An item of the expected array that nothing is matched with is
            `ABSENT`; items of the answer without a match follow from the length of the expected array on. What counts
            as the expected value by a comparator is that value here.
        right: the number of leaves that agree in path and value.
        places: where an item stands in the array that was given, by its path here, of items that stand elsewhere there.
        reordered: arrays whose items stand in another order: where in the given array each expected item is that
            has a leaf right.
    """

    expected: Any
    value: Any
    right: int
    places: Mapping[Path, int]
    reordered: Mapping[Path, tuple[int, ...]]

    def origin(self, path: Path) -> Path:
        """Return where in the answer that was given a place of the aligned one is, or would be."""
        if not self.places:
            return path
        return tuple(self.places.get(path[: number + 1], step) for number, step in enumerate(path))


def align(expected: Any, got: Any, rule: Rule | None = None, kept: Mapping[int, list[int]] | None = None) -> Alignment:
    """Match the arrays of two values, recursively, so that as many leaves as possible are right.

    Ties are broken by index order: items stay as near to their index as they can. The work is bounded by
    `MAX_LEAF_COMPARISONS` and `MAX_CELLS`.

    Args:
        expected: what is expected; under a rule as `rules.counted` returns it.
        got: what was given, the same way.
        rule: how they are compared; None for exactly.
        kept: where items stand in the array that was given, as `rules.counted` fills it.
    """
    aligner = _Aligner(kept or {})
    right = aligner.weigh(expected, got, rule)
    return Alignment(expected, aligner.renumber(expected, got, (), rule), right, aligner.places, aligner.reordered)


def count_right(expected: Any, got: Any) -> int:
    """Return how many leaves of two values are right when they are aligned and compared exactly."""
    return _Aligner({}).weigh(expected, got, None)


def pair(expected: list[Any], got: list[Any], rule: Rule | None) -> tuple[tuple[int, int], ...]:
    """Return which items of two arrays belong together, as `align` matches them: pairs of places."""
    return _Aligner({}).match(expected, got, rule).pairs


def without_gaps(value: Any) -> Any:
    """Return an aligned value without what stands for items that the answer lacks."""
    if isinstance(value, dict):
        return {key: without_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_gaps(item) for item in value if item is not ABSENT]
    return value


@dataclass(frozen=True, slots=True)
class _Matching:
    pairs: tuple[tuple[int, int], ...]
    right: int


@dataclass(slots=True)
class _Aligner:
    kept: Mapping[int, list[int]]
    places: dict[Path, int] = field(default_factory=dict)
    reordered: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    comparisons: int = 0
    # Arrays are compared while pairs of their parents are weighed, and again when the parents are laid out.
    matchings: dict[tuple[int, int, int], _Matching] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)
    sizes: dict[int, int] = field(default_factory=dict)
    completed: dict[tuple[int, int, int], dict[str, Any]] = field(default_factory=dict)

    def renumber(self, expected: Any, got: Any, path: Path, rule: Rule | None) -> Any:
        """Return what was given, its keys and items in the order of what is expected."""
        if rule is not None:
            got = self.facing(expected, got, rule)
        if is_leaf(expected) or is_leaf(got):
            return got
        if agree(expected, got, rule):
            # The same object: nobody has to look into it again.
            return expected
        if isinstance(expected, dict) and isinstance(got, dict):
            both = {
                key: self.renumber(item, got[key], (*path, key), rule and rule.at(key))
                for key, item in expected.items()
                if key in got
            }
            return both | {key: item for key, item in got.items() if key not in expected}
        if isinstance(expected, list) and isinstance(got, list):
            return self._renumber_items(expected, got, path, rule)
        return got

    def _renumber_items(self, expected: list[Any], got: list[Any], path: Path, rule: Rule | None) -> list[Any]:
        pairs = dict(self.match(expected, got, rule).pairs)
        rule_at = [rule and rule.at(index) for index in range(len(expected))]
        # Two items that have nothing in common are matched too, but say nothing about order.
        alike = sorted(pair for pair in pairs.items() if self.weigh(expected[pair[0]], got[pair[1]], rule_at[pair[0]]))
        if any(one[1] > two[1] for one, two in pairwise(alike)) and not (rule and rule.is_unordered):
            self.reordered[path] = tuple(position for _, position in alike)
        items: list[Any] = [ABSENT] * len(expected)
        for index, place in pairs.items():
            items[index] = self.renumber(expected[index], got[place], (*path, index), rule_at[index])
        matched = set(pairs.values())
        rest = [place for place in range(len(got)) if place not in matched]
        items += [got[place] for place in rest]
        stands = self.kept.get(id(got), range(len(got)))
        for index, place in (*pairs.items(), *enumerate(rest, len(expected))):
            if index != stands[place]:
                self.places[(*path, index)] = stands[place]
        # What is missing at the end leaves no gap.
        while items and items[-1] is ABSENT:
            items.pop()
        return items

    def facing(self, expected: Any, got: Any, rule: Rule) -> Any:
        """Return what a value counts as where another one is expected: that one, if it is taken for right.

        Of an object, what was left out and may be is completed, and what was added and may be is left out.
        """
        if (is_leaf(expected) or is_leaf(got) or rule.accepted) and agree(expected, got, rule):
            return expected
        if not (rule.alternatives and isinstance(expected, dict) and isinstance(got, dict)):
            return got
        which = id(expected), id(got), id(rule)
        if which not in self.completed:
            added = {
                key
                for key, inner in rule.alternatives.items()
                if key in got and key not in expected and agree(ABSENT, got[key], inner)
            }
            omitted = {
                key: expected[key]
                for key, inner in rule.alternatives.items()
                if key in expected and key not in got and agree(expected[key], ABSENT, inner)
            }
            self.completed[which] = {key: item for key, item in got.items() if key not in added} | omitted
        return self.completed[which]

    def match(self, expected: list[Any], got: list[Any], rule: Rule | None) -> _Matching:
        """Return which items of two arrays belong together, and how many leaves are right then."""
        which = id(expected), id(got), id(rule)
        if which not in self.matchings:
            self.matchings[which] = self._match(expected, got, rule)
        return self.matchings[which]

    def _match(self, expected: list[Any], got: list[Any], rule: Rule | None) -> _Matching:
        rows, columns = list(range(len(expected))), list(range(len(got)))
        # Some best matching holds all pairs of equal items, as nothing has more in common with an item; but not where
        # an item may agree with two that don't with each other.
        is_keyed = rule is None or rule.is_keyed
        pairs = []
        if is_keyed or self._cost(expected, got, rows, columns) is None:
            pairs = self._equal_pairs(expected, got, rule)
        right = sum(self.size(expected[index]) for index, _ in pairs)
        if pairs:
            taken = {index for index, _ in pairs}, {index for _, index in pairs}
            rows = [index for index in rows if index not in taken[0]]
            columns = [index for index in columns if index not in taken[1]]
        chosen = self._best_pairs(expected, got, rows, columns, rule)
        right += sum(self.weigh(expected[row], got[column], rule and rule.at(row)) for row, column in chosen)
        return _Matching((*pairs, *chosen), right)

    def _equal_pairs(self, expected: list[Any], got: list[Any], rule: Rule | None) -> list[tuple[int, int]]:
        """Pair off items that count as equal."""
        expected_keys = [self.keys.of_item(item, rule, place) for place, item in enumerate(expected)]
        got_keys = [self.keys.of_item(item, rule, place) for place, item in enumerate(got)]
        pairs = [(i, i) for i, (one, two) in enumerate(zip(expected_keys, got_keys, strict=False)) if one == two]
        in_place = {index for index, _ in pairs}
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for index, key in enumerate(got_keys):
            if index not in in_place:
                waiting[key].append(index)
        for index, key in enumerate(expected_keys):
            if index not in in_place and waiting.get(key):
                pairs.append((index, waiting[key].popleft()))
        return pairs

    def _cost(self, expected: list[Any], got: list[Any], rows: list[int], columns: list[int]) -> int | None:
        """Return how many leaves all pairs have to compare; None where these or the pairs are too many."""
        cost = sum(self.size(expected[row]) for row in rows) * len(columns)
        cost += sum(self.size(got[column]) for column in columns) * len(rows)
        is_too_much = len(rows) * len(columns) > MAX_CELLS or self.comparisons + cost > MAX_LEAF_COMPARISONS
        return None if is_too_much else cost

    def _best_pairs(
        self, expected: list[Any], got: list[Any], rows: list[int], columns: list[int], rule: Rule | None
    ) -> list[tuple[int, int]]:
        cost = self._cost(expected, got, rows, columns)
        only_leaves = all(is_leaf(expected[row]) for row in rows) or all(is_leaf(got[column]) for column in columns)
        is_keyed = rule is None or rule.is_keyed
        if len(rows) * len(columns) <= 1 or (only_leaves and is_keyed) or cost is None:
            return list(zip(rows, columns, strict=False))
        self.comparisons += cost
        inner = {row: rule and rule.at(row) for row in rows}
        weights = [[self.weigh(expected[row], got[column], inner[row]) for column in columns] for row in rows]

        from scipy.optimize import linear_sum_assignment

        # A leaf outweighs all moves together. Squared distances make crossing pairs dearer than parallel ones.
        leaf = 1 + min(len(rows), len(columns)) * max(len(expected), len(got)) ** 2
        benefit = [
            [float(weight * leaf - (row - column) ** 2) for weight, column in zip(line, columns, strict=True)]
            for line, row in zip(weights, rows, strict=True)
        ]
        chosen = zip(*linear_sum_assignment(benefit, maximize=True), strict=True)
        return [(rows[int(i)], columns[int(j)]) for i, j in chosen]

    def weigh(self, expected: Any, got: Any, rule: Rule | None) -> int:
        """Return how many leaves of two values are right when they are matched."""
        if rule is not None:
            got = self.facing(expected, got, rule)
        if isinstance(expected, dict) and isinstance(got, dict) and expected and got:
            return sum(
                self.weigh(value, got[key], rule and rule.at(key)) for key, value in expected.items() if key in got
            )
        if isinstance(expected, list) and isinstance(got, list) and expected and got:
            return self.match(expected, got, rule).right
        return int(is_leaf(expected) and is_leaf(got) and equal(expected, got))

    def size(self, value: Any) -> int:
        """Return the number of leaves."""
        if is_leaf(value):
            return 1
        if id(value) not in self.sizes:
            self.sizes[id(value)] = count_leaves(value)
        return self.sizes[id(value)]
