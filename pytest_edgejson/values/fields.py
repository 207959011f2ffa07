"""Fields: places that many values have, such as `items[].amount`, written like the places in one value."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import format_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_edgejson.values.jsonvalue import Path as LeafPath


class Each(Enum):
    """Steps to more than one place."""

    ITEM = "[]"
    KEY = "*"


ITEM: Literal[Each.ITEM] = Each.ITEM
"""Any item of an array."""
KEY: Literal[Each.KEY] = Each.KEY
"""Any key of an object."""

Step: TypeAlias = "str | int | Each"
FieldPath: TypeAlias = tuple[Step, ...]

_STEP = re.compile(r'(?P<each>\[\]|\.?\*)|\[(?P<index>\d{1,9})\]|\[(?P<quoted>")|\.?(?P<key>[^.\[\]"*]+)')


def keys_of(path: LeafPath) -> tuple[str, ...]:
    """Return the keys of a place in a value: those of its field, whatever the places in arrays."""
    return tuple(step for step in path if isinstance(step, str))


def format_field(path: Iterable[Step]) -> str:
    """Return a field as text: `items[].amount`, any key as `prices.*`."""
    text = ""
    for step in path:
        if isinstance(step, Each):
            text += step.value if step is ITEM or not text else f".{step.value}"
        else:
            shown = format_path((step,))
            text += f".{shown}" if text and not shown.startswith("[") else shown
    return text


def parse_field(text: str) -> FieldPath:
    """Return the field that a text names, as `format_field` and `jsonvalue.format_path` write it; `""` is the root.

    Raises:
        ValueError: it names none.
    """
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or (match.group().startswith(".") and not position):
            raise ValueError(text)
        position = match.end()
        if match["each"]:
            steps.append(ITEM if match["each"] == "[]" else KEY)
        elif match["index"]:
            steps.append(int(match["index"]))
        elif match["key"]:
            if steps and not match.group().startswith("."):
                raise ValueError(text)
            steps.append(match["key"])
        else:
            try:
                key, position = decode(text, position - 1)
            except MalformedError:
                raise ValueError(text) from None
            if text[position : position + 1] != "]":
                raise ValueError(text)
            steps.append(key)
            position += 1
    return tuple(steps)
