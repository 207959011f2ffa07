"""What the templates of pages are rendered with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_edgejson.report.document import spans
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from jinja2 import Environment

# No name or text that somebody made up is longer on a page.
_MOST_CHARACTERS = 5_000


def need_libraries() -> None:
    """Make sure that the extra `html` is installed.

    Raises:
        ModuleNotFoundError: it is not.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"a page needs {error.name}: pip install 'pytest-edgejson[html]'") from None


@cache
def make_environment() -> Environment:
    """Return what templates are rendered with: everything that is put into them is cleaned and escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return clean(value[:_MOST_CHARACTERS], keep="\n") + "…" * (len(value) > _MOST_CHARACTERS)

    environment = Environment(
        loader=PackageLoader("pytest_edgejson.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["spans"] = spans
    # Style and script of the package, data in base64, and plots, which an XML writer has made of cleaned texts.
    environment.filters["ours"] = Markup
    return environment
