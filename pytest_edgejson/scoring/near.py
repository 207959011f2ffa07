"""Near misses: values that are all but right, and what keeps them from it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.dates import moments, same_moment
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.lookalikes import look_alike
from pytest_edgejson.values.text import common_prefix, squeeze

if TYPE_CHECKING:
    from collections.abc import Sequence

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
# Separators of thousands. What else stands between digits is left out only where there are so many that they are no
# quantity: a phone number, a card.
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:([,'\u2019 \u00a0\u202f])\d{3})(?:\1\d{3})*(?![\d,])")
_FEWEST_GROUPED_DIGITS = 7
_QUOTES, _DASHES = (
    "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb",
    "-\u2010\u2011\u2012\u2013\u2014\u2212",
)
# What never says anything: quotes, brackets and marks of a trade; and what ends a sentence or part of one.
_ROUND_ABOUT = f"{_QUOTES}()[]{{}}_\u00bf\u00a1\u2026\u00b7\u2022\u00a9\u00ae\u2122"
_ENDING = ".,;:!?"
_LONGEST_ADDRESS = 64
_ADDRESS = re.compile(r"\w@\w|\w\.\w{2}")
_UNIT = re.compile(r"\d\s*([^\W\d_]{1,4})\b")
# Prefixes of units and what they are of, which are others in the other case: m and M, p and P, b and B.
_UNITS_OF_EITHER_CASE = frozenset("mMpPbB")
# Of the languages that the suites are in; what a text is about decides about all other words.
_NOT = frozenset(
    re.findall(r"\w+", "not no never none nor without except cannot kein keine nicht nie ohne non ne pas sans sin")
)
_OPPOSITES = ("un", "in", "im", "il", "ir", "dis", "non", "de", "anti", "mis", "a")
_QUANTITIES = frozenset(
    re.findall(
        r"\w+",
        "zero one two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand "
        "million billion first second third half double twice once all some any more less most least",
    )
)


def near_detail(expected: Any, got: Any) -> NearDetail | None:
    """Return what keeps a value from being right when it nearly is, None when it is not near.

    Args:
        expected: a scalar.
        got: another one, not equal to it.

    Returns:
        `rounding`: at most 1 % away, and cut or rounded to fewer decimals, or off by one in the last of as many
        decimals, or within a millionth; also a time cut to whole seconds. Two different integers are never near.
        `look-alike`: what the eye takes for the same text. `whitespace`, `case`, `punctuation`: the same text but for
        these, where they say nothing: spaces between digits, the case of units and marks that `_without_marks` keeps
        make another value. `date form`: the same moment; two dates in figures are read alike. `spelling`: at least
        90 % alike (`difflib`), each differing word still like its counterpart, or accents left out. `wording`: as much
        alike, but words differ, are missing or too many. Words with a digit in them and signs must all be the same, and
        negations and quantities too. Texts of more than 100,000 characters are never near.
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
    if look_alike(expected, got):
        return "look-alike"
    one, two = _without_spaces(expected), _without_spaces(got)
    if one == two:
        return "whitespace"
    # Turkish dotless i has a capital, but no case to fold.
    if one.casefold() == two.casefold() or one.upper() == two.upper():
        return "case" if _units(expected) == _units(got) else None
    moment = _same_date(expected, got)
    if moment is not None:
        return moment
    if (squeezed := squeeze(expected)) == squeeze(got):
        return "punctuation" if squeezed and _without_marks(expected) == _without_marks(got) else None
    if _without_accents(one) == _without_accents(two):
        return "spelling"
    words, others = expected.split(), got.split()
    if _telling_words(words) != _telling_words(others) or _likeness(expected, got) < _ALIKE:
        return None
    pairs = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    if len(words) == len(others) and all(_likeness(one, two) >= _ALIKE_WORD for one, two in pairs):
        return None if any(map(_are_opposites, *zip(*pairs, strict=True))) else "spelling"
    return "wording"


def _same_date(expected: str, got: str) -> NearDetail | None:
    ours, theirs = moments(expected), moments(got)
    # Two dates such as 03/04/2005 are read alike, month first or day first.
    pairs = zip(ours, theirs, strict=False) if len(ours) == len(theirs) == 2 else product(ours, theirs)
    for a, b in pairs:
        if same_moment(a, b):
            return "date form"
        if same_moment(a.replace(microsecond=0), b.replace(microsecond=0)) and 0 in (a.microsecond, b.microsecond):
            return "rounding"
    return None


