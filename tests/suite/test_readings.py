"""What a quoted piece of a text says as a value."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_edgejson.suite.readings import read

THURSDAY = date(2026, 3, 12)
TUESDAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("rule", "quote", "language", "value"),
    [
        ("text", "Halden 300", "en", "Halden 300"),
        ("number", "seven", "en", 7),
        ("number", "half a dozen", "en", 6),
        ("number", "1,250.5", "en", 1250.5),
        ("number", "1.250,50", "de", 1250.5),
        ("number", "siete", "es", 7),
        ("number", "several", "en", None),
        ("currency", "€", "en", "EUR"),
        ("currency", "Schweizer Franken", "de", "CHF"),
        ("currency", "$", "en", None),
        ("grams", "2.5 kg", "en", 2500),
        ("grams", "1,2 Kilo", "de", 1200),
        ("grams", "800 gramos", "es", 800),
        ("grams", "2.5 lbs", "en", None),
        ("minutes", "an hour and a half", "en", 90),
        ("minutes", "zwei Stunden", "de", 120),
        ("minutes", "media hora", "es", 30),
        ("time", "half past three in the afternoon", "en", "15:30"),
        ("time", "12:15 am", "en", "00:15"),
        ("time", "halb vier nachmittags", "de", "15:30"),
        ("time", "siete y cuarto de la tarde", "es", "19:15"),
        ("time", "half past three", "en", None),
        ("date", "the day after tomorrow", "en", "2026-03-14"),
        ("date", "in ten days", "en", "2026-03-22"),
        ("date", "the 3rd of next month", "en", "2026-04-03"),
        ("date", "March 4th, 2027", "en", "2027-03-04"),
        ("date", "vor drei Tagen", "de", "2026-03-09"),
        ("date", "14.03.2026", "de", "2026-03-14"),
        ("date", "viernes 20 de marzo", "es", "2026-03-20"),
        ("date", "hace tres días", "es", "2026-03-09"),
        ("date", "30 February", "en", None),
        ("meaning", "as soon as you can", "en", None),
    ],
)
def test_a_piece_is_read_by_its_rule(rule, quote, language, value):
    assert read(rule, quote, language, THURSDAY) == value


@pytest.mark.parametrize(
    ("today", "quote", "value"),
    [
        (THURSDAY, "next Tuesday", "2026-03-17"),
        (TUESDAY, "this Friday", "2026-03-13"),
        (TUESDAY, "last Friday", "2026-03-06"),
        # To some the 13th, to others the 20th.
        (TUESDAY, "next Friday", None),
        (THURSDAY, "last Tuesday", None),
        (THURSDAY, "this Tuesday", None),
    ],
)
def test_a_weekday_is_read_where_it_means_one_day_to_all(today, quote, value):
    assert read("date", quote, "en", today) == value
