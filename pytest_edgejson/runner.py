"""The runner: hands each case its completion, from the store or from the model, one model loaded at a time."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_edgejson.backends import BackendError, Completion, GenerationSettings, Request
from pytest_edgejson.store import store_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_edgejson.backends import Backend
    from pytest_edgejson.cases import Case
    from pytest_edgejson.models import ModelSpec
    from pytest_edgejson.progress import Progress
    from pytest_edgejson.store import Store


@dataclass(frozen=True, slots=True)
class Job:
    """A case to run on a model.

    Attributes:
        key: the node id, unique in a run.
        model: name of the model.
        case: what to ask.
        repeat: 1-based.
    """

    key: str
    model: str
    case: Case
    repeat: int = 1


class Runner:
    """Runs jobs model by model.

    Args:
        specs: the models by name.
        settings: generation settings by model name.
        load: makes the backend of a model.
        store: where completions are kept.
        progress: shown while a model generates, None for nothing.
        timeout_s: seconds that a model may work on a case, None for no limit.
        deadline_s: seconds from the first case on after which nothing is generated any more, None for no limit.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        settings: Mapping[str, GenerationSettings],
        load: Callable[[ModelSpec, GenerationSettings], Backend],
        store: Store,
        progress: Progress | None = None,
        *,
        timeout_s: float | None = None,
        deadline_s: float | None = None,
    ) -> None:
        self._specs = specs
        self._settings = settings
        self._load = load
        self._store = store
        self._progress = progress
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._deadline: float | None = None
        self._model: str | None = None
        self._backend: Backend | None = None
        self._stream: Iterator[Completion] | None = None
        self._arrived: dict[str, Completion] = {}
        self._pending: set[str] = set()
        self._keys: dict[str, str] = {}
        self._broken: dict[str, str] = {}

    def backend(self, model: str) -> Backend:
        """Return the backend of a model, made when first asked for; that of another model is closed.

        Raises:
            BackendError: the model cannot be had.
        """
        if model != self._model:
            self._close_model()
            self._backend = self._load(self._specs[model], self._settings[model])
            self._model = model
        assert self._backend is not None
        return self._backend

    def completion(self, job: Job, others: Callable[[], Sequence[Job]]) -> Completion:
        """Return the completion of a job.

        The first job of a model starts its backend on every job that the store does not have; later ones take what has
        arrived, or pull on. What has not arrived at the deadline is a completion with the finish reason `timeout`.

        Args:
            job: what is wanted now.
            others: the jobs that may be generated together with it, itself included.

        Raises:
            BackendError: the model cannot be loaded or run.
        """
        if self._deadline is None:
            self._deadline = time.monotonic() + (math.inf if self._deadline_s is None else self._deadline_s)
        try:
            if job.key not in self._arrived:
                if job.model in self._broken:
                    raise BackendError(self._broken[job.model])
                if job.model != self._model or job.key not in self._pending:
                    self._start(job, others())
            while job.key not in self._arrived:
                self._pull()
        except BackendError as error:
            # Every other case of the model would meet the same: none of them tries again.
            self._broken[job.model] = str(error)
            self._end_stream()
            if self._backend is not None:
                self._backend.close()
            raise
        finally:
            if self._progress is not None:
                self._progress.hide()
        return self._arrived.pop(job.key)

    def _start(self, job: Job, others: Sequence[Job]) -> None:
        backend = self.backend(job.model)
        self._end_stream()
        settings = self._settings[job.model]
        requests = {}
        for other in others:
            if other.model == job.model and other.key not in self._arrived:
                text = backend.render(other.case)
                requests[other.key] = Request(other.key, text, other.case, other.repeat, self._timeout_s)
                self._keys[other.key] = store_key(backend.fingerprint, text, settings, other.repeat)
        known = self._store.get_many([self._keys[key] for key in requests])
        for key in requests:
            if self._keys[key] in known:
                self._arrived[key] = replace(known[self._keys[key]], key=key, stored=True)
        missing = [request for key, request in requests.items() if key not in self._arrived]
        if not missing:
            return
        self._pending = {request.key for request in missing}
        if self._is_over():
            self._give_up()
            return
        if self._progress is not None:
            work = {request.key: len(request.text) for request in missing}
            self._progress.start(job.model, work, len(requests) - len(missing))
            if hasattr(backend, "on_step"):
                backend.on_step = self._progress.step
        if hasattr(backend, "deadline"):
            backend.deadline = self._deadline
        self._stream = backend.generate(missing)

    def _pull(self) -> None:
        completion = None
        # At the deadline a backend that knows of it still yields what it has finished.
        if self._stream is not None and (hasattr(self._backend, "deadline") or not self._is_over()):
            completion = next(self._stream, None)
        if completion is not None:
            self._take(completion)
            if self._progress is not None:
                self._progress.done(completion)
        elif self._is_over():
            self._give_up()
        else:
            raise BackendError(f"{self._model}: the backend ended before all cases were answered")

    def _take(self, completion: Completion) -> None:
        self._store.put(self._keys[completion.key], completion)
        self._arrived[completion.key] = completion
        self._pending.discard(completion.key)

    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _give_up(self) -> None:
        """Let everything that is pending count as out of time."""
        error = f"no answer before the run's deadline of {self._deadline_s:g} s (--edgejson-deadline)"
        for key in self._pending:
            self._arrived[key] = Completion(key, "", "timeout", error=error)
        self._end_stream()

    def _end_stream(self) -> None:
        if self._stream is not None:
            backend = self._backend
            if backend is not None and hasattr(backend, "deadline"):
                # What it has finished ahead of the last case that was asked for is kept.
                backend.deadline = time.monotonic()
                with suppress(BackendError):
                    for completion in self._stream:
                        self._take(completion)
            close = getattr(self._stream, "close", None)
            if close is not None:
                close()
            self._stream = None
        self._pending = set()

    def _close_model(self) -> None:
        self._end_stream()
        if self._backend is not None:
            self._backend.close()
        self._model = self._backend = None
        self._arrived.clear()
        self._keys.clear()

    def close(self) -> None:
        """Stop generating, free the model and close the store."""
        self._close_model()
        self._store.close()
