"""What a quoted piece of a text says as a value: `half past three` is `15:30`, `next Tuesday` a date.

The languages are English, German and Spanish.
"""

from __future__ import annotations

import functools
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Language: TypeAlias = Literal["en", "de", "es"]
Rule: TypeAlias = Literal["text", "number", "currency", "grams", "minutes", "date", "time", "meaning"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
RULES: tuple[Rule, ...] = get_args(Rule)

_DIGITS = re.compile(r"\d[\d.,]*\d|\d")
_CURRENCIES = {
    **dict.fromkeys(("€", "euros", "Euro", "EUR"), "EUR"),
    **dict.fromkeys(("£", "pounds", "GBP", "Pfund", "libras"), "GBP"),
    **dict.fromkeys(("US$", "US dollars", "USD", "US-Dollar", "dólares estadounidenses"), "USD"),
    **dict.fromkeys(("CHF", "Swiss francs", "Schweizer Franken", "francos suizos"), "CHF"),
}
_GRAMS = {"g": 1, "gram": 1, "gramm": 1, "gramo": 1, "kg": 1000, "kilo": 1000}
_MINUTES = {
    **{"half an hour": 30, "three quarters of an hour": 45, "an hour": 60, "an hour and a half": 90},
    **{"eine halbe stunde": 30, "eine dreiviertelstunde": 45, "eine stunde": 60, "anderthalb stunden": 90},
    **{"media hora": 30, "tres cuartos de hora": 45, "una hora": 60, "una hora y media": 90},
}
_DAYS_FROM_TODAY = {
    **{"today": 0, "tomorrow": 1, "the day after tomorrow": 2, "yesterday": -1, "the day before yesterday": -2},
    **{"a week from today": 7, "two weeks from today": 14, "a week ago today": -7},
    **{"heute": 0, "morgen": 1, "übermorgen": 2, "gestern": -1, "vorgestern": -2},
    **{"heute in einer woche": 7, "heute in zwei wochen": 14, "heute vor einer woche": -7},
    **{"hoy": 0, "mañana": 1, "pasado mañana": 2, "ayer": -1, "anteayer": -2},
}
_DAYS = re.compile(
    r"(?:in|dentro de) (?P<ahead>\S+(?: y \S+)?) (?:days|tagen|días)|(?P<ago>\S+) days ago|vor (?P<vor>\S+) tagen"
    r"|hace (?P<hace>\S+) días"
)
_WEEKDAY = {
    "next": ("next {}", "nächsten {}", "el próximo {}"),
    "this": ("this {}", "diesen {}", "este {}"),
    "last": ("last {}", "letzten {}", "el {} pasado"),
}
_DAY_OF_MONTH = re.compile(r"(?P<d>\d{1,2})(?:st|nd|rd|th)?\.?(?: of| de)? (?P<m>[^\W\d]+)(?:,?(?: de)? (?P<y>\d{4}))?")
_MONTH_DAY = re.compile(r"(?P<m>[^\W\d]+) (?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<y>\d{4}))?")
_NUMERIC = re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})")
_NTH = re.compile(r"the (?P<d>\d{1,2})(?:st|nd|rd|th)(?P<next> of next month)?")
_CLOCK = re.compile(r"(?P<h>\d{1,2})(?:[:.](?P<m>\d{2}))?(?: ?(?P<half>am|pm|uhr|h))?")
# Part of the day, as hours to add to the twelve of a clock's face.
_AFTERNOON = re.compile(r" (?:in the (?:afternoon|evening)|nachmittags|abends|de la (?:tarde|noche))$")
_MORNING = re.compile(r" (?:in the morning|morgens|vormittags|de la mañana)$")
_FACE = (
    (re.compile(r"half past (?P<h>.+)"), 30),
    (re.compile(r"quarter past (?P<h>.+)"), 15),
    (re.compile(r"quarter to (?P<h>.+)"), -15),
    (re.compile(r"halb (?P<h>.+)"), -30),
    (re.compile(r"viertel nach (?P<h>.+)"), 15),
    (re.compile(r"viertel vor (?P<h>.+)"), -15),
    (re.compile(r"(?P<h>.+) y media"), 30),
    (re.compile(r"(?P<h>.+) y cuarto"), 15),
    (re.compile(r"(?P<h>.+) menos cuarto"), -15),
    (re.compile(r"(?P<h>.+)"), 0),
)


def read(rule: Rule, quote: str, language: Language, today: date) -> str | int | float | None:
    """Return the value that a quoted piece of a text says; None where the rule does not apply to it.

    Args:
        rule: `text` (the piece itself), `number` (in digits or words, whatever stands around it), `currency` (ISO 4217
            code of a sign or name), `grams` (of a weight with its unit), `minutes` (of a duration), `date` (ISO 8601;
            relative ones from today, a day without a year is in this one) or `time` (24 hours, `HH:MM`). `meaning` is
            not read: what a whole sentence says.
        quote: the piece.
        language: of the text.
        today: the day on which the text was written.
    """
    if rule == "text":
        return quote
    reader = _READERS.get(rule)
    try:
        return reader(quote, language, today) if reader else None
    except ValueError:
        return None


