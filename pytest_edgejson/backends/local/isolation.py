"""Isolation: a model in a process of its own, which may crash, hang or be killed without taking the run with it.

A process and not a thread, because native code that is stuck can be ended in no other way; started afresh and not
forked, because a fork of a process with threads may lock up; and not by `multiprocessing`, which imports the parent's
main module once more in each child.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_edgejson.backends.interface import Backend, BackendError, Completion
from pytest_edgejson.backends.local import child
from pytest_edgejson.backends.local.transformers import TransformersBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from pytest_edgejson.backends.interface import Prompt, Request
    from pytest_edgejson.backends.local.shared_bases import Base
    from pytest_edgejson.backends.prompt_tokens import PromptTokens
    from pytest_edgejson.suite.cases import Case

# What a step may take beyond a case's time limit before it counts as stuck: a model that is merely slow ends its cases
# itself, at its next step, and keeps what it said so far.
GRACE_S = 2.0
# Processes that may end in a row without having finished a case.
ATTEMPTS = 5
# How often the process itself is looked at. Its end shows at once where its stdout ends with it, but that may have
# been inherited by a process that the model's code forked.
_LOOK_EVERY_S = 0.5
# For the stack of a stuck process to reach stderr, and for a process that was told to end to do so.
_STACK_S = 1.0
_END_S = 5.0
# How often a thread of libgomp, torch's on Linux, looks whether the others are done before it sleeps. Left alone, it
# looks for longer than it has to wait on a free machine; where another process is busy too, it so keeps a core from the
# very thread that it waits for.
_SPIN_COUNT = "4000"


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a process ended, or had to be ended, before it answered all it was asked.

    Attributes:
        reason: the finish reason of a case to which this happens alone.
        error: what happened, in one line.
        cases: keys of the cases under way.
    """

    reason: Literal["timeout", "error"]
    error: str
    cases: tuple[str, ...] = ()


class IsolatedBackend(Backend):
    """Runs a backend's model in another process, which lives until `close`, until it breaks, or until it is taken over.

    When the process dies, gets stuck or cannot go on, the cases under way are run again one by one, in a new process; a
    case that fails alone is an error, or a timeout, of that case.

    Args:
        backend: what to run. In this process it renders prompts and tells what it is; its model is never loaded here.
        name: the model's.
    """

    def __init__(self, backend: Backend, name: str) -> None:
        self.generates_together = backend.generates_together
        self.limits_each = backend.limits_each
        self.at_once = backend.at_once
        self.constrains = backend.constrains
        self._backend = backend
        self._name = name
        self._process: _Process | None = None
        # What the process has loaded, or will at the first order.
        self._base: Base | None = None

    @property
    def fingerprint(self) -> str:
        """The backend's."""
        return self._backend.fingerprint

    @property
    def description(self) -> Mapping[str, Any]:
        """The backend's."""
        return self._backend.description

    def render(self, case: Case) -> Prompt:
        """Return the whole text the model is given for a case."""
        return self._backend.render(case)

    def tokenize(self, prompt: Prompt) -> PromptTokens | None:
        """Return the tokens that the model is given for a prompt."""
        return self._backend.tokenize(prompt)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as an answer."""
        return self._backend.count_tokens(text)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as cases finish.

        The process does not wait for its completions to be taken. Closing the iterator ends it unless all are.

        Raises:
            BackendError: the model cannot be loaded, or processes kept ending without having finished a case.
        """
        waiting = {request.key: request for request in requests}
        suspects: list[str] = []
        in_vain = 0
        try:
            while waiting and not self.is_over:
                alone = bool(suspects)
                order = [waiting[suspects.pop(0)]] if alone else list(waiting.values())
                before = len(waiting)
                ending = yield from self._answers(order, waiting)
                if ending is None:
                    in_vain = 0
                    continue
                self._end()
                if self.is_over:
                    return
                in_vain = in_vain + 1 if len(waiting) == before else 1
                if not alone:
                    suspects = list(ending.cases)
                elif ending.cases:
                    (request,) = order
                    del waiting[request.key]
                    yield Completion(request.key, "", ending.reason, error=ending.error)
                else:
                    # It ended before it came to this case.
                    suspects.insert(0, order[0].key)
                if waiting and in_vain >= ATTEMPTS:
                    raise BackendError(
                        f"{self._name}: given up after {in_vain} processes in a row that finished no case; "
                        f"of the last: {ending.error}"
                    )
        finally:
            if waiting:
                self._end()

    def check(self, is_needed: Callable[[], bool]) -> None:
        """Let the process find out what would keep every case from being answered, if the backend looks at all.

        Raises:
            BackendError: something would, or the process ended.
        """
        if type(self._backend).check is Backend.check or not is_needed():
            return
        process = self._process or self._begin()
        process.send(child.CHECK)
        while True:
            try:
                received = process.receive(math.inf)
            except _Ended as ended:
                self._end()
                raise BackendError(f"{self._name}: the process that reads the model {ended}") from None
            assert received is not None
            match received[1]:
                case {"checked": True}:
                    return
                case {"watch": [event, *values]}:
                    getattr(self.watch, event)(*values)
                case {"error": error}:
                    self._end()
                    raise BackendError(error)

    def take_turn(self, former: Backend | None, following: Backend | None) -> None:
        """Take over the process of the model before, and prepare for the one after.

        Where these are of the same base, its weights are loaded once. A process is taken over only when it is idle and
        has answered all it was asked.

        Args:
            former: the backend whose turn is over, if any. It must be closed all the same.
            following: the one whose turn is next, if any.
        """
        base = self._look_at_base()
        if base is None or not isinstance(self._backend, TransformersBackend):
            return
        self._backend.keeps_base = isinstance(following, IsolatedBackend) and following._look_at_base() == base
        if isinstance(former, IsolatedBackend) and former._process is not None and former._base == base:
            self._process, former._process = former._process, None
            self._base = base
            self._process.change(self._backend)

    def close(self) -> None:
        """End the process. A later `generate` starts another."""
        self._end()
        self._backend.close()

    def _answers(
        self, order: Sequence[Request], waiting: dict[str, Request]
    ) -> Generator[Completion, None, _Ending | None]:
        """Yield the completions of an order and take them off `waiting`; return what came in between, if anything."""
        process = self._process or self._begin()
        process.send(list(order))
        unanswered = {request.key for request in order}
        under_way: list[str] = []
        timeout_s = min((request.timeout_s for request in order if request.timeout_s is not None), default=math.inf)
        heard = math.inf
        while unanswered:
            stuck_at = heard + timeout_s + GRACE_S if under_way else math.inf
            try:
                received = process.receive(min(stuck_at, self.deadline))
            except _Ended as ended:
                if process.is_loading and not process.is_used:
                    raise BackendError(f"{self._name}: the process that loads the model {ended}") from None
                return _Ending("error", f"the process that ran the model {ended}", tuple(under_way))
            if received is None:
                if not self.is_over:
                    process.print_stack()
                error = (
                    f"no token within {timeout_s:g} s (--edgejson-timeout): the process that ran the model was ended"
                )
                return _Ending("timeout", error, tuple(under_way))
            heard, message = received
            match message:
                case {"begin": keys}:
                    process.is_loading = False
                    under_way = keys
                    self.watch.begin(keys)
                case {"watch": [event, *values]}:
                    getattr(self.watch, event)(*values)
                case {"completion": content}:
                    completion = Completion.from_dict(content)
                    unanswered.remove(completion.key)
                    del waiting[completion.key]
                    if completion.key in under_way:
                        under_way.remove(completion.key)
                    yield completion
                case {"error": error, "in_batch": True}:
                    return _Ending("error", error, tuple(under_way))
                case {"error": error}:
                    if process.is_loading and process.is_used:
                        # Perhaps for what the model before left behind.
                        return _Ending("error", error)
                    raise BackendError(error)
        return None

    def _look_at_base(self) -> Base | None:
        """Return what the model would be made of now; None also where its kind of backend shares nothing."""
        return self._backend.base if isinstance(self._backend, TransformersBackend) else None

    def _begin(self) -> _Process:
        self._base = self._look_at_base()
        self._process = _Process(self._backend)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class _Ended(Exception):
    """A process is no more, and all it said has been received. The message goes on after "the process"."""


