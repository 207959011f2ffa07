"""Sentences as pieces: plain text, and what states a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from pytest_edgejson.suite.cases import JSONValue
    from pytest_edgejson.suite.readings import Rule


@dataclass(frozen=True, slots=True)
class Stated:
    """A piece of a text that states a value.

    Attributes:
        text: the piece.
        path: where the value stands in the record, as `items[0].quantity`.
        value: the value.
        rule: how the value follows from the piece.
    """

    text: str
    path: str
    value: JSONValue
    rule: Rule


Piece: TypeAlias = "str | Stated"
Slot: TypeAlias = "Callable[[str], Sequence[Piece]]"
"""Makes the pieces of a placeholder from what stands behind its colon: `{guests:guest/guests}`."""

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


def fill(template: str, slots: Mapping[str, Slot], random: random.Random, meaning: Stated | None = None) -> list[Piece]:
    """Return a sentence of a template.

    Args:
        template: a text with placeholders `{name}` or `{name:form}`, and choices `[one|another]`.
        slots: what makes the pieces of each placeholder.
        random: chooses.
        meaning: what `<…>` in the template states, by its meaning.
    """
    while found := _CHOICE.search(template):
        chosen = random.choice(found[1].split("|"))
        template = template[: found.start()] + chosen + template[found.end() :]
    pieces: list[Piece] = []
    at = 0
    for found in _PLACE.finditer(template):
        pieces += _plain(template[at : found.start()], meaning)
        pieces += slots[found[1]](found[2] or "")
        at = found.end()
    return [*pieces, *_plain(template[at:], meaning)]


def _plain(text: str, meaning: Stated | None) -> list[Piece]:
    before, opened, rest = text.partition("<")
    if not opened or meaning is None:
        return [text] if text else []
    inside, _, after = rest.partition(">")
    return [before, Stated(inside, meaning.path, meaning.value, "meaning"), after]


def text_of(pieces: Sequence[Piece]) -> str:
    """Return the pieces as one text."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)


def capitalised(pieces: Sequence[Piece]) -> list[Piece]:
    """Return a sentence with its first letter a capital; what states a text by its letters stays as it is."""
    for index, piece in enumerate(pieces):
        text = piece if isinstance(piece, str) else piece.text
        if not text:
            continue
        if isinstance(piece, str):
            return [*pieces[:index], text[0].upper() + text[1:], *pieces[index + 1 :]]
        if piece.rule != "text":
            upper = Stated(text[0].upper() + text[1:], piece.path, piece.value, piece.rule)
            return [*pieces[:index], upper, *pieces[index + 1 :]]
        break
    return list(pieces)
