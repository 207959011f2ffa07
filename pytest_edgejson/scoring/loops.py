"""Loops: outputs that repeat themselves and do not end by themselves.

A model that always takes the likeliest token finds a block that it has written again and again ever likelier. Such an
output is a loop where it ends with a block of at most `LONGEST_BLOCK` characters that comes at least `REPEATS` times
and fills at least `CHARACTERS` characters, and more than twice as many as any repetition in the expected output: arrays
may hold equal items, and texts a line of dashes.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# SmolLM2-135M-Instruct left a block of 76 characters again that had come six times, and none of 40 times eight.
REPEATS = 8
CHARACTERS = 200
LONGEST_BLOCK = 400

# Characters between two looks at an output that is being generated.
_EVERY = 64
# Indented, a block takes several times the characters that it takes in an answer on one line.
_LONGEST_EXPECTED_BLOCK = 10 * LONGEST_BLOCK


class LoopScanner:
    """Tells, while a text is being generated, when it ends in a loop.

    Args:
        expected: the case's expected output.
    """

    def __init__(self, expected: Mapping[str, Any]) -> None:
        self._expected = expected
        self._tail = ""
        self._fresh = 0

    def feed(self, text: str) -> bool:
        """Take the next piece of the output; return whether what there is by now ends in a loop."""
        self._tail += text
        self._fresh += len(text)
        if self._fresh < _EVERY:
            return False
        self._fresh = 0
        if not _ends_in_repetition(self._tail, CHARACTERS):
            self._tail = self._tail[-REPEATS * LONGEST_BLOCK :]
            return False
        return _ends_in_repetition(self._tail, self._least)

    @cached_property
    def _least(self) -> int:
        # Looked at late, as few outputs come so far. Spread over lines and indented, a repetition is longest.
        return max(CHARACTERS, 2 * longest_repetition(json.dumps(self._expected, indent=4, ensure_ascii=False)) + 1)


def ends_in_loop(text: str, expected: Mapping[str, Any]) -> bool:
    """Tell whether an output ends in a loop.

    Args:
        text: the output.
        expected: the case's expected output.
    """
    scanner = LoopScanner(expected)
    return _ends_in_repetition(text, CHARACTERS) and _ends_in_repetition(text, scanner._least)


def _ends_in_repetition(text: str, least: int) -> bool:
    """Tell whether at least so many characters at the end of a text are a block that comes often enough."""
    return any(
        text[-length:-block] == text[block - length :]
        for block in range(1, LONGEST_BLOCK + 1)
        if (length := max(least, REPEATS * block)) <= len(text)
    )


def longest_repetition(text: str) -> int:
    """Return how many characters the longest repetition in a text fills, 0 where no block comes often enough."""
    # Characters that are mistaken for each other make it longer, which cuts nothing off.
    data = text.encode("latin-1", "replace")
    longest = 0
    for block in range(1, min(_LONGEST_EXPECTED_BLOCK, len(data) // REPEATS) + 1):
        # Zero where a character is that of a block before.
        differing = int.from_bytes(data[block:]) ^ int.from_bytes(data[:-block])
        alike = max(map(len, re.findall(rb"\0+", differing.to_bytes(len(data) - block))), default=0)
        if block + alike >= max(REPEATS * block, longest):
            longest = block + alike
    return longest
