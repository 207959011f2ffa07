"""The text of a case, to look values up in."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import datetime, time
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.dates import moments, moments_in, same_moment
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.languages import LARGEST_IN_WORDS, multipliers, words_for
from pytest_edgejson.values.lookalikes import normalised
from pytest_edgejson.values.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Iterator

# Numbers as they are written: 1250, 1e3, 0xff; with separators of thousands or a comma as point: 1,250.00, 1 250,
# 1.250,00, 12,34,567; with what multiplies or divides them: 1.5k, 2 Mio., 7 %; and fractions: 1/4, 1½.
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")
_HEXADECIMAL = re.compile(r"\b0[xX]([0-9a-fA-F]{1,16})\b")
_FRACTION = re.compile(r"(?:(?<![\d.,])(\d{1,9})[ -])?(?<![\d.,/])(\d{1,9})\s?[/\u2044]\s?(\d{1,9})(?![\d/])")
_SIGN = re.compile(r"(\d{0,9})\s?([\u00bc-\u00be\u2150-\u215e])")
_GROUPED_NUMBER = re.compile(
    r"(?<![\d.,])(?:\d{1,3}(?P<group>[,. '\u2019\u00a0\u202f\u066c])\d{2,3}(?:(?P=group)\d{2,3})*(?:[.,\u066b]\d+)?"
    r"|\d+(?:[.,\u066b]\d+)?)"
    r"(?P<percent>\s?[%\u066a]|\s?(?:per ?cent|pct|prozent|pour ?cent|por ?ciento|por ?cento|per ?cento|procent)\b)?"
    r"(?P<word>\s?-?[^\W\d_]+)?",
    re.IGNORECASE,
)
_GROUPS = " '\u2019\u00a0\u202f\u066c"
_POINTS = ".,\u066b"
# What is left out of a number for each that its point may be.
_WITHOUT = {point: dict.fromkeys(map(ord, (_GROUPS + _POINTS).replace(point, ""))) for point in _POINTS}
_ORDINAL = re.compile(r"(\d{1,4})\s?(?:st|nd|rd|th|er|re|e|\u00e8me|te[rsn]?|\u00ba|\u00aa|\u00b0|\.)?", re.IGNORECASE)
_TIME = re.compile(
    r"(?<![\d.,:])(?P<h>\d{1,2})(?:(?:[:.]|\s?(?:h|uhr|[時时點点시])\s?)(?P<m>\d{2})(?::(?P<s>\d{2}))?)?"
    r"\s?(?P<half>[ap]\.?m\b\.?|uhr|h\b|o'clock|[時时點点시])?",
    re.IGNORECASE,
)
# Quotes and dashes as a keyboard has them.
_PLAIN = str.maketrans(
    "\u2018\u2019\u201a\u201b\u00b4\u02bc\u201c\u201d\u201e\u2010\u2011\u2012\u2013\u2014\u2212", "''''''\"\"\"------"
)
_MOST_NUMBERS_IN_WORDS = 50
# What may be a number of four digits in words: 59 characters is the longest of all languages. To write all numbers of a
# text in words takes long, and most wrong texts are names, ids and sentences.
_IN_WORDS = re.compile(r"[^\W\d_][^\d@/_:.;]{0,63}")


# Squeezed texts shorter than this stand by chance inside of other words.
_SHORTEST_SQUEEZED = 6


class PromptText:
    """The text of a case, to look values up in."""

    def __init__(self, text: str) -> None:
        self._original = normalised(text)
        self._text = self._flat(self._original)
        self._looked_up: set[int] = set()

    @staticmethod
    def _flat(text: str) -> str:
        return " ".join(text.casefold().translate(_PLAIN).split())

    @cached_property
    def _squeezed(self) -> str:
        return squeeze(self._original)

    @cached_property
    def _numbers(self) -> set[float]:
        text = _western(self._original)
        numbers = set(map(float, _NUMBER.findall(text)))
        numbers |= {float(int(digits, 16)) for digits in _HEXADECIMAL.findall(text)}
        for whole, above, below in _FRACTION.findall(text):
            if int(below):
                numbers |= {int(above) / int(below), int(whole or 0) + int(above) / int(below)}
        numbers |= {int(whole or 0) + unicodedata.numeric(sign) for whole, sign in _SIGN.findall(text)}
        for match in _GROUPED_NUMBER.finditer(text):
            word = (match["word"] or "").strip(" -\u00a0").casefold()
            factors = [1.0, *([0.01] if match["percent"] else []), *(multipliers().get(word, ()) if word else ())]
            digits = match.group()[
                : (match.start("percent") if match["percent"] else match.start("word") if word else match.end())
                - match.start()
            ]
            for point, others in _WITHOUT.items():
                with suppress(ValueError):
                    number = float(digits.translate(others).replace(point, "."))
                    numbers |= {float(f"{number * factor:.12g}") for factor in factors}
        return numbers

    @cached_property
    def _words(self) -> set[str]:
        """What the whole numbers of the text are in words: `2nd` is second, and 3 three."""
        found = islice(_ORDINAL.finditer(_western(self._original)), _MOST_NUMBERS_IN_WORDS)
        numbers = {int(match[1]) for match in found}
        return {word for number in numbers for word in words_for(number)}

    @cached_property
    def _moments(self) -> list[datetime]:
        return moments_in(_western(self._original))

    @cached_property
    def _times(self) -> set[time]:
        return set(_times_in(self._original))

    def holds(self, leaf: Any) -> bool:
        """Tell whether a value stands in the text, however it is written.

        That is: in other case, spacing or punctuation; a number with separators of thousands, a comma for its point,
        another sign, other digits, in words of many languages, as a percentage, fraction or multiple (`1.5k`); an
        ordinal in words; a date in another form or language, a time on another clock. What has no fixed form in a text
        (true, null, {}) always stands there.
        """
        if isinstance(leaf, str):
            return self._holds_text(normalised(leaf))
        if json_type(leaf) == "number":
            return self._holds_number(leaf)
        return True

    def _holds_number(self, number: float) -> bool:
        if abs(number) in self._numbers or float(f"{float(abs(number)):.12g}") in self._numbers:
            return True
        return abs(number) <= LARGEST_IN_WORDS and number == int(number) and self._has_in_words(abs(int(number)))

    def _has_in_words(self, number: int) -> bool:
        # An answer may have any number of numbers.
        self._looked_up.add(number)
        if len(self._looked_up) > _MOST_NUMBERS_IN_WORDS:
            return False
        # Languages that are written without spaces have no ends of words.
        return any(
            words in self._text
            and (words[0] >= "\u2e80" or re.search(rf"\b{re.escape(words)}\b", self._text) is not None)
            for words in words_for(number)
        )

    def _holds_text(self, leaf: str) -> bool:
        flat = self._flat(leaf)
        if flat in self._text:
            return True
        squeezed = squeeze(leaf)
        if len(squeezed) >= _SHORTEST_SQUEEZED and squeezed in self._squeezed:
            return True
        return self._holds_moment(leaf) or self._holds_time(leaf) or self._holds_in_words(flat)

    def _holds_moment(self, leaf: str) -> bool:
        for moment in moments(_western(leaf)):
            for other in self._moments:
                if same_moment(moment, other) or (
                    moment.date() == other.date() and moment.time() in {time(), *self._times}
                ):
                    return True
        return False

    def _holds_time(self, leaf: str) -> bool:
        match = _TIME.fullmatch(leaf.strip())
        return bool(match and (match["m"] or match["half"]) and not self._times.isdisjoint(_times_in(leaf)))

    def _holds_in_words(self, leaf: str) -> bool:
        """Tell whether a short text is a number, or the word for one, that stands in the text in the other form."""
        number = _ORDINAL.fullmatch(leaf)
        if number:
            is_there = number[0] == number[1] and float(number[1]) in self._numbers
            return is_there or self._has_in_words(int(number[1]))
        figures = _GROUPED_NUMBER.fullmatch(leaf.strip("$€£¥₹ -+"))
        if figures and not figures["word"] and figures[0] != leaf:
            return not PromptText(figures[0])._numbers.isdisjoint(self._numbers)
        return _IN_WORDS.fullmatch(leaf) is not None and leaf in self._words


def _western(text: str) -> str:
    """Return a text with the digits of all scripts as 0 to 9."""
    if text.isascii():
        return text
    return "".join(
        char if char.isascii() or (digit := unicodedata.decimal(char, None)) is None else str(digit) for char in text
    )


def _times_in(text: str) -> Iterator[time]:
    for match in _TIME.finditer(_western(text)):
        half = (match["half"] or "").casefold()
        if not (match["m"] or half):
            continue
        hour = int(match["h"])
        if half[:1] in ("a", "p"):
            hour = hour % 12 + 12 * (half[0] == "p")
        with suppress(ValueError):
            yield time(hour, int(match["m"] or 0), int(match["s"] or 0))
