"""Drafts: guesses how an answer goes on, for a model to check several tokens in one step.

What a step of few rows costs is reading the weights, whether it computes one token of a row or several. So the next
tokens are guessed, and computed with the one that is due; the model's own choice says how many of them were right, and
nothing else becomes part of an answer (speculative decoding: Y. Leviathan, M. Kalman, Y. Matias, ICML 2023; by look-up
in the prompt: A. Saxena, "Prompt lookup decoding", 2023). Answers of this task copy from the text, and repeat the keys
that other answers have.
"""

from __future__ import annotations

import math
from typing import TypeAlias

# A guess is what followed the same last tokens elsewhere, at most so many of them, fewer if need be.
_CONTEXT = 4
# n-grams of ended answers that are remembered, so that a long run doesn't take more and more memory.
_MOST_SHARED = 500_000

# Tokens that are guessed for a row at most, and tokens that a step of all rows computes at most.
_LONGEST = 8
_MOST_TOKENS = 64
# Guesses after which an earlier one has lost two thirds of its weight in the rate.
_MEMORY = 100

_Places: TypeAlias = dict[tuple[int, ...], tuple[list[int], int]]


class Drafts:
    """What is known of all answers of a model.

    Attributes:
        rate: how many of the latest guesses were right about the next token.
        shared: where n-grams of ended answers stand: those answers, and the place of what followed.
    """

    def __init__(self) -> None:
        self.rate = 0.0
        self.shared: _Places = {}

    def observe(self, guess: list[int], token: int) -> None:
        """Learn what came next where something was guessed, or nothing."""
        self.rate += ((guess[:1] == [token]) - self.rate) / _MEMORY

    def reach(self, rows: int) -> int:
        """Return how many tokens to guess for each of so many rows.

        As many as are right often enough to pay for what they cost: one more token of each row takes 1 % of a step for
        each row (a 135M model in float32 on two cores with AVX-512: 142 ms for 16 rows of 4 tokens, 91 of one; 78 for 2
        rows of 9, 56 of one). The clock is not asked: what is computed together, and so how it is rounded, must not
        depend on it.
        """
        least = 0.05 + 0.01 * min(rows, 16)
        if self.rate <= least:
            return 0
        worth = _LONGEST if self.rate == 1 else int(math.log(least) / math.log(self.rate))
        return max(0, min(worth, _LONGEST, _MOST_TOKENS // rows - 1))

    def follow(self, prompt: list[int]) -> Trail:
        """Begin with a prompt."""
        return Trail(prompt, self)


class Trail:
    """One case's prompt and answer as far as it is known.

    Args:
        prompt: its tokens.
        drafts: what is known of other answers.
    """

    def __init__(self, prompt: list[int], drafts: Drafts) -> None:
        self._tokens: list[int] = []
        self._drafts = drafts
        self._own: dict[tuple[int, ...], int] = {}
        self._start = len(prompt)
        for token in prompt:
            self._add(token)

    def extend(self, tokens: list[int]) -> None:
        """Add tokens to the answer."""
        for token in tokens:
            self._drafts.observe(self.guess(1), token)
            self._add(token)

    def _add(self, token: int) -> None:
        end = len(self._tokens)
        # The latest place counts.
        for size in range(1, min(_CONTEXT, end) + 1):
            self._own[tuple(self._tokens[end - size :])] = end
        self._tokens.append(token)

    def guess(self, count: int) -> list[int]:
        """Return at most so many tokens that may come next: those after the longest n-gram that occurred before.

        Of the same case, or else of another.
        """
        tokens, shared = self._tokens, self._drafts.shared
        for size in range(min(_CONTEXT, len(tokens)), 0, -1):
            last = tuple(tokens[-size:])
            place = self._own.get(last)
            if place is not None:
                return tokens[place : place + count]
            if last in shared:
                other, place = shared[last]
                return other[place : place + count]
        return []

    def share(self) -> None:
        """Let other cases know this one's answer, which has ended."""
        shared = self._drafts.shared
        if len(shared) > _MOST_SHARED:
            shared.clear()
        known = self._tokens[max(0, self._start - _CONTEXT) :]
        for end in range(min(_CONTEXT, self._start), len(known)):
            for size in range(1, min(_CONTEXT, end) + 1):
                shared[tuple(known[end - size : end])] = known, end
