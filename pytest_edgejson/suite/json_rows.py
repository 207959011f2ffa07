"""Rows: the JSON objects of a file, as people have them.

JSON Lines (`.jsonl`, `.ndjson`, …) or one JSON array (`.json`), in any encoding of Unicode, compressed by gzip (`.gz`)
or not. What a file holds is seen from its content; its name, in any case, only says whether it is looked into.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from pytest_edgejson.values.decoding import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINES = "jsonl|ndjson|ldjson|jsonlines"
SUFFIX = rf"\.(?:{_LINES}|json)(?:\.gz)?"
_NAME = re.compile(rf"(?P<stem>.+?){SUFFIX}", re.IGNORECASE | re.DOTALL)
_NAME_OF_LINES = re.compile(rf".+\.(?:{_LINES})(?:\.gz)?", re.IGNORECASE | re.DOTALL)
_GZIP = b"\x1f\x8b"
# What reading a compressed file raises that is cut off or changed.
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
_SPACE = re.compile(r"[ \t\r\n]*")
_CHUNK = 65_536


class CaseError(ValueError):
    """A row that is no case. The message says what is wrong and how to mend it.

    Attributes:
        path: the file the row is in.
        line: its 1-based line, or 0 where the whole file is meant.
    """

    def __init__(self, path: Path, line: int, message: str) -> None:
        self.path = path
        self.line = line
        self.message = message
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


class NoObject(CaseError):
    """A row that is JSON, but no object."""


def is_leftover(path: Path) -> bool:
    """Tell from a file's name whether a system or a program left it beside another: hidden (`._c.jsonl`), or a lock."""
    return path.name.startswith((".", "~$"))


def may_hold_rows(path: Path) -> bool:
    """Tell from a file's name whether it may hold rows."""
    return _NAME.fullmatch(path.name) is not None


def is_json_lines(path: Path) -> bool:
    """Tell from a file's name whether it is meant to hold JSON Lines."""
    return _NAME_OF_LINES.fullmatch(path.name) is not None


def stem(path: Path) -> str:
    """Return the name of a file of rows without its suffixes."""
    match = _NAME.fullmatch(path.name)
    return match["stem"] if match else path.stem


