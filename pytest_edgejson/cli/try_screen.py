"""What `edgejson try` shows while a model answers: what is waited for, then the answer as it comes in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_edgejson.backends.watch import Watch
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a decoder writes for bytes that are no character yet.
_UNDECODED = "\N{REPLACEMENT CHARACTER}"


class Screen(Watch):
    """Watches a backend: writes answers to stdout, all else to stderr.

    Args:
        shows_answers: whether answers are written at all.
    """

    def __init__(self, *, shows_answers: bool) -> None:
        self._shows_answers = shows_answers
        self._is_live = shows_answers and sys.stderr.isatty()
        self._has_begun = self._has_status = False
        self._shown = ""
        self._tokens = 0

    def start(self) -> None:
        """Wait for an answer."""
        self._shown, self._tokens = "", 0
        self._show_status("reading …" if self._has_begun else "loading …")

    def begin(self, keys: Sequence[str]) -> None:
        """Hear that the model is loaded."""
        self._has_begun = True
        self._show_status("reading …")

    def step(self, tokens: int) -> None:
        """Count tokens; those before the first word are of a thought that comes apart, or of a trial."""
        self._tokens += tokens
        if not self._shown:
            self._show_status(f"{counted(self._tokens, 'token')} …")

    def said(self, key: str, text: str) -> None:
        """Write what is new of an answer."""
        settled = text.rstrip(_UNDECODED)
        if self._shows_answers and len(settled) > len(self._shown) and settled.startswith(self._shown):
            self.hide_status()
            sys.stdout.write(clean(settled[len(self._shown) :], keep="\n"))
            sys.stdout.flush()
            self._shown = settled

    def note(self, line: str) -> None:
        """Write a line for people."""
        self.hide_status()
        print(line, file=sys.stderr)

    def wait(self, reason: str | None) -> None:
        """Show what is waited for."""
        if reason is not None:
            self._show_status(reason)

    def finish(self, output: str) -> None:
        """Write the rest of an answer, all of it where it did not come piece by piece."""
        self.hide_status()
        if not self._shows_answers:
            return
        rest = output.removeprefix(self._shown) if output.startswith(self._shown) else f"\n{output}"
        if self._shown or rest:
            print(clean(rest, keep="\n"), end="\n\n", flush=True)

    def interrupt(self) -> None:
        """End the line of an answer that does not go on."""
        self.hide_status()
        if self._shown:
            print(flush=True)

    def hide_status(self) -> None:
        """Take away what is waited for."""
        if self._has_status:
            self._write_status("")
            self._has_status = False

    def _show_status(self, text: str) -> None:
        if self._is_live and not self._shown:
            self._write_status(clean(text))
            self._has_status = True

    def _write_status(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()
