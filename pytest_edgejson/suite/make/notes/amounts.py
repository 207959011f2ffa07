"""Numbers, money, weights and durations as people write them, in English, German and Spanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from pytest_edgejson.suite.readings import Language

_MINUTES: dict[Language, dict[int, str]] = {
    "en": {30: "half an hour", 45: "three quarters of an hour", 60: "an hour", 90: "an hour and a half"},
    "de": {30: "eine halbe Stunde", 45: "eine Dreiviertelstunde", 60: "eine Stunde", 90: "anderthalb Stunden"},
    "es": {30: "media hora", 45: "tres cuartos de hora", 60: "una hora", 90: "una hora y media"},
}
_MINUTES_AND_HOURS = {"en": ("minutes", "hours"), "de": ("Minuten", "Stunden"), "es": ("minutos", "horas")}
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "US$", "CHF": "CHF "}
_NAMES: dict[Language, dict[str, str]] = {
    "en": {"EUR": "euros", "GBP": "pounds", "USD": "US dollars", "CHF": "Swiss francs"},
    "de": {"EUR": "Euro", "GBP": "Pfund", "USD": "US-Dollar", "CHF": "Schweizer Franken"},
    "es": {"EUR": "euros", "GBP": "libras", "USD": "dólares estadounidenses", "CHF": "francos suizos"},
}


def number_words(number: int, language: Language, random: random.Random, in_words: float = 0.5) -> str:
    """Return a whole number, in words at times if it is small."""
    from num2words import num2words

    # In German and Spanish, one and what ends in it agree with their noun.
    if (2 <= number <= 12 and random.random() < in_words) or (number == 1 and language == "en"):
        return "one" if number == 1 else str(num2words(number, lang=language))
    return str(number)


def digits(number: float, language: Language, decimals: int | None = None) -> str:
    """Return a number with the language's separators; whole ones without decimals unless asked for."""
    if decimals is None:
        decimals = 0 if number == int(number) else 2
    text = f"{number:,.{decimals}f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def money_parts(amount: float, currency: str, language: Language, random: random.Random) -> tuple[str, str, bool]:
    """Return the digits of an amount, its currency's sign or name, and whether the sign stands before the digits."""
    written = digits(amount, language, 0 if amount == int(amount) else 2)
    if language == "en" and random.random() < 0.7:
        return written, _SIGNS[currency], True
    if language != "en" and currency == "EUR" and random.random() < 0.6:
        return written, "€", False
    return written, _NAMES[language][currency], False


def weight_words(grams: int, language: Language, random: random.Random) -> str:
    """Return a weight of full ten grams, in grams or kilograms."""
    if (grams < 1000 and grams % 100) or grams < 200:
        return f"{grams} {random.choice(('g', {'en': 'grams', 'de': 'Gramm', 'es': 'gramos'}[language]))}"
    kilos = digits(grams / 1000, language, 0 if grams % 1000 == 0 else 1 if grams % 100 == 0 else 2)
    many = {"en": "kilos", "de": "Kilo", "es": "kilos"}[language]
    return f"{kilos} {random.choice(('kg', many)) if grams != 1000 else 'kg'}"


def duration_words(minutes: int, language: Language, random: random.Random) -> str:
    """Return a duration, in minutes or hours."""
    small, large = _MINUTES_AND_HOURS[language]
    sayings = [f"{minutes} {small}"]
    if minutes in _MINUTES[language]:
        sayings += [_MINUTES[language][minutes]] * 2
    elif minutes % 60 == 0:
        sayings += [f"{number_words(minutes // 60, language, random, 1.0)} {large}"] * 2
    return random.choice(sayings)
