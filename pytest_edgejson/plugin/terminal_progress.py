"""Progress on pytest's terminal: in its columns, past its writer and past its capture of what is printed."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from pytest_edgejson.backends.progress import Progress

if TYPE_CHECKING:
    import pytest


class _Unseen(Progress):
    """What a worker of xdist has in the place of a terminal: it keeps warnings for the controller."""

    def __init__(self, warnings: list[str]) -> None:
        super().__init__(lambda line: None)
        self._warnings = warnings

    def warn(self, line: str) -> None:
        self._warnings.append(line)


def make_progress(config: pytest.Config, warnings: list[str] | None = None) -> Progress | None:
    """Return what shows progress, None without a terminal (`-p no:terminal`).

    Args:
        config: pytest's.
        warnings: takes them in the place of a terminal, on a worker of xdist; None to show all.
    """
    if warnings is not None:
        return _Unseen(warnings)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return None
    writer = config.get_terminal_writer()

    def log(line: str) -> None:
        with _uncaptured(config):
            reporter.ensure_newline()
            reporter.write_line(line, flush=True)

    def draw(text: str) -> None:
        # Past pytest's writer, which keeps count of its own line.
        with _uncaptured(config):
            sys.stdout.write(text)
            sys.stdout.flush()

    live = reporter.isatty and os.environ.get("TERM") != "dumb"
    return Progress(log, draw if live else None, column=lambda: writer.width_of_current_line, width=writer.fullwidth)


def _uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    capture = config.pluginmanager.get_plugin("capturemanager")
    return nullcontext() if capture is None else capture.global_and_fixture_disabled()
