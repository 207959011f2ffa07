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


def kwargs(text: str) -> dict[str, Any]:
    """Return what `--edgejson-chat-template-kwargs` takes."""
    from pytest_edgejson.plugin.prompt_options import parse_kwargs

    return parse_kwargs(text)


def count(text: str) -> int:
    """Return what `--edgejson-shots` takes."""
    from pytest_edgejson.plugin.prompt_options import parse_shots

    return parse_shots(text)


def diffs(text: str) -> int | None:
    """Return what `--edgejson-diffs` takes."""
    from pytest_edgejson.plugin.option_values import parse_diffs

    return parse_diffs(text)
