"""The verdict: how an output did, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_edgejson.results.result import own_marks, roots_of
from pytest_edgejson.scoring.extraction import SHOWN, extract
from pytest_edgejson.scoring.kinds import FAILURES, LEAFLESS, MALFORMED
from pytest_edgejson.scoring.search import OBJECT
from pytest_edgejson.scoring.thoughts import Marks
from pytest_edgejson.values.lookalikes import look_alike, named, told_apart
from pytest_edgejson.values.text import clean, columns, shorten, show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.records import FindingRecord

VERDICT_WIDTH = 160

# What says little by itself: where it stands is told with it.
_VAGUE = {"syntax", "unescaped_character"}


def verdict(name: str, result: Result, *, profile: str = "default", width: int = VERDICT_WIDTH) -> str:
    """Return one line that says how an output did: `invoice-007[nano]: 2 of 14 fields wrong: total 38.5 → 385.0, …`.

    Args:
        name: the test's name.
        result: a result line.
        profile: `v3` adds what the published scorer makes of it where that differs.
        width: the longest line to return; a longer name goes beyond it.
    """
    head = f"{clean(name)}: "
    return head + describe(result, profile=profile, width=max(width - columns(head), 40))


def describe(result: Result, *, profile: str = "default", width: int = VERDICT_WIDTH) -> str:
    """Return the verdict without a name, in at most `width` columns, 40 or more."""
    failure, published = result["failure"], result["v3"]
    kind = None if failure is None else FAILURES.get(failure)
    if profile == "v3" and published["crashed"] and not (kind and kind.is_error):
        return f"the published scorer crashes on this output: {clean(published['crashed'])}"
    if failure is None:
        if profile == "v3" and not published["json_exact"]:
            return f"exact, but not by the published scorer, whose FieldF1 is {published['field_f1']:.2f}"
        return "exact"
    if kind and kind.verdict:
        return shorten(of_root(result, kind.verdict) + _particulars(result, width), width)
    return _wrong_fields(result, width)


def _particulars(result: Result, width: int) -> str:
    """Return what a verdict adds to the words of its failure kind."""
    match result["failure"]:
        case "runtime_error":
            return f": {clean(result['error'] or 'the backend gave no reason')}"
        case "timeout" if result["latency_s"] is not None:
            return f" after {result['latency_s']:.1f} s"
        case "truncated" | "loop":
            tokens = result["output_tokens"]
            if result["finish_reason"] == "loop":
                where = ", ended" if tokens is None else f", ended at {tokens} tokens"
            else:
                where = " at the token limit" if tokens is None else f" at {tokens} tokens"
            return where + ", in its thought" * (result["extraction"]["error"] == "malformed:open_thought")
        case "no_json":
            return f": {show(result['output'].strip(), width)}"
        case "malformed":
            return f": {malformed_name(result)}"
    return ""


def of_root(result: Result, text: str) -> str:
    """Return words about objects as they are for a result whose answer should have been an array or a scalar."""
    roots = roots_of(result)
    if roots == OBJECT:
        return text
    name = next(iter(roots)) if len(roots) == 1 and roots != {"null"} else "value"
    article = "an" if name == "array" else "a"
    return re.sub(r"\ban object\b", f"{article} {name}", text).replace("object", name)


def malformed_name(result: Result) -> str:
    """Return what makes the JSON of an output malformed."""
    kind = (result["extraction"]["error"] or "").partition(":")[2]
    known = MALFORMED.get(kind or "syntax")
    words = of_root(result, known.words) if known else clean(kind).replace("_", " ")
    if kind in _VAGUE and (at := _broken_at(result)):
        words += f" at {show(at, SHOWN)}" if " " < at[0] < "\x7f" else f" at {named(at[0])}"
    return words


def _broken_at(result: Result) -> str:
    return extract(
        result["output"], result["extraction"]["policy"], thoughts=Marks(own_marks(result)), roots=roots_of(result)
    ).at


def count_fields(result: Result) -> str:
    """Return how many fields are wrong: `2 of 14 fields wrong, 1 extra`."""
    if result["value"] == {} and result["fields"]:
        return "an empty object"
    real = [field for field in result["fields"] if field["kind"] not in LEAFLESS]
    wrong = sum("expected" in field for field in real)
    extra = len(real) - wrong
    parts = [f"{wrong} of {result['leaves']} fields wrong"] if wrong else []
    parts += [f"{extra} extra" if wrong else counted(extra, "extra field")] if extra else []
    return ", ".join(parts) or "every field right, array items in another order"


def _wrong_fields(result: Result, width: int) -> str:
    text = count_fields(result)
    if result["failure"] == "schema_invalid":
        text += ", schema violated"
    items = [] if result["value"] == {} else list(_in_brief(result["fields"]))
    for number, item in enumerate(items):
        more = ", …" if number + 1 < len(items) else ""
        addition = (": " if number == 0 else ", ") + item
        if columns(text + addition + more) > width:
            room = width - columns(text) - 2
            return shorten(text + addition, width) if number == 0 and room > 20 else text + ", …" * bool(number)
        text += addition
    return text


def _in_brief(fields: Sequence[FindingRecord]) -> Iterator[str]:
    """Yield what is wrong in a few words each; the leaves of one array item, and both halves of a renaming, as one."""
    last = ""
    for position, field in enumerate(fields):
        kind, path = field["kind"], clean(field["path"]) or "(root)"
        if kind == "array_order":
            text = f"{path} in another order"
        elif kind == "array_length":
            item = re.match(r".*\[\d+\]", path)
            text = f"{item.group() if item else path} {'missing' if 'expected' in field else 'extra'}"
        elif kind == "renamed" and "expected" in field and _is_other_half(fields, position + 1):
            other = fields[position + 1]["path"]
            text = f"{path} renamed to {clean(other)}"
            if look_alike(field["path"], other):
                text += f" ({told_apart(field['path'], other)})"
        elif kind == "renamed":
            continue
        elif "got" not in field:
            text = f"{path} missing"
        elif "expected" not in field:
            text = f"{path} extra: {show(field['got'], 30)}"
        else:
            expected, got = field["expected"], field["got"]
            text = f"{path} {show(expected, 40)} → {show(got, 40)}"
            if isinstance(expected, str) and isinstance(got, str) and look_alike(expected, got):
                text += f" ({told_apart(expected, got)})"
        if text != last:
            yield text
        last = text


def _is_other_half(fields: Sequence[FindingRecord], position: int) -> bool:
    return position < len(fields) and fields[position]["kind"] == "renamed" and "expected" not in fields[position]
