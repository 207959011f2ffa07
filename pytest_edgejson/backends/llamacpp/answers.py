"""Answers: prompts that llama.cpp works on at the same time, followed as their texts come in."""

from __future__ import annotations

import queue
import re
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.constraint.grammar import for_llamacpp
from pytest_edgejson.backends.ending import EndScanner, too_late
from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.backends.local.sampling import llamacpp_fields, seed_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_edgejson.backends.constraint.grammar import Vocabulary
    from pytest_edgejson.backends.interface import Backend, FinishReason, GenerationSettings, Request
    from pytest_edgejson.backends.llamacpp.engine import Engine

# How often the deadline is looked at while no token comes.
_LOOK_EVERY_S = 0.5
# A text of JSON, or the first 8 characters of a longer space between others: llama.cpp's copy of llguidance bounds no
# space, so that one that goes on is ended as a loop only.
_LONG_SPACE = re.compile(r'("(?:[^"\\]|\\.)*"?)|([ \n\r\t]{8})[ \n\r\t]+')
# Where seeds end; the last one means a random one.
_SEEDS = 2**32 - 1


class Answer:
    """One request while llama.cpp answers it, in a thread of its own.

    Attributes:
        request: what to answer.
        prompt: its tokens.
        limit: tokens generated at most.
        grammars: those of constraints, over bytes; None where answers are held to none.
        tokens: generated so far.
        compute_s: its share of the seconds that llama.cpp worked.
        is_unwanted: whether nobody waits for it any more.
    """

    def __init__(
        self,
        request: Request,
        prompt: list[int],
        limit: int,
        settings: GenerationSettings,
        grammars: Vocabulary | None = None,
    ) -> None:
        self.request = request
        self.grammars = grammars
        self.prompt = prompt
        self.limit = limit
        self.tokens = 0
        self.compute_s = 0.0
        self.is_unwanted = False
        self._settings = settings
        self._ending = EndScanner(settings, request)
        self._texts: list[str] = []
        self._reason: FinishReason | None = None
        self._error: str | None = None
        self._began_s = 0.0
        self._latency_s: float | None = None

    def work(self, engine: Engine, events: queue.SimpleQueue[tuple[Answer, int | None]]) -> None:
        """Have it answered; report the tokens of each part, and None at the end."""

        def receive(part: dict[str, Any]) -> bool:
            # An exception would be lost in the library, and the answer go on.
            try:
                before = self.tokens
                is_over = self._take(part)
                events.put((self, self.tokens - before))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this case's error
                self._reason, self._error, is_over = "error", f"{type(error).__name__}: {error}", True
            return is_over or self.is_unwanted

        self._began_s = time.monotonic()
        try:
            engine.complete(self._ask(), receive)
        except Exception as error:  # noqa: BLE001 - the others go on
            self._reason, self._error = "error", f"{type(error).__name__}: {error}"
        events.put((self, None))

    @property
    def text(self) -> str:
        """What was answered so far."""
        return "".join(self._texts)

    def completion(self) -> Completion:
        """Return what it came to."""
        text, error = self.text, self._error
        if self._reason is None:
            self._reason, error = "error", "llama.cpp ended without an answer"
        elif not self._is_held(text):
            self._reason, error = "error", "llama.cpp did not hold the answer to its schema: it has no grammar of it"
        elif self._reason == "timeout":
            error = too_late(self.request, self.tokens)
        text, thought = self._ending.split_thought(text)
        return Completion(
            key=self.request.key,
            text=text,
            finish_reason=self._reason,
            prompt_tokens=len(self.prompt),
            output_tokens=self.tokens,
            thought=thought,
            # A part is a token.
            thought_tokens=self._ending.thought_pieces,
            latency_s=self._latency_s,
            compute_s=self.compute_s,
            error=error,
        )

    def _is_held(self, text: str) -> bool:
        # Where llama.cpp cannot compile a grammar, it logs that and answers all the same, held to nothing.
        constraint = self.request.constraint
        if constraint is None or self.grammars is None or self._reason == "error":
            return True
        bounded = _LONG_SPACE.sub(r"\1\2", text)
        return self.grammars.is_held(bounded, constraint, has_ended=self._reason == "stop")

    def _ask(self) -> dict[str, Any]:
        constraint = self.request.constraint
        held = {} if constraint is None else {"grammar": for_llamacpp(constraint)}
        return {
            **held,
            **llamacpp_fields(self._settings, self.prompt, self.limit),
            "seed": seed_of(self._settings, self.request) % _SEEDS,
        }

    def _take(self, part: dict[str, Any]) -> bool:
        """Take the next part; return whether the answer is over."""
        if "error" in part:
            self._reason, self._error = "error", f"llama.cpp: {part['error'].get('message', part['error'])}"
            return True
        (choice,) = part["choices"]
        timings = part.get("timings")
        if timings is not None:
            self.tokens = timings["predicted_n"]
            self._latency_s = (timings["prompt_ms"] + timings["predicted_ms"]) / 1000
        self._texts.append(choice["text"])
        if choice["finish_reason"] is not None:
            self._reason = "length" if choice["finish_reason"] == "length" else "stop"
        elif self._ending.is_needed and (ended := self._ending.feed(choice["text"])):
            self._reason = ended
        elif self.request.timeout_s is not None and time.monotonic() - self._began_s > self.request.timeout_s:
            self._reason = "timeout"
        return self._reason is not None


class Answers:
    """Requests answered several at once: the next one begins as soon as another one has ended.

    Args:
        backend: whose deadline holds, and whose watch is told.
        engine: answers them.
        waiting: in their order.
        size: at once, at most.
    """

    def __init__(self, backend: Backend, engine: Engine, waiting: Iterable[Answer], size: int) -> None:
        self._backend = backend
        self._engine = engine
        self._waiting = deque(waiting)
        self._size = size

    def generate(self) -> Iterator[Completion]:
        """Yield completions as they come in; what is under way when this is closed is stopped at its next token."""
        events: queue.SimpleQueue[tuple[Answer, int | None]] = queue.SimpleQueue()
        under_way: list[Answer] = []
        clock_s = time.perf_counter()
        with ThreadPoolExecutor(self._size) as threads:
            try:
                while (self._waiting or under_way) and not self._backend.is_over:
                    beginning = [
                        self._waiting.popleft() for _ in range(min(self._size - len(under_way), len(self._waiting)))
                    ]
                    under_way += beginning
                    if beginning:
                        self._backend.watch.begin([answer.request.key for answer in under_way])
                    for answer in beginning:
                        threads.submit(answer.work, self._engine, events)
                    try:
                        answer, made = events.get(timeout=_LOOK_EVERY_S)
                    except queue.Empty:
                        continue
                    now_s = time.perf_counter()
                    for each in under_way:
                        each.compute_s += (now_s - clock_s) / len(under_way)
                    clock_s = now_s
                    if made is not None:
                        self._backend.watch.step(made)
                        if answer.request.streamed:
                            self._backend.watch.said(answer.request.key, answer.text)
                        continue
                    under_way.remove(answer)
                    yield answer.completion()
                # What was finished when the deadline came.
                while not events.empty():
                    answer, made = events.get()
                    if made is None:
                        under_way.remove(answer)
                        yield answer.completion()
            finally:
                for answer in under_way:
                    answer.is_unwanted = True