@contextmanager
def open_unzipped(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, uncompressed where it is compressed by gzip.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if file.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
            yield file
        else:
            with gzip.open(file) as unzipped:
                # GzipFile has no promise to peek as many bytes as are asked for.
                yield io.BufferedReader(unzipped)


def holds_other(path: Path, beginning: bytes) -> bool:
    """Tell whether a file is there that is not empty and begins otherwise, or is damaged.

    Raises:
        OSError: the file cannot be read.
    """
    # Nothing but a file is looked into: a pipe would wait for somebody who writes.
    if not path.is_file():
        return False
    try:
        with open_unzipped(path) as file:
            return file.read(len(beginning)) not in (b"", beginning)
    except _DAMAGE:
        return True


def raw_rows(path: Path) -> Iterator[tuple[int, bytes | str]]:
    """Yield place and text of each row, blank lines included, undecoded.

    The place is the 1-based line, or the element of an array. Only line feeds end a line: JSON strings may hold any of
    the other characters that Python counts as line ends.

    Raises:
        CaseError: the file is damaged, or an array that is no JSON.
        OSError: the file cannot be read.
    """
    try:
        with open_unzipped(path) as file:
            head = file.peek(_CHUNK)
            encoding = json.detect_encoding(head[:4])
            if head.decode(encoding, "ignore").lstrip()[:1] == "[":
                with io.TextIOWrapper(file, encoding) as text:
                    yield from enumerate(_elements(text, path), 1)
            elif encoding.startswith("utf-8"):
                # As bytes, so that an error names the byte.
                yield from enumerate(file, 1)
            else:
                with io.TextIOWrapper(file, encoding, newline="\n") as lines:
                    yield from enumerate(lines, 1)
    except UnicodeDecodeError as error:
        raise CaseError(path, 0, f"not {error.encoding.upper()}: {error.reason}; save the file as UTF-8") from None
    except _DAMAGE as error:
        raise CaseError(path, 0, f"damaged or cut off ({error}); make the file anew") from None


def _elements(file: IO[str], path: Path) -> Iterator[str]:
    """Yield the elements of an array, read piece by piece: a file in a folder of cases may be large and no suite."""
    # It only finds where an element ends: numbers of any length are left alone.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    text, at, line = "", 0, 1

    def wrong(what: str, where: int) -> CaseError:
        return CaseError(path, 0, f"not usable: line {line + text.count(chr(10), 0, where)}: {what}")

    def read(count: int) -> bool:
        nonlocal text, at, line
        piece = file.read(count)
        line += text.count("\n", 0, at)
        text, at = text[at:] + piece, 0
        return bool(piece)

    def next_sign() -> str:
        nonlocal at
        while True:
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            if at < len(text):
                return text[at]
            if not read(_CHUNK):
                return ""

    def element() -> str:
        nonlocal at
        while True:
            next_sign()
            try:
                _, end = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                # Twice as much each time, so that an element of any length is tried a few times.
                if read(max(_CHUNK, len(text))):
                    continue
                raise wrong(f"not JSON: {error.msg}, in an array of rows", error.pos) from None
            except RecursionError:
                raise wrong("nested too deeply", at) from None
            found, at = text[at:end], end
            return found

    next_sign()
    at += 1
    sign = next_sign()
    while sign != "]":
        yield element()
        sign = next_sign()
        if sign == ",":
            at += 1
        elif sign != "]":
            raise wrong("not JSON: neither a comma nor ] follows a row of an array", at)
    at += 1
    if next_sign():
        raise wrong("not JSON: something follows the array of rows", at)


def decode_row(raw: bytes | str, path: Path, line: int, *, nan_as_null: bool = False) -> dict[str, Any] | None:
    """Decode one row; None for a blank one.

    Args:
        raw: the line, or the element of an array.
        path: the file, for messages.
        line: its place, for messages.
        nan_as_null: take NaN and Infinity, which tables of pandas have for what is not there, as null.

    Raises:
        CaseError: the row is not UTF-8, not JSON or not an object.
    """
    try:
        text = (raw if isinstance(raw, str) else raw.decode("utf-8-sig" if line == 1 else "utf-8")).strip()
    except UnicodeDecodeError as error:
        raise CaseError(
            path, line, f"not UTF-8: byte {error.start + 1} of the line is invalid; save the file as UTF-8"
        ) from None
    if not text:
        return None
    try:
        row = json.loads(
            text,
            object_pairs_hook=_reject_duplicates,
            parse_constant=(lambda name: None) if nan_as_null else _reject_constant,
            parse_int=_number,
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        raise CaseError(path, line, f"not JSON: {error.msg} at column {error.colno}; each line is one object") from None
    except RecursionError:
        raise CaseError(path, line, "not usable: nested too deeply") from None
    except ValueError as error:
        raise CaseError(path, line, f"not usable: {error}") from None
    if not isinstance(row, dict):
        raise NoObject(path, line, f"a case is a JSON object, this line is {kind_of(row)}")
    return row


def iter_rows(path: Path, *, nan_as_null: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield place and object of each row of a file that is not blank.

    Raises:
        CaseError: see `raw_rows` and `decode_row`.
        OSError: the file cannot be read.
    """
    for number, raw in raw_rows(path):
        row = decode_row(raw, path, number, nan_as_null=nan_as_null)
        if row is not None:
            yield number, row


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def quoted(value: object) -> str:
    """Return a value as Python writes it, of 60 characters at most."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {quoted(key)} occurs twice in one object; remove one of them")
        found[key] = value
    return found


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value; use a number, null, or leave the key out")


def _number(digits: str) -> int | float:
    try:
        return read_number(digits)
    except OverflowError:
        raise ValueError(
            f"the number {digits[:20]}{'…' * (len(digits) > 20)} is too large; give it as a string"
        ) from None
