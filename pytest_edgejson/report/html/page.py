"""A document as one HTML file: no network, no script or style but the page's own, everything foreign escaped."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from pytest_edgejson import __version__
from pytest_edgejson.report.html.environment import make_environment, need_libraries
from pytest_edgejson.suite.json_rows import may_hold_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_edgejson.report.document import Inline, Section
    from pytest_edgejson.report.html.cases import Browser


def render_page(
    title: Inline, about: Sequence[Inline], sections: Sequence[Section], browser: Browser | None = None
) -> str:
    """Return a page.

    Args:
        title: the heading.
        about: what is said under it, an item for each thing.
        sections: in their order; those without blocks are left out.
        browser: the cases, which come last.
    """
    environment = make_environment()
    loader = environment.loader
    assert loader is not None
    style, script = (loader.get_source(environment, name)[0] for name in ("page.css", "page.js"))
    return environment.get_template("page.html.j2").render(
        title=title,
        about=about,
        sections=[section for section in sections if section.blocks],
        browser=browser,
        style=style,
        script=script,
        policy=_policy(style, script if browser else ""),
        version=__version__,
    )


def check_place(path: Path) -> None:
    """Make sure that a page can be made, and would not replace rows.

    Raises:
        ModuleNotFoundError: the extra `html` is not installed.
        ValueError: the name is one of a file of rows.
    """
    need_libraries()
    if may_hold_rows(path):
        raise ValueError(f"{path} is a name for rows, which a page would replace: name it such as report.html")


def write_page(path: Path, render: Callable[[], str]) -> None:
    """Write a page, its folder made where there is none.

    Args:
        path: of the file.
        render: returns the page, once it is known that it can be written.

    Raises:
        ModuleNotFoundError: the extra `html` is not installed.
        ValueError: the name is one of a file of rows.
        OSError: the file cannot be written.
    """
    check_place(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(), encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return the page's Content-Security-Policy: its own style and script run, nothing is fetched or sent."""
    rules = [("style-src", style), ("script-src", script)]
    allowed = [f"{name} {_source(text)}" for name, text in rules if text]
    return "; ".join(["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'"])


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
