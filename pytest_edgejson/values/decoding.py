"""A strict JSON decoder that has no recursion, limits what it accepts, and says what is wrong and where.

`json.loads` takes duplicate keys and NaN, recurses as deep as the text does, and finds the line of each error by
counting line feeds from the start, which makes many attempts on one text quadratic.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, Literal, NoReturn, TypeAlias

# Deeper than any data here (6), and so little that recursive code after it stays clear of Python's recursion limit.
MAX_DEPTH = 64
MAX_NUMBER_LENGTH = 1_000

# From here on a double may stand for several whole numbers.
_FIRST_UNSURE = 2**53

_BLANK = re.compile(r"[ \t\n\r]*")
# `|(?!)` returns to where a try began that has failed halfway, which possessive groups do only since Python 3.11.5.
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|(?!))*+')
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][+-]?[0-9]++)?")
_CUT_NUMBER = re.compile(r"(?:-|\.|[eE][+-]?)\Z")
_WORD = re.compile(r"-?[A-Za-z_]++")
_LITERALS = {"true": True, "false": False, "null": None}
_NOT_FINITE = {"NaN", "-NaN", "nan", "-nan", "Infinity", "-Infinity", "inf", "-inf"}
_PYTHON = {"True", "False", "None"}


MalformedKind: TypeAlias = Literal[
    "trailing_comma",
    "python_literal",
    "unescaped_character",
    "duplicate_key",
    "nan",
    "number",
    "nesting",
    "unterminated",
    "syntax",
]


class MalformedError(ValueError):
    """Text that is no JSON value.

    Attributes:
        kind: what is wrong; `unterminated` where the text ends inside the value.
        position: the offset at which decoding ended.
        partial: for `unterminated`, what came before the end: the root object or array with all complete members and
            no unfinished scalar; None where not even a root had begun.
        open_path: where in `partial` the innermost container is that had not closed. All others but those it lies in
            are complete.
    """

    def __init__(self, kind: MalformedKind, position: int) -> None:
        self.kind: MalformedKind = kind
        self.position = position
        self.partial: dict[str, Any] | list[Any] | None = None
        self.open_path: tuple[str | int, ...] = ()
        super().__init__(f"{kind.replace('_', ' ')} at offset {position}")


def decode(text: str, start: int = 0) -> tuple[Any, int]:
    """Decode the JSON value at an offset; return it and the offset after it.

    Accepts what the JSON grammar does, less duplicate keys, nesting beyond `MAX_DEPTH`, and numbers that no double
    holds or that are longer than `MAX_NUMBER_LENGTH`.

    Raises:
        MalformedError: there is no such value.
    """
    # What is well-formed from the start on is left to Python's own decoder, which is four times as fast. No more levels
    # than brackets, so that it need not count them; and one question per text, whose lines it counts.
    if start == 0 and text.count("{") + text.count("[") <= MAX_DEPTH:
        begin = _skip(text, 0)
        if text[begin : begin + 1] in ("{", "["):
            try:
                return _STRICT.raw_decode(text, begin)
            except (ValueError, OverflowError):
                pass  # ours says what is wrong
    stack: list[dict[str, Any] | list[Any]] = []
    keys: list[str] = []
    try:
        return _decode(text, start, stack, keys)
    except MalformedError as error:
        if error.kind == "unterminated" and stack:
            error.partial, error.open_path = stack[0], _join(stack, keys)
        raise


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _short_number(digits: str) -> int | float:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise ValueError
    return read_number(digits)


_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_reject_constant, parse_int=_short_number, parse_float=_short_number
)


def _join(stack: list[dict[str, Any] | list[Any]], keys: list[str]) -> tuple[str | int, ...]:
    """Put each open container into the one it stands in; return the path of the innermost."""
    path: list[str | int] = []
    for outer, inner, key in zip(stack, stack[1:], keys, strict=False):
        if isinstance(outer, dict):
            outer[key] = inner
            path.append(key)
        else:
            outer.append(inner)
            path.append(len(outer) - 1)
    return tuple(path)


def _decode(text: str, start: int, stack: list[dict[str, Any] | list[Any]], keys: list[str]) -> tuple[Any, int]:
    """Decode as `decode` does; `stack` and `keys` are filled with what is open."""
    position = start
    while True:
        position = _skip(text, position)
        opening = text[position : position + 1]
        value: Any
        if opening in ("{", "["):
            if len(stack) == MAX_DEPTH:
                raise MalformedError("nesting", position)
            value = {} if opening == "{" else []
            position = _skip(text, position + 1)
            if text[position : position + 1] != ("}" if opening == "{" else "]"):
                stack.append(value)
                key = ""
                if opening == "{":
                    key, position = _key(text, position, value)
                keys.append(key)
                continue
            position += 1
        else:
            value, position = _scalar(text, position)
        while stack:
            top = stack[-1]
            is_object = isinstance(top, dict)
            # A number that the text ends with may go on.
            if position == len(text) and type(value) in (int, float):
                raise MalformedError("unterminated", position)
            if isinstance(top, dict):
                top[keys[-1]] = value
            else:
                top.append(value)
            after = position
            position = _skip(text, position)
            char = text[position : position + 1]
            if char == ",":
                position = _skip(text, position + 1)
                if text[position : position + 1] in ("}", "]"):
                    raise MalformedError("trailing_comma", position)
                if isinstance(top, dict):
                    keys[-1], position = _key(text, position, top)
                break
            if char != ("}" if is_object else "]"):
                _no_delimiter(text, after, position)
            position += 1
            value = stack.pop()
            keys.pop()
        else:
            return value, position


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _key(text: str, position: int, into: dict[str, Any]) -> tuple[str, int]:
    char = text[position : position + 1]
    if char != '"':
        raise MalformedError("unterminated" if not char else "python_literal" if char == "'" else "syntax", position)
    key, end = _string(text, position)
    if key in into:
        raise MalformedError("duplicate_key", position)
    colon = _skip(text, end)
    if text[colon : colon + 1] != ":":
        _no_delimiter(text, end, colon)
    return key, colon + 1


def _no_delimiter(text: str, after: int, position: int) -> NoReturn:
    """Say why what follows a value is no delimiter."""
    if position == len(text):
        raise MalformedError("unterminated", position)
    # `"a "quoted" word"`: a string seems to end, and its next word stands right behind the quote.
    if after == position and text[after - 1] == '"' and (text[position].isalnum() or text[position] in "_-.'!?("):
        raise MalformedError("unescaped_character", position)
    raise MalformedError("syntax", position)


def _string(text: str, position: int) -> tuple[str, int]:
    match = _STRING.match(text, position)
    end = match.end() if match else position
    if text[end : end + 1] == '"':
        body = text[position + 1 : end]
        return (json.loads(f'"{body}"') if "\\" in body else body), end + 1
    cut = end == len(text) or _CUT_ESCAPE.match(text, end)
    raise MalformedError("unterminated" if cut else "unescaped_character", end)


def _scalar(text: str, position: int) -> tuple[Any, int]:
    char = text[position : position + 1]
    if char == '"':
        return _string(text, position)
    if match := _NUMBER.match(text, position):
        if _CUT_NUMBER.match(text, match.end()):
            raise MalformedError("unterminated", len(text))
        return _number(match), match.end()
    if match := _WORD.match(text, position):
        word = match.group()
        if word in _LITERALS:
            return _LITERALS[word], match.end()
        if match.end() == len(text) and any(literal.startswith(word) for literal in _LITERALS):
            raise MalformedError("unterminated", len(text))
        raise MalformedError(
            "nan" if word in _NOT_FINITE else "python_literal" if word in _PYTHON else "syntax", position
        )
    if _CUT_NUMBER.match(text, position) or not char:
        raise MalformedError("unterminated", len(text))
    raise MalformedError("python_literal" if char == "'" else "syntax", position)


def _number(match: re.Match[str]) -> int | float:
    digits = match.group()
    if len(digits) > MAX_NUMBER_LENGTH:
        raise MalformedError("number", match.start())
    try:
        return read_number(digits)
    except OverflowError:
        raise MalformedError("number", match.start()) from None


def read_number(digits: str) -> int | float:
    """Return the value of a JSON number: an int where the text has no fraction and no exponent, or is a whole number
    that a double may not hold, such as `1e23`.

    Raises:
        OverflowError: it is above the largest double, where a validator's arithmetic overflows, and other readers of a
            result see infinity.
    """
    value = float(digits)
    if math.isinf(value):
        raise OverflowError(digits)
    if digits.lstrip("-").isdecimal():
        return int(digits)
    if abs(value) >= _FIRST_UNSURE and (exact := Decimal(digits)) == (whole := int(exact)):
        return whole
    return value
