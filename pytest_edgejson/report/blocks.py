"""A report as blocks, rendered as text for a terminal or as Markdown for a page."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tabulate import tabulate

from pytest_edgejson.values.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the page's."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `align` is `left` or `right` for each column."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: Sequence[str]


Block: TypeAlias = "Heading | Table | list[str] | str"
"""A list is one of items, a text a paragraph; both have Markdown's code spans."""


def as_text(blocks: Iterable[Block]) -> str:
    """Return blocks for a terminal, paragraphs wrapped and tables aligned."""
    return "\n\n".join(map(_text, blocks))


def _text(block: Block) -> str:
    if isinstance(block, Heading):
        return f" {block.text} ".center(WIDTH, "=-"[block.level > 2]) if block.level > 1 else block.text
    if isinstance(block, Table):
        return tabulate(
            block.rows, headers=block.headers, tablefmt="simple", colalign=block.align, disable_numparse=True
        )
    if isinstance(block, list):
        return "\n".join(_wrapped(f"- {item}", "  ") for item in block)
    return _wrapped(block, "")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def as_markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as a page."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Table):
        return table(block.headers, block.rows, block.align)
    if isinstance(block, list):
        return "\n".join(f"- {item}" for item in block)
    return block
