"""What the plugin writes on pytest's terminal when all cases have run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_edgejson.session import is_miss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.terminal import TerminalReporter

    from pytest_edgejson.session import Session


@contextmanager
def hide_failures(reporter: TerminalReporter, shown: int | None) -> Iterator[None]:
    """Keep misses beyond the first `shown` out of the FAILURES section; None shows all.

    The short summary still names each of them in one line.
    """
    failed = reporter.stats.get("failed", [])
    misses = [report for report in failed if is_miss(report)]
    hidden = set() if shown is None else {id(report) for report in misses[shown:]}
    summary_failures = reporter.summary_failures

    def summary_of_shown() -> None:
        if not hidden:
            summary_failures()
            return
        reporter.stats["failed"] = [report for report in failed if id(report) not in hidden]
        try:
            summary_failures()
        finally:
            reporter.stats["failed"] = failed
        if reporter.config.option.tbstyle != "no":
            reporter.write_line(
                f"{len(hidden)} more misses are in one line each below; --edgejson-diffs=all shows their diffs"
            )

    reporter.summary_failures = summary_of_shown  # type: ignore[method-assign]
    try:
        yield
    finally:
        reporter.summary_failures = summary_failures  # type: ignore[method-assign]


def write_tables(reporter: TerminalReporter, session: Session) -> None:
    """Write the tables of the run, and where its results are."""
    if not session.results:
        return
    from pytest_edgejson.summary import render_summary

    reporter.write_sep("=", "EdgeJSON")
    text = render_summary(
        session.results, session.specs, profile=session.settings.profile, verbose=reporter.config.get_verbosity() > 0
    )
    for line in text.split("\n"):
        reporter.write_line(line)
    if session.settings.results is not None:
        reporter.write_line(f"results: {session.settings.results}")
