"""The page of a report: all that there is to tell of runs, and their cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.html import plots
from pytest_edgejson.report.html.cases import make_browser
from pytest_edgejson.report.html.page import render_page, write_page
from pytest_edgejson.report.overview import about, sections, title_of
from pytest_edgejson.results.metrics import METRICS, headline
from pytest_edgejson.results.units import PROPORTION

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.report.document import Figure
    from pytest_edgejson.report.overview import Overview


def render_report_page(overview: Overview) -> str:
    """Return a report as one HTML file."""
    comparisons = [comparison for report in overview.reports for comparison in report.comparisons]
    browser = make_browser(overview.models, comparisons)
    return render_page(title_of(overview), about(overview), sections(overview, _draw(overview)), browser)


def write_report_page(path: Path, overview: Overview) -> None:
    """Write a report as one HTML file; see `page.write_page`."""
    write_page(path, lambda: render_report_page(overview))


def _draw(overview: Overview) -> dict[str, list[Figure]]:
    groups, by_label, words = overview.slices, overview.by_label, overview.suite.slices.words
    others = (each for each in headline(overview.suite) if each.unit is PROPORTION and each.name != "json_exact")
    second = next(others, METRICS["schema_compliance"])
    sizes = [
        (model.label, model.parameters, groups[model.label]["all"]) for model in overview.models if model.parameters
    ]
    found = {
        "summary": [
            plots.plot_groups(f"JSONExact by {words}, with 95 % intervals", groups),
            plots.plot_kinds("What became of the answers", by_label),
        ],
        "complexity": [
            plots.plot_groups(f"{second.label} by {words}, with 95 % intervals", groups, second.name),
            plots.plot_sizes(sizes),
        ],
        "schemas": [plots.plot_groups("JSONExact by schema, with 95 % intervals", overview.schemas)],
        "speed": [plots.plot_latency("Answers that came within a time", by_label)],
    }
    return {name: [figure for figure in figures if figure is not None] for name, figures in found.items()}
