"""`edgejson compare`: results files case by case."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import diffs

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    compare = commands.add_parser(
        "compare",
        help="compare results files, case by case",
        description="Compare the models of results files on the same cases: whether there is evidence of a difference, "
        "how large it is, what got better and worse. Each model is compared with the one of the same name in the first "
        "file, or with that file's first; in one file all are compared with its first.",
    )
    compare.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    compare.add_argument("--common", action="store_true", help="where suites differ, compare what both have unchanged")
    against = compare.add_mutually_exclusive_group()
    against.add_argument("--baseline", metavar="NAME", help="compare all with this model")
    against.add_argument("--base", metavar="NAME", help="the same; the others were trained from it")
    compare.add_argument(
        "--diffs", type=diffs, default=5, metavar="N", help="regressions and gains with diff: a number, all, none (5)"
    )
    compare.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    compare.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.backends.models import known_models
    from pytest_edgejson.report.compare import render_markdown, render_text
    from pytest_edgejson.report.compare_json import as_json
    from pytest_edgejson.results.compare.runs import compare_runs
    from pytest_edgejson.results.file import read_run

    report = compare_runs(
        [read_run(file) for file in arguments.results],
        common=arguments.common,
        baseline=arguments.baseline,
        base=arguments.base,
        registry=known_models(),
    )
    if arguments.format == "json":
        print(json.dumps(as_json(report), indent=2, ensure_ascii=True, allow_nan=False))
    elif arguments.format == "markdown":
        print(render_markdown(report, diffs=arguments.diffs))
    else:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(render_text(report, diffs=arguments.diffs, color=color))
