"""`edgejson reproduce`: the published experiment in miniature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.training.family.reproduce import add_parser as add_reproduce

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    add_reproduce(commands).set_defaults(run=_reproduce)


def _reproduce(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.training.family.reproduce import run

    print(run(arguments))
