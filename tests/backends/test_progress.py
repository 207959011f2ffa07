"""What is seen while a model generates."""

from __future__ import annotations

import pytest
from helpers.projects import Project

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.backends.progress import LOG_EVERY_S, Progress


def work(count: int) -> dict[str, int]:
    return {str(number): 100 for number in range(count)}


class Screen:
    def __init__(self, *, live: bool, column: int = 0, width: int = 60) -> None:
        self.logged: list[str] = []
        self.drawn: list[str] = []
        self.seconds = 0.0
        self.finished = 0
        draw = self.drawn.append if live else None
        self.progress = Progress(self.logged.append, draw, column=lambda: column, width=width, now=lambda: self.seconds)

    def finish(self, seconds: float, tokens: int) -> None:
        self.seconds += seconds
        self.progress.done(Completion(str(self.finished), "", "stop", output_tokens=tokens))
        self.finished += 1


def test_a_terminal_shows_cases_speed_and_time_left_below_pytests_line() -> None:
    screen = Screen(live=True, column=7, width=80)
    screen.progress.start("nano", work(4), 2048, 2)
    screen.finish(10, 500)
    line = "nano: 1/4 cases (6.0/min), 2 from the store, 50 tok/s, 0:30 left"
    assert screen.drawn[-1] == f"\n\r\x1b[2K{line}\x1b[1A\r\x1b[7C"
    screen.progress.hide()
    assert screen.drawn[-1] == "\n\r\x1b[2K\x1b[1A\r\x1b[7C"
    count = len(screen.drawn)
    screen.progress.hide()
    assert len(screen.drawn) == count
    assert screen.logged == []


def test_a_note_takes_the_place_of_the_live_line() -> None:
    screen = Screen(live=True)
    screen.progress.start("nano", work(4), 2048, 0)
    screen.progress.note("loading")
    assert screen.drawn[-1] == "\n\r\x1b[2K\x1b[1A\r"
    assert screen.logged == ["loading"]


def test_what_is_waited_for_stands_in_the_line_and_now_and_then_in_a_log_file() -> None:
    screen = Screen(live=True, width=100)
    screen.progress.start("served", work(4), 2048, 0)
    screen.seconds = 1
    screen.progress.wait("waiting 9 s, as the server says HTTP 429")
    assert screen.drawn[-1].count("served: 0/4 cases, waiting 9 s, as the server says HTTP 429") == 1
    screen.seconds = 2
    screen.progress.wait(None)
    assert "waiting" not in screen.drawn[-1]
    log = Screen(live=False)
    log.progress.start("served", work(4), 2048, 0)
    for _ in range(5):
        log.seconds += 1
        log.progress.wait("waiting 9 s")
        log.progress.wait(None)
    assert log.logged == ["served: 0/4 cases, waiting 9 s"]


def test_a_line_is_never_wider_than_the_terminal() -> None:
    screen = Screen(live=True)
    screen.progress.start("a-model-with-a-long-name-" * 4, work(4), 2048, 2)
    assert len(screen.drawn[-1].replace("\n\r\x1b[2K", "").replace("\x1b[1A\r", "")) < 60


def test_tokens_show_before_a_case_is_done() -> None:
    screen = Screen(live=True)
    screen.progress.start("nano", work(4), 2048, 0)
    screen.seconds = 2
    screen.progress.step(100)
    assert "nano: 0/4 cases, 50 tok/s\x1b" in screen.drawn[-1]


def test_the_time_left_follows_the_length_of_the_prompts() -> None:
    screen = Screen(live=False)
    screen.progress.start("nano", {"0": 900, "1": 50, "2": 50}, 2048, 0)
    screen.finish(45, 0)
    assert screen.logged == ["nano: 1/3 cases (1.3/min), 0:05 left"]


def test_a_log_gets_a_line_now_and_then() -> None:
    screen = Screen(live=False)
    screen.progress.start("nano", work(1000), 2048, 0)
    for _ in range(100):
        screen.finish(1, 10)
    screen.progress.hide()
    assert len(screen.logged) == 100 // LOG_EVERY_S
    assert screen.logged[0] == "nano: 30/1000 cases (60/min), 10 tok/s, 16:10 left"
    assert screen.drawn == []


def test_quick_models_leave_no_trace_in_a_log(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold")
    result.stdout.no_fnmatch_line("*/6 cases*")
