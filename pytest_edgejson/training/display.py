"""What a person sees of a training: a bar on a terminal, and everywhere a line for each checkpoint."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm  # type: ignore[import-untyped]
from transformers import TrainerCallback

from pytest_edgejson.values.wording import counted, duration

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORTH_SAYING_S = 60


class Progress(TrainerCallback):
    """Shows step and loss on one bar, in the place of the Trainer's bar and its printed logs.

    Give the Trainer `disable_tqdm=True` and take its `PrinterCallback` away.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._losses: list[float] = []
        self._began: float | None = None

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        tqdm.write(line, file=sys.stderr)

    def show(self, doing: str) -> None:
        """Show at the end of the bar what is done now."""
        if self._bar is not None:
            self._bar.set_postfix_str(doing)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Draw the bar, unless stderr is no terminal."""
        self._bar = tqdm(
            total=state.max_steps, initial=state.global_step, unit="step", disable=None, dynamic_ncols=True
        )

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note when the first step begins."""
        if self._began is None:
            self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar. Where there is none, the first step tells how long the others take."""
        if self._bar.disable and self._began:
            left = state.max_steps - state.global_step
            seconds = left * (time.perf_counter() - self._began)
            # Once, and not of a training that is over before it is read.
            self._began = 0.0
            if seconds > _WORTH_SAYING_S:
                self.say(f"{counted(left, 'more step')}, about {duration(seconds)} at the pace of the first")
        self._bar.update(state.global_step - self._bar.n)

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Show the loss."""
        loss = more["logs"].get("loss")
        if loss is not None:
            self._losses.append(loss)
            self.show(f"loss {loss:.4f}")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell of a checkpoint, with the mean loss since the last one."""
        loss = f", loss {fmean(self._losses):.4f}" if self._losses else ""
        self._losses.clear()
        self.say(f"step {state.global_step} of {state.max_steps}, epoch {state.epoch:.3g}{loss}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Leave the bar as it is."""
        self.close()


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' warnings and bars from what a person reads; their errors are raised."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