class _Process:
    """The other process, which runs `child`.

    Attributes:
        is_loading: whether it has not told yet that it generates something, for which it loads the model.
        is_used: whether it ran another model before.
    """

    def __init__(self, backend: Backend) -> None:
        self.is_loading = True
        self.is_used = False
        # By its path and without the folder of that, -P: modules named like libraries lie in it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        self._messages: queue.SimpleQueue[tuple[float, dict[str, Any]] | None] = queue.SimpleQueue()
        # A thread, because not every system can wait for a pipe and a time at once.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.send([str(Path(folder).absolute()) for folder in sys.path])
        self.send(backend)

    def change(self, backend: Backend) -> None:
        """Let it run another model from now on, and free the one before."""
        self.is_loading = self.is_used = True
        self.send(backend)

    def send(self, content: object) -> None:
        """Send an object; to a process that has ended in vain, which `receive` will tell."""
        frame = pickle.dumps(content)
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(len(frame).to_bytes(8, "big") + frame)
            self._process.stdin.flush()

    def receive(self, until: float) -> tuple[float, dict[str, Any]] | None:
        """Return when a message came in and what it says, None where none has come until a time.

        Raises:
            _Ended: there will be no more.
        """
        while True:
            left_s = until - time.monotonic()
            try:
                received = self._messages.get(timeout=max(0, min(left_s, _LOOK_EVERY_S)))
            except queue.Empty:
                if left_s <= 0:
                    return None
                if self._process.poll() is None:
                    continue
                # What it said last may be on its way.
                self._reader.join(_LOOK_EVERY_S)
                if not self._messages.empty():
                    continue
                received = None
            if received is None:
                raise _Ended(self._how_it_ended())
            return received

    def print_stack(self) -> None:
        """Let the process write on stderr where it is, if it can."""
        if hasattr(signal, "SIGUSR1"):
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(_STACK_S)

    def end(self) -> None:
        """End the process: it holds nothing that an orderly exit would save."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._reader.join(_END_S)
        assert self._process.stdin is not None
        # Closing writes what could not be written before.
        with suppress(OSError):
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                # The last one may be cut off.
                if line.endswith(b"\n"):
                    self._messages.put((time.monotonic(), json.loads(line)))
        self._messages.put(None)

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "hung up"
        if status >= 0:
            return f"ended with exit status {status}"
        name = {one.value: one.name for one in signal.Signals}.get(-status, f"signal {-status}")
        hint = (
            ": perhaps memory ran out; use a smaller model, or --edgejson-dtype=bfloat16" if name == "SIGKILL" else ""
        )
        return f"was ended by {name}{hint}"


def environment() -> dict[str, str]:
    """Return what the model's process has: this one's, with `_SPIN_COUNT` where the user decided nothing on waiting."""
    # Beside a count, libgomp would not heed the policy.
    spinning = {} if "OMP_WAIT_POLICY" in os.environ else {"GOMP_SPINCOUNT": _SPIN_COUNT}
    return {**spinning, **os.environ}
