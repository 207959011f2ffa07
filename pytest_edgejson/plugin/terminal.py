"""What the plugin writes on pytest's terminal when all cases have run."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_edgejson.plugin.session import is_miss
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.terminal import TerminalReporter

    from pytest_edgejson.plugin.session import Session
    from pytest_edgejson.report.gates import Line

_COLORS = {"pass": "green", "fail": "red", "unmeasurable": "yellow"}


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
    from pytest_edgejson.report.summary import render_summary

    reporter.write_sep("=", "EdgeJSON")
    text = render_summary(
        session.results,
        session.specs,
        profile=session.settings.profile,
        verbose=reporter.config.get_verbosity() > 0,
        marks=session.marks,
        suite=session.suite,
    )
    for line in text.split("\n"):
        reporter.write_line(line)
    if session.unwritten:
        reporter.write_line(clean(session.unwritten), red=True)
    elif session.results_file is not None:
        why = "" if session.is_finished else ", as the run was cut off"
        reporter.write_line(f"results: {session.results_file}{why}")


def write_notes(reporter: TerminalReporter, session: Session) -> None:
    """Write what may be a mistake: of models that ran out of sight, of files that were written and collected."""
    for line in dict.fromkeys(session.warnings):
        reporter.write_line(clean(line))
    session.warnings.clear()
    for line in session.notes():
        reporter.write_line(f"note: {clean(line)}")


def write_comparisons(reporter: TerminalReporter, session: Session) -> None:
    """Write how each model compares with its baseline."""
    if not session.comparisons:
        return
    from pytest_edgejson.report.compare import render_brief

    width = max(60, session.config.get_terminal_writer().fullwidth)
    for model, report in session.comparisons.items():
        reporter.write_line("")
        reporter.write_line(f"{model} against the baseline")
        for line in render_brief(report, width=width).split("\n"):
            reporter.write_line(line)


def write_decisions(reporter: TerminalReporter, session: Session) -> None:
    """Write what the gates say, and last what becomes of each model."""
    if not session.decisions:
        return
    reporter.write_line("") if session.results else reporter.write_sep("=", "EdgeJSON")
    for line in _decision_lines(session):
        markup = {_COLORS[line.outcome]: True} if line.outcome is not None else {}
        reporter.write_line(line.text, **markup)
    session.decisions_shown = True


def print_annotations(session: Session) -> None:
    """Print the commands that make annotations, in a step of GitHub Actions."""
    from pytest_edgejson.report import ci

    if ci.is_github():
        from pytest_edgejson.plugin.publishing import make_annotations

        for command in ci.github_commands(make_annotations(session)):
            print(command)  # noqa: T201


def print_unseen_warnings(session: Session) -> None:
    """Print the warnings on stderr that no terminal showed (`-p no:terminal`, `--no-summary`)."""
    for line in dict.fromkeys(session.warnings):
        print(clean(line), file=sys.stderr)  # noqa: T201


def print_unseen_decisions(session: Session) -> None:
    """Print the gates on stderr where they don't all hold and no terminal showed them: the reason of the exit status.

    That is without a terminal (`-p no:terminal`), and where pytest writes no summary (`--no-summary`).
    """
    if session.decisions_shown or all(decision.outcome == "pass" for decision in session.decisions):
        return
    for line in _decision_lines(session):
        print(line.text, file=sys.stderr)  # noqa: T201


def _decision_lines(session: Session) -> list[Line]:
    from pytest_edgejson.report.gates import report_lines

    return report_lines(
        session.decisions, report_only=session.settings.report_only, others_failed=session.others_failed
    )
