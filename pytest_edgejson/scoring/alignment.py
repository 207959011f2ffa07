"""The answer with its arrays in the order of the expected output, so that what belongs together has the same path.

Items of two arrays are matched so that as many leaves as possible are right, whatever their order. An answer's item
gets the index of the expected item it is matched with; what is left over goes to the end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.decoding import MAX_DEPTH
from pytest_edgejson.values.jsonvalue import ABSENT, equal, is_leaf, leaf_key

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pytest_edgejson.values.jsonvalue import Path


# Bounds of one alignment. Equal items are paired off before and don't count, so only arrays of hundreds of items that
# all differ reach them; beyond, what is left of an array is matched in index order. 1,000,000 take about a second.
MAX_LEAF_COMPARISONS = 1_000_000
MAX_CELLS = 250_000


# Expected outputs are nested as deep as a case file's author likes, but no deeper than this equal to what a model gave.
_MAX_KEY_DEPTH = MAX_DEPTH + 1


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
        value: the answer, its arrays renumbered. An item of the expected array that nothing is matched with is
            `ABSENT`; items of the answer without a match follow from the length of the expected array on.
        right: the number of leaves that agree in path and value.
        places: where an item stands in the array that was given, by its path here, of items that stand elsewhere there.
        reordered: arrays whose items stand in another order: where in the given array each expected item is that
            has a leaf right.
    """

    value: Any
    right: int
    places: Mapping[Path, int]
    reordered: Mapping[Path, tuple[int, ...]]

    def origin(self, path: Path) -> Path:
        """Return where in the answer that was given a place of the aligned one is, or would be."""
        if not self.places:
            return path
        return tuple(self.places.get(path[: number + 1], step) for number, step in enumerate(path))


def align(expected: Any, got: Any) -> Alignment:
    """Match the arrays of two values, recursively, so that as many leaves as possible are right.

    Ties are broken by index order: items stay as near to their index as they can. The work is bounded by
    `MAX_LEAF_COMPARISONS` and `MAX_CELLS`.
    """
    aligner = _Aligner()
    right = aligner.weigh(expected, got)
    return Alignment(aligner.renumber(expected, got, ()), right, aligner.places, aligner.reordered)


def count_right(expected: Any, got: Any) -> int:
    """Return how many leaves of two values are right when they are aligned."""
    return _Aligner().weigh(expected, got)


@dataclass(frozen=True, slots=True)
class _Matching:
    pairs: tuple[tuple[int, int], ...]
    right: int


