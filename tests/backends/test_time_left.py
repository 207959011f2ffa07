"""The time left, on runs with a clock of their own: what is shown against what it then took."""

from __future__ import annotations

import random
import statistics
from collections import deque

import pytest

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.backends.progress import Progress

LIMIT = 2048


def trace(looping: float, seed: int = 0) -> list[tuple[int, int]]:
    """Return characters of the prompt and tokens of the answer of 158 cases, some of which run to the limit."""
    chance = random.Random(seed)
    cases = []
    for _ in range(158):
        characters = round(min(max(chance.lognormvariate(6, 0.6), 120), 2500))
        tokens = round(characters * max(chance.gauss(0.3, 0.06), 0.12))
        cases.append((characters, LIMIT if chance.random() < looping else tokens))
    return sorted(cases, reverse=True)


class Simulation:
    """Generates a trace in slots, or in batches, each step of which takes longer the more cases there are in it.

    Attributes:
        shown: seconds of the clock, cases finished and what was shown then.
    """

    def __init__(self, cases: list[tuple[int, int]], *, size: int = 16, refills: bool = True) -> None:
        self.now = 0.0
        self.finished = 0
        self.shown: list[tuple[float, int, str]] = []
        self._progress = Progress(lambda _: None, now=lambda: self.now)
        work = {str(number): characters for number, (characters, _) in enumerate(cases)}
        self._progress.start("nano", work, LIMIT, 0)
        self.now = 4.0  # the model is loaded
        waiting = deque((str(number), tokens) for number, (_, tokens) in enumerate(cases))
        running: dict[str, int] = {}
        left: dict[str, int] = {}
        told = made = 0.0
        while waiting or running:
            beginning = refills or not running
            while beginning and waiting and len(running) < size:
                key, running[key] = waiting[0][0], waiting.popleft()[1]
                left[key] = running[key]
                self._progress.begin(list(running))
            self.now += 0.008 + 0.001 * len(running)
            made += len(running)
            # A process of its own tells now and then.
            if self.now - told >= 0.1:
                self._progress.step(round(made))
                told, made = self.now, 0.0
                self.shown.append((self.now, self.finished, self._progress.text()))
            for key in list(running):
                left[key] -= 1
                if not left[key]:
                    self.finished += 1
                    self._progress.done(Completion(key, "", "stop", output_tokens=running.pop(key)))

    def estimates(self) -> list[tuple[float, int, float]]:
        """Return the part of the time that has passed, the seconds shown as left, and those that were left."""
        found = []
        for now, _, text in self.shown:
            if text.endswith(" left"):
                minutes, seconds = text.split()[-2].split(":")
                found.append((now / self.now, int(minutes) * 60 + int(seconds), self.now - now))
        return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("refills", [True, False], ids=["slots", "batches"])
@pytest.mark.parametrize("looping", [0, 0.02, 0.1])
def test_nothing_is_left_only_when_nothing_runs(looping: float, refills: bool, seed: int) -> None:
    run = Simulation(trace(looping, seed), refills=refills)
    assert len(run.estimates()) > 100
    assert all(shown >= 1 for _, shown, _ in run.estimates())
    assert all(" left" in text for _, finished, text in run.shown if finished)


@pytest.mark.parametrize("seed", range(3))
def test_without_loops_the_time_left_is_what_it_then_takes(seed: int) -> None:
    for passed, shown, left in Simulation(trace(0, seed)).estimates():
        if 0.25 < passed < 0.9:
            assert 0.7 * left - 1 < shown < 1.3 * left + 1


@pytest.mark.parametrize("seed", range(3))
def test_a_few_loops_among_many_are_expected_to_go_on(seed: int) -> None:
    estimates = Simulation(trace(0.1, seed)).estimates()
    late = [shown / left for passed, shown, left in estimates if 0.6 < passed < 0.95]
    assert 0.7 < statistics.median(late) < 1.7
    assert min(late) > 0.5


def test_a_tenth_that_runs_to_the_limit_at_the_end_has_its_time() -> None:
    cases = trace(0)
    run = Simulation([*cases[:-16], *((characters, LIMIT) for characters, _ in cases[-16:])])
    last = [(now, text) for now, finished, text in run.shown if finished >= len(cases) - 16]
    assert last[-1][0] - last[0][0] > 25, "most of it is over, and it goes on for half a minute"
    # That they go on for longer than all others shows when they do.
    for now, text in [(now, text) for now, text in last if now > last[0][0] + 5]:
        minutes, seconds = text.split()[-2].split(":")
        shown, left = int(minutes) * 60 + int(seconds), run.now - now
        assert 0.8 * left - 1 < shown < 1.5 * left + 1
