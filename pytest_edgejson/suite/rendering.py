"""The form of EdgeJSON's prompts: a record as lines of `Title Case Key: value`, and the way back.

A title, a blank line, one line per scalar, two spaces of indent per level, a bare `Label:` above nested lines (and
alone for an empty object), a blank line, a closing sentence that asks for JSON. Unlike EdgeJSON v3, each item of a list
begins with `- `, so that array boundaries can be recovered from the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_edgejson.suite.cases import JSONValue
    from pytest_edgejson.values.jsonvalue import Path

_CLOSING = re.compile(r"Please extract the .* information as JSON\.")
_LABEL = re.compile(r"(?P<label>[A-Z0-9][A-Za-z0-9]*(?: [A-Z0-9][A-Za-z0-9]*)*):(?: (?P<value>.*))?", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_ANYTHING: dict[str, Any] = {}


class FormError(ValueError):
    """A prompt is not in the form of this module."""


def label(key: str) -> str:
    """Return the label of a key: `total_amount` becomes `Total Amount`."""
    return key.replace("_", " ").title()


def scalar_text(value: JSONValue) -> str:
    """Return how a scalar stands in a prompt: `True`, `False`, `None`, and numbers as Python prints them."""
    return value if isinstance(value, str) else str(value)


def render_prompt(record: Mapping[str, Any], heading: str, title: str, *, delimited: bool = True) -> str:
    """Return the prompt of a record.

    Args:
        record: the object the prompt describes. Its strings hold no line breaks and its arrays are not empty.
        heading: the first line.
        title: what the closing sentence asks for.
        delimited: begin each item of a list with `- `. False gives EdgeJSON v3's form, in which array boundaries can
            be lost.
    """
    body = "\n".join(_object_lines(record, "", delimited))
    return f"{heading}\n\n{body}\n\nPlease extract the {title.lower()} information as JSON."


def _object_lines(record: Mapping[str, Any], indent: str, delimited: bool) -> list[str]:
    lines = []
    for key, value in record.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{label(key)}:", *_object_lines(value, indent + "  ", delimited)]
        elif isinstance(value, list):
            lines.append(f"{indent}{label(key)}:")
            for item in value:
                lines += _item_lines(item, indent + "  ", delimited)
        else:
            lines.append(f"{indent}{label(key)}: {scalar_text(value)}")
    return lines


def _item_lines(item: JSONValue, indent: str, delimited: bool) -> list[str]:
    dash = "- " if delimited else ""
    if not isinstance(item, Mapping):
        return [f"{indent}{dash}{scalar_text(item)}"]
    first, *rest = _object_lines(item, indent + " " * len(dash), delimited)
    return [f"{indent}{dash}{first.lstrip()}", *rest]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt of this form says.

    Attributes:
        record: the object.
        undelimited: paths of the arrays of objects whose items nothing separates (v3), in document order.
    """

    record: dict[str, Any]
    undelimited: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    depth: int
    dashed: bool
    text: str


