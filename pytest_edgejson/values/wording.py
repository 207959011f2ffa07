"""What messages are worded with: numbers with their nouns, what a mistyped name may have meant, what an error says."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def plural(number: int, one: str, many: str = "") -> str:
    """Return the form of a word that goes with a number; `many` is by default `one` with an s."""
    return one if number == 1 else many or f"{one}s"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 case`, `2 cases`."""
    return f"{number:,} {plural(number, noun)}"


def megabytes(count: int) -> str:
    """Return a number of bytes in words, in MB of a million."""
    return f"{count / 1e6:,.1f} MB"


def size(count: int) -> str:
    """Return a number of bytes in GB or MB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'name'? ` for the known name that a word is nearest to, empty where none is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]!r}? " if near else ""


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def duration(seconds: float) -> str:
    """Return a time as a person reads it: `64 s`, `2.4 min`."""
    return f"{seconds / 60:.1f} min" if seconds >= 100 else f"{seconds:.0f} s"
