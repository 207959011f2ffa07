"""`edgejson prompt`: what a model sees of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import add_asking

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    prompt = commands.add_parser(
        "prompt",
        help="show what a model sees of a case",
        description="Show the text that a model is given for a case, the number of its tokens, the first and last of "
        "them and the hash of the chat template; warn of a beginning-of-text token that is doubled or missing.",
    )
    prompt.add_argument("model", metavar="MODEL", help="named as in --edgejson-model")
    prompt.add_argument("case", metavar="CASE", help="id of a case, such as invoice-007, or FILE::ID")
    add_asking(prompt)
    prompt.add_argument("--format", choices=("text", "json"), default="text", help="(default: text)")
    prompt.set_defaults(run=_prompt)


def _prompt(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.report.prompt import report

    print(report(arguments))
