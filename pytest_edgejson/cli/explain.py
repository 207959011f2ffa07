"""`edgejson explain`: where the points of a run went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    explain = commands.add_parser(
        "explain",
        help="tell where the points of a run went",
        description="Break results down, for each model: JSONExact under other conditions, kinds of failure, the worst "
        "fields, and the published EdgeJSON v3 scorer beside ours.",
    )
    explain.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    explain.add_argument("--model", action="append", default=[], metavar="NAME", help="this one only; may be repeated")
    explain.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    explain.add_argument("--verbose", action="store_true", help="all fields and all case ids")
    explain.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.report.explain import explain

    print(explain(arguments.results, arguments.model, arguments.format, verbose=arguments.verbose))
