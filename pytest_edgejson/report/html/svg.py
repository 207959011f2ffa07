"""Plots as SVG that takes text and colours from the page around it, so that it is dark where the page is.

matplotlib writes styles as `style` attributes, which the page's policy forbids, and fixed colours. Here they become
presentation attributes, and the colours of `INK` variables of the page's style sheet.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"

SERIES = 8
"""How many models the style sheet has colours for."""
KINDS = 9
"""How many kinds of answers it has colours for."""

# A colour that stands for each variable while matplotlib draws.
_VARIABLES = (
    "ink",
    "faint",
    "rule",
    "paper",
    *(f"series-{n}" for n in range(SERIES)),
    *(f"kind-{n}" for n in range(KINDS)),
)
INK = {name: f"#0000{number + 1:02x}" for number, name in enumerate(_VARIABLES)}
"""What to draw with, by the name of the style sheet's variable."""

_NAMES = {color: f"var(--{name})" for name, color in INK.items()}
_FONT = re.compile(r"([\d.]+)px")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def as_svg(figure: Figure, title: str) -> str:
    """Return a figure as an SVG element for a page.

    Args:
        figure: drawn with the colours of `INK`.
        title: what it shows, for those who do not see it.
    """
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}), warnings.catch_warnings():
        # The reader's browser has letters that matplotlib's font lacks.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(file.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _restyle(element)
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib.update({"role": "img", "aria-label": title, "width": width, "height": height})
    return _NUMBER.sub(lambda found: f"{float(found[0]):.2f}", ElementTree.tostring(root, encoding="unicode"))


def _restyle(element: ElementTree.Element) -> None:
    style = element.attrib.pop("style", "")
    for name, value in _declarations(style):
        element.set(name, _NAMES.get(value, value))
    for name in ("fill", "stroke"):
        if name in element.attrib:
            element.set(name, _NAMES.get(element.attrib[name], element.attrib[name]))
    # Several plots stand on a page: what nothing refers to needs no id.
    if element.tag == f"{{{_SVG}}}g":
        element.attrib.pop("id", None)
    if target := element.attrib.pop(f"{{{_XLINK}}}href", None):
        element.set("href", target)


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for declaration in filter(str.strip, style.split(";")):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            # The font itself is the page's.
            yield "font-size", (_FONT.search(value) or ["", "10"])[1]
        elif name not in ("font-family", "font-style", "font-weight"):
            yield name, value
