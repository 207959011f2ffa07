"""`edgejson leaderboard`: models ranked on one suite."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    leaderboard = commands.add_parser(
        "leaderboard",
        help="rank the models of results files",
        description="Rank models by JSONExact, with the range of each rank and the models that cannot be told apart. "
        "The results must be of one suite and one setting.",
    )
    leaderboard.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    leaderboard.add_argument(
        "--measured", type=Path, nargs="+", default=[], metavar="FILE.json", help="of edgejson measure --out: columns"
    )
    leaderboard.add_argument("--html", type=Path, metavar="FILE.html", help="write a page instead of printing it")
    leaderboard.add_argument("--format", choices=("text", "markdown", "csv"), default="text", help="(default: text)")
    leaderboard.set_defaults(run=_leaderboard)


def _leaderboard(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.backends.measuring.measurement import read_measurements
    from pytest_edgejson.backends.models import known_models
    from pytest_edgejson.report.document import as_markdown, as_text, in_one
    from pytest_edgejson.report.leaderboard import as_csv, sections
    from pytest_edgejson.results.file import read_run
    from pytest_edgejson.results.leaderboard import make_leaderboard

    measured = [each for file in arguments.measured for each in read_measurements(file)]
    registry = known_models()
    board = make_leaderboard([read_run(file) for file in arguments.results], registry, measured)
    if arguments.html is not None:
        from pytest_edgejson.report.html.leaderboard import write_leaderboard_page

        write_leaderboard_page(arguments.html, board)
        print(f"wrote {arguments.html}")
    elif arguments.format == "csv":
        sys.stdout.write(as_csv(board))
    else:
        print((as_markdown if arguments.format == "markdown" else as_text)(in_one(sections(board))))
