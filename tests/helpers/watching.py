"""What a backend tells while it generates, written down."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_edgejson.backends.watch import Watch


class Witness(Watch):
    """Watches a backend.

    Attributes:
        begun: keys of the cases under way, each time some begin.
        steps: tokens of each step.
        notes: lines for people, warnings among them.
        waits: what was waited for.
        heard: key and text of each part of answers that are streamed.
    """

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.steps: list[int] = []
        self.notes: list[str] = []
        self.waits: list[str] = []
        self.heard: list[tuple[str, str]] = []

    def begin(self, keys: Sequence[str]) -> None:
        self.begun.append(list(keys))

    def step(self, tokens: int) -> None:
        self.steps.append(tokens)

    def said(self, key: str, text: str) -> None:
        self.heard.append((key, text))

    def note(self, line: str) -> None:
        self.notes.append(line)

    def wait(self, reason: str | None) -> None:
        if reason is not None and reason not in self.waits:
            self.waits.append(reason)
