"""Dates and times in texts: which moment a text names, however it is written."""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from pytest_edgejson.values.languages import months

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? )?"
_TIME = r"(?:(?:T|,? (?:at )?)\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?[ap]m)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
# dateutil reads a day out of "10" and a month out of "may": only what gives day, month and a year of four digits is
# handed to it.
_DATE = re.compile(
    rf"(?<![\w.])(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}"
    rf"|(?P<ambiguous>\d{{1,2}}([-/.])\d{{1,2}}\3(?:\d{{4}}|\d{{2}}))"
    rf"|{_WEEKDAY}{_DAY} (?:of )?{_MONTH},? \d{{4}}"
    rf"|{_WEEKDAY}{_MONTH} {_DAY},? \d{{4}}){_TIME}(?!\w)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\d{4}")
# Each value that looks like a date is compared with all of them.
_MOST_DATES = 200
_LONGEST_DATE = 60
# What stands behind a day and before a month or year in other languages: `1. März`, `1er mars`, `1 de marzo de 2024`.
_OF = r"(?:\s*(?:de|del|d['\u2019]|of)\s*|\s*)"
_NTH = r"(?:\.|st|nd|rd|th|er|re|e|o|\u00ba|\u00aa|\u00b0)?"


def moments(text: str) -> list[datetime]:
    """Return the moment that a text is the name of, in any language; none of another text.

    One such as 03/07/2005 has two readings, month first and day first, in this order.

    A date alone is its midnight. A moment has a time zone if the text gives one.
    """
    text = text.strip()
    match = _DATE.fullmatch(text)
    if match or len(text) > _LONGEST_DATE:
        return list(_read(match)) if match else []
    match = _in_other_words().fullmatch(text) if _YEAR.search(text) else None
    return list(_read_words(match)) if match else []


def moments_in(text: str) -> list[datetime]:
    """Return the moments that are named somewhere in a text, of its first 200 dates."""
    found = [moment for match in islice(_DATE.finditer(text), _MOST_DATES) for moment in _read(match)]
    if _YEAR.search(text):
        words = islice(_in_other_words().finditer(text), _MOST_DATES)
        found += [moment for match in words for moment in _read_words(match) if moment not in found]
    return found


def same_moment(one: datetime, other: datetime) -> bool:
    """Tell whether two moments are the same; by the clock's face where only one has a time zone."""
    if (one.tzinfo is None) != (other.tzinfo is None):
        one, other = one.replace(tzinfo=None), other.replace(tzinfo=None)
    return one == other


def same_day(one: datetime, other: datetime) -> bool:
    """Tell whether two moments are on the same day, as each is written: no time zone makes it another one."""
    return one.date() == other.date()


@functools.cache
def _in_other_words() -> re.Pattern[str]:
    """Return what matches a date with the name of its month in any language, or with CJK signs."""
    month = "|".join(sorted(map(re.escape, months()), key=len, reverse=True))
    return re.compile(
        rf"(?<!\w)(?:(?P<d1>\d{{1,2}}){_NTH}{_OF}(?P<m1>{month})\.?,?{_OF}(?P<y1>\d{{4}})"
        rf"|(?P<m2>{month})\.?\s*(?P<d2>\d{{1,2}}){_NTH},?\s*(?P<y2>\d{{4}})"
        rf"|(?P<y3>\d{{4}})\.?\s*(?P<m3>{month})\.?\s*(?P<d3>\d{{1,2}})\.?)(?!\d)"
        # No space parts words in Chinese and Japanese.
        r"|(?<!\d)(?P<y4>\d{4})\s?[年년]\s?(?P<m4>\d{1,2})\s?[月월]\s?(?P<d4>\d{1,2})\s?[日일号]",
        re.IGNORECASE,
    )


def _read_words(match: re.Match[str]) -> Iterator[datetime]:
    parts = {name[0]: text for name, text in match.groupdict().items() if text is not None}
    month = months().get(parts["m"].casefold())
    with suppress(ValueError, OverflowError):
        yield datetime(int(parts["y"]), month or int(parts["m"]), int(parts["d"]))


def _read(match: re.Match[str]) -> Iterator[datetime]:
    from dateutil import parser

    for day_first in (False, True) if match.group("ambiguous") else (False,):
        try:
            yield parser.parse(match.group(), dayfirst=day_first)
        except (ValueError, OverflowError):
            continue
