"""Options that say which cases run."""

from __future__ import annotations

from pathlib import Path

from pytest_edgejson.plugin.option import Option
from pytest_edgejson.plugin.option_values import parse_suite

SUITE_OPTIONS = (
    Option(
        "suite",
        parse_suite,
        "run this suite when no path is given: edgejson (default), another bundled one, one that a package brings, or "
        "a folder with a suite.toml",
        "NAME",
    ),
    Option("cases", Path, "collect this suite (a folder or a file) when no path is given", "PATH", is_path=True),
    Option("schemas", Path, "take the schemas from this folder instead of the suite's own", "DIR", is_path=True),
)
