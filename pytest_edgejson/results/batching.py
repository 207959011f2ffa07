"""The check of batching: whether cases are answered the same alone as together with others.

In exact arithmetic they are. Rounding depends on how many rows a product has, and where two tokens are nearly as
likely as each other it decides; in bfloat16 that happens.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.results.result import case_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_edgejson.backends.interface import Completion
    from pytest_edgejson.results.result import AloneRecord, Result

_NAMED = 5


def draw(keys: Iterable[str], count: int) -> frozenset[str]:
    """Draw keys at random, always the same ones of the same keys."""
    return frozenset(sorted(keys, key=lambda key: hashlib.sha256(key.encode()).digest())[:count])


def as_part(alone: Completion, *, json_exact: bool) -> AloneRecord:
    """Return what a result holds as `alone`: the completion that the model gives alone, and whether it is exact."""
    record: AloneRecord = {
        "output": alone.text,
        "finish_reason": alone.finish_reason,
        "error": alone.error,
        "json_exact": json_exact,
    }
    if alone.thought is not None:
        record["thought"] = alone.thought
    return record


@dataclass(frozen=True, slots=True)
class BatchingCheck:
    """What the check came to for one model.

    Attributes:
        checked: cases that were answered both ways.
        not_checked: cases that could not be run alone.
        differing: results whose answer is another one alone.
        exact_alone: those of them that are exact only alone.
        exact_together: those of them that are exact only together with others.
    """

    checked: int
    not_checked: int
    differing: tuple[Result, ...]
    exact_alone: tuple[Result, ...]
    exact_together: tuple[Result, ...]


def check_batching(results: Iterable[Result]) -> BatchingCheck | None:
    """Return what the check came to; None where nothing was checked."""
    drawn = [result for result in results if "alone" in result]
    if not drawn:
        return None
    checked = [result for result in drawn if result["alone"]["finish_reason"] in ("stop", "length", "loop")]
    differing = tuple(result for result in checked if _said(result["alone"]) != _said(result))
    return BatchingCheck(
        checked=len(checked),
        not_checked=len(drawn) - len(checked),
        differing=differing,
        exact_alone=tuple(result for result in differing if result["alone"]["json_exact"] > result["json_exact"]),
        exact_together=tuple(result for result in differing if result["alone"]["json_exact"] < result["json_exact"]),
    )


def _said(answer: AloneRecord | Result) -> tuple[str, str | None]:
    return answer["output"], answer.get("thought")


def describe_check(check: BatchingCheck) -> str:
    """Return the check in a sentence."""
    if not check.checked:
        return f"batching could not be checked: {check.not_checked} cases could not be run alone"
    text = f"{len(check.differing)} of {check.checked} cases are answered differently alone"
    if check.differing:
        text += f" ({_names(check.differing)}), {_verdicts(check)}"
    return text + (f"; {check.not_checked} could not be run alone" if check.not_checked else "")


def _verdicts(check: BatchingCheck) -> str:
    if not check.exact_alone and not check.exact_together:
        return "none of which changes JSONExact"
    sides = (("alone", check.exact_alone), ("together", check.exact_together))
    return "exact only " + ", only ".join(f"{side}: {_names(results)}" for side, results in sides if results)


def _names(results: Sequence[Result]) -> str:
    shown = ", ".join(case_name(result) for result in results[:_NAMED])
    return shown + (f" and {len(results) - _NAMED} more" if len(results) > _NAMED else "")
