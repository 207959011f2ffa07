"""Days and times as people say them, in English, German and Spanish."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pytest_edgejson.suite.readings import read

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from pytest_edgejson.suite.readings import Language

_RELATIVE: dict[Language, dict[int, str]] = {
    "en": {1: "tomorrow", 2: "the day after tomorrow", -1: "yesterday", 7: "a week from today", 0: "today"}
    | {-2: "the day before yesterday", 14: "two weeks from today"},
    "de": {1: "morgen", 2: "übermorgen", -1: "gestern", -2: "vorgestern", 7: "heute in einer Woche", 0: "heute"}
    | {14: "heute in zwei Wochen", -7: "heute vor einer Woche"},
    "es": {1: "mañana", 2: "pasado mañana", -1: "ayer", -2: "anteayer", 0: "hoy"},
}
_WEEKDAYS: dict[Language, tuple[str, str, str]] = {
    "en": ("next {}", "this {}", "last {}"),
    "de": ("nächsten {}", "diesen {}", "letzten {}"),
    "es": ("el próximo {}", "este {}", "el {} pasado"),
}


def full_date(day: date, language: Language) -> str:
    """Return a day with its weekday and year: `Thursday, 12 March 2026`."""
    from babel.dates import format_date

    pattern = {"en": "EEEE, d MMMM y", "de": "EEEE, d. MMMM y", "es": "EEEE, d 'de' MMMM 'de' y"}[language]
    return str(format_date(day, pattern, locale="en_GB" if language == "en" else language))


def day_words(
    day: date, today: date, language: Language, random: random.Random, *, is_noun: bool = False
) -> tuple[str, str, bool]:
    """Return how one says a day: preposition, words, and whether the words need to know what today is.

    The words mean that day and no other to everyone, see `readings`. Nouns can stand behind `by` and `since`.
    """
    relative = [
        saying
        for saying in _relative(day, today, language)
        if not is_noun or not (saying[1].startswith("in ") or saying[1].endswith(" ago"))
    ]
    sayings = [saying for saying in relative if read("date", saying[1], language, today) == day.isoformat()]
    if sayings and random.random() < 0.7:
        preposition, words = random.choice(sayings)
        return preposition, words, True
    preposition, words = random.choice(list(_absolute(day, today, language)))
    return preposition, words, False


def _relative(day: date, today: date, language: Language) -> Iterator[tuple[str, str]]:
    from babel.dates import format_date
    from num2words import num2words

    days = (day - today).days
    weekday = str(format_date(day, "EEEE", locale=language))
    if days in _RELATIVE[language]:
        yield "", _RELATIVE[language][days]
    for form in _WEEKDAYS[language]:
        # Said of the days around today; further on, one says the date.
        if abs(days) > 2:
            yield "", form.format(weekday)
    if 3 <= days <= 12:
        number = num2words(days, lang=language)
        yield "", {"en": f"in {number} days", "de": f"in {number} Tagen", "es": f"dentro de {number} días"}[language]
    if -6 <= days <= -3:
        number = num2words(-days, lang=language)
        yield "", {"en": f"{number} days ago", "de": f"vor {number} Tagen", "es": f"hace {number} días"}[language]
    if language == "en" and 3 <= days <= 25:
        next_month = (day.year, day.month) != (today.year, today.month)
        yield "on ", f"the {nth(day.day)}{' of next month' if next_month else ''}"


def nth(number: int) -> str:
    """Return an English ordinal: `22nd`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _absolute(day: date, today: date, language: Language) -> Iterator[tuple[str, str]]:
    from babel.dates import format_date

    def written(pattern: str) -> str:
        return str(format_date(day, pattern, locale=language))

    this_year = day.year == today.year
    match language:
        case "en":
            month = written("MMMM")
            year = "" if this_year else f" {day.year}"
            yield "on ", f"{day.day} {month}{year}"
            yield "on ", f"{month} {nth(day.day)}{',' if year else ''}{year}"
            if this_year:
                yield "on ", f"{month} {day.day}"
            yield "on ", f"{written('EEEE')}, {day.day} {month}{year}"
        case "de":
            yield "am ", written("d. MMMM") if this_year else written("d. MMMM y")
            yield "am ", written("dd.MM.y")
        case "es":
            year = "" if this_year else f" de {day.year}"
            yield "el ", f"{day.day} de {written('MMMM')}{year}"
            yield "el ", f"{written('EEEE')} {day.day} de {written('MMMM')}{year}"


def working_day(today: date, low: int, high: int, random: random.Random) -> date:
    """Return a day from Monday to Saturday, so many days from today."""
    while True:
        day = today + timedelta(random.randint(low, high))
        if day.weekday() < 6:
            return day


def clock_words(clock: str, language: Language, random: random.Random) -> str:
    """Return how one says a time of 24 hours (`HH:MM`), as it stands behind `at`, `um`, `a las`."""
    from num2words import num2words

    hour, minute = int(clock[:2]), int(clock[3:])
    face = (hour - 1) % 12 + 1
    name = num2words(face, lang=language)
    following = num2words(hour % 12 + 1, lang=language)
    sayings = [clock.removeprefix("0") if hour < 10 and language != "en" else clock]
    if language == "en":
        half = "pm" if hour >= 12 else "am"
        part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
        # Not all agree on what 12 pm is.
        sayings += [f"{face}:{minute:02d} {half}" if minute else f"{face} {half}"] * 2 if clock != "12:00" else []
        if hour != 12 and minute in (15, 30):
            sayings.append(f"{'half' if minute == 30 else 'quarter'} past {name} {part}")
        if hour != 11 and hour != 12 and minute == 45:
            sayings.append(f"quarter to {following} {part}")
        if clock == "12:00":
            sayings.append("noon")
    elif language == "de":
        part = "vormittags" if hour < 12 else "nachmittags" if hour < 18 else "abends"
        sayings = [f"{clock} Uhr", f"{hour} Uhr"] if not minute else [f"{clock} Uhr"]
        if minute == 30 and hour not in (11, 12, 17):
            sayings.append(f"halb {following} {part}")
    else:
        part = "de la mañana" if hour < 12 else "de la tarde" if hour < 20 else "de la noche"
        if hour not in (12, 13) and minute in (0, 30, 15):
            sayings.append(f"{name}{ {0: '', 30: ' y media', 15: ' y cuarto'}[minute] } {part}")
    return random.choice([saying for saying in sayings if read("time", saying, language, date.min) == clock])
