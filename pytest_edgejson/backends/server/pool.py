"""The pool: requests that a server is asked at the same time, again where that helps, and waits in between."""

from __future__ import annotations

import asyncio
import queue
import random
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError, Completion
from pytest_edgejson.backends.server.background import Background
from pytest_edgejson.backends.server.concurrency import Concurrency
from pytest_edgejson.backends.server.errors import ServerError
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Any, TypeAlias

    from pytest_edgejson.backends.interface import Backend, Request

    Event: TypeAlias = "tuple[str, Any]"

# Doubled each time, up to the longest.
FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
# Times that a case is asked again: where it is refused, others are answered, and where the connection ends.
_MOST_REFUSALS, _MOST_FAILURES = 12, 5
# A server that wants to be left alone for longer is not waited for.
_LONGEST_PAUSE_S = 600.0
# How often the deadline is looked at, and what is waited for is shown.
_LOOK_EVERY_S = 0.2
_AGAIN = frozenset({"busy", "cut", "unreachable"})


def wait_s(error: ServerError, times: int) -> float | None:
    """Return how long to wait before a request is sent again that has failed so many times; None for never."""
    if error.kind not in _AGAIN or error.is_spent:
        return None
    if times > (_MOST_REFUSALS if error.is_crowded else _MOST_FAILURES):
        return None
    if error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= _LONGEST_PAUSE_S else None
    # Not all at the same time.
    return min(_LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (times - 1)) * random.uniform(0.75, 1.25)


@dataclass(slots=True, eq=False)
class Attempt:
    """A request that is asked until it is answered.

    Attributes:
        request: what is asked.
        failures: times that it was asked in vain.
        spent_s: seconds that the server has worked on it, of those that it may.
        began_s: when it was asked last, by the loop's clock.
        not_before_s: when it may be asked again.
    """

    request: Request
    failures: int = 0
    spent_s: float = 0.0
    began_s: float = 0.0
    not_before_s: float = 0.0


