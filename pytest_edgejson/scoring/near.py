"""Near misses: values that are all but right, and what keeps them from it."""

from __future__ import annotations

import difflib
import re
import string
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.dates import moments, same_moment
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.text import common_prefix

if TYPE_CHECKING:
    from pytest_edgejson.scoring.kinds import NearDetail

# What arithmetic on doubles leaves, as in 0.1 + 0.2.
_NOISE = Decimal("1e-6")
_MOST_ROUNDED = Decimal("0.01")
_ALIKE = 0.9
_ALIKE_WORD = 0.6
# difflib is quadratic: of two texts, no more than this is compared between where they begin and end alike.
_LONGEST_COMPARED = 200
# Texts that long are not normalised: a text of 50 MB took 19 s and 0.7 GB.
_LONGEST_TEXT = 100_000
# Between digits a point is part of a number, and so is a minus sign before the first one.
_NUMERIC_MARK = re.compile(r"(?<=\d)\.(?=\d)|^\s*-(?=\d)")


def near_detail(expected: Any, got: Any) -> NearDetail | None:
    """Return what keeps a value from being right when it nearly is, None when it is not near.

    Args:
        expected: a scalar.
        got: another one, not equal to it.

    Returns:
        `rounding`: at most 1 % away, and cut or rounded to fewer decimals, or off by one in the last of as many
        decimals, or within a millionth; also a time cut to whole seconds. Two different integers are never near.
        `whitespace`, `case`, `punctuation`: the same text but for these. `date form`: the same moment.
        `spelling`: at least 90 % alike (`difflib`), each differing word still like its counterpart, or accents left
        out. `wording`: as much alike, but words differ, are missing or too many. Words with a digit in them must all
        be the same: an identifier that differs is another one. Texts of more than 100,000 characters are never near.
    """
    if json_type(expected) == "number" == json_type(got):
        return "rounding" if _is_rounded(Decimal(repr(expected)), Decimal(repr(got))) else None
    if isinstance(expected, str) and isinstance(got, str):
        return _text_detail(expected, got)
    return None


def _is_rounded(one: Decimal, other: Decimal) -> bool:
    difference, largest = abs(one - other), max(abs(one), abs(other))
    if difference <= _NOISE * largest:
        # Integers are exact, however large.
        return bool(_decimals(one) or _decimals(other))
    if difference > _MOST_ROUNDED * largest:
        return False
    if _decimals(one) == _decimals(other):
        return _decimals(one) > 0 and difference <= Decimal(1).scaleb(-_decimals(one))
    coarse, fine = sorted((one, other), key=_decimals)
    unit = Decimal(1).scaleb(-_decimals(coarse))
    return difference <= unit / 2 or (abs(coarse) < abs(fine) and difference < unit)


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _text_detail(expected: str, got: str) -> NearDetail | None:
    if max(len(expected), len(got)) > _LONGEST_TEXT:
        return None
    one, two = "".join(expected.split()), "".join(got.split())
    if one == two:
        return "whitespace"
    # Turkish dotless i has a capital, but no case to fold.
    if one.casefold() == two.casefold() or one.upper() == two.upper():
        return "case"
    for a in moments(expected):
        for b in moments(got):
            if same_moment(a, b):
                return "date form"
            if same_moment(a.replace(microsecond=0), b.replace(microsecond=0)) and 0 in (a.microsecond, b.microsecond):
                return "rounding"
    squeezed = _squeezed(expected)
    if squeezed and squeezed == _squeezed(got):
        return "punctuation"
    if _plain(one) == _plain(two):
        return "spelling"
    if _numbered_words(expected) != _numbered_words(got) or _likeness(expected, got) < _ALIKE:
        return None
    words, others = expected.split(), got.split()
    pairs = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    if len(words) == len(others) and all(_likeness(one, two) >= _ALIKE_WORD for one, two in pairs):
        return "spelling"
    return "wording"


def _squeezed(text: str) -> str:
    text = _NUMERIC_MARK.sub(lambda mark: "d" if "." in mark.group() else "m", text.casefold())
    return "".join(filter(str.isalnum, text))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _numbered_words(text: str) -> list[str]:
    words = (word.strip(string.punctuation) for word in text.split())
    return [word for word in words if any(map(str.isdigit, word))]


def _likeness(one: str, two: str) -> float:
    """Return how much of two texts is alike, between 0 and 1, as difflib's ratio."""
    length = len(one) + len(two)
    head = common_prefix(one, two)
    one, two = one[head:], two[head:]
    tail = common_prefix(one[::-1], two[::-1])
    one, two = one[: len(one) - tail], two[: len(two) - tail]
    alike = head + tail
    if max(len(one), len(two)) <= _LONGEST_COMPARED:
        matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
        alike += sum(block.size for block in matcher.get_matching_blocks())
    return 2 * alike / length
