"""`edgejson rescore`: a results file scored anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    rescore = commands.add_parser(
        "rescore",
        help="score a results file anew from its outputs",
        description="Compute every score anew from the stored outputs and tell what changed. The exit code is 1 where "
        "something changed and no --out is given, else 0.",
    )
    rescore.add_argument("results", type=Path, metavar="RESULTS.jsonl", help="of --edgejson-results")
    rescore.add_argument("--out", type=Path, metavar="FILE.jsonl", help="write the new results; may be the same file")
    rescore.add_argument(
        "--extraction", choices=("lenient", "last", "strict"), help="(default: as each result was made)"
    )
    rescore.add_argument("--schemas", type=Path, metavar="DIR", help="(default: the schemas in the file)")
    rescore.set_defaults(run=_rescore)


def _rescore(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.rescore import render
    from pytest_edgejson.results.file import read_run
    from pytest_edgejson.results.rescore import rescore, write
    from pytest_edgejson.suite.suites import SchemaFinder

    run = read_run(arguments.results)
    schemas = SchemaFinder(arguments.schemas)(arguments.schemas) if arguments.schemas else None
    rescored = rescore(run, policy=arguments.extraction, schemas=schemas)
    print(render(rescored))
    if arguments.out is None:
        return 1 if rescored.changes else 0
    write(rescored, arguments.out)
    print(f"wrote {arguments.out}")
    return 0
