"""What a run leaves behind for others: report, page, badge, properties in JUnit XML, what GitHub is told."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.report import ci
from pytest_edgejson.report.gates import measured
from pytest_edgejson.report.run import render_report
from pytest_edgejson.report.verdict import describe
from pytest_edgejson.results.assertion import holds
from pytest_edgejson.results.metrics import by_slice, measure
from pytest_edgejson.results.result import by_model, is_error
from pytest_edgejson.suite.json_rows import is_json_lines, may_hold_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_edgejson.plugin.session import Session
    from pytest_edgejson.results.result import Result


def check_places(session: Session) -> None:
    """Make the folders of the files that will be written.

    Raises:
        pytest.UsageError: one cannot be written, or a library for it is not installed.
    """
    if session.settings.html is not None:
        from pytest_edgejson.report.html.page import check_place

        try:
            check_place(session.settings.html)
        except (ModuleNotFoundError, ValueError) as error:
            raise pytest.UsageError(f"--edgejson-html: {error}") from None
    for name, path in _files(session).items():
        # A badge is a JSON document too, but no array.
        if path.is_file() and (is_json_lines(path) or (may_hold_rows(path) and path.read_bytes()[:1] == b"[")):
            raise pytest.UsageError(f"--edgejson-{name} would replace the rows of {path}: name another file")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("a", encoding="utf-8").close()
        except OSError as error:
            raise pytest.UsageError(f"--edgejson-{name}: cannot write {path}: {error.strerror}") from None


def _files(session: Session) -> dict[str, Path]:
    files = {"report": session.settings.report, "html": session.settings.html, "badge": session.settings.badge}
    return {name: path for name, path in files.items() if path is not None}


def publish(session: Session) -> bool:
    """Write report, page and badge, put metrics into JUnit XML, and the report into the summary of GitHub's step.

    What cannot be written is a warning of the session.

    Returns:
        Whether all files that options ask for were written.
    """
    from _pytest.junitxml import xml_key

    # None where no JUnit XML is written.
    xml = session.config.stash.get(xml_key, None)
    own = by_model(session.results)
    if xml is not None:
        groups = {model: by_slice(own[model], session.settings.profile, session.suite) for model in session.specs}
        for name, value in ci.suite_properties(groups, session.suite):
            xml.add_global_property(name, value)
    settings, are_written = session.settings, True
    write: Callable[[], object]
    if settings.badge is not None:
        write = partial(_write_badge, session, own, settings.badge)
        are_written &= _try_to(write, session, "--edgejson-badge", settings.badge)
    if settings.html is not None:
        are_written &= _try_to(partial(_write_page, session, settings.html), session, "--edgejson-html", settings.html)
    if settings.report is None and not (ci.is_github() and session.results):
        return are_written
    report = render_report(
        session.results,
        profile=settings.profile,
        decisions=session.decisions,
        others_failed=session.others_failed,
        report_only=settings.report_only,
        comparisons=session.comparisons,
        diffs=settings.diffs,
        suite=session.suite,
    )
    if settings.report is not None:
        write = partial(settings.report.write_text, report, encoding="utf-8")
        are_written &= _try_to(write, session, "--edgejson-report", settings.report)
    if ci.is_github():
        # No option asks for it.
        place = os.environ.get(ci.STEP_SUMMARY, "")
        _try_to(partial(ci.write_step_summary, report), session, ci.STEP_SUMMARY, place)
    return are_written


def _try_to(write: Callable[[], object], session: Session, name: str, place: Path | str) -> bool:
    """Write a file, and tell whether that went well. The run has been made, and what came of it is shown either way."""
    try:
        write()
    except OSError as error:
        session.warnings.append(f"warning: {name}: cannot write {place}: {error.strerror or error}")
        return False
    return True


def _write_badge(session: Session, own: Mapping[str, Sequence[Result]], path: Path) -> None:
    # An earlier badge says more than a run of which nothing came.
    if session.is_finished or not path.stat().st_size:
        model = next(iter(session.specs))
        path.write_text(ci.badge(model, measure(own[model], session.settings.profile)), encoding="utf-8")


def _write_page(session: Session, path: Path) -> None:
    from pytest_edgejson.report.html.report import write_report_page
    from pytest_edgejson.report.overview import Overview
    from pytest_edgejson.results.compare.runs import model_runs
    from pytest_edgejson.results.file import Run

    run = Run(Path(session.settings.results or "this run"), session.manifest, tuple(session.results), {})
    overview = Overview(
        runs=[run],
        models=model_runs([run], session.specs),
        profile=session.settings.profile,
        decisions=session.decisions,
        reports=list(session.comparisons.values()),
        others_failed=session.others_failed,
        report_only=session.settings.report_only,
    )
    write_report_page(path, overview)


def make_annotations(session: Session) -> Iterator[ci.Annotation]:
    """Yield what there is to remark on: gates that do not hold, then regressions, or misses where nothing compares."""
    for decision in session.decisions:
        if decision.outcome != "pass":
            yield ci.Annotation(
                "notice" if session.settings.report_only else "error",
                f"gate of {decision.model}: {decision.outcome}",
                f"{decision.gate.text}: {measured(decision)}",
            )
    regressed = {
        (model, pair.candidate["case_id"], pair.candidate["repeat"])
        for model, report in session.comparisons.items()
        for comparison in report.comparisons
        for pair in comparison.regressions
    }
    gated = {decision.model for decision in session.decisions}
    for result, (file, line) in zip(session.results, session.places, strict=True):
        model = result["model"]
        place = (_in_repository(session.config.rootpath / file), line)
        if is_error(result):
            yield ci.Annotation("error", _title(result, "could not be run"), describe(result), *place)
        elif (model, result["case_id"], result["repeat"]) in regressed:
            yield ci.Annotation("warning", _title(result, "regressed"), describe(result), *place)
        elif model not in session.comparisons and not holds(
            result, session.settings.assertion, session.settings.profile
        ):
            forgiven = session.settings.report_only or model in gated
            yield ci.Annotation("notice" if forgiven else "error", _title(result, "missed"), describe(result), *place)


def _title(result: Result, what: str) -> str:
    return f"{result['case_id']} {what} on {result['model']}"


def _in_repository(file: Path) -> str:
    """Return a file as GitHub names it; nothing for one outside of the repository."""
    try:
        return file.resolve().relative_to(Path(os.environ.get("GITHUB_WORKSPACE", ".")).resolve()).as_posix()
    except ValueError:
        return ""