def parse_prompt(prompt: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the record of `read_prompt`."""
    return read_prompt(prompt, schema).record


def read_prompt(prompt: str, schema: Mapping[str, Any] | None = None, *, in_key_order: bool = False) -> Reading:
    """Read a record back from a prompt of this form, or of EdgeJSON v3's.

    Without a schema, types are guessed from the text alone: what looks like a number, `True`, `False` or `None` is one.
    With a schema, its types decide. Where items are not delimited (v3), one ends where a key repeats, so that each
    item has the keys that the schema requires, if that is possible.

    Args:
        prompt: the text.
        schema: a JSON Schema of the record.
        in_key_order: an item that is not delimited ends also where a key stands before the last one in the schema.

    Raises:
        FormError: the prompt has another form, or a value cannot have the type that the schema asks for.
    """
    parser = _Parser(in_key_order)
    try:
        return Reading(parser.record(_body(prompt), schema or _ANYTHING, ()), tuple(parser.undelimited))
    except RecursionError:
        raise FormError("nested too deeply") from None


def _body(prompt: str) -> list[_Line]:
    text_lines = prompt.rstrip().split("\n")
    if len(text_lines) < 4 or text_lines[1] or text_lines[-2] or not _CLOSING.fullmatch(text_lines[-1]):
        raise FormError(
            "not in EdgeJSON's form: a title, a blank line, labelled lines, a blank line, a closing sentence"
        )
    body = text_lines[2:-2]
    lines: list[_Line] = []
    for text in body if body != [""] else []:
        bare = text.lstrip(" ")
        depth = len(text) - len(bare)
        if bare.startswith("- "):
            lines.append(_Line(depth + 2, True, bare[2:]))
        elif lines and depth == 0 and text and not _LABEL.fullmatch(text):
            # Items of a list are indented: this can only be the next line of a text, such as an address.
            lines[-1] = replace(lines[-1], text=f"{lines[-1].text}\n{text}")
        else:
            lines.append(_Line(depth, False, bare))
    return lines


def splits(keys: Sequence[str], required: Collection[str]) -> Iterator[list[int]]:
    """Yield the ways in which the keys of objects that follow each other can be cut into objects.

    No object has a key twice, each has all required keys, and none is empty. Longest objects first: the first way is
    that a key which occurs again begins a new object, where that leaves each object its required keys.

    Args:
        keys: of all objects, as they follow each other.
        required: what each object has.

    Yields:
        The lengths of the objects. There can be exponentially many ways; finding each takes O(n · k) at most, for n
        keys of which k differ.
    """

    def ends(start: int) -> list[int]:
        seen: set[str] = set()
        missing = set(required)
        found = []
        for end in range(start, len(keys)):
            if keys[end] in seen:
                break
            seen.add(keys[end])
            missing.discard(keys[end])
            if not missing and reachable[end + 1]:
                found.append(end + 1)
        return found

    # From which places the end can be reached: no way that is begun is in vain.
    reachable = [False] * len(keys) + [True]
    for start in reversed(range(len(keys))):
        reachable[start] = bool(ends(start))
    # Not recursive: an array can have thousands of items.
    open_ends = [ends(0)] if keys and reachable[0] else []
    chosen: list[int] = []
    while open_ends:
        if not open_ends[-1]:
            open_ends.pop()
            if chosen:
                chosen.pop()
            continue
        chosen.append(open_ends[-1].pop())
        if chosen[-1] == len(keys):
            yield [end - start for start, end in pairwise([0, *chosen])]
            chosen.pop()
        else:
            open_ends.append(ends(chosen[-1]))


def required_keys(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys that a schema requires by its own keyword `required`."""
    named = schema.get("required")
    return frozenset(named) if isinstance(named, list) else frozenset()


def _part(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    """Return a schema inside a schema; one that is no object (`true`, a list for each place) allows anything here."""
    part = schema.get(keyword)
    return part if isinstance(part, Mapping) else _ANYTHING


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that a schema names; empty where it names none."""
    named = schema.get("type", ())
    return frozenset([named] if isinstance(named, str) else named)


def _key(name: str, properties: Mapping[str, Any]) -> str:
    """Return the key that a label stands for: a property's with this label, else the label in snake case."""
    key = name.lower().replace(" ", "_")
    return key if key in properties else next((known for known in properties if label(known) == name), key)


def _blocks(lines: Sequence[_Line]) -> list[tuple[str, str | None, list[_Line]]]:
    """Split the lines of an object into label, text after the colon, and the deeper lines that follow."""
    blocks: list[tuple[str, str | None, list[_Line]]] = []
    depth = lines[0].depth if lines else 0
    for line in lines:
        if line.depth > depth and blocks:
            blocks[-1][2].append(line)
            continue
        found = _LABEL.fullmatch(line.text)
        if found is None or line.depth != depth:
            raise FormError(f"not a labelled line: {line.text[:60]!r}")
        blocks.append((found["label"], found["value"], []))
    return blocks


class _Parser:
    """Parses one prompt and notes which arrays are not delimited."""

    def __init__(self, in_key_order: bool) -> None:
        self._in_key_order = in_key_order
        self.undelimited: list[Path] = []

    def record(self, lines: Sequence[_Line], schema: Mapping[str, Any], path: Path) -> dict[str, Any]:
        properties = _part(schema, "properties")
        record: dict[str, Any] = {}
        for name, text, children in _blocks(lines):
            key = _key(name, properties)
            if key in record:
                raise FormError(f"{name!r} occurs twice in one object")
            if text is not None and children:
                raise FormError(f"lines below {name!r}, which has a value already")
            inner = _part(properties, key)
            record[key] = self._nested(children, inner, (*path, key)) if text is None else _parse_scalar(text, inner)
        return record

    def _nested(self, lines: Sequence[_Line], schema: Mapping[str, Any], path: Path) -> JSONValue:
        types = _types(schema)
        if types and types <= _SCALARS:
            if not lines and "string" in types:
                return ""
            raise FormError(f"a bare label, or lines below one, where the schema has {', '.join(sorted(types))}")
        items = _part(schema, "items")
        if lines and lines[0].dashed:
            return [self._item(group, items, (*path, index)) for index, group in enumerate(_dashed_groups(lines))]
        labelled = all(_LABEL.fullmatch(line.text) for line in lines if line.depth == lines[0].depth)
        is_array = "array" in types and "object" not in types
        if is_array and _types(items) and "object" not in _types(items):
            labelled = False
        if lines and not labelled:
            return [_parse_scalar(line.text, items) for line in lines]
        if is_array or (not types and _repeats(lines)):
            self.undelimited.append(path)
            groups = self._undelimited_groups(lines, items)
            return [self.record(group, items, (*path, index)) for index, group in enumerate(groups)]
        return self.record(lines, schema, path)

    def _item(self, lines: Sequence[_Line], schema: Mapping[str, Any], path: Path) -> JSONValue:
        scalar_wanted = bool(_types(schema)) and "object" not in _types(schema)
        if len(lines) == 1 and (scalar_wanted or not _LABEL.fullmatch(lines[0].text)):
            return _parse_scalar(lines[0].text, schema)
        return self.record(lines, schema, path)

    def _undelimited_groups(self, lines: Sequence[_Line], items: Mapping[str, Any]) -> list[list[_Line]]:
        properties = _part(items, "properties")
        blocks: list[list[_Line]] = []
        for line in lines:
            if line.depth == lines[0].depth:
                blocks.append([])
            blocks[-1].append(line)
        keys = [_key(block[0].text.partition(":")[0], properties) for block in blocks]
        lengths = None if self._in_key_order else next(splits(keys, required_keys(items)), None)
        if lengths is None:
            lengths = _lengths(keys, list(properties) if self._in_key_order else [])
        rest = iter(blocks)
        return [[line for block in islice(rest, length) for line in block] for length in lengths]


def _dashed_groups(lines: Sequence[_Line]) -> list[list[_Line]]:
    groups: list[list[_Line]] = []
    for line in lines:
        if line.dashed and line.depth == lines[0].depth:
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups


def _repeats(lines: Sequence[_Line]) -> bool:
    labels = [line.text.partition(":")[0] for line in lines if line.depth == lines[0].depth]
    return len(set(labels)) < len(labels)


def _lengths(keys: Sequence[str], order: Sequence[str]) -> list[int]:
    """Return the lengths of objects of which one ends where a key repeats, or stands before the last one in `order`."""
    place = {key: index for index, key in enumerate(order)}
    lengths: list[int] = []
    seen: set[str] = set()
    last = -1
    for key in keys:
        at = place.get(key, last)
        if not lengths or key in seen or at < last:
            lengths.append(0)
            seen = set()
        lengths[-1] += 1
        seen.add(key)
        last = at
    return lengths


def _parse_scalar(text: str, schema: Mapping[str, Any]) -> JSONValue:
    types = _types(schema) or _SCALARS
    if "boolean" in types and text in ("True", "False"):
        return text == "True"
    if "null" in types and text == "None":
        return None
    if types & {"integer", "number"} and _NUMBER.fullmatch(text):
        try:
            return float(text) if set(text) & set(".eE") else int(text)
        except ValueError:
            raise FormError(f"a number of {len(text)} digits") from None
    if "string" in types:
        return text
    raise FormError(f"{text[:60]!r} is no {' or '.join(sorted(types))}")
