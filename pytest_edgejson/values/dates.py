"""Dates and times in texts: which moment a text names, however it is written."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

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
    rf"|(?P<ambiguous>\d{{1,2}}([-/.])\d{{1,2}}\3\d{{4}})"
    rf"|{_WEEKDAY}{_DAY} (?:of )?{_MONTH},? \d{{4}}"
    rf"|{_WEEKDAY}{_MONTH} {_DAY},? \d{{4}}){_TIME}(?!\w)",
    re.IGNORECASE,
)
# Each value that looks like a date is compared with all of them.
_MOST_DATES = 200


def moments(text: str) -> list[datetime]:
    """Return the moment that a text is the name of; both readings of one such as 03/07/2005, none of another text.

    A date alone is its midnight. A moment has a time zone if the text gives one.
    """
    match = _DATE.fullmatch(text.strip())
    return list(_read(match)) if match else []


def moments_in(text: str) -> list[datetime]:
    """Return the moments that are named somewhere in a text, of its first 200 dates."""
    return [moment for match in islice(_DATE.finditer(text), _MOST_DATES) for moment in _read(match)]


def same_moment(one: datetime, other: datetime) -> bool:
    """Tell whether two moments are the same; by the clock's face where only one has a time zone."""
    if (one.tzinfo is None) != (other.tzinfo is None):
        one, other = one.replace(tzinfo=None), other.replace(tzinfo=None)
    return one == other


def _read(match: re.Match[str]) -> Iterator[datetime]:
    from dateutil import parser

    for day_first in (False, True) if match.group("ambiguous") else (False,):
        try:
            yield parser.parse(match.group(), dayfirst=day_first)
        except (ValueError, OverflowError):
            continue
