"""`edgejson card`: a model card for the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import CommandError

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    card = commands.add_parser(
        "card",
        help="write a model card with a run's metrics for the hub",
        description="Write a model card: metadata (model-index) with the metrics and their intervals, tables, failure "
        "kinds and settings, for a README.md on the Hugging Face hub.",
    )
    card.add_argument("results", type=Path, metavar="RESULTS.jsonl", help="of --edgejson-results")
    card.add_argument("--model", metavar="NAME", help="where the file has several")
    card.add_argument("--name", metavar="TEXT", help="what the card calls the model (default: its name in the file)")
    card.add_argument("--out", type=Path, metavar="README.md", help="write it to a new file instead of printing it")
    card.set_defaults(run=_card)


def _card(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.report.card import make_card
    from pytest_edgejson.results.file import read_run

    text = make_card(read_run(arguments.results), arguments.model, arguments.name)
    if arguments.out is None:
        print(text)
        return
    if arguments.out.exists():
        raise CommandError(f"{arguments.out} is there already, and would be replaced: name another file")
    arguments.out.write_text(text, encoding="utf-8")
    print(f"wrote {arguments.out}")
