"""What a person sees while a model generates: a live line on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.backends import Completion

LIVE_EVERY_S = 0.2
LOG_EVERY_S = 30.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


class Progress:
    """Counts what a model has done and shows it.

    Args:
        write: prints a text where the person looks, past pytest's capturing.
        live: the text may be written over: a terminal.
        width: columns of the terminal.
        now: clock in seconds.
    """

    def __init__(
        self, write: Callable[[str], None], *, live: bool, width: int = 80, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._live = live
        self._width = width
        self._now = now
        self._active = False

    def start(self, model: str, total: int, reused: int) -> None:
        """Begin with a model: `total` cases to generate, `reused` found in the store."""
        self._model, self._total, self._reused = model, total, reused
        self._cases = self._tokens = self._finished_tokens = 0
        self._began = self._shown = self._now()
        self._active = True
        if self._live:
            self._show()

    def step(self, tokens: int) -> None:
        """Count tokens that were just generated."""
        self._tokens += tokens
        self._show_now_and_then()

    def done(self, completion: Completion) -> None:
        """Count a finished case."""
        self._cases += 1
        self._finished_tokens += completion.output_tokens or 0
        self._show_now_and_then()

    def end(self) -> None:
        """Take the live line away."""
        if self._active and self._live:
            self._write("\r" + " " * (self._width - 1) + "\r")
        self._active = False

    def _show_now_and_then(self) -> None:
        if self._active and self._now() - self._shown >= (LIVE_EVERY_S if self._live else LOG_EVERY_S):
            self._show()

    def text(self) -> str:
        """Return cases done of all, tokens per second and the time left."""
        elapsed = max(self._now() - self._began, 1e-9)
        parts = [f"{self._model}: {self._cases}/{self._total} cases"]
        if self._reused:
            parts.append(f"{self._reused} from the store")
        tokens = max(self._tokens, self._finished_tokens)
        if tokens:
            parts.append(f"{tokens / elapsed:.0f} tok/s")
        if 0 < self._cases < self._total:
            parts.append(f"{_clock(elapsed / self._cases * (self._total - self._cases))} left")
        return ", ".join(parts)

    def _show(self) -> None:
        self._shown = self._now()
        text = self.text()
        self._write(f"\r{text[: self._width - 1]:<{self._width - 1}}" if self._live else f"\n{text}\n")
