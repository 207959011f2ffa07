"""The figures of a measurement: rates, percentiles, energy by answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_edgejson.backends.measuring.measurement import Pass


@dataclass(frozen=True, slots=True)
class Figures:
    """What is published of a model on a device. None where it was not measured.

    Attributes:
        answers: that were measured; those that broke are left out everywhere.
        right: of them, exact ones.
        errors: answers that broke.
        prefill_tokens_per_s: tokens of prompts over the seconds to the first token.
        decode_tokens_per_s: tokens after the first ones over the seconds after these.
        tokens_per_s: generated tokens over all seconds.
        first_token_p50_s: seconds to the first token, 50th percentile (nearest rank).
        first_token_p95_s: the 95th.
        token_s: seconds for each token after the first ones.
        answer_p50_s: seconds for an answer, 50th percentile (nearest rank).
        answer_p95_s: the 95th.
        joules_per_answer: used during the passes, over answers.
        joules_per_right_answer: the same over right ones.
    """

    answers: int
    right: int
    errors: int
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    tokens_per_s: float | None
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    token_s: float | None
    answer_p50_s: float | None
    answer_p95_s: float | None
    joules_per_answer: float | None
    joules_per_right_answer: float | None


def figures(passes: Sequence[Pass]) -> Figures:
    """Return the figures of passes, all together."""
    asked = [answer for each in passes for answer in each.answers]
    answers = [answer for answer in asked if answer.error is None]
    timed = [answer for answer in answers if answer.first_tokens and answer.output_tokens is not None]
    later = [answer for answer in timed if answer.output_tokens and answer.output_tokens > answer.first_tokens]
    decode = _rate(
        ((answer.output_tokens or 0) - answer.first_tokens for answer in later),
        (answer.total_s - (answer.first_s or 0) for answer in later),
    )
    first = [answer.first_s for answer in answers if answer.first_s is not None]
    joules = [each.joules for each in passes if each.joules is not None]
    used = math.fsum(joules) if passes and len(joules) == len(passes) else None
    right = sum(answer.is_right for answer in answers)
    return Figures(
        answers=len(answers),
        right=right,
        errors=len(asked) - len(answers),
        prefill_tokens_per_s=_rate(
            (answer.prompt_tokens or 0 for answer in timed), (answer.first_s or 0 for answer in timed)
        ),
        decode_tokens_per_s=decode,
        tokens_per_s=_rate((answer.output_tokens or 0 for answer in answers), (answer.total_s for answer in answers)),
        first_token_p50_s=_percentile(first, 50),
        first_token_p95_s=_percentile(first, 95),
        token_s=None if decode is None else 1 / decode,
        answer_p50_s=_percentile([answer.total_s for answer in answers], 50),
        answer_p95_s=_percentile([answer.total_s for answer in answers], 95),
        joules_per_answer=None if used is None or not answers else used / len(answers),
        joules_per_right_answer=None if used is None or not right else used / right,
    )


def _rate(tokens: Iterable[int], seconds: Iterable[float]) -> float | None:
    count, total = sum(tokens), math.fsum(seconds)
    return count / total if count and total > 0 else None


def _percentile(values: Sequence[float], percent: int) -> float | None:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None
