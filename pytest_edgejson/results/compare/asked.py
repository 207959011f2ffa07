"""Whether the same model was asked the same: what its prompts were made of in two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.prompts import PROMPT_KEYS
from pytest_edgejson.values.text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.results.file import Run

_SHOWN = 40


def asked(run: Run, model: str) -> Mapping[str, Any]:
    """Return what a manifest says of a model's prompts; nothing where it is of an earlier version."""
    found: Mapping[str, Any] = run.manifest["settings"].get("generation", {}).get(model, {})
    return found


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the first thing in which two prompts differ, for each of them; None where they are made alike."""
    for key in (*PROMPT_KEYS, "shots_seed"):
        values = [each.get(key) or None for each in (before, now)]
        # A manifest without the prompt says nothing; earlier versions had no other key.
        if values[0] != values[1] and not (key == "prompt" and None in values):
            first, second = (f"{key.replace('_', ' ')} {shorten(str(value or 'none'), _SHOWN)}" for value in values)
            return first, second
    return None
