"""Loops: outputs that repeat themselves and do not end by themselves.

A model that always takes the likeliest token finds a block that it has written again and again ever likelier. Such an
output is a loop where it ends with a block of at most `LONGEST_BLOCK` characters that comes at least `REPEATS` times,
one after the other, and fills more characters than the whole expected output, indented, and at least `CHARACTERS`.
So a right answer is none: arrays may hold equal items, and texts a line of dashes.
"""

from __future__ import annotations

import json
from typing import Any

# Models of a few million parameters leave blocks again that came 17 times; docs/scoring.md has what was seen.
REPEATS = 24
CHARACTERS = 200
LONGEST_BLOCK = 200

# Characters between two looks at an output that is being generated: a look takes some tenths of a millisecond.
_EVERY = 64


class LoopScanner:
    """Tells, while a text is being generated, when it ends in a loop.

    Args:
        expected: the case's expected output.
    """

    def __init__(self, expected: Any) -> None:
        self._least = _least(expected)
        self._kept = max(self._least, REPEATS * LONGEST_BLOCK)
        self._tail = ""
        self._fresh = 0

    def feed(self, text: str) -> bool:
        """Take the next piece of the output; return whether what there is by now ends in a loop."""
        self._tail += text
        self._fresh += len(text)
        if self._fresh < _EVERY:
            return False
        self._fresh = 0
        self._tail = self._tail[-self._kept :]
        return _ends_in_repetition(self._tail, self._least)


def ends_in_loop(text: str, expected: Any) -> bool:
    """Tell whether an output ends in a loop.

    Args:
        text: the output.
        expected: the case's expected output.
    """
    return _ends_in_repetition(text, _least(expected))


def _least(expected: Any) -> int:
    return max(CHARACTERS, len(json.dumps(expected, indent=4, ensure_ascii=False)) + 1)


def _ends_in_repetition(text: str, least: int) -> bool:
    """Tell whether at least so many characters at the end of a text are a block that comes often enough."""
    return any(
        text[-length:-block] == text[block - length :]
        for block in range(1, LONGEST_BLOCK + 1)
        if (length := max(least, REPEATS * block)) <= len(text)
    )
