"""Text that a terminal can take: cleaned of what it would act on, measured in columns, shortened, painted.

Values and outputs come from a model: control characters, escape sequences, marks that turn the direction of writing and
lone surrogates are shown as escapes.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any, Literal, TypeAlias

Paint: TypeAlias = Literal["red", "green", "bold", "faint"]

_ANSI: dict[Paint, str] = {"red": "\x1b[31m", "green": "\x1b[32m", "bold": "\x1b[1m", "faint": "\x1b[2m"}
_CHUNK = 4_096
_PLAIN = "\x1b[0m"
# A letter can carry any number of marks that take no column: what is shown of a text ends here too.
_MOST_PER_COLUMN = 8
# Our own signs, for terminals whose encoding lacks them.
_SIGNS = {"…": "...", "→": "->", "–": "-"}


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


def shell_word(text: str) -> str:
    r"""Return a text as one word of a shell's command, printable.

    What is not, such as a line feed in the name of a folder, is an escape within `$'…'`, which bash, zsh and ksh know.
    """
    if text.isprintable():
        return shlex.quote(text)
    quoted = text.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{''.join(char if char.isprintable() else _shell_escape(char) for char in quoted)}'"


def _shell_escape(char: str) -> str:
    code = ord(char)
    # A byte of a file's name that is no UTF-8.
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{os.fsencode(char).hex()}"
    return f"\\u{code:04x}" if 0x80 <= code < 0x100 else _escape(char)


def encodable(text: str, encoding: str) -> str:
    r"""Return a text that an encoding can take: `->` for `→`, an escape such as `\u65e5` for any other character."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, ascii_sign in _SIGNS.items():
            text = text.replace(sign, ascii_sign)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        pass
    return text


def columns(text: str) -> int:
    """Return how many columns a printable text takes: 2 for CJK and emoji, 0 for marks on a character before."""
    if text.isascii():
        return len(text)
    import wcwidth

    # Unlike `wcswidth`, this measures what is not printable too, as nothing.
    return wcwidth.width(text, control_codes="ignore")


def fitting(text: str, width: int) -> int:
    """Return how many of a printable text's first characters fit into `width` columns, none cut from its marks."""
    if text.isascii():
        return min(len(text), max(width, 0))
    from wcwidth import iter_graphemes

    shown = text[: _MOST_PER_COLUMN * max(width, 0)]
    if columns(shown) <= width:
        return len(shown)
    end = 0
    for grapheme in iter_graphemes(shown):
        if columns(shown[: end + len(grapheme)]) > width:
            break
        end += len(grapheme)
    return end


def shorten(text: str, width: int) -> str:
    """Return a text of at most `width` columns, its end replaced by `…` where it is wider."""
    if fitting(text, width) == len(text):
        return text
    return text[: fitting(text, width - 1)] + "…"


def wrap(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` columns, cut anywhere: a value is no prose."""
    lines = []
    while text:
        count = max(fitting(text, width), 1)
        lines.append(text[:count])
        text = text[count:]
    return lines or [""]


def fill(text: str, width: int, indent: str = "", first: str = "") -> str:
    """Return prose in lines of at most `width` columns, broken between words.

    Args:
        text: printable.
        width: columns.
        indent: what every line but the first begins with.
        first: what the first line begins with.
    """
    from wcwidth import wrap

    return "\n".join(wrap(text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False))


def pad(text: str, width: int) -> str:
    """Return a text filled up with spaces to `width` columns."""
    return text + " " * (width - columns(text))


def show(value: Any, width: int | None = None) -> str:
    """Return a JSON value as text that is safe to print, shortened where a width is given."""
    # No more than is shown is escaped: a value can be megabytes long.
    if isinstance(value, str) and width is not None:
        value = value[: _MOST_PER_COLUMN * width + 2]
    text = clean(json.dumps(value, ensure_ascii=False))
    return text if width is None else shorten(text, width)


def paint(text: str, with_: Paint, color: bool) -> str:
    """Return a text with an ANSI colour around it, where there is colour and text."""
    return f"{_ANSI[with_]}{text}{_PLAIN}" if color and text else text


def common_prefix(one: str, two: str) -> int:
    """Return how many characters two texts begin with in common. Texts may be megabytes long."""
    start, end = 0, min(len(one), len(two))
    while start + _CHUNK < end and one[start : start + _CHUNK] == two[start : start + _CHUNK]:
        start += _CHUNK
    while start < end and one[start] == two[start]:
        start += 1
    return start


def squeeze(text: str) -> str:
    """Return the letters and digits of a text, without case."""
    return "".join(filter(str.isalnum, text.casefold()))