@dataclass(slots=True)
class _Aligner:
    places: dict[Path, int] = field(default_factory=dict)
    reordered: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    comparisons: int = 0
    # Arrays are compared while pairs of their parents are weighed, and again when the parents are laid out.
    matchings: dict[tuple[int, int], _Matching] = field(default_factory=dict)
    keys: dict[int, Hashable] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)

    def renumber(self, expected: Any, got: Any, path: Path) -> Any:
        """Return what was given, its keys and items in the order of what is expected."""
        if is_leaf(expected) or is_leaf(got):
            return got
        if equal(expected, got):
            # The same object: nobody has to look into it again.
            return expected
        if isinstance(expected, dict) and isinstance(got, dict):
            both = {key: self.renumber(item, got[key], (*path, key)) for key, item in expected.items() if key in got}
            return both | {key: item for key, item in got.items() if key not in expected}
        if isinstance(expected, list) and isinstance(got, list):
            return self._renumber_items(expected, got, path)
        return got

    def _renumber_items(self, expected: list[Any], got: list[Any], path: Path) -> list[Any]:
        pairs = dict(self.match(expected, got).pairs)
        # Two items that have nothing in common are matched too, but say nothing about order.
        alike = sorted(pair for pair in pairs.items() if self.weigh(expected[pair[0]], got[pair[1]]))
        if any(one[1] > two[1] for one, two in pairwise(alike)):
            self.reordered[path] = tuple(position for _, position in alike)
        items: list[Any] = [ABSENT] * len(expected)
        for index, place in pairs.items():
            items[index] = self.renumber(expected[index], got[place], (*path, index))
        matched = set(pairs.values())
        rest = [place for place in range(len(got)) if place not in matched]
        items += [got[place] for place in rest]
        for index, place in (*pairs.items(), *enumerate(rest, len(expected))):
            if index != place:
                self.places[(*path, index)] = place
        # What is missing at the end leaves no gap.
        while items and items[-1] is ABSENT:
            items.pop()
        return items

    def match(self, expected: list[Any], got: list[Any]) -> _Matching:
        """Return which items of two arrays belong together, and how many leaves are right then."""
        which = (id(expected), id(got))
        if which not in self.matchings:
            self.matchings[which] = self._match(expected, got)
        return self.matchings[which]

    def _match(self, expected: list[Any], got: list[Any]) -> _Matching:
        pairs = self._equal_pairs(expected, got)
        right = sum(self.size(expected[index]) for index, _ in pairs)
        taken = {index for index, _ in pairs}, {index for _, index in pairs}
        rows = [index for index in range(len(expected)) if index not in taken[0]]
        columns = [index for index in range(len(got)) if index not in taken[1]]
        chosen = self._best_pairs(expected, got, rows, columns)
        right += sum(self.weigh(expected[row], got[column]) for row, column in chosen)
        return _Matching((*pairs, *chosen), right)

    def _equal_pairs(self, expected: list[Any], got: list[Any]) -> list[tuple[int, int]]:
        """Pair off equal items. Some best matching holds them all: nothing has more in common with an item."""
        expected_keys = [self.key(item) for item in expected]
        got_keys = [self.key(item) for item in got]
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

    def _best_pairs(
        self, expected: list[Any], got: list[Any], rows: list[int], columns: list[int]
    ) -> list[tuple[int, int]]:
        cells = len(rows) * len(columns)
        cost = sum(self.size(expected[row]) for row in rows) * len(columns)
        cost += sum(self.size(got[column]) for column in columns) * len(rows)
        only_leaves = all(is_leaf(expected[row]) for row in rows) or all(is_leaf(got[column]) for column in columns)
        if cells <= 1 or only_leaves or cells > MAX_CELLS or self.comparisons + cost > MAX_LEAF_COMPARISONS:
            return list(zip(rows, columns, strict=False))
        self.comparisons += cost
        weights = [[self.weigh(expected[row], got[column]) for column in columns] for row in rows]

        from scipy.optimize import linear_sum_assignment

        # A leaf outweighs all moves together. Squared distances make crossing pairs dearer than parallel ones.
        leaf = 1 + min(len(rows), len(columns)) * max(len(expected), len(got)) ** 2
        benefit = [
            [float(weight * leaf - (row - column) ** 2) for weight, column in zip(line, columns, strict=True)]
            for line, row in zip(weights, rows, strict=True)
        ]
        chosen = zip(*linear_sum_assignment(benefit, maximize=True), strict=True)
        return [(rows[int(i)], columns[int(j)]) for i, j in chosen]

    def weigh(self, expected: Any, got: Any) -> int:
        """Return how many leaves of two values are right when they are matched."""
        if isinstance(expected, dict) and isinstance(got, dict) and expected and got:
            return sum(self.weigh(value, got[key]) for key, value in expected.items() if key in got)
        if isinstance(expected, list) and isinstance(got, list) and expected and got:
            return self.match(expected, got).right
        return int(is_leaf(expected) and is_leaf(got) and equal(expected, got))

    def size(self, value: Any) -> int:
        """Return the number of leaves."""
        if is_leaf(value):
            return 1
        if id(value) not in self.sizes:
            self.sizes[id(value)] = count_leaves(value)
        return self.sizes[id(value)]

    def key(self, value: Any, depth: int = 0) -> Hashable:
        """Return what equal values have in common and others don't."""
        if is_leaf(value):
            return leaf_key(value)
        if depth > _MAX_KEY_DEPTH:
            return "too deep to compare", id(value)
        if id(value) not in self.keys:
            if isinstance(value, dict):
                self.keys[id(value)] = frozenset((key, self.key(item, depth + 1)) for key, item in value.items())
            else:
                self.keys[id(value)] = tuple(self.key(item, depth + 1) for item in value)
        return self.keys[id(value)]