def _ungrouped(text: str) -> str:
    """Return a text without separators of thousands."""
    return _THOUSANDS.sub(lambda number: re.sub(r"\D", "", number.group()), text)


def _is_grouped(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= _FEWEST_GROUPED_DIGITS


def _without_spaces(text: str) -> str:
    """Return a text without spaces, but for those between digits: `1 5` is not 15."""
    text = _THOUSANDS.sub(lambda number: "".join(number.group().split()), text).strip()
    return re.sub(r"\s+", "", text) if _is_grouped(text) else re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)


def _units(text: str) -> list[str]:
    """Return the letters of units that would be others in another case: `5 MW` is not 5 mW."""
    return ["".join(char for char in unit if char in _UNITS_OF_EITHER_CASE) for unit in _UNIT.findall(text)]


def _without_marks(text: str) -> str:
    """Return a text without case, spaces and the marks that say nothing where they stand.

    Symbols stay (currencies, `+ < = > % # & @ * / \\`), and so do a mark before a letter or digit (`-5`, `!ready`,
    `.net`), one between digits (`1.5`, `10:30`, and `1-2` unless there are seven digits or more), a point or colon
    inside a word (`a.b`, but not `U.S.`), `_` inside one, a dash after one (`A-`) and inside of an address or the name
    of a file, quotes after a digit (5" or 5'), and brackets around nothing but a number, which make it negative.
    """
    text = _ungrouped(text.casefold()).strip().translate(dict.fromkeys(map(ord, _DASHES), "-"))
    if re.fullmatch(r"\([\d.,\s]+\)", text):
        return text
    grouped = _is_grouped(text)
    kept: list[str] = []
    for match in re.finditer(r"[^\W_]+|(?:[\W_])+", text):
        run = match.group()
        if run[0].isalnum():
            kept.append(run)
            continue
        start, end = match.span()
        before, after = text[max(start - 1, 0) : start], text[end : end + 1]
        # That of an exponent stands behind a letter.
        is_figure = before.isdigit() or re.fullmatch(r"\de", text[max(start - 2, 0) : start]) is not None
        between_digits = is_figure and after.isdigit() and not grouped
        around = text[max(start - 2, 0) : max(start - 1, 0)], text[end + 1 : end + 2]
        left, right = text[max(start - _LONGEST_ADDRESS, 0) : start], text[start : start + _LONGEST_ADDRESS]
        in_address = _ADDRESS.search(left.rpartition(" ")[2] + right.partition(" ")[0]) is not None
        are_initials = "@" not in text and before.isalpha() and after.isalpha() and not any(map(str.isalnum, around))
        for place, char in enumerate(run):
            touches_left = before != "" and not any(map(str.isspace, run[:place]))
            touches_right = after != "" and not any(map(str.isspace, run[place + 1 :]))
            inside = touches_left and touches_right
            if char.isspace():
                says = between_digits and len(run) == 1
            elif char == "_":
                says = inside
            elif char in _QUOTES:
                says = touches_left and before.isdigit() and text.count(char) % 2 == 1
            elif char in _ROUND_ABOUT:
                says = between_digits and inside
            elif char == "-":
                # A dash stands between words, a hyphen inside one.
                says = (between_digits or in_address if inside else touches_left or touches_right) or (
                    not before and after.isdigit()
                )
            elif char in _ENDING:
                says = touches_right and (not touches_left or between_digits or (char in ".:!?" and not are_initials))
            else:
                says = True
            kept += char * says
    return "".join(kept)


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _telling_words(words: Sequence[str]) -> list[str]:
    """Return the words and signs that make a text another one where they differ."""
    plain = [word.casefold().strip(f"{_ROUND_ABOUT}{_ENDING}") for word in words]
    return [
        word
        for word in plain
        if word in _NOT
        or word in _QUANTITIES
        or word.endswith("n't")
        or any(char.isdigit() or unicodedata.category(char)[0] == "S" or char in "#%&*/\\" for char in word)
    ]


def _are_opposites(one: str, other: str) -> bool:
    """Tell whether one word is the other with a prefix that turns it: `possible` and `impossible`."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return short != long and long.endswith(short) and long.removesuffix(short) in _OPPOSITES


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
