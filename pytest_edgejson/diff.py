"""What a person reads about one output: the verdict in a line, the field-level diff, the whole failure.

Everything is made of a result line, JSON builtins only. Values and outputs come from a model: whatever a terminal would
act on, control characters, escape sequences, marks that turn the direction of writing, lone surrogates, is shown as an
escape instead.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERDICT_WIDTH = 160
WIDTH = 80

_KIND_NAMES = {
    "extra": "extra (not in the expected output)",
    "hallucinated": "hallucinated (nowhere in the text)",
    "near": "near (all but right)",
    "swapped": "swapped (the value of another field)",
    "enum": "enum (not one of the allowed values)",
    "range": "range (not in the allowed range)",
    "array_length": "array length (an item missing or too many)",
    "array_order": "array order (items in another order)",
    "renamed": "renamed (the value stands under another name)",
}
_MALFORMED_NAMES = {
    "python_literal": "single quotes or a Python literal",
    "nan": "NaN or Infinity",
    "number": "a number too long or too large",
    "nesting": "nested too deeply",
    "unterminated": "it ends inside the object",
    "syntax": "a syntax error",
}
_FLAG_NAMES = {
    "fenced": "in a code fence",
    "prose": "with prose around it",
    "run_on": "followed by more, as if the answer had not ended",
}
_MOST_FINDINGS = 60
_MOST_VIOLATIONS = 20
_LONGEST_VALUE = 10_000
_HEAD, _TAIL = 1_200, 600
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def clean(text: str, keep: str = "") -> str:
    r"""Return a text with everything that is not printable as an escape, such as `\x1b`.

    Args:
        text: any text.
        keep: characters to leave as they are, such as a line feed.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _escape(char) for char in text)


