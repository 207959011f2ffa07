"""Values of options: read from text, or refused with what would do instead."""

from __future__ import annotations

import argparse
import math
import os
import re
from typing import TYPE_CHECKING

from pytest_edgejson.results.assertion import Assertion

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.results.gates.language import Gate


def parse_suite(text: str) -> str:
    """Read the name of a suite, or a folder, which may begin with `~`."""
    if not text:
        raise argparse.ArgumentTypeError(
            "a name is missing: name a suite, or leave the option out for the project's own or else the bundled one"
        )
    return os.path.expanduser(text)  # noqa: PTH111 - Path("./notes") would be a name


def parse_assertion(text: str) -> Assertion:
    """Read `exact`, `schema` or `field_f1>=X`."""
    if text == "exact":
        return Assertion("exact")
    if text == "schema":
        return Assertion("schema")
    found = re.fullmatch(r"field_f1\s*>=\s*(\d*\.?\d+)", text)
    if found is None or not 0 <= float(found[1]) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is none of: exact, schema, field_f1>=X with X from 0 to 1")
    return Assertion("field_f1", float(found[1]))


def parse_diffs(text: str) -> int | None:
    """Read how many diffs to show whole: a number, `none` (0) or `all` (None)."""
    if text == "all":
        return None
    if text == "none":
        return 0
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is none of: a number, all, none")
    return int(text)


def parse_devices(text: str) -> tuple[str, ...] | None:
    """Read a device, or several with commas between them; None for `auto`."""
    if text == "auto":
        return None
    devices = tuple(part.strip() for part in text.split(","))
    if not all(devices):
        raise argparse.ArgumentTypeError(f"{text!r} is no device, nor several with commas between them")
    if len({device.partition(":")[0] for device in devices}) > 1:
        # Each has its own precision and rounding.
        raise argparse.ArgumentTypeError(f"{text!r} mixes kinds of devices, whose answers differ: name those of one")
    return devices


def parse_cluster(text: str) -> str:
    """Read the address of a Ray cluster: `HOST:PORT`, `auto` or `local`."""
    if text in ("auto", "local") or re.fullmatch(r"[^/\s]+:\d+", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no address of a Ray cluster: write --edgejson-ray alone (behind paths), =auto, or =HOST:PORT; on "
        "one that is reached by ray://, run pytest itself there (ray job submit)"
    )


def whole_number(least: int, more: str = "") -> Callable[[str], int]:
    """Return what reads a whole number; `more` is said behind what it must be."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}{more}")
        return int(text)

    return parse


def _number(what: str, holds: Callable[[float], bool]) -> Callable[[str], float]:
    """Return what reads a number of a kind, `what` in words."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            # No comparison holds for it.
            number = math.nan
        if not holds(number):
            raise argparse.ArgumentTypeError(f"{text!r} is no {what}")
        return number

    return parse


parse_count = whole_number(1)
parse_seed = whole_number(0)
parse_seconds = _number("number of seconds above 0", lambda number: 0 < number < math.inf)
parse_temperature = _number("number of at least 0; 0 is greedy", lambda number: 0 <= number < math.inf)
parse_top_p = _number("probability above 0 and up to 1", lambda number: 0 < number <= 1)
parse_penalty = _number("number above 0; 1 is no penalty", lambda number: 0 < number < math.inf)


def parse_limit(text: str) -> int | str:
    """Read a whole number of at least 1, or `auto`."""
    return text if text == "auto" else parse_count(text)


def parse_gate(text: str) -> Gate:
    """Read a gate, such as `json_exact[simple]>=0.75`."""
    from pytest_edgejson.results.gates import language as gate_language

    try:
        return gate_language.parse_gate(text)
    except gate_language.GateError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def choice(*names: str) -> Callable[[str], str]:
    """Return what reads one of some names."""

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of: {', '.join(names)}")
        return text

    return parse
