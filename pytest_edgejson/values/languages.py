"""How languages write dates and numbers: names of months and words for powers of ten from Unicode's CLDR (`babel`)."""

from __future__ import annotations

import functools
from collections import defaultdict
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Of those that CLDR covers in full, the ones with most readers, and regions that write numbers in a way of their own.
LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sk", "sl", "hr", "sr", "ro", "hu", "sv", "da", "nb", "fi"),
    *("et", "lv", "lt", "el", "bg", "ru", "uk", "tr", "ar", "fa", "he", "hi", "bn", "id", "vi", "th", "ja", "ko", "zh"),
    *("ca", "en_GB", "en_IN"),
)

LARGEST_IN_WORDS = 1_000_000
"""Whole numbers beyond it are not looked for in words."""


@functools.cache
def months() -> Mapping[str, int]:
    """Return the number of each month by its names, full and short, in lower case and without a full stop."""
    from babel import Locale

    names: dict[str, int] = {}
    for language in LANGUAGES:
        forms = Locale.parse(language).months
        for form in (
            forms[context][width] for context in ("format", "stand-alone") for width in ("wide", "abbreviated")
        ):
            for number, name in form.items():
                # What is no more than a number, as in Japanese, has no name.
                if not any(map(str.isdigit, name)) and len(name) > 2:
                    names.setdefault(name.casefold().removesuffix("."), number)
    return names


@functools.cache
def multipliers() -> Mapping[str, frozenset[int]]:
    """Return what words and letters behind a number multiply it with, in lower case: `k`, `mio`, `億`.

    The same word is another power in some languages, such as `billion`.
    """
    from babel import Locale

    words: defaultdict[str, set[int]] = defaultdict(
        set, {"lakh": {10**5}, "crore": {10**7}, "bn": {10**9}, "dozen": {12}, "tsd": {10**3}}
    )
    for language in LANGUAGES:
        for power, pattern in _patterns(Locale.parse(language).compact_decimal_formats):
            digits = pattern.count("0")
            word = "".join(char for char in pattern if char not in "0'.\u200f\u200e").strip()
            # `00K` is what 10,000 is written with: ten of a thousand.
            if word and digits:
                words[word.casefold()].add(power // 10 ** (digits - 1))
    return {word: frozenset(powers) for word, powers in words.items()}


def _patterns(forms: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[int, str]]:
    for form in forms.values():
        for of_power in form.values():
            for power, pattern in of_power.items():
                yield int(power), str(pattern.pattern).split(";")[0]


@functools.lru_cache(maxsize=4096)
def words_for(number: int) -> tuple[str, ...]:
    """Return a number up to `LARGEST_IN_WORDS` in words, cardinal and ordinal, in each language of `num2words`."""
    return tuple(dict.fromkeys(_words_for(number)))


def _words_for(number: int) -> Iterator[str]:
    for in_words in _converters():
        try:
            words = in_words(number)
        except (NotImplementedError, OverflowError, KeyError, IndexError, TypeError, ValueError):
            continue
        if words:
            text = " ".join(str(words).casefold().split())
            yield from (text, text.replace("-", " "))


@functools.cache
def _converters() -> list[Callable[[int], str]]:
    from num2words import CONVERTER_CLASSES

    found: list[Callable[[int], str]] = []
    for language in LANGUAGES:
        if language in CONVERTER_CLASSES:
            converter: Any = copy(CONVERTER_CLASSES[language])
            # For each part of a number it passes over all that are larger, up to powers of ten with 600 zeros.
            if hasattr(converter, "cards"):
                converter.cards = {value: word for value, word in converter.cards.items() if value <= LARGEST_IN_WORDS}
            found += [converter.to_cardinal, converter.to_ordinal]
    return found