class Pool:
    """Asks a server.

    Args:
        backend: whose deadline holds, and whose watch is told.
        name: the model's, for messages.
        place: the server's address, for messages.
        client: makes what requests need, in the loop in which they are sent.
        ask: sends one, and returns its completion.
        size: requests at once at most.
    """

    def __init__(
        self,
        backend: Backend,
        name: str,
        place: str,
        client: Callable[[], AbstractAsyncContextManager[Any]],
        ask: Callable[[Any, Attempt], Awaitable[Completion]],
        size: int,
    ) -> None:
        self._backend = backend
        self._name = name
        self._place = place
        self._client = client
        self._ask = ask
        self._concurrency = Concurrency(size)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._has_answered = False
        self._pause_until_s = 0.0
        self._reason = ""
        self._waiting: deque[Request] = deque()
        self._again: list[Attempt] = []
        self._running: dict[asyncio.Task[Completion], Attempt] = {}

    def step(self, key: str, said: str | None) -> None:
        """Hear that a piece of an answer has come; with all of a `streamed` one."""
        self._events.put(("step", (key, said)))

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as they come in. Closed, it ends all connections.

        Raises:
            BackendError: no further case will be answered.
        """
        self._waiting.extend(requests)
        under_way: dict[str, float] = {}
        clock_s = time.perf_counter()
        background = Background(self._run)
        try:
            while not self._backend.is_over:
                kind, value = self._next()
                now_s = time.perf_counter()
                for key in under_way:
                    under_way[key] += (now_s - clock_s) / len(under_way)
                clock_s = now_s
                if kind == "begin":
                    under_way.setdefault(value, 0.0)
                    self._backend.watch.begin([*under_way])
                elif kind == "step":
                    self._backend.watch.step(1)
                    key, said = value
                    if said is not None:
                        self._backend.watch.said(key, said)
                elif kind == "done":
                    yield replace(value, compute_s=under_way.pop(value.key, None))
                elif kind == "end":
                    background.result()
                    return
                self._backend.watch.wait(self._waits())
            # The deadline: what is finished counts.
            while not self._events.empty():
                kind, value = self._events.get()
                if kind == "done":
                    yield replace(value, compute_s=under_way.pop(value.key, None))
        finally:
            background.leave()
            self._backend.watch.wait(None)

    def _next(self) -> Event:
        try:
            return self._events.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            return ("step of time", None)

    def _waits(self) -> str | None:
        """Return what is waited for, for people."""
        left_s = self._pause_until_s - time.monotonic()
        parts = []
        if left_s > 0 and self._reason:
            parts.append(f"waiting {left_s:.0f} s, as the server says {self._reason}")
        elif self._again:
            parts.append(f"{counted(len(self._again), 'case')} to be asked again after {self._reason}")
        if self._concurrency.is_reduced:
            parts.append(f"{self._concurrency.size} at once")
        return ", ".join(parts) or None

    async def _run(self) -> None:
        try:
            async with self._client() as client:
                try:
                    while self._waiting or self._again or self._running:
                        self._begin(client)
                        await self._pass_time()
                        for task in [task for task in self._running if task.done()]:
                            self._settle(task)
                finally:
                    for task in self._running:
                        task.cancel()
                    await asyncio.gather(*self._running, return_exceptions=True)
        finally:
            self._events.put(("end", None))

    def _begin(self, client: Any) -> None:
        """Begin as many requests as may be under way."""
        now_s = time.monotonic()
        if now_s < self._pause_until_s:
            return
        while len(self._running) < self._concurrency.size and (attempt := self._next_attempt(now_s)) is not None:
            attempt.began_s = now_s
            self._events.put(("begin", attempt.request.key))
            self._running[asyncio.ensure_future(self._ask(client, attempt))] = attempt

    def _next_attempt(self, now_s: float) -> Attempt | None:
        """Return what is to be asked next, what was asked in vain before others; None while there is nothing."""
        due = next((attempt for attempt in self._again if attempt.not_before_s <= now_s), None)
        if due is not None:
            self._again.remove(due)
            return due
        return Attempt(self._waiting.popleft()) if self._waiting else None

    async def _pass_time(self) -> None:
        """Wait until a request has ended, or another one may begin."""
        now_s = time.monotonic()
        until_s = None
        if (self._waiting or self._again) and len(self._running) < self._concurrency.size:
            soonest_s = now_s if self._waiting else min(attempt.not_before_s for attempt in self._again)
            until_s = max(soonest_s, self._pause_until_s, now_s + 0.001) - now_s
        if self._running:
            await asyncio.wait(self._running, timeout=until_s, return_when=asyncio.FIRST_COMPLETED)
        elif until_s is not None:
            await asyncio.sleep(until_s)

    def _settle(self, task: asyncio.Task[Completion]) -> None:
        """Take what a request has come to."""
        attempt = self._running.pop(task)
        try:
            completion = task.result()
        except ServerError as error:
            self._fail(attempt, error)
        except Exception as error:  # noqa: BLE001 - whatever breaks on a case, the others are asked
            self._done(Completion(attempt.request.key, "", "error", error=f"{type(error).__name__}: {error}"))
        else:
            self._has_answered = True
            self._concurrency.grow()
            self._done(completion)

    def _fail(self, attempt: Attempt, error: ServerError) -> None:
        """Ask again later, or let it be the case's error.

        Raises:
            BackendError: it is that of all cases.
        """
        now_s = time.monotonic()
        attempt.failures += 1
        if error.is_crowded:
            self._concurrency.shrink(attempt.began_s, now_s)
        pause_s = wait_s(error, attempt.failures)
        if pause_s is None:
            if self._is_of_all(error):
                gone = " is not there any more" if error.kind == "unreachable" else " answers no further case"
                raise BackendError(f"{self._name}: the server at {self._place}{gone} ({error})")
            times = f", asked {attempt.failures} times" if attempt.failures > 1 else ""
            self._done(Completion(attempt.request.key, "", "error", error=f"{error}{times}"))
            return
        self._reason = f"HTTP {error.status}" if error.status is not None else str(error)
        attempt.not_before_s = now_s + pause_s
        if error.is_crowded:
            self._pause_until_s = max(self._pause_until_s, attempt.not_before_s)
        self._again.append(attempt)

    def _is_of_all(self, error: ServerError) -> bool:
        """Tell whether every other case would meet the same."""
        if error.kind == "unreachable" or error.status == 401 or error.is_spent:
            return True
        if error.kind == "busy" and (error.retry_after_s or 0.0) > _LONGEST_PAUSE_S:
            return True
        return error.kind in ("denied", "absent") and not self._has_answered

    def _done(self, completion: Completion) -> None:
        self._events.put(("done", completion))
