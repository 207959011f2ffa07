"""The page of a report: all that there is to tell of runs, and their cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.html import plots
from pytest_edgejson.report.html.cases import make_browser
from pytest_edgejson.report.html.environment import need_libraries
from pytest_edgejson.report.html.page import render_page
from pytest_edgejson.report.overview import about, sections, title_of
from pytest_edgejson.suite.json_rows import may_hold_rows

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.report.document import Figure
    from pytest_edgejson.report.overview import Overview


def render_report_page(overview: Overview) -> str:
    """Return a report as one HTML file."""
    comparisons = [comparison for report in overview.reports for comparison in report.comparisons]
    browser = make_browser(overview.models, comparisons)
    return render_page(title_of(overview), about(overview), sections(overview, _draw(overview)), browser)


def check_place(path: Path) -> None:
    """Make sure that a page can be made, and would not replace rows.

    Raises:
        ModuleNotFoundError: the extra `html` is not installed.
        ValueError: the name is one of a file of rows.
    """
    need_libraries()
    if may_hold_rows(path):
        raise ValueError(f"{path} is a name for rows, which a page would replace: name it such as report.html")


def write_report_page(path: Path, overview: Overview) -> None:
    """Write a report as one HTML file, the folder made where there is none.

    Raises:
        ModuleNotFoundError: the extra `html` is not installed.
        ValueError: the name is one of a file of rows.
        OSError: the file cannot be written.
    """
    check_place(path)
    page = render_report_page(overview)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _draw(overview: Overview) -> dict[str, list[Figure]]:
    groups, by_label = overview.complexities, overview.by_label
    sizes = [
        (model.label, model.parameters, groups[model.label]["all"]) for model in overview.models if model.parameters
    ]
    found = {
        "summary": [
            plots.plot_groups("JSONExact by complexity, with 95 % intervals", groups),
            plots.plot_kinds("What became of the answers", by_label),
        ],
        "complexity": [
            plots.plot_groups("SchemaCompliance by complexity, with 95 % intervals", groups, "schema_compliance"),
            plots.plot_sizes("JSONExact by size, with 95 % intervals", sizes),
        ],
        "schemas": [plots.plot_groups("JSONExact by schema, with 95 % intervals", overview.schemas)],
        "speed": [plots.plot_latency("Answers that came within a time", by_label)],
    }
    return {name: [figure for figure in figures if figure is not None] for name, figures in found.items()}
