"""The process in which a model runs: takes orders on its stdin, sends what happens on what was its stdout.

`isolation` starts it. It reads frames, an 8-byte length and as many bytes of pickle: first what to add to `sys.path`,
then a backend, then a list of requests for each order, or `CHECK`. Another backend takes the place of the one before
it, which is closed. It writes JSON lines, objects with one of these keys:

- `begin`: keys of the cases that are generated from now on, together.
- `step`: tokens made since the last such line.
- `said`: a key, and all that was answered so far to the request.
- `note`: a line for people, such as that a model is converted first.
- `warning`: a line on what may be a mistake.
- `completion`: a completion as `Completion.as_dict` gives it.
- `checked`: true, where nothing keeps all cases from being answered.
- `error`: what broke, in one line, and `in_batch`, whether that concerns the batch under way rather than the model.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import pickle
import queue
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.backends.interface import Backend, Request
    from pytest_edgejson.backends.local.shared_bases import Bases
    from pytest_edgejson.backends.watch import Watch

# Small models make more than a thousand steps a second, and nobody looks so often.
_STEP_EVERY_S = 0.1
# An order to check the backend.
CHECK = "check"
# prctl(2)
_PR_SET_PDEATHSIG = 1


class _Channel:
    """Where JSON lines go; what watches the backend, a `Watch` in all but name: that cannot be imported yet."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tokens = 0
        self._told = 0.0

    def send(self, **message: Any) -> None:
        self._stream.write(json.dumps(message).encode("ascii") + b"\n")
        self._stream.flush()

    def begin(self, keys: Sequence[str]) -> None:
        self.send(begin=keys)

    def said(self, key: str, text: str) -> None:
        self.send(watch=["said", key, text])

    def note(self, line: str) -> None:
        self.send(watch=["note", line])

    def wait(self, reason: str | None) -> None:
        self.send(watch=["wait", reason])

    def warn(self, line: str) -> None:
        self.send(watch=["warn", line])

    def step(self, tokens: int) -> None:
        self._tokens += tokens
        now = time.monotonic()
        if now - self._told >= _STEP_EVERY_S:
            self.send(watch=["step", self._tokens])
            self._tokens, self._told = 0, now


def main() -> None:
    """Serve orders until stdin ends."""
    # A Ctrl-C reaches every process of the terminal; the parent decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, channel = _take_streams()
    faulthandler.enable(all_threads=False)
    if hasattr(faulthandler, "register"):
        # The parent asks where a step is stuck before it ends this process.
        faulthandler.register(signal.SIGUSR1)
    if sys.platform == "linux":
        # The thread that waits for the end of stdin cannot run while native code holds the interpreter's lock.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(orders, frames), daemon=True).start()
    sys.path += [folder for folder in pickle.loads(frames.get()) if folder not in sys.path]
    from pytest_edgejson.backends.local.shared_bases import Bases

    bases = Bases()
    backend: Backend | None = None
    while True:
        match pickle.loads(frames.get()):
            case str():
                assert backend is not None
                _check(backend, channel)
            case list() as requests:
                assert backend is not None
                _serve(backend, requests, bases, channel)
            case other:
                if backend is not None:
                    backend.close()
                backend = other


def _take_streams() -> tuple[BinaryIO, _Channel]:
    """Keep stdin and stdout for orders and messages: whatever else prints does so on stderr, and reads nothing."""
    orders = os.fdopen(os.dup(0), "rb")
    channel = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return orders, _Channel(channel)


def _read(orders: BinaryIO, frames: queue.SimpleQueue[bytes]) -> None:
    while size := orders.read(8):
        frames.put(orders.read(int.from_bytes(size, "big")))
    # The parent is done or gone. Nothing here is worth the time that an orderly exit takes, if it comes to one.
    os._exit(0)


def _check(backend: Backend, channel: _Channel) -> None:
    from pytest_edgejson.backends.interface import BackendError

    backend.watch = cast("Watch", channel)
    try:
        backend.check(lambda: True)
        channel.send(checked=True)
    except BackendError as error:
        channel.send(error=str(error))


def _serve(backend: Backend, requests: Sequence[Request], bases: Bases, channel: _Channel) -> None:
    from pytest_edgejson.backends.interface import BackendError, BatchError
    from pytest_edgejson.backends.local.transformers import TransformersBackend

    backend.watch = cast("Watch", channel)
    try:
        if isinstance(backend, TransformersBackend):
            backend.load_model(bases)
        for completion in backend.generate(requests):
            channel.send(completion=completion.as_dict())
    except BackendError as error:
        channel.send(error=str(error), in_batch=isinstance(error, BatchError))


if __name__ == "__main__":
    main()
