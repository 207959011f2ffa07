"""The hooks; what they do lives in the other modules, imported when there is something to do.

The module's own hooks are all that an ordinary pytest run meets. Those of `EdgeJSONPlugin` are registered once a model
is named.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.plugin import options

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from pytest_edgejson.plugin.selection import Selection
    from pytest_edgejson.plugin.session import Session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks that others may implement."""
    from pytest_edgejson.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the rest of the hooks where a model is named."""
    options.register_markers(config)
    settings = options.make_settings(config)
    if settings.active:
        from pytest_edgejson.plugin.session import begin_session

        config.pluginmanager.register(EdgeJSONPlugin(begin_session(config, settings)), "edgejson-session")
    else:
        options.refuse_cases_without_model(config)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Let `-n auto` mean a worker for each device where a model needs one; xdist asks before it is configured."""
    settings = options.make_settings(config)
    if not settings.active:
        return None
    from pytest_edgejson.plugin.chosen_models import find_backends, resolve_models
    from pytest_edgejson.plugin.xdist import auto_workers

    backends = find_backends(config)
    models = resolve_models(settings, config, backends)
    return auto_workers([spec for _, spec in models.values()], settings.devices, backends)


class EdgeJSONPlugin:
    """The hooks of a run with models."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._selection: Selection | None = None

    def pytest_report_header(self) -> list[str]:
        """Name models and suite."""
        return self.session.header()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Let pytest collect what it understands of the arguments."""
        from pytest_edgejson.plugin.selection import Selection

        self._selection = Selection(session.config, self.session.specs)
        with self._selection.understood():
            return (yield)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out what no argument names, and folders that loop."""
        return self._selection.ignores(collection_path) if self._selection else None

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect files of cases."""
        from pytest_edgejson.plugin.nodes import collect_file

        chosen = self._selection
        is_named = chosen is not None and chosen.names(file_path)
        is_asked_for = chosen is None or chosen.covers(file_path)
        return collect_file(file_path, parent, is_named=is_named, is_asked_for=is_asked_for)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Leave out what was not asked for, and put the cases of a model together, so that one is loaded at a time."""
        from pytest_edgejson.plugin.nodes import drop_copies, sort_by_model

        if self._selection is not None:
            self._selection.apply(items)
        copies = drop_copies(items)
        if copies:
            config.hook.pytest_deselected(items=copies)
        yield
        sort_by_model(items, list(self.session.specs))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell xdist's controller, which collects nothing, what was collected."""
        if self.session.is_worker:
            session.config.workeroutput["edgejson_collected"] = self.session.tell_collected()  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Give each worker one block of each model's cases."""
        from pytest_edgejson.plugin.xdist import make_scheduler

        return make_scheduler(config, log, self.session.specs)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker how cases are shared out, and its devices."""
        assert self.session.workers is not None
        self.session.workers.start(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take a worker's devices back."""
        assert self.session.workers is not None
        self.session.workers.end(node)
        # A worker that died has none.
        output = getattr(node, "workeroutput", {})
        if (told := output.get("edgejson_collected")) is not None:
            self.session.collected.take(told)
        self.session.warnings += output.get("edgejson_warnings", [])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Look gates and models up before the first case, and forgive misses where gates decide, or nothing does.

        pytest makes the exit status of `testsfailed` right after this hook; pytest_sessionfinish is too late.
        """
        if session.config.option.collectonly:
            return (yield)
        if self.session.settings.report or self.session.settings.html or self.session.settings.badge:
            from pytest_edgejson.plugin.publishing import check_places

            check_places(self.session)
        from pytest_edgejson.plugin.nodes import case_items

        self.session.begin([item.job for item in case_items(session.items)])
        has_ended = False
        try:
            outcome = yield
            has_ended = True
        finally:
            # -x and --maxfail are an exception, that of an interrupt with xdist.
            self.session.close(has_ended=has_ended or bool(session.shouldfail))
        session.testsfailed = self.session.testsfailed(session.testsfailed)
        return outcome

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Publish what came out; fail where a file could not be written, or a gate not be measured.

        The exit status comes last: pytest shows no summary for one that is not its own.
        """
        if self.session.is_worker:
            session.config.workeroutput["edgejson_warnings"] = self.session.warnings  # type: ignore[attr-defined]
        if not self.session.has_begun:
            return (yield)
        from pytest_edgejson.plugin.publishing import publish
        from pytest_edgejson.plugin.terminal import print_annotations, print_unseen_decisions, print_unseen_warnings
        from pytest_edgejson.results.gates.evaluate import UNMEASURABLE_EXIT

        are_written = publish(self.session)
        outcome = yield
        print_annotations(self.session)
        print_unseen_warnings(self.session)
        if not are_written and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.session.unmeasurable and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = UNMEASURABLE_EXIT
        print_unseen_decisions(self.session)
        return outcome

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a case's result travel on its report."""
        from pytest_edgejson.plugin.nodes import attach_result

        report = yield
        attach_result(report, item, call)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """Send a result to xdist's controller as ASCII: it may hold text that no encoding takes."""
        data = yield
        if data is not None and "edgejson" in data:
            data["edgejson"] = json.dumps(data["edgejson"])
        return data

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> Generator[None, object, object]:
        """Read a result back on xdist's controller."""
        if "edgejson" in data:
            data["edgejson"] = json.loads(data["edgejson"])
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Take a result in, and let go of it where it has been sent on."""
        self.session.take(report)
        yield
        self.session.let_go(report)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Call a miss a miss, in the category `failed`: another one would lose the FAILURES section."""
        from pytest_edgejson.plugin.session import is_miss

        return ("failed", "F", "MISS") if is_miss(report) else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> Generator[None]:
        """Show the first diffs whole, every miss in one line, and the table last, where it is seen."""
        from pytest_edgejson.plugin.terminal import (
            hide_failures,
            write_comparisons,
            write_decisions,
            write_notes,
            write_tables,
        )

        with hide_failures(terminalreporter, self.session.settings.diffs):
            yield
        write_tables(terminalreporter, self.session)
        write_notes(terminalreporter, self.session)
        write_comparisons(terminalreporter, self.session)
        write_decisions(terminalreporter, self.session)
