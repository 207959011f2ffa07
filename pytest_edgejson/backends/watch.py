"""Watches: who is told what happens while a backend works."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Watch:
    """Who watches a backend at work: the display of progress, for one. This one makes nothing of what it hears."""

    def begin(self, keys: Sequence[str]) -> None:
        """Hear that the cases with these keys are under way from now on, and no others."""

    def step(self, tokens: int) -> None:
        """Hear that the cases under way have got so many more tokens, taken together."""

    def said(self, key: str, text: str) -> None:
        """Hear all that has been answered so far to a request that is `streamed`; a character may be incomplete."""

    def note(self, line: str) -> None:
        """Hear a line for people, such as that a model is converted first."""

    def wait(self, reason: str | None) -> None:
        """Hear what is waited for at the moment, in a few words; None for nothing."""

    def warn(self, line: str) -> None:
        """Hear a line on what may be a mistake, which no way to run the model hides; a note, unless told apart."""
        self.note(line)
