"""How long a model will still take: told by what is finished, what is under way and what waits."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Seconds over which the present speed of a case is taken: with fewer others beside it, a case is faster.
_WINDOW_S = 10.0


class TimeLeft:
    """An estimate that is right about cases which run on to the token limit while all others have ended.

    Answers are about as long as their prompts, times a factor. So a case under way takes what those with a larger one
    took beyond where it is. One that is longer than all that ended by themselves repeats itself, and runs to the limit.

    Args:
        work: length of the prompt by key of each case.
        limit: tokens of an answer at most.
        began: when the model began, in seconds of the same clock as every `now`.
    """

    def __init__(self, work: Mapping[str, int], limit: int, began: float) -> None:
        self._work = {key: max(length, 1) for key, length in work.items()}
        self._total_work = sum(self._work.values())
        self._limit = limit
        self._began = began
        self._done = self._done_work = 0
        # Of cases that ended by themselves, and how many did not.
        self._ended_tokens = self._ended_work = self._at_limit = 0
        # Tokens for each character of the prompt, of cases that ended by themselves, in order.
        self._factors: list[float] = []
        # Tokens so far, by key.
        self._under_way: dict[str, float] = {}
        self._computing_since: float | None = None
        self._tokens = 0
        # Tokens of a case, and seconds, the older the less they count.
        self._recent_tokens = self._recent_s = 0.0
        self._stepped = began

    def begin(self, keys: Iterable[str], now: float) -> None:
        """Take the cases with these keys to be under way, and no others."""
        if self._computing_since is None:
            self._computing_since = self._stepped = now
        self._under_way = {key: self._under_way.get(key, 0.0) for key in keys}

    def step(self, tokens: int, now: float) -> None:
        """Count tokens of the cases under way, as many for each of them."""
        self._recent_tokens, self._recent_s = self._recent(now)
        self._recent_tokens += tokens / max(len(self._under_way), 1)
        self._stepped = now
        self._tokens += tokens
        for key in self._under_way:
            self._under_way[key] += tokens / len(self._under_way)

    def done(self, key: str, tokens: int | None) -> None:
        """Take a case to be finished, after so many tokens if that is known."""
        self._under_way.pop(key, None)
        self._done_work += self._work[key]
        self._done += 1
        if tokens and tokens >= self._limit:
            self._at_limit += 1
        elif tokens:
            self._ended_tokens += tokens
            self._ended_work += self._work[key]
            insort(self._factors, tokens / self._work[key])

    def seconds(self, now: float) -> float | None:
        """Return the seconds left, never 0; None where nothing is known yet, or all is done."""
        if not 0 < self._done_work < self._total_work:
            return None
        if self._computing_since is None or not self._factors or not self._tokens or not self._under_way:
            return max((now - self._began) * (self._total_work / self._done_work - 1), 1)
        rest = self._rest()
        waiting = self._waiting_tokens(rest)
        recent_tokens, recent_s = self._recent(now)
        longest_s = max(rest) * recent_s / max(recent_tokens, 1e-9)
        all_s = (sum(rest) + waiting) * (now - self._computing_since) / self._tokens
        return max(longest_s, all_s, 1)

    def _waiting_tokens(self, rest: Sequence[float]) -> float:
        """Return how many tokens the cases that wait are expected to take: as many of them run to the limit as did."""
        begun = self._done + len(rest)
        at_limit = self._at_limit + sum(
            tokens + more >= self._limit for tokens, more in zip(self._under_way.values(), rest, strict=True)
        )
        work = self._total_work - self._done_work - sum(self._work[key] for key in self._under_way)
        ended = self._ended_tokens / self._ended_work * work
        return ended + at_limit / begun * (len(self._work) - begun) * self._limit

    def _rest(self) -> list[float]:
        """Return how many tokens each case under way is expected to take yet."""
        sums = [0.0, *accumulate(reversed(self._factors))]
        # The longest one of a few says little about the longest there is.
        longest = self._factors[-1] * (1 + 2 / math.sqrt(len(self._factors)))
        found = []
        for key, tokens in self._under_way.items():
            factor = tokens / self._work[key]
            longer = len(self._factors) - bisect_right(self._factors, factor)
            if longer:
                more = (sums[longer] / longer - factor) * self._work[key]
            else:
                more = tokens if factor < longest else math.inf
            found.append(max(min(more, self._limit - tokens), 1))
        return found

    def _recent(self, now: float) -> tuple[float, float]:
        """Return tokens of a case, and seconds, of the time just past."""
        passed = now - self._stepped
        kept = math.exp(-passed / _WINDOW_S)
        return self._recent_tokens * kept, self._recent_s * kept + passed
