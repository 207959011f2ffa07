"""What is seen while a model generates."""

from __future__ import annotations

import pytest
from projects import Project

from pytest_edgejson.backends import Completion
from pytest_edgejson.progress import LOG_EVERY_S, Progress


class Screen:
    def __init__(self, *, live: bool) -> None:
        self.texts: list[str] = []
        self.seconds = 0.0
        self.progress = Progress(self.texts.append, live=live, width=60, now=lambda: self.seconds)

    def finish(self, seconds: float, tokens: int) -> None:
        self.seconds += seconds
        self.progress.done(Completion("k", "", "stop", output_tokens=tokens))


def test_a_terminal_shows_cases_speed_and_time_left_in_one_line() -> None:
    screen = Screen(live=True)
    screen.progress.start("nano", 4, 2)
    screen.finish(10, 500)
    assert screen.texts[-1].rstrip() == "\rnano: 1/4 cases, 2 from the store, 50 tok/s, 0:30 left"
    assert all(text.startswith("\r") and "\n" not in text and len(text) <= 60 for text in screen.texts)
    screen.progress.end()
    assert screen.texts[-1].strip() == ""


def test_tokens_show_before_a_case_is_done() -> None:
    screen = Screen(live=True)
    screen.progress.start("nano", 4, 0)
    screen.seconds = 2
    screen.progress.step(100)
    assert screen.texts[-1].rstrip() == "\rnano: 0/4 cases, 50 tok/s"


def test_a_log_gets_a_line_now_and_then() -> None:
    screen = Screen(live=False)
    screen.progress.start("nano", 1000, 0)
    for _ in range(100):
        screen.finish(1, 10)
    screen.progress.end()
    assert len(screen.texts) == 100 // LOG_EVERY_S
    assert screen.texts[0] == "\nnano: 30/1000 cases, 10 tok/s, 16:10 left\n"
    assert not any("\r" in text for text in screen.texts)


def test_quick_models_leave_no_trace_in_a_log(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold")
    result.stdout.no_fnmatch_line("*/6 cases*")