@functools.cache
def _numbers(language: Language) -> Mapping[str, int]:
    from num2words import num2words

    words = {num2words(number, lang=language): number for number in range(101)}
    return words | ({"a dozen": 12, "half a dozen": 6} if language == "en" else {})


@functools.cache
def _names(language: Language, what: Literal["months", "days"]) -> Mapping[str, int]:
    from babel import Locale

    return {name.casefold(): number for number, name in getattr(Locale.parse(language), what)["format"]["wide"].items()}


def _number(quote: str, language: Language, today: date) -> int | float | None:
    found = _DIGITS.search(quote)
    if not found:
        return _numbers(language).get(quote.casefold())
    group, point = (",", ".") if language == "en" else (".", ",")
    digits = found[0].replace(group, "").replace(point, ".")
    return float(digits) if "." in digits else int(digits)


def _currency(quote: str, language: Language, today: date) -> str | None:
    return _CURRENCIES.get(quote)


def _grams(quote: str, language: Language, today: date) -> int | None:
    amount, _, unit = quote.rpartition(" ")
    factor = _GRAMS.get(unit.casefold()) or _GRAMS.get(unit.casefold().removesuffix("s"))
    number = _number(amount, language, today)
    return None if factor is None or number is None else round(number * factor)


def _minutes(quote: str, language: Language, today: date) -> int | None:
    if quote.casefold() in _MINUTES:
        return _MINUTES[quote.casefold()]
    amount, _, unit = quote.rpartition(" ")
    number = _number(amount, language, today)
    if number is None:
        return None
    return round(number * (60 if unit.casefold().startswith(("hour", "stunde", "hora")) else 1))


def _date(quote: str, language: Language, today: date) -> str | None:
    day = _day(quote.casefold(), language, today)
    return None if day is None else day.isoformat()


def _day(quote: str, language: Language, today: date) -> date | None:
    if quote in _DAYS_FROM_TODAY:
        return today + timedelta(_DAYS_FROM_TODAY[quote])
    found = _DAYS.fullmatch(quote)
    if found:
        ahead = found["ahead"]
        days = _number(ahead or found["ago"] or found["vor"] or found["hace"], language, today)
        return None if days is None else today + timedelta(days if ahead else -days)
    weekday = _of_week(quote, language, today)
    if weekday:
        return weekday
    found = _NTH.fullmatch(quote)
    if found:
        month = today.month % 12 + 1 if found["next"] else today.month
        return date(today.year + (month < today.month), month, int(found["d"]))
    for name in _names(language, "days"):
        quote = quote.removeprefix(f"{name}, ").removeprefix(f"{name} ")
    found = _DAY_OF_MONTH.fullmatch(quote) or _MONTH_DAY.fullmatch(quote) or _NUMERIC.fullmatch(quote)
    if not found:
        return None
    month_name = found["m"]
    number = int(month_name) if month_name.isdigit() else _names(language, "months").get(month_name)
    return None if number is None else date(int(found["y"] or today.year), number, int(found["d"]))


def _of_week(quote: str, language: Language, today: date) -> date | None:
    """Return a named day of last, this or next week; None where people differ about which day that is.

    `next Friday`, said on a Tuesday, is this week's to some and next week's to others; said on a Friday, `next Tuesday`
    is one day to all.
    """
    for which, forms in _WEEKDAY.items():
        for name, number in _names(language, "days").items():
            if quote not in [form.format(name) for form in forms]:
                continue
            days = number - today.weekday()
            if which == "next":
                return today + timedelta(days + 7) if days < 0 and today.weekday() < 5 else None
            if which == "last":
                return today + timedelta(days - 7) if days > 0 else None
            return today + timedelta(days) if days > 1 else None
    return None


def _time(quote: str, language: Language, today: date) -> str | None:
    text = quote.casefold()
    if text in ("noon", "mittags"):
        return "12:00"
    found = _CLOCK.fullmatch(text)
    if found:
        hour = int(found["h"])
        if found["half"] in ("am", "pm"):
            hour = hour % 12 + 12 * (found["half"] == "pm")
        return f"{hour:02d}:{found['m'] or '00'}"
    later = bool(_AFTERNOON.search(text))
    if not later and not _MORNING.search(text):
        return None
    face = _MORNING.sub("", _AFTERNOON.sub("", text))
    hours = {"una": 1, "ein": 1, **_numbers(language)}
    for form, minutes in _FACE:
        found = form.fullmatch(face)
        if found and found["h"] in hours:
            moment = hours[found["h"]] % 12 * 60 + minutes + 720 * later
            return f"{moment // 60:02d}:{moment % 60:02d}"
    return None


_READERS: Mapping[str, Callable[[str, Language, date], str | int | float | None]] = {
    "number": _number,
    "currency": _currency,
    "grams": _grams,
    "minutes": _minutes,
    "date": _date,
    "time": _time,
}
