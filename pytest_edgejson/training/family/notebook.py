"""The notebook of a reproduction: which steps are done, of what, and how long they took."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ReproductionError(ValueError):
    """A reproduction that cannot go on. The message names what is wrong and the fix."""


@dataclass(slots=True)
class Step:
    """A step that was begun.

    Attributes:
        mark: of all that decides its outcome; a step with another mark is another step.
        seconds: what it took, in all invocations together.
        done: whether it came to its end.
        parameters: that were trained.
        cases: that it was trained on.
        loss: mean of the last 5 steps, in nats per answer token.
        threads: that torch used.
        precision: that it was trained in.
        gpu: its name; empty where it was trained on a CPU.
    """

    mark: str
    seconds: float = 0.0
    done: bool = False
    parameters: int = 0
    cases: int = 0
    loss: float = 0.0
    threads: int = 0
    precision: str = ""
    gpu: str = ""


class Notebook:
    """The steps by name, kept in a JSON file that is written anew after each.

    Raises:
        ReproductionError: the file is there and no notebook.
        OSError: it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.steps: dict[str, Step] = {}
        if file.exists():
            try:
                rows = json.loads(file.read_text(encoding="utf-8"))
                self.steps = {name: Step(**row) for name, row in rows.items()}
            except (ValueError, TypeError, AttributeError):
                raise ReproductionError(
                    f"{file}: not what this version writes: remove it, or name another folder with --out"
                ) from None

    def is_done(self, name: str, mark: str) -> bool:
        """Tell whether a step has been done with what it would be done with now."""
        step = self.steps.get(name)
        return step is not None and step.done and step.mark == mark

    @contextmanager
    def write(self, name: str, mark: str) -> Iterator[Step]:
        """Time a step and write it down, also where it is cut off; its outcome is put into what this yields."""
        step = self.steps.get(name)
        if step is None or step.mark != mark:
            step = self.steps[name] = Step(mark)
        step.done = False
        self._file.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        try:
            yield step
            step.done = True
        finally:
            step.seconds += time.perf_counter() - began
            # In one piece: a call that is killed leaves the notebook as it was.
            whole = self._file.with_name(self._file.name + ".tmp")
            rows = {name: asdict(step) for name, step in self.steps.items()}
            whole.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
            whole.replace(self._file)
