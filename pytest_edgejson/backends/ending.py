"""Endings: where an answer ends while it is generated, before the model ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_edgejson.scoring.loops import LoopScanner
from pytest_edgejson.scoring.scanner import RootScanner
from pytest_edgejson.scoring.thoughts import Marks
from pytest_edgejson.values.jsonvalue import json_type

if TYPE_CHECKING:
    from pytest_edgejson.backends.interface import GenerationSettings, Request


def too_late(request: Request, tokens: int | None = None) -> str:
    """Return what is said of an answer that has not ended within the time limit, having got so many tokens by then."""
    got = "" if tokens is None else f" and {tokens} tokens"
    return (
        f"no end after {request.timeout_s:g} s{got}: give it longer with --edgejson-timeout, or less to say with "
        "--edgejson-max-new-tokens"
    )


class EndScanner:
    """Tells when an answer has ended, from its text piece by piece: tokens, or what a server streams.

    Args:
        settings: whether answers end with their root object, and in a loop.
        request: what is answered.

    Attributes:
        is_needed: whether the text is looked at at all; else it need not be fed.
        thought_pieces: how many were of thoughts among the answer, from the piece that opens one, or the first, to the
            one that closes it; None for none, and where the root object is not looked for.
    """

    def __init__(self, settings: GenerationSettings, request: Request) -> None:
        roots = frozenset({json_type(request.case.expected_output)})
        self._thoughts = Marks(settings.thoughts)
        # Templates of reasoning models open the thought themselves. An answer that is held to a schema has none.
        self._opening = self._thoughts.opened_by(request.text) if request.constraint is None else None
        self._root = RootScanner(request.text, thoughts=self._thoughts, roots=roots) if settings.stop_at_root else None
        self._loop = LoopScanner(request.case.expected_output) if settings.ends_loops else None
        self.is_needed = self._root is not None or self._loop is not None
        self.thought_pieces: int | None = None
        self._pieces = 0

    @property
    def closed_at(self) -> int | None:
        """The offset after the root object in all that was fed, None as long as it has not closed."""
        return None if self._root is None else self._root.closed_at

    def split_thought(self, text: str) -> tuple[str, str | None]:
        """Return the text of an answer, and apart from it the thought, where all of it is one.

        That is so where the prompt's template has opened a thought that nothing in the text ends: no mark in the text
        itself tells that what stands in it are drafts.
        """
        if self._opening is None or not text or self._thoughts.end_of(self._opening, text, 0) is not None:
            return text, None
        return "", text

    def think(self, text: str) -> Literal["loop"] | None:
        """Take the next piece of a thought that comes apart from the answer; return whether it ends in a loop."""
        return "loop" if self._loop is not None and self._loop.feed(text) else None

    def feed(self, text: str) -> Literal["stop", "loop"] | None:
        """Take the next piece; return the finish reason if the answer ends in it or before, its root object first."""
        if self._root is not None:
            was_in_thought, unopened = self._root.is_in_thought, self._root.unopened
            has_closed = self._root.feed(text)
            self._pieces += 1
            if self._root.unopened > unopened:
                self.thought_pieces = self._pieces
            elif was_in_thought or self._root.is_in_thought:
                self.thought_pieces = (self.thought_pieces or 0) + 1
            if has_closed:
                return "stop"
        return "loop" if self._loop is not None and self._loop.feed(text) else None
