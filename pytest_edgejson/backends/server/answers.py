"""Answers: the pieces of one answer put together, until it ends or is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.ending import EndScanner, too_late
from pytest_edgejson.backends.finish_reasons import read_finish_reason
from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.backends.server.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.backends.interface import FinishReason, GenerationSettings, Request
    from pytest_edgejson.backends.server.client import Wanted
    from pytest_edgejson.backends.server.endpoints import Endpoint, Part

# Behind the root object: a fence's end, the end of the sequence, and the usage, without which nothing is counted.
_REST = 16
_COUNTS = ("prompt_tokens", "output_tokens", "thought_tokens", "cached_tokens")
_FILTERED = frozenset({"content_filter", "safety", "prohibited_content", "recitation", "blocklist"})


class Answer:
    """One answer while it comes in.

    Args:
        request: what is answered.
        endpoint: reads the pieces.
        settings: what ends an answer.
        step: told of each piece of text; of what was answered so far, where the request is `streamed`.
    """

    def __init__(
        self,
        request: Request,
        endpoint: Endpoint,
        settings: GenerationSettings,
        step: Callable[[str | None], None],
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._ending = EndScanner(settings, request)
        self._step = step
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._counts: dict[str, Any] = {}
        self._reason: FinishReason | None = None
        self._filtered: str | None = None
        self._has_begun = False
        self._has_ended = False
        self._pieces = 0
        self._rest = 0

    def take(self, piece: Mapping[str, Any]) -> Wanted:
        """Take the next piece, and say what is wanted next.

        Raises:
            ServerError: it is no piece of an answer.
        """
        try:
            part = self._endpoint.read(piece)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is this case's error
            what = f"{type(error).__name__}: {error}"
            raise ServerError("strange", f"what came is no answer of {self._endpoint.path} ({what})") from None
        self._counts |= {name: value for name in _COUNTS if (value := getattr(part, name)) is not None}
        self._has_begun = self._has_begun or part.is_choice
        self._has_ended = self._has_ended or (part.finish is not None and _reason(part.finish) == "stop")
        self._pieces += bool(part.text or part.thought)
        if self._reason is None:
            self._go_on(part)
        elif self._rest == 0:
            return "over"
        if self._reason is None:
            return "more"
        self._rest -= 1
        # A loop has no end behind which it would be counted.
        return "over" if self._reason == "loop" or "output_tokens" in self._counts else "rest"

    def _go_on(self, part: Part) -> None:
        if part.thought:
            self._thoughts.append(part.thought)
            self._reason = self._ending.think(part.thought)
        if part.text and self._reason is None:
            self._texts.append(part.text)
            if self._ending.is_needed:
                self._reason = self._ending.feed(part.text)
        if part.text or part.thought:
            self._step(self._text if self._request.streamed else None)
        if part.finish is not None and self._reason is None:
            self._filtered = part.finish if part.finish.lower() in _FILTERED else None
            self._reason = _reason(part.finish)
        if self._reason is not None:
            self._rest = _REST

    def completion(self, latency_s: float, *, is_done: bool = False) -> Completion:
        """Return what it came to.

        Args:
            latency_s: seconds that it took.
            is_done: whether the server has said that nothing more comes. Some say nothing else of an answer's end.

        Raises:
            ServerError: it did not end, there is none, or it was filtered out.
        """
        if not self._has_begun:
            raise ServerError("strange", "an empty answer came: no choices")
        if self._reason is None and is_done and self._texts:
            self._reason = "stop"
        if self._reason is None:
            raise ServerError("cut", "the connection ended in the middle of the answer")
        if self._filtered is not None:
            raise ServerError("strange", f"the server's content filter ended the answer ({self._filtered})")
        if self._reason == "error":
            raise ServerError("strange", "the server broke the answer off (finish reason error)")
        return self._made(self._reason, latency_s)

    def out_of_time(self, latency_s: float) -> Completion:
        """Return what came until the time limit: the answer, where only its usage was waited for.

        Raises:
            ServerError: it was broken off, or filtered out.
        """
        if self._reason is not None:
            return self.completion(latency_s)
        return self._made("timeout", latency_s, too_late(self._request))

    @property
    def _text(self) -> str:
        # Servers send several tokens at once, as many as chance has it: what follows the object is cut off.
        return "".join(self._texts)[: self._ending.closed_at]

    @property
    def _thought_tokens(self) -> int | None:
        """What the server tells, else what its pieces do, where as many of them as tokens came: one each."""
        told, tokens = self._counts.get("thought_tokens"), self._counts.get("output_tokens")
        thoughts = len(self._thoughts) + (self._ending.thought_pieces or 0)
        if told or not thoughts:
            return told
        # The token with which a model ends its answer is counted, and has no text.
        has_one_each = tokens is not None and tokens - self._pieces in range(2 if self._has_ended else 1)
        return thoughts if has_one_each else None

    def _made(self, reason: FinishReason, latency_s: float, error: str | None = None) -> Completion:
        # Where the server tells thoughts apart, what it sends as text is none of them.
        text, thought = self._text, "".join(self._thoughts) or None
        if thought is None:
            text, thought = self._ending.split_thought(text)
        return Completion(
            self._request.key,
            text,
            reason,
            latency_s=latency_s,
            error=error,
            thought=thought,
            **{**self._counts, "thought_tokens": self._thought_tokens},
        )


def _reason(word: str) -> FinishReason:
    return read_finish_reason(word) or "stop"
