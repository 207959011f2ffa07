"""Pairing: the results of two models on the same cases, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.results.result import Result, case_fingerprint, case_name, changes_of, is_error
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ComparisonError(ValueError):
    """Results that cannot be compared. The message names the files, what differs and the fix."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The results of two models on the same case."""

    baseline: Result
    candidate: Result


@dataclass(frozen=True, slots=True)
class Pairing:
    """The cases of two models put side by side.

    Attributes:
        pairs: cases that both answered, in the order of the candidate.
        errors: cases that one or both could not be run on; they count in nothing.
        changed: ids of cases that are no longer the same, by what of them changed.
        only_baseline: ids that only the baseline has; repeats of a case as `ID-r2`.
        only_candidate: ids that only the candidate has.
    """

    pairs: tuple[Pair, ...]
    errors: int
    changed: Mapping[str, tuple[str, ...]]
    only_baseline: tuple[str, ...]
    only_candidate: tuple[str, ...]

    @property
    def same_suite(self) -> bool:
        """Whether both were asked the same."""
        return not (self.changed or self.only_baseline or self.only_candidate)


def pair_results(baseline: Iterable[Result], candidate: Iterable[Result]) -> Pairing:
    """Pair two models' results by case and repeat.

    Two results belong together where id, prompt, expected output and schema are the same (`case_fingerprint`).

    Raises:
        ComparisonError: a case stands twice in the results of one model.
    """
    before, after = results_by_case(baseline), results_by_case(candidate)
    both = [key for key in after if key in before]
    pairs = [Pair(before[key], after[key]) for key in both]
    answered = [pair for pair in pairs if not is_error(pair.baseline) and not is_error(pair.candidate)]
    old = {case_name(result): result for key, result in before.items() if key not in after}
    new = {case_name(result): result for key, result in after.items() if key not in before}
    return Pairing(
        pairs=tuple(answered),
        errors=len(pairs) - len(answered),
        changed={name: changes_of(old[name], new[name]) for name in new if name in old},
        only_baseline=tuple(name for name in old if name not in new),
        only_candidate=tuple(name for name in new if name not in old),
    )


def results_by_case(results: Iterable[Result]) -> dict[tuple[str, int], Result]:
    """Return the results of one model by what the case asks and the repeat.

    Raises:
        ComparisonError: a case stands twice.
    """
    found: dict[tuple[str, int], Result] = {}
    for result in results:
        key = (case_fingerprint(result), result["repeat"])
        if key in found:
            raise ComparisonError(
                f"{clean(case_name(result))}[{clean(result['model'])}] has two results in one file: keep one of them"
            )
        found[key] = result
    return found
