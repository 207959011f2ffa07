"""What scoring a results file anew changed, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.report.document import Code, Listing, as_text
from pytest_edgejson.results.metric import get
from pytest_edgejson.results.rescore import KEYS, SCORES, WHOLE
from pytest_edgejson.values.text import clean, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.report.document import Inline
    from pytest_edgejson.results.rescore import Change, Rescored


def render(rescored: Rescored) -> str:
    """Return what changed: each result in a line with old and new values, and how many changed in each key."""
    changes, total, path = rescored.changes, len(rescored.results), Code(str(rescored.run.path))
    if not changes:
        return as_text([(path, f": {total} results scored anew, nothing changed")], width=None)
    counts = {key: [change for change in changes if key in change.keys] for key in KEYS}
    summary: list[Inline] = [(path, f": {len(changes)} of {total} results changed")]
    summary += [f"  {key}: {len(own)}{_balance(key, own)}" for key, own in counts.items() if own]
    lines: list[Inline] = [(_name(change), f": {', '.join(_words(change))}") for change in changes]
    return as_text([Listing(lines, bullet=""), Listing(summary, bullet="")], width=None)


def _name(change: Change) -> Code:
    result = change.before
    repeat = f" repeat {result['repeat']}" if result["repeat"] > 1 else ""
    return Code(f"{result['case_id']}[{result['model']}]{repeat}")


def _words(change: Change) -> Iterator[str]:
    for key in change.keys:
        if key in WHOLE:
            # Too long for a line; the file that --out writes has them.
            yield key
        else:
            yield f"{key} {_shown(get(change.before, key))} → {_shown(get(change.after, key))}"


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else clean(value) if isinstance(value, str) else show(value, 40)


def _balance(key: str, changes: Sequence[Change]) -> str:
    if key not in SCORES:
        return ""
    up = sum(get(change.after, key) > get(change.before, key) for change in changes)
    return f" ({up} up, {len(changes) - up} down)"
