"""Documents: the same blocks as text and as Markdown, which nothing foreign in them can break."""

from __future__ import annotations

import re

import pytest
from helpers.answers import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_edgejson.report.document import (
    Code,
    Folded,
    Foreign,
    Heading,
    Listing,
    Note,
    Preformatted,
    Strong,
    Table,
    as_markdown,
    as_text,
    join,
)
from pytest_edgejson.values.text import clean, columns

BLOCKS = [
    Heading(1, "The page"),
    Strong(("All of ", Code("nano"), " is well.")),
    "A paragraph of more than thirty columns.",
    Note("not all"),
    Heading(3, ("of ", Code("a|b"))),
    Table(["name", "n"], [[Code("a|b"), "1"], ["  below", "10"]], ("left", "right"), "caption"),
    Listing([join(", ", [Code("a"), "b"]), "an item of more than thirty columns"]),
    Listing([], bullet=""),
    Listing(["an item of more than thirty columns"], bullet=""),
    Folded("more", [Preformatted("  as it is"), Foreign("*said*")]),
]

TEXT = """\
The page
========

All of nano is well.

A paragraph of more than
thirty columns.

Note: not all

of a|b
------

caption
name       n
-------  ---
a|b        1
  below   10

- a, b
- an item of more than thirty
  columns

an item of more than thirty
  columns

more
  as it is

*said*"""

MARKDOWN = """\
# The page

**All of `nano` is well.**

A paragraph of more than thirty columns.

> **Note:** not all

### of `a|b`

caption

| name   |   n |
|:-------|----:|
| `a\\|b` |   1 |
| below  |  10 |

- `a`, b
- an item of more than thirty columns

- an item of more than thirty columns

<details><summary>more</summary>

```text
  as it is
```

\\*said\\*

</details>"""


def test_text() -> None:
    assert as_text(BLOCKS, 30) == TEXT


def test_text_that_is_not_wrapped() -> None:
    assert as_text(["word " * 100], width=None) == "word " * 100


def test_markdown() -> None:
    assert as_markdown(BLOCKS) == MARKDOWN


@pytest.mark.parametrize("names", [["模型", "한국어-모델", "nano"], ["👍🏽", "🇩🇪", "e\u0301", "a"], ["ｆ", HOSTILE]])
def test_the_columns_of_a_table_stand_below_each_other_in_any_script(names: list[str]) -> None:
    table = Table([Code(names[0]), "n", "m"], [[Code(name), "1", "x"] for name in names], ("left", "right", "left"))
    header, _, *rows = as_text([table]).splitlines()
    assert len({columns(line.rstrip()) for line in (header, *rows)}) == 1


@pytest.mark.parametrize("text", ["a|b", "|", "`|`", "a\\b", " x ", "<td>"])
def test_a_cell_holds_any_text(text: str) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(
        as_markdown([Table(["one", "two"], [[Code(text), "2"]], ("left", "right"))])
    )
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page)
    shown = text.replace("<", "&lt;").replace(">", "&gt;")
    assert cells == [f"<code>{shown}</code>", "2"]


def test_a_long_name_is_shortened_on_a_terminal_alone() -> None:
    assert as_text([Code("模型" * 20, 10)]) == "模型模型…"
    assert as_markdown([Code("模型" * 20, 10)]) == f"`{'模型' * 20}`"


@given(st.text(), st.sampled_from([Code, Foreign]))
def test_what_is_foreign_stays_in_its_line(text: str, span: type[Code] | type[Foreign]) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(as_markdown([("said: ", span(text), " end")]))
    assert page.count("<p>") == 1
    assert not re.findall(r"<(?!/?(?:p|code)>)", page)
    assert as_text([span(text)], width=None) == clean(text)
