"""`edgejson prompt`: what a model sees of a case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import count, kwargs, seed

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
    prompt.add_argument("--suite", metavar="NAME", help="as --edgejson-suite")
    prompt.add_argument("--cases", type=Path, metavar="PATH", help="(default: cases/test, or the bundled suite)")
    prompt.add_argument("--prompt", metavar="NAME|TEXT|@FILE", help="as --edgejson-prompt")
    prompt.add_argument("--system", metavar="TEXT|@FILE", help="as --edgejson-system")
    prompt.add_argument(
        "--chat-template-kwargs", type=kwargs, metavar="JSON", help="as --edgejson-chat-template-kwargs"
    )
    prompt.add_argument("--shots", type=count, metavar="N", help="as --edgejson-shots")
    prompt.add_argument("--shots-from", type=Path, metavar="PATH", help="as --edgejson-shots-from")
    prompt.add_argument("--seed", type=seed, default=0, help="decides which examples are shown (default: 0)")
    prompt.add_argument("--format", choices=("text", "json"), default="text", help="(default: text)")
    prompt.set_defaults(run=_prompt)


def _prompt(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.prompt import report

    print(report(arguments))
    return 0
