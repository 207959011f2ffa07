"""The verdict: how an output did, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_edgejson.values.text import clean, columns, shorten, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.records import FindingRecord

VERDICT_WIDTH = 160

_MALFORMED_NAMES = {
    "python_literal": "single quotes or a Python literal",
    "nan": "NaN or Infinity",
    "number": "a number too long or too large",
    "nesting": "nested too deeply",
    "unterminated": "it ends inside the object",
    "syntax": "a syntax error",
}


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
    failure, output = result["failure"], result["output"]
    published = result["v3"]
    if failure == "runtime_error":
        return shorten(f"could not be run: {clean(result['error'] or 'the backend gave no reason')}", width)
    if failure == "timeout":
        seconds = result["latency_s"]
        return "timed out" if seconds is None else f"timed out after {seconds:.1f} s"
    if profile == "v3" and published["crashed"]:
        return f"the published scorer crashes on this output: {clean(published['crashed'])}"
    if failure is None:
        if profile == "v3" and not published["json_exact"]:
            return f"exact, but not by the published scorer, whose FieldF1 is {published['field_f1']:.2f}"
        return "exact"
    if failure == "empty":
        return "empty output"
    if failure == "no_json":
        return shorten(f"no JSON in the output: {show(output.strip(), width)}", width)
    if failure == "truncated":
        tokens = result["output_tokens"]
        return "truncated at the token limit" if tokens is None else f"truncated at {tokens} tokens"
    if failure == "malformed":
        return shorten(f"malformed JSON: {malformed_name(result)}", width)
    if failure == "wrong_root":
        return "the output is JSON, but not an object"
    return _wrong_fields(result, width)


def malformed_name(result: Result) -> str:
    """Return what makes the JSON of an output malformed."""
    kind = (result["extraction"]["error"] or "").partition(":")[2]
    return _MALFORMED_NAMES.get(kind, clean(kind).replace("_", " ") or "a syntax error")


def count_fields(result: Result) -> str:
    """Return how many fields are wrong: `2 of 14 fields wrong, 1 extra`."""
    if result["value"] == {} and result["fields"]:
        return "an empty object"
    real = [field for field in result["fields"] if field["kind"] != "array_order"]
    wrong = sum("expected" in field for field in real)
    extra = len(real) - wrong
    parts = [f"{wrong} of {result['leaves']} fields wrong"] if wrong else []
    parts += [f"{extra} extra" if wrong else f"{extra} extra field{'' if extra == 1 else 's'}"] if extra else []
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
        kind, path = field["kind"], clean(field["path"])
        if kind == "array_order":
            text = f"{path} in another order"
        elif kind == "array_length":
            item = re.match(r".*\[\d+\]", path)
            text = f"{item.group() if item else path} {'missing' if 'expected' in field else 'extra'}"
        elif kind == "renamed" and "expected" in field and _is_other_half(fields, position + 1):
            text = f"{path} renamed to {clean(fields[position + 1]['path'])}"
        elif kind == "renamed":
            continue
        elif "got" not in field:
            text = f"{path} missing"
        elif "expected" not in field:
            text = f"{path} extra: {show(field['got'], 30)}"
        else:
            text = f"{path} {show(field['expected'], 40)} → {show(field['got'], 40)}"
        if text != last:
            yield text
        last = text


def _is_other_half(fields: Sequence[FindingRecord], position: int) -> bool:
    return position < len(fields) and fields[position]["kind"] == "renamed" and "expected" not in fields[position]
