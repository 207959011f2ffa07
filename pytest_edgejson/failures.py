"""A miss as pytest shows it: the verdict, the diff, the way to run the case again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from _pytest._code.code import ReprFileLocation, TerminalRepr

from pytest_edgejson.diff import render_failure, verdict
from pytest_edgejson.session import SESSION

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from _pytest._io import TerminalWriter

    from pytest_edgejson.results import Result


@dataclass(eq=False)
class FailureText(TerminalRepr):
    """What stands under a failed case.

    Attributes:
        plain: the text without colours, for JUnit XML and terminals that have none.
        colored: the same for a terminal that has colours.
        reprcrash: where the case stands and the verdict, which the short summary and JUnit XML show in one line.
    """

    plain: str
    colored: str
    reprcrash: ReprFileLocation

    @classmethod
    def of(cls, result: Result, name: str, file: Path, config: pytest.Config) -> FailureText:
        """Make the text of a result's failure.

        Args:
            result: what came out.
            name: the item's.
            file: the file of the case.
            config: pytest's.
        """
        edgejson = config.stash[SESSION]
        profile = edgejson.settings.profile
        rerun = edgejson.rerun_command(file, name, result["model"])
        verbose = config.get_verbosity() >= 2
        plain, colored = (
            render_failure(name, result, rerun=rerun, verbose=verbose, color=color, profile=profile)
            for color in (False, True)
        )
        # The short summary has named the case already where it shows this.
        message = verdict(name, result, profile=profile).removeprefix(f"{name}: ")
        return cls(plain, colored, ReprFileLocation(str(file), 0, message))

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write the text."""
        # Written line by line: the writer counts columns from the last line break.
        for line in (self.colored if tw.hasmarkup else self.plain).split("\n"):
            tw.line(line)

    def __str__(self) -> str:
        return self.plain
