"""A miss as pytest shows it: the verdict, the diff, the answer, the way to run the case again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from _pytest._code.code import ReprFileLocation, TerminalRepr

from pytest_edgejson.report.answer import MOST_CHARACTERS, how_found, render_text, render_violations
from pytest_edgejson.report.diff.render import WIDTH, render_diff
from pytest_edgejson.report.verdict import verdict
from pytest_edgejson.values.text import clean, encodable, paint

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest._io import TerminalWriter

    from pytest_edgejson.results.result import Profile, Result


def render_failure(
    name: str,
    result: Result,
    *,
    rerun: str,
    verbose: bool = False,
    color: bool = False,
    profile: Profile = "default",
    width: int = WIDTH,
) -> str:
    """Return all there is to say about one output: verdict, diff, schema violations, the output, how to run it again.

    Args:
        name: the test's name.
        result: a result line.
        rerun: a command.
        verbose: the whole output, the whole diff, whole values.
        color: paint verdict and diff with ANSI colours.
        profile: see `verdict`.
        width: columns to fit the diff into.
    """
    blocks = [
        paint(verdict(name, result, profile=profile), "bold", color),
        render_diff(result, width=width, color=color, verbose=verbose),
        render_violations(result["violations"], verbose=verbose),
        how_found(result),
        *(
            [render_text("thought", result["thought"], most=None if verbose else MOST_CHARACTERS, more="-vv")]
            if "thought" in result
            else []
        ),
        render_text("output", result["output"], most=None if verbose else MOST_CHARACTERS, more="-vv"),
        f"run it again: {clean(rerun)}",
    ]
    return "\n\n".join(filter(None, blocks))


@dataclass(eq=False)
class FailureText(TerminalRepr):
    """What stands under a failed case, written when it is shown: terminals differ in width, colours and encoding.

    Attributes:
        result: what came out.
        name: the item's.
        file: the file of the case.
        rerun: returns the command that runs the case again.
        verbose: whether pytest was given -vv.
        profile: the profile's name.
    """

    result: Result
    name: str
    file: str
    rerun: Callable[[], str]
    verbose: bool
    profile: Profile

    @property
    def reprcrash(self) -> ReprFileLocation:
        """Where the case stands and the verdict, which the short summary and JUnit XML show in one line."""
        # The short summary has named the case already where it shows this.
        message = verdict(self.name, self.result, profile=self.profile).removeprefix(f"{self.name}: ")
        return ReprFileLocation(self.file, 0, message)

    def _text(self, *, color: bool = False, width: int = WIDTH) -> str:
        return render_failure(
            self.name,
            self.result,
            rerun=self.rerun(),
            verbose=self.verbose,
            color=color,
            profile=self.profile,
            width=width,
        )

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write the text as the terminal can show it."""
        # One character that a terminal lacks, and pytest would write all of a line as escapes.
        encoding = getattr(tw._file, "encoding", None) or "utf-8"
        # Written line by line: the writer counts columns from the last line break.
        for line in self._text(color=tw.hasmarkup, width=tw.fullwidth).split("\n"):
            tw.line(encodable(line, encoding))

    def __str__(self) -> str:
        return self._text()
