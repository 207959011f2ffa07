"""Work in the background: a coroutine in a thread and an event loop of its own, which can be left at any time."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

# Whoever leaves waits no longer for connections to be closed.
_LEAVE_S = 3.0
# A Ctrl-C is heard between two waits.
_LOOK_EVERY_S = 0.2


class Background(Generic[T]):
    """Runs a coroutine.

    Args:
        work: makes it.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._result: T | None = None
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._is_left = False
        # A daemon: where a connection cannot be closed, Python ends all the same.
        self._thread = threading.Thread(target=self._run, name="edgejson server", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = asyncio.run(self._begin())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
            self._error = error

    async def _begin(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._work())
        if self._is_left:
            self._task.cancel()
        return await self._task

    def result(self) -> T:
        """Return what came of it, or raise what it raised. A Ctrl-C leaves it."""
        try:
            while self._thread.is_alive():
                self._thread.join(_LOOK_EVERY_S)
        finally:
            self.leave()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def leave(self) -> None:
        """Cancel it where it still runs."""
        self._is_left = True
        if self._thread.is_alive() and self._loop is not None and self._task is not None:
            # It may have ended in the meantime.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(_LEAVE_S)
