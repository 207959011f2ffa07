"""Records that are nearly the same, found among thousands."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.jsonvalue import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

THRESHOLD = 0.8
"""Least similarity of what counts as nearly the same."""


def words_of(record: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return the words of a record's values, each with the field it stands in; items of an array share their fields."""
    return frozenset(
        (".".join(step for step in path if isinstance(step, str)), word)
        for path, leaf in leaves(record).items()
        for word in (leaf if isinstance(leaf, str) else str(leaf)).casefold().split()
    )


def near_duplicates(
    sets: Sequence[frozenset[tuple[str, str]]], threshold: float = THRESHOLD
) -> Iterator[tuple[int, int, float]]:
    """Yield for each set the most similar one before it, where they are similar enough.

    Similarity is the weighted Jaccard index: the weight of what both have over the weight of what either has. An
    element weighs log(1 + n / its frequency), so that a boolean, a currency or a common word says little.

    The result is exact. Pairs are compared only where they share one of their rarest elements, as many as outweigh what
    the threshold leaves free (prefix filtering: S. Chaudhuri, V. Ganti, R. Kaushik, "A primitive operator for
    similarity joins in data cleaning", ICDE 2006). Pairs that share a rare element are few in data worth keeping, so
    that time grows little faster than the data; where all sets are alike, all pairs are compared.

    Args:
        sets: what to compare.
        threshold: least similarity, more than 0 and at most 1.

    Yields:
        Index of the set, index of the earlier one, similarity.
    """
    frequency = Counter(element for each in sets for element in each)
    weight = {element: math.log(1 + len(sets) / count) for element, count in frequency.items()}
    # fsum, for a set has no order: equal sets weigh the same to the last bit.
    totals = [math.fsum(weight[element] for element in each) for each in sets]
    by_element: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index, each in enumerate(sets):
        rarest = _prefix(
            sorted(each, key=lambda element: (frequency[element], element)), weight, totals[index], threshold
        )
        candidates = dict.fromkeys(other for element in rarest for other in by_element[element])
        best, most = -1, 0.0
        for other in sorted(candidates):
            # The lighter one over the heavier one is as similar as they can be.
            if min(totals[index], totals[other]) < threshold * max(totals[index], totals[other]):
                continue
            shared = math.fsum(weight[element] for element in each & sets[other])
            similarity = shared / (totals[index] + totals[other] - shared)
            if similarity > most:
                best, most = other, similarity
        if most >= threshold:
            yield index, best, most
        for element in rarest:
            by_element[element].append(index)


def _prefix(
    ordered: list[tuple[str, str]], weight: Mapping[tuple[str, str], float], total: float, threshold: float
) -> list[tuple[str, str]]:
    """Return the first elements, as many as every similar set must share one of."""
    left = total
    for count, element in enumerate(ordered):
        # A little less, for the sums are rounded.
        if left < threshold * total * (1 - 1e-9):
            return ordered[:count]
        left -= weight[element]
    return ordered
