"""Facts: what an expected output says, a name and a text for each of its scalars, for whoever tells it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.rendering import scalar_text
from pytest_edgejson.values.jsonvalue import leaves

if TYPE_CHECKING:
    from pytest_edgejson.values.jsonvalue import Path

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def facts(value: Any) -> list[tuple[str, str]]:
    """Return name and text of each scalar, in order: `first item unit price`, `4.5`; none of what is empty."""
    return [
        (_name(path), "yes" if leaf is True else "no" if leaf is False else scalar_text(leaf))
        for path, leaf in leaves(value).items()
        if leaf not in (None, "") and not isinstance(leaf, dict | list)
    ]


def _name(path: Path) -> str:
    """Return keys as words, with a place in an array before the array; in words too, for a digit would be a value."""
    words: list[str] = []
    for step in path:
        if isinstance(step, str):
            words.append(step.replace("_", " "))
        else:
            item = words.pop().removesuffix("s") if words else "item"
            words.append(f"{_ORDINALS[step] if step < len(_ORDINALS) else 'further'} {item}")
    return " ".join(words) or "value"
