"""Types of arguments, and errors that the commands share."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The parsers of the commands beside each other."""


class CommandError(Exception):
    """A command that cannot do what was asked. The message names the fix."""


def message(error: Exception) -> str:
    """Return what a person is told of an error, on one line."""
    if not isinstance(error, OSError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def seed(text: str) -> int:
    """Return a seed: what the random generators of all libraries take."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**32 - 1}")
    return int(text)


def rate(text: str) -> float:
    """Return a number above 0."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return rate


def share_or_path(text: str) -> float | Path:
    """Return a share between 0 and 1, or a path."""
    try:
        share = float(text)
    except ValueError:
        return Path(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1, such as 0.1, and no path")
    return share


def add_asking(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where cases are, and what a model is asked."""
    parser.add_argument("--suite", metavar="NAME", help="as --edgejson-suite")
    parser.add_argument("--cases", type=Path, metavar="PATH", help="(default: cases/test, or the bundled suite)")
    parser.add_argument("--prompt", metavar="NAME|TEXT|@FILE", help="as --edgejson-prompt")
    parser.add_argument("--system", metavar="TEXT|@FILE", help="as --edgejson-system")
    parser.add_argument(
        "--chat-template-kwargs", type=kwargs, metavar="JSON", help="as --edgejson-chat-template-kwargs"
    )
    parser.add_argument("--shots", type=count, metavar="N", help="as --edgejson-shots")
    parser.add_argument("--shots-from", type=Path, metavar="PATH", help="as --edgejson-shots-from")
    parser.add_argument("--seed", type=seed, default=0, help="decides which examples are shown (default: 0)")


def kwargs(text: str) -> dict[str, Any]:
    """Return what `--edgejson-chat-template-kwargs` takes."""
    from pytest_edgejson.plugin.prompt_options import parse_kwargs

    return parse_kwargs(text)


def temperature(text: str) -> float:
    """Return what `--edgejson-temperature` takes."""
    from pytest_edgejson.plugin.option_values import parse_temperature

    return parse_temperature(text)


def base_url(text: str) -> str:
    """Return what `--edgejson-base-url` takes."""
    from pytest_edgejson.plugin.running_options import parse_address

    return parse_address(text)


def count(text: str) -> int:
    """Return what `--edgejson-shots` takes."""
    from pytest_edgejson.plugin.prompt_options import parse_shots

    return parse_shots(text)


def diffs(text: str) -> int | None:
    """Return what `--edgejson-diffs` takes."""
    from pytest_edgejson.plugin.option_values import parse_diffs

    return parse_diffs(text)
