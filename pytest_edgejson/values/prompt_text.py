"""The text of a case, to look values up in."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, time
from functools import cached_property
from typing import Any

from pytest_edgejson.values.dates import moments, moments_in, same_moment
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.text import squeeze

# Numbers as they are written: 1250, 1e3; with separators of thousands or a comma as point: 1,250.00, 1 250, 1.250,00.
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")


_GROUPED_NUMBER = re.compile(
    r"(?<![\d.,])(?:\d{1,3}(?P<group>[,. '\u00a0\u202f])\d{3}(?:(?P=group)\d{3})*(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
    r"(?P<percent>\s?%)?"
)


_GROUPS = " '\u00a0\u202f"


# Squeezed texts shorter than this stand by chance inside of other words.
_SHORTEST_SQUEEZED = 6


class PromptText:
    """The text of a case, to look values up in."""

    def __init__(self, text: str) -> None:
        self._original = text
        self._text = self._flat(text)

    @staticmethod
    def _flat(text: str) -> str:
        return " ".join(text.casefold().split())

    @cached_property
    def _squeezed(self) -> str:
        return squeeze(self._original)

    @cached_property
    def _numbers(self) -> set[float]:
        numbers = set(map(float, _NUMBER.findall(self._original)))
        for match in _GROUPED_NUMBER.finditer(self._original):
            token = match.group().rstrip("% \u00a0")
            for point, separators in ((".", _GROUPS + ","), (",", _GROUPS + ".")):
                digits = token.translate(dict.fromkeys(map(ord, separators))).replace(point, ".")
                with suppress(ValueError):
                    numbers.add(float(digits) / (100 if match.group("percent") else 1))
        return numbers

    @cached_property
    def _moments(self) -> list[datetime]:
        return moments_in(self._original)

    def holds(self, leaf: Any) -> bool:
        """Tell whether a value stands in the text, however it is written.

        That is: in other case, spacing or punctuation; a number with separators of thousands, a comma for its point,
        another sign or as a percentage; a date in another form. What has no fixed form in a text (true, null, {})
        always stands there.
        """
        if isinstance(leaf, str):
            return self._holds_text(leaf)
        if json_type(leaf) == "number":
            return abs(leaf) in self._numbers
        return True

    def _holds_text(self, leaf: str) -> bool:
        if self._flat(leaf) in self._text:
            return True
        squeezed = squeeze(leaf)
        if len(squeezed) >= _SHORTEST_SQUEEZED and squeezed in self._squeezed:
            return True
        return any(
            same_moment(moment, other) or (moment.time() == time() and moment.date() == other.date())
            for moment in moments(leaf)
            for other in self._moments
        )
