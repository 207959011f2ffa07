"""What a person reads about an answer beside its diff: how JSON was found in it, what the schema forbids, output."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_edgejson.report.verdict import malformed_name
from pytest_edgejson.scoring.kinds import FAILURES, FLAGS
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.kinds import FailureKind, Form
    from pytest_edgejson.scoring.records import ViolationRecord

_FORMS: Mapping[Form | None, str] = {"bare": "the object is the whole output", "embedded": "an object in the output"}
_ENDED_BY: Mapping[str, str] = {
    "length": "generation ended at the token limit",
    "loop": "generation was ended in a loop (--edgejson-loops=keep lets it run on)",
}
_MOST_VIOLATIONS = 20
MOST_CHARACTERS = 1_800


def render_violations(violations: Sequence[ViolationRecord], *, verbose: bool = False) -> str:
    """Return what the schema forbids in a value, a line for each violation; all lines where verbose."""
    if not violations:
        return ""
    shown = violations if verbose else violations[:_MOST_VIOLATIONS]
    lines = [f"  {clean(each['path']) or '(root)'} {clean(each['message'])}" for each in shown]
    if len(shown) < len(violations):
        lines.append(f"  … and {len(violations) - len(shown)} more")
    return "\n".join(["the schema does not allow:", *lines])


def how_found(result: Result) -> str:
    """Return in a line how the JSON of a result was looked for, and what was found."""
    extraction = result["extraction"]
    policy = f"{extraction['policy']} extraction"
    if result["finish_reason"] in _ENDED_BY:
        policy = f"{_ENDED_BY[result['finish_reason']]}; {policy}"
    if result["value"] is None:
        known = FAILURES.get(cast("FailureKind", (extraction["error"] or "no_json").partition(":")[0]))
        found = known.found if known else ""
        return f"{policy}: {found or f'malformed JSON, {malformed_name(result)}'}"
    flags = [FLAGS[flag] for flag in result["flags"]]
    return f"{policy}: {', '.join([_FORMS.get(extraction['form'], 'an object'), *flags])}"


def render_text(title: str, text: str, *, most: int | None = MOST_CHARACTERS, more: str = "") -> str:
    """Return a text under its title, a bar before each line.

    Args:
        title: what it is.
        text: any text; line feeds are kept, all else is cleaned.
        most: characters to show, two thirds of them from the beginning, the others from the end; None shows all.
        more: the option that shows all.
    """
    if not text:
        return f"{title}: none"
    if most is None or len(text) <= most + 100:
        body = clean(text, keep="\n")
    else:
        tail = most // 3
        head = most - tail
        left_out = f"… {len(text) - most:,} characters left out, {more} shows them …"
        body = f"{clean(text[:head], keep=chr(10))}\n{left_out}\n{clean(text[-tail:], keep=chr(10))}"
    lines = (f"  | {line}" for line in body.split("\n"))
    return "\n".join([f"{title} ({len(text):,} characters):", *lines])
