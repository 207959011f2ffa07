"""What a person sees while a model generates: a live line on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_edgejson.backends.time_left import TimeLeft
from pytest_edgejson.backends.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_edgejson.backends.interface import Completion

LIVE_EVERY_S = 0.2
LOG_EVERY_S = 30.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


class Progress(Watch):
    """Counts what a model has done and shows it; it watches the backend.

    Args:
        log: writes a line of its own.
        draw: writes raw text to a terminal, on the line below the one that pytest is writing; None for a log file.
        column: returns where pytest's line ends, to go back to it.
        width: columns of the terminal.
        now: clock in seconds.
    """

    def __init__(
        self,
        log: Callable[[str], None],
        draw: Callable[[str], None] | None = None,
        *,
        column: Callable[[], int] = lambda: 0,
        width: int = 80,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._draw = draw
        self._column = column
        self._width = width
        self._now = now
        self._drawn = False
        self._told = -LOG_EVERY_S

    def start(self, model: str, work: Mapping[str, int], limit: int, reused: int) -> None:
        """Begin with a model.

        Args:
            model: its name.
            work: length of the prompt by key of each request, in characters.
            limit: tokens of an answer at most.
            reused: cases found in the store.
        """
        self._model, self._total, self._reused = model, len(work), reused
        self._cases = self._tokens = self._finished_tokens = 0
        self._waiting: str | None = None
        self._began = self._shown = self._now()
        self._time_left = TimeLeft(work, limit, self._began)
        if self._draw is not None:
            self._show()

    def begin(self, keys: Sequence[str]) -> None:
        """Take note of the cases under way."""
        self._time_left.begin(keys, self._now())

    def step(self, tokens: int) -> None:
        """Count tokens that were just generated."""
        self._tokens += tokens
        self._time_left.step(tokens, self._now())
        self._show_now_and_then()

    def done(self, completion: Completion) -> None:
        """Count a finished case."""
        self._cases += 1
        self._finished_tokens += completion.output_tokens or 0
        self._time_left.done(completion.key, completion.output_tokens)
        self._show_now_and_then()

    def hide(self) -> None:
        """Take the live line away, before pytest writes on."""
        if self._drawn:
            self._draw_below("")
            self._drawn = False

    def note(self, line: str) -> None:
        """Write a line for people, in the place of the live one."""
        self.hide()
        self._log(line)

    def wait(self, reason: str | None) -> None:
        """Show what is waited for. A log file is told of it as often as of anything else."""
        begins = reason is not None and self._waiting is None
        self._waiting = reason
        if begins and self._draw is None and self._now() - self._told >= LOG_EVERY_S:
            self._told = self._now()
            self._show()
        self._show_now_and_then()

    def text(self) -> str:
        """Return cases done of all, and how many a minute, tokens per second, the time left and what is waited for."""
        now = self._now()
        elapsed = max(now - self._began, 1e-9)
        pace = self._cases * 60 / elapsed
        each_minute = f" ({pace:.{0 if pace >= 10 else 1}f}/min)" if self._cases else ""
        parts = [f"{self._model}: {self._cases}/{self._total} cases{each_minute}"]
        if self._reused:
            parts.append(f"{self._reused} from the store")
        tokens = max(self._tokens, self._finished_tokens)
        if tokens:
            parts.append(f"{tokens / elapsed:.0f} tok/s")
        left_s = self._time_left.seconds(now)
        if left_s is not None:
            parts.append(f"{_clock(left_s)} left")
        if self._waiting is not None:
            parts.append(self._waiting)
        return ", ".join(parts)

    def _show_now_and_then(self) -> None:
        if self._now() - self._shown >= (LOG_EVERY_S if self._draw is None else LIVE_EVERY_S):
            self._show()

    def _show(self) -> None:
        self._shown = self._now()
        if self._draw is None:
            self._log(self.text())
        else:
            self._draw_below(self.text()[: self._width - 1])
            self._drawn = True

    def _draw_below(self, text: str) -> None:
        # Down one line, erase it, write, and back up to where pytest goes on. Unlike a saved cursor position this also
        # holds on the last line of the screen, where going down scrolls.
        assert self._draw is not None
        column = self._column()
        self._draw(f"\n\r\x1b[2K{text}\x1b[1A\r" + (f"\x1b[{column}C" if column else ""))
