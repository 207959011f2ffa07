"""What a person reads about an answer beside its diff: how JSON was found in it, what the schema forbids, output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pytest_edgejson.report.verdict import malformed_name, of_root
from pytest_edgejson.results.result import is_found
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


def violation_lines(violations: Sequence[ViolationRecord], *, verbose: bool = False) -> list[str]:
    """Return what the schema forbids in a value, a line for each violation; all lines where verbose."""
    shown = violations if verbose else violations[:_MOST_VIOLATIONS]
    lines = [f"{clean(each['path']) or '(root)'} {clean(each['message'])}" for each in shown]
    return lines + [f"… and {len(violations) - len(shown)} more"] * (len(shown) < len(violations))


def render_violations(violations: Sequence[ViolationRecord], *, verbose: bool = False) -> str:
    """Return the same for a terminal."""
    lines = [f"  {line}" for line in violation_lines(violations, verbose=verbose)]
    return "\n".join(["the schema does not allow:", *lines]) if lines else ""


def how_found(result: Result) -> str:
    """Return in a line how the JSON of a result was looked for, and what was found."""
    extraction = result["extraction"]
    policy = f"{extraction['policy']} extraction"
    if result["finish_reason"] in _ENDED_BY:
        policy = f"{_ENDED_BY[result['finish_reason']]}; {policy}"
    if not is_found(result):
        known = FAILURES.get(cast("FailureKind", (extraction["error"] or "no_json").partition(":")[0]))
        found = known.found if known else ""
        return f"{policy}: {of_root(result, found) or f'malformed JSON, {malformed_name(result)}'}"
    said = [_FORMS.get(extraction["form"], "an object"), *(FLAGS[flag] for flag in result["flags"])]
    return f"{policy}: {of_root(result, ', '.join(said))}"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning and the end of a text, cleaned; line feeds are kept.

    Attributes:
        head: the beginning, or the whole text.
        tail: the end, where something is left out.
        left_out: characters between them.
    """

    head: str
    tail: str = ""
    left_out: int = 0


def excerpt(text: str, most: int | None) -> Excerpt:
    """Return so many characters of a text, two thirds of them from its beginning; None for all."""
    if most is None or len(text) <= most + 100:
        return Excerpt(clean(text, keep="\n"))
    tail = most // 3
    return Excerpt(clean(text[: most - tail], keep="\n"), clean(text[-tail:], keep="\n"), len(text) - most)


def render_text(title: str, text: str, *, most: int | None = MOST_CHARACTERS, more: str = "") -> str:
    """Return a text under its title, a bar before each line.

    Args:
        title: what it is.
        text: any text; line feeds are kept, all else is cleaned.
        most: characters to show, see `excerpt`.
        more: the option that shows all.
    """
    if not text:
        return f"{title}: none"
    shown = excerpt(text, most)
    left_out = (
        f"\n… {shown.left_out:,} characters left out, {more} shows them …\n{shown.tail}" if shown.left_out else ""
    )
    lines = (f"  | {line}" for line in (shown.head + left_out).split("\n"))
    return "\n".join([f"{title} ({len(text):,} characters):", *lines])


def json_text(value: Any) -> str:
    """Return a JSON value as a text for reading."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    # Only the encoder without indentation is written in C, and reaches as deep as the decoder.
    except RecursionError:
        return json.dumps(value, ensure_ascii=False)


def effort(result: Result) -> str:
    """Return in a line how many tokens and seconds a result took, and when."""
    return ", ".join([*work(result), "from the store" if result["stored"] else "generated in this run"])


def work(result: Result) -> list[str]:
    """Return how many tokens and seconds a result took, each as a phrase."""
    tokens, compute = result["output_tokens"], result["compute_s"]
    parts = [f"{result[key]:,} {key.replace('_', ' ')}" for key in ("prompt_tokens", "output_tokens") if result[key]]
    if result["latency_s"] is not None:
        parts.append(f"latency {result['latency_s']:.2f} s")
    if compute is not None:
        parts.append(f"compute {compute:.2f} s")
    if tokens and compute:
        parts.append(f"{tokens / compute:,.0f} tok/s")
    return parts
