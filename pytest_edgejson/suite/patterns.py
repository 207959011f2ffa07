"""Regular expressions as JSON Schema has them: those of ECMA-262, matched within a time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import corvus_regex_ecma262 as ecma

# What is escaped, without need in the group.
_ESCAPED = re.compile(r"\\(?:([^a-zA-Z0-9\\^$.*+?()\[\]{}|/])|.)", re.DOTALL)
# What other dialects have, and ECMA-262 with Unicode has not: \A, \Z, \h, \p with a name of theirs.
_FOREIGN = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[pP]\{|[ACEGHIJKLMNOQRTUVXYZaeghijlmoqyz])")


class OutOfTimeError(Exception):
    """A validation did not end within its limits."""


def is_pattern(text: str) -> bool:
    """Tell whether a text is a regular expression of ECMA-262."""
    try:
        _compiled(text)
    except (ValueError, UnicodeError):
        return False
    return True


def is_strict(text: str) -> bool:
    """Tell whether a text is a regular expression of ECMA-262 with Unicode, which the format `regex` asks for."""
    try:
        return bool(ecma.is_valid(text, "u"))
    except UnicodeError:
        return False


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    """Compile a pattern as JSON Schema asks for, with Unicode (`u`), in which `\\p` and `\\u{…}` have a meaning.

    Many schemas escape what needs no escaping, such as `\\_` or `\\:`, which is written otherwise here, or leave a
    brace unescaped, which only the older grammar allows (ECMA-262, annex B). That would take `\\Z` for Z and
    `\\p{Latin}` for p{Latin}, which nobody means.
    """
    plain = _ESCAPED.sub(lambda escaped: f"\\u{{{ord(escaped[1]):x}}}" if escaped[1] else escaped[0], pattern)
    try:
        return ecma.compile(plain, "u")
    except ecma.error as error:
        if error.kind != "pattern" or _FOREIGN.search(pattern):
            raise
        return ecma.compile(pattern)


def matches(pattern: str, text: str, seconds: float) -> bool:
    """Tell whether a pattern matches somewhere in a text.

    Raises:
        OutOfTimeError: it takes longer than `seconds`.
        ValueError: the pattern is none.
    """
    try:
        return bool(_compiled(pattern).test(text, timeout=seconds))
    except ecma.MatchLimitError:
        raise OutOfTimeError from None
