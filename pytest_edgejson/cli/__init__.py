"""The `edgejson` command."""

from __future__ import annotations

import argparse
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

from pytest_edgejson import __version__
from pytest_edgejson.cli import (
    card,
    compare,
    explain,
    export,
    leaderboard,
    measure,
    prompt,
    report,
    reproduce,
    rescore,
    show,
    suite,
    train,
    try_command,
)
from pytest_edgejson.cli.arguments import CommandError, message

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order of the help. Each adds its parser, which sets `run`: what returns the exit code, None for 0.
_COMMANDS = (
    *(suite, train, export, prompt, try_command, reproduce, measure),
    *(report, leaderboard, card, explain, compare, rescore, show),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("edgejson", description="Suites and models for pytest-edgejson.")
    parser.add_argument("--version", action="version", version=f"pytest-edgejson {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 when done, 1 when a check found problems, 2 when the command could not be carried out.
    """
    arguments = _parser().parse_args(argv)
    arguments.command_line = list(sys.argv[1:] if argv is None else argv)
    # Values of cases are shown: a terminal that lacks a character gets its escape, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = int(arguments.run(arguments) or 0)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CommandError, ModuleNotFoundError, ValueError, OSError) as error:
        print(f"edgejson: {message(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("edgejson: interrupted; the last checkpoint, if any, is kept", file=sys.stderr)
    return 2
