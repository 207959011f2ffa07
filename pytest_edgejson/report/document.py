"""Documents: what reports are built of, rendered as text for a terminal or as Markdown; `html/page.py` makes pages.

A text of ours is safe as it is. What comes from models, cases, schemas and files is foreign and stands in spans that
say so: a terminal shows nothing of it that would act on the terminal, and on a page it cannot end the span.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_edgejson.values.markdown import cell, code, escaped, fenced, folded
from pytest_edgejson.values.text import clean, columns, fill, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Code:
    """A name, path, value or command, foreign or ours: shown letter by letter.

    Attributes:
        text: any.
        width: columns that a terminal shows at most; None for all.
    """

    text: str
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Foreign:
    """A sentence that quotes what is foreign."""

    text: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A text of ours that a page shows smaller, such as the interval of a number."""

    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """What a gate says in a word, with the sign that pages and Markdown give it.

    Attributes:
        text: `pass`, `fail` or `unmeasurable`.
    """

    text: str


Span: TypeAlias = str | Code | Foreign | Aside | Sign
Inline: TypeAlias = Span | tuple[Span, ...]
"""What stands in a line: a text of ours, a span, or several of both after one another."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the page's."""

    level: int
    text: Inline


@dataclass(frozen=True, slots=True)
class Strong:
    """A paragraph that says what matters most."""

    text: Inline


@dataclass(frozen=True, slots=True)
class Verdict:
    """A paragraph that says whether something may be released.

    Attributes:
        outcome: `pass`, `fail` or `unmeasurable`.
        text: the sentence.
    """

    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph that says what to keep in mind."""

    text: Inline


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        headers: a cell for each column.
        rows: as many cells each.
        align: `left` or `right` for each column.
        caption: a line above.
    """

    headers: Sequence[Inline]
    rows: Sequence[Sequence[Inline]]
    align: Sequence[str]
    caption: Inline = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list; `bullet` is what a terminal shows before each item."""

    items: Sequence[Inline]
    bullet: str = "- "


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Lines that stay as they are; safe to print."""

    text: str


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that a page shows once their title is clicked on."""

    title: Inline
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot, which pages show; what is in it stands in a table too.

    Attributes:
        title: what it shows, in a line.
        svg: the plot, safe to put on a page.
    """

    title: str
    svg: str


Block: TypeAlias = Heading | Strong | Verdict | Note | Table | Listing | Preformatted | Folded | Figure | Inline
"""A part of a document; an inline text is a paragraph."""

SIGNS = {"pass": "✅", "fail": "❌", "unmeasurable": "⚠️"}
"""What stands before each outcome in Markdown."""


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title.

    Attributes:
        name: of the place in a page, a word.
        title: what they are about.
        blocks: what there is to say; a section without any is left out.
    """

    name: str
    title: str
    blocks: Sequence[Block]


def in_one(sections: Iterable[Section]) -> list[Block]:
    """Return the blocks of sections, each under its title."""
    return [block for each in sections if each.blocks for block in (Heading(2, each.title), *each.blocks)]


def join(separator: str, parts: Iterable[Inline]) -> tuple[Span, ...]:
    """Return inline texts as one, a separator between them."""
    joined = [span for part in parts for span in (separator, *spans(part))]
    return tuple(joined[1:])


def spans(text: Inline) -> tuple[Span, ...]:
    """Return the spans of an inline text."""
    return text if isinstance(text, tuple) else (text,)


# ---------------------------------------------------------------- text


def as_text(blocks: Iterable[Block], width: int | None = WIDTH) -> str:
    """Return blocks for a terminal.

    Args:
        blocks: of the document.
        width: columns that prose is wrapped at; None wraps nothing.
    """
    return "\n\n".join(filter(None, (_block_text(block, width) for block in blocks)))


def plain(text: Inline) -> str:
    """Return an inline text for a terminal."""
    return "".join(map(_span_text, spans(text)))


def _span_text(span: Span) -> str:
    if isinstance(span, str | Aside | Sign):
        return span if isinstance(span, str) else span.text
    text = clean(span.text)
    return shorten(text, span.width) if isinstance(span, Code) and span.width is not None else text


def _block_text(block: Block, width: int | None) -> str:
    match block:
        case Heading(level, text):
            title = plain(text)
            line = ("=" if level <= 2 else "-") * min(columns(title), width or WIDTH)
            return f"{title}\n{line}"
        case Strong(text):
            return _wrapped(plain(text), width)
        case Verdict(_, text):
            return _wrapped(clean(text), width)
        case Note(text):
            return _wrapped(f"Note: {plain(text)}", width, "  ")
        case Table(headers, rows, align, caption):
            cells = [[plain(each) for each in row] for row in (headers, *rows)]
            # Our cells begin with spaces where they belong under the one above.
            table = _tabulate(cells, align, "simple", preserve_whitespace=True)
            return f"{plain(caption)}\n{table}" if caption else table
        case Listing(items, bullet):
            indent = " " * len(bullet) if bullet.strip() else f"{bullet}  "
            return "\n".join(_wrapped(plain(item), width, indent, bullet) for item in items)
        case Preformatted(text):
            return text
        case Folded(title, blocks):
            return f"{plain(title)}\n{as_text(blocks, width)}"
        case Figure():
            return ""
        case _:
            return _wrapped(plain(block), width)


def _wrapped(text: str, width: int | None, indent: str = "", first: str = "") -> str:
    return first + text if width is None else fill(text, width, indent, first)


# ---------------------------------------------------------------- Markdown


def as_markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as Markdown."""
    return "\n\n".join(filter(None, map(_block_markdown, blocks)))


def _inline_markdown(text: Inline) -> str:
    return "".join(map(_span_markdown, spans(text)))


def _span_markdown(span: Span) -> str:
    match span:
        case Code(text):
            return code(text)
        case Foreign(text):
            return escaped(text)
        case Aside(text):
            return text
        case Sign(text):
            return f"{SIGNS[text]} {text}"
        case _:
            return span


def _cell_markdown(text: Inline) -> str:
    return "".join(cell(span.text) if isinstance(span, Code) else _inline_markdown(span) for span in spans(text))


def _block_markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_inline_markdown(text)}"
        case Strong(text):
            return f"**{_inline_markdown(text)}**"
        case Verdict(outcome, text):
            return f"**{SIGNS[outcome]} {code(text)}**"
        case Note(text):
            return f"> **Note:** {_inline_markdown(text)}"
        case Table(headers, rows, align, caption):
            cells = [[_cell_markdown(each) for each in row] for row in (headers, *rows)]
            table = _tabulate(cells, align, "pipe", preserve_whitespace=False)
            return f"{_inline_markdown(caption)}\n\n{table}" if caption else table
        case Listing(items):
            return "\n".join(f"- {_inline_markdown(item)}" for item in items)
        case Preformatted(text):
            return fenced(text)
        case Folded(title, blocks):
            return folded(_inline_markdown(title), as_markdown(blocks))
        case Figure():
            return ""
        case _:
            return _inline_markdown(block)


def _tabulate(cells: Sequence[Sequence[str]], align: Sequence[str], style: str, *, preserve_whitespace: bool) -> str:
    from tabulate import tabulate

    headers, *rows = cells
    return tabulate(
        rows,
        headers=headers,
        tablefmt=style,
        colalign=align,
        disable_numparse=True,
        preserve_whitespace=preserve_whitespace,
    )
