"""`edgejson show`: one case and what each model made of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import positive

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    show = commands.add_parser(
        "show",
        help="show one case and what each model made of it",
        description="Show a case of results files: prompt, expected output, and the answers of all models, side by "
        "side and each with verdict, timings, diff, the value found in it and raw output.",
    )
    show.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    show.add_argument("case_id", metavar="CASE_ID", help="such as invoice-005")
    show.add_argument("--model", action="append", default=[], metavar="NAME", help="this one only; may be repeated")
    show.add_argument("--raw", action="store_true", help="texts, values and diffs whole, however long")
    show.add_argument("--width", type=positive, metavar="N", help="columns, 60 or more (default: the terminal's)")
    show.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default: auto)")
    show.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.report.show import show_case, terminal_style
    from pytest_edgejson.values.text import encodable

    width, color = terminal_style(sys.stdout, arguments.width, arguments.color)
    text = show_case(
        arguments.results, arguments.case_id, models=arguments.model, whole=arguments.raw, width=width, color=color
    )
    print(encodable(text, sys.stdout.encoding))