def _escape(char: str) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    code = ord(char)
    return named.get(char) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def shorten(text: str, width: int) -> str:
    """Return a text of at most `width` characters, its end replaced by `…` where it is longer."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def show(value: Any, width: int | None = None) -> str:
    """Return a JSON value as text that is safe to print, shortened where a width is given."""
    # No more than is shown is escaped: a value can be megabytes long.
    if isinstance(value, str) and width is not None:
        value = value[: width + 1]
    text = clean(json.dumps(value, ensure_ascii=False))
    return text if width is None else shorten(text, width)


def verdict(name: str, result: Mapping[str, Any], *, profile: str = "default", width: int = VERDICT_WIDTH) -> str:
    """Return one line that says how an output did: `invoice-007[nano]: 2 of 14 fields wrong: total 38.5 → 385.0, …`.

    Args:
        name: the test's name.
        result: a result line.
        profile: `v3` adds what the published scorer makes of it where that differs.
        width: the longest line to return; a longer name goes beyond it.
    """
    head = f"{clean(name)}: "
    return head + _verdict(result, profile, max(width - len(head), 40))


def _verdict(result: Mapping[str, Any], profile: str, width: int) -> str:
    failure, output = result["failure"], result["output"]
    published = result.get("v3") or {}
    if failure == "runtime_error":
        return shorten(f"could not be run: {clean(result.get('error') or 'the backend gave no reason')}", width)
    if failure == "timeout":
        seconds = result.get("latency_s")
        return "timed out" if seconds is None else f"timed out after {seconds:.1f} s"
    if profile == "v3" and published.get("crashed"):
        return f"the published scorer crashes on this output: {published['crashed']}"
    if failure is None:
        if profile == "v3" and not published.get("json_exact"):
            return f"exact, but not by the published scorer, whose FieldF1 is {published.get('field_f1', 0.0):.2f}"
        return "exact"
    if failure == "empty":
        return "empty output"
    if failure == "no_json":
        return shorten(f"no JSON in the output: {show(output.strip(), width)}", width)
    if failure == "truncated":
        tokens = result.get("output_tokens")
        return "truncated at the token limit" if tokens is None else f"truncated at {tokens} tokens"
    if failure == "malformed":
        return shorten(f"malformed JSON: {_malformed(result)}", width)
    if failure == "wrong_root":
        return "the output is JSON, but not an object"
    return _wrong_fields(result, width)


def _malformed(result: Mapping[str, Any]) -> str:
    kind = str(result["extraction"].get("error") or "").partition(":")[2]
    return _MALFORMED_NAMES.get(kind, kind.replace("_", " ") or "a syntax error")


def count_fields(result: Mapping[str, Any]) -> str:
    """Return how many fields are wrong: `2 of 14 fields wrong, 1 extra`."""
    if result.get("value") == {} and result["fields"]:
        return "an empty object"
    real = [field for field in result["fields"] if field["kind"] != "array_order"]
    wrong = sum("expected" in field for field in real)
    extra = len(real) - wrong
    total = f"{wrong} of {result['leaves']}" if "leaves" in result else str(wrong)
    parts = [f"{total} field{'' if total == '1' else 's'} wrong"] if wrong else []
    parts += [f"{extra} extra" if wrong else f"{extra} extra field{'' if extra == 1 else 's'}"] if extra else []
    return ", ".join(parts) or "every field right, array items in another order"


def _wrong_fields(result: Mapping[str, Any], width: int) -> str:
    text = count_fields(result)
    if result["failure"] == "schema_invalid":
        text += ", schema violated"
    items = [] if result.get("value") == {} else list(_in_brief(result["fields"]))
    for number, item in enumerate(items):
        more = ", …" if number + 1 < len(items) else ""
        addition = (": " if number == 0 else ", ") + item
        if len(text + addition + more) > width:
            room = width - len(text) - 2
            return shorten(text + addition, width) if number == 0 and room > 20 else text + ", …" * bool(number)
        text += addition
    return text


def _in_brief(fields: Sequence[Mapping[str, Any]]) -> Iterator[str]:
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


def _is_other_half(fields: Sequence[Mapping[str, Any]], position: int) -> bool:
    return position < len(fields) and fields[position]["kind"] == "renamed" and "expected" not in fields[position]


def render_diff(result: Mapping[str, Any], *, width: int = WIDTH, color: bool = False, verbose: bool = False) -> str:
    """Return what is wrong with each field, grouped by kind: path, expected value, given value in columns.

    Args:
        result: a result line.
        width: columns to fit into. A value that does not is shortened on a line of its own.
        color: mark expected and given values with ANSI colours.
        verbose: all fields and whole values.
    """
    fields = result["fields"]
    if not fields:
        return ""
    shown = fields if verbose else fields[:_MOST_FINDINGS]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for field in shown:
        groups.setdefault(field["kind"], []).append(field)
    columns = _columns(shown, width)
    lines = [_paint(_row(("field", "expected", "got"), columns), _BOLD, color)]
    for kind, group in groups.items():
        lines.append(f"{_KIND_NAMES.get(kind, kind.replace('_', ' '))}:")
        for field in group:
            lines += _field_lines(field, columns, width, color=color, verbose=verbose)
    if len(shown) < len(fields):
        lines.append(f"… and {len(fields) - len(shown)} more")
    return "\n".join(lines)


def _sides(field: Mapping[str, Any]) -> tuple[str, str]:
    if field["kind"] == "array_order":
        return ("", "") if "got" not in field else ("0, 1, …", ", ".join(map(str, field["got"])))
    expected = show(field["expected"], _LONGEST_VALUE) if "expected" in field else "–"
    return expected, show(field["got"], _LONGEST_VALUE) if "got" in field else "–"


def _columns(fields: Sequence[Mapping[str, Any]], width: int) -> tuple[int, int]:
    """Return how wide paths and expected values are: as wide as they are, or a third of the line."""
    third = (width - 6) // 3
    paths = [len(clean(field["path"])) for field in fields]
    values = [len(_sides(field)[0]) for field in fields]
    return (
        max([len("field"), *(length for length in paths if length <= third)]),
        max([len("expected"), *(length for length in values if length <= third)]),
    )


def _row(cells: tuple[str, str, str], columns: tuple[int, int]) -> str:
    return f"  {cells[0]:<{columns[0]}}  {cells[1]:<{columns[1]}}  {cells[2]}"


def _field_lines(
    field: Mapping[str, Any], columns: tuple[int, int], width: int, *, color: bool, verbose: bool
) -> Iterator[str]:
    path, (expected, got) = clean(field["path"]) or "(root)", _sides(field)
    fits = len(path) <= columns[0] and len(expected) <= columns[1]
    if fits and 2 + columns[0] + 2 + columns[1] + 2 + len(got) <= width:
        yield (
            f"  {path:<{columns[0]}}  {_paint(expected, _RED, color)}{' ' * (columns[1] - len(expected))}  "
            f"{_paint(got, _GREEN, color)}"
        ).rstrip()
        return
    yield f"  {path if verbose else shorten(path, width - 2)}"
    for sign, key, value, ansi in (("-", "expected", expected, _RED), ("+", "got", got, _GREEN)):
        if key in field:
            yield _paint(f"    {sign} {value if verbose else shorten(value, width - 6)}", ansi, color)


def _paint(text: str, ansi: str, color: bool) -> str:
    return f"{ansi}{text}{_PLAIN}" if color and text else text


def render_failure(
    name: str,
    result: Mapping[str, Any],
    *,
    rerun: str,
    verbose: bool = False,
    color: bool = False,
    profile: str = "default",
    width: int = WIDTH,
) -> str:
    """Return all there is to say about one output: verdict, diff, schema violations, the output, how to run it again.

    Args:
        name: the test's name.
        result: a result line; `violations`, a list of `path` and `message`, is shown where it holds them.
        rerun: a command.
        verbose: the whole output and whole values.
        color: mark the diff with ANSI colours.
        profile: see `verdict`.
        width: columns to fit the diff into.
    """
    blocks = [_paint(verdict(name, result, profile=profile), _BOLD, color)]
    blocks.append(render_diff(result, width=width, color=color, verbose=verbose))
    blocks.append(_violations(result.get("violations") or [], verbose=verbose))
    blocks.append(_how_found(result))
    blocks.append(_output(result["output"], verbose=verbose))
    blocks.append(f"run it again: {clean(rerun)}")
    return "\n\n".join(filter(None, blocks))


def _violations(violations: Sequence[Mapping[str, str]], *, verbose: bool) -> str:
    if not violations:
        return ""
    shown = violations if verbose else violations[:_MOST_VIOLATIONS]
    lines = [f"  {clean(each['path']) or '(root)'} {clean(each['message'])}" for each in shown]
    if len(shown) < len(violations):
        lines.append(f"  … and {len(violations) - len(shown)} more")
    return "\n".join(["the schema does not allow:", *lines])


def _how_found(result: Mapping[str, Any]) -> str:
    extraction = result["extraction"]
    policy = f"{extraction['policy']} extraction"
    if result["finish_reason"] == "length":
        policy = f"generation ended at the token limit; {policy}"
    if result["value"] is None:
        error = str(extraction.get("error") or "no_json")
        kind, _, _ = error.partition(":")
        names = {"empty": "the output is empty", "no_json": "no JSON object", "wrong_root": "JSON, but no object"}
        return f"{policy}: {names.get(kind) or f'malformed JSON, {_malformed(result)}'}"
    forms = {"bare": "the object is the whole output", "fenced": "an object", "embedded": "an object in the output"}
    flags = [_FLAG_NAMES.get(flag, flag) for flag in result["flags"]]
    return f"{policy}: {', '.join([forms.get(extraction['form'], 'an object'), *flags])}"


def _output(output: str, *, verbose: bool) -> str:
    if not output:
        return "output: none"
    title = f"output ({len(output):,} characters):"
    if not verbose and len(output) > _HEAD + _TAIL + 100:
        left_out = len(output) - _HEAD - _TAIL
        body = f"{clean(output[:_HEAD], keep=chr(10))}\n… {left_out:,} characters left out, -vv shows them …\n"
        body += clean(output[-_TAIL:], keep="\n")
    else:
        body = clean(output, keep="\n")
    return "\n".join([title, *(f"  | {line}" for line in body.split("\n"))])
