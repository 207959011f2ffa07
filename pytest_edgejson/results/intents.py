"""Intents: whether what a person wants was recognised, and of what; for suites that expect `intent` and `slots`.

An intent is one of a list, or `out_of_scope` where the list has none for what was said.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_edgejson.results.result import Result

OUT_OF_SCOPE = "out_of_scope"


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def is_right(result: Result) -> float:
    """Tell whether the answer has the expected intent."""
    return float(_part(result["value"], "intent") == _part(result["expected_output"], "intent"))


def is_found_out(result: Result) -> float | None:
    """Tell whether what is out of scope was seen to be; None for what is in scope."""
    return is_right(result) if _part(result["expected_output"], "intent") == OUT_OF_SCOPE else None


def intent_counts(results: Sequence[Result]) -> list[list[float]]:
    """Return, for each result, whether each intent is right, expected and answered: what `macro_f1` is made of.

    Intents are those that are expected of any result.
    """
    places = {name: 3 * place for place, name in enumerate(sorted(_expected(results)))}
    rows = []
    for result in results:
        row = [0.0] * (3 * len(places))
        expected, got = (_part(result[key], "intent") for key in ("expected_output", "value"))
        row[places[expected] + 1] = 1.0
        if isinstance(got, str) and got in places:
            row[places[got] + 2] = 1.0
            row[places[got]] = float(got == expected)
        rows.append(row)
    return rows


def macro_f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the F1 of an intent, the mean over those that are expected.

    Args:
        sums: of the rows of `intent_counts`; the last axis is theirs.
    """
    import numpy as np

    right, expected, got = (sums[..., place::3] for place in range(3))
    f1 = 2 * right / np.maximum(expected + got, 1)
    is_expected = expected > 0
    means: NDArray[np.float64] = (f1 * is_expected).sum(-1) / np.maximum(is_expected.sum(-1), 1)
    return means


def slot_counts(results: Sequence[Result]) -> list[list[float]]:
    """Return, for each result, its slots that are right, and those expected and given together."""
    rows = []
    for result in results:
        expected, given = (_part(result[key], "slots") for key in ("expected_output", "value"))
        given = given if isinstance(given, dict) else {}
        right = sum(name in given and given[name] == value for name, value in expected.items())
        rows.append([float(right), float(len(expected) + len(given))])
    return rows


def slot_f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the F1 of all slots together (micro): name and value must agree; 1 where there is none at all."""
    import numpy as np

    right, both = sums[..., 0], sums[..., 1]
    f1: NDArray[np.float64] = np.where(both > 0, 2 * right / np.maximum(both, 1), 1.0)
    return f1


def has_intents(results: Iterable[Result]) -> bool:
    """Tell whether results are of a suite that expects intents and slots."""
    return all(
        isinstance(_part(result["expected_output"], "intent"), str)
        and isinstance(_part(result["expected_output"], "slots"), dict)
        for result in results
    )


def _expected(results: Iterable[Result]) -> set[str]:
    return {_part(result["expected_output"], "intent") for result in results}


def confusions(results: Iterable[Result], field: str) -> Mapping[tuple[str, str], int]:
    """Count what a field was answered as where it should have been something else, the most frequent first.

    Args:
        results: answers.
        field: a key of the expected outputs.

    Returns:
        Counts by the expected value and the one that was given, which is empty where there was none.
    """
    found = Counter(
        (str(expected), "" if got is None else str(got))
        for result in results
        for expected, got in [(_part(result["expected_output"], field), _part(result["value"], field))]
        if expected is not None and expected != got
    )
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
