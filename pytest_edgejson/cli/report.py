"""`edgejson report`: all that there is to tell of results files, on a terminal or as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    report = commands.add_parser(
        "report",
        help="tell all of results files, as a page with plots and all cases",
        description="Report on results files: metrics with intervals, models side by side, gates, comparisons, "
        "failures and speed. --html writes a page that needs nothing else, with plots and a browser of all cases.",
    )
    report.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    report.add_argument("--html", type=Path, metavar="FILE.html", help="write a page instead of printing the report")
    report.add_argument("--baseline", metavar="NAME", help="compare all models with this one")
    report.add_argument("--format", choices=("text", "markdown"), default="text", help="(default: text)")
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.backends.models import known_models
    from pytest_edgejson.report.document import as_markdown, as_text, in_one
    from pytest_edgejson.report.overview import overview_of, sections
    from pytest_edgejson.results.file import read_run

    overview = overview_of([read_run(file) for file in arguments.results], known_models(), arguments.baseline)
    if arguments.html is not None:
        from pytest_edgejson.report.html.report import write_report_page

        write_report_page(arguments.html, overview)
        print(f"wrote {arguments.html}")
    else:
        print((as_markdown if arguments.format == "markdown" else as_text)(in_one(sections(overview))))
