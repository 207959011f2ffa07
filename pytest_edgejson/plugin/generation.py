"""What asks the models of a run: the runner, what answers are held to and limited by, what is asked again alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.backends.constraint.wanted import any_json, schema_constraint
from pytest_edgejson.backends.interface import LoadOptions
from pytest_edgejson.backends.runner import Runner
from pytest_edgejson.backends.store import Store, StoreError
from pytest_edgejson.plugin.chosen_models import generation_settings
from pytest_edgejson.plugin.terminal_progress import make_progress
from pytest_edgejson.results.batching import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.backends.cluster.fleet import Fleet
    from pytest_edgejson.backends.interface import Backend, BackendType, Constrain
    from pytest_edgejson.backends.progress import Progress
    from pytest_edgejson.backends.runner import Job
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.plugin.options import Settings
    from pytest_edgejson.plugin.shots import Shots
    from pytest_edgejson.plugin.xdist import Workers
    from pytest_edgejson.suite.schemas import Schema, Schemas


class Generation:
    """Asks the models of a run, in this process; nothing is loaded before something is asked.

    Attributes:
        backends: the kinds of backends by prefix.
        shots: the examples that prompts show.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        specs: Mapping[str, ModelSpec],
        backends: Mapping[str, BackendType],
        shots: Shots,
        schemas: Collection[Schemas],
        workers: Workers | None,
        warnings: list[str],
    ) -> None:
        self.backends = backends
        self.shots = shots
        self._config = config
        self._settings = settings
        self._specs = specs
        self._generates = {name: generation_settings(settings, spec) for name, spec in specs.items()}
        # Those of all files of cases: more come in while these are collected.
        self._schemas = schemas
        self._workers = workers
        # Takes those of the models on a worker, which has no terminal, and what is told at the end.
        self._warnings = warnings
        self._is_worker = hasattr(config, "workerinput")
        self._runner: Runner | None = None
        self._fleet: Fleet | None = None
        self._drawn: dict[str, frozenset[str]] = {}

    @property
    def runner(self) -> Runner:
        """The runner, made when first used.

        Raises:
            pytest.UsageError: the store cannot be used.
            BackendError: there are no examples for prompts to show.
        """
        if self._runner is None:
            try:
                store = Store(self._store_path)
            except StoreError as error:
                raise pytest.UsageError(str(error)) from None
            progress = make_progress(self._config, self._warnings if self._is_worker else None)
            if self._settings.ray is not None:
                self._fleet = self._make_fleet(self._settings.ray, progress)
            self._runner = Runner(
                self._specs,
                self._generates,
                self._load,
                store,
                progress,
                self._fleet,
                timeout_s=self._settings.timeout,
                deadline_s=self._settings.deadline,
            )
        return self._runner

    def constraint(self, model: str, schema: Schema, outputs: Iterable[Any]) -> str | None:
        """Return what a model's answers to the cases of a schema are held to, None for nothing.

        Args:
            model: its name.
            schema: the cases'.
            outputs: the expected outputs of the cases of a file that have this schema.
        """
        way = self._generates[model].constrain
        if way == "schema":
            return schema_constraint(schema.document, outputs)
        return any_json(frozenset().union(*map(schema.roots, outputs))) if way == "json" else None

    def limiting(self, model: str, outputs: Sequence[Any]) -> Sequence[Any]:
        """Return the expected outputs from which the token limit of a model's cases follows, none for no others'."""
        kind = self.backends.get(self._specs[model].backend)
        # That there is no such backend is told before the first case.
        follows = self._settings.max_new_tokens == "auto" and kind is not None and kind.asks
        return outputs if follows else ()

    def constrain(self, model: str) -> Constrain:
        """Return what a model's answers are held to, in a word; those of a recording, to what it says.

        Raises:
            BackendError: the model cannot be had.
        """
        # Those that ask nothing are at hand.
        held_to = None if self.backends[self._specs[model].backend].asks else self.runner.backend(model).held_to
        return held_to or self._generates[model].constrain

    def is_drawn(self, job: Job, jobs: Callable[[], Iterable[Job]]) -> bool:
        """Tell whether a case is generated once more alone; every process of a run draws the same ones.

        Args:
            job: the case's.
            jobs: those of all cases, on all models.
        """
        count, model = self._settings.check_batching, job.model
        if count is None or not self.runner.backend(model).generates_together:
            return False
        if model not in self._drawn:
            self._drawn[model] = draw((other.key for other in jobs() if other.model == model), count)
        return job.key in self._drawn[model]

    def close(self) -> None:
        """Stop the models and close the store."""
        try:
            if self._runner is not None:
                self._runner.close()
        finally:
            if self._fleet is not None:
                self._fleet.close()

    def _make_fleet(self, address: str, progress: Progress | None) -> Fleet:
        from pytest_edgejson.backends.cluster.fleet import Fleet
        from pytest_edgejson.backends.cluster.orders import Order

        devices = self._settings.devices or (None,)
        orders = {}
        for name, spec in self._specs.items():
            kind = self.backends.get(spec.backend)
            if kind is not None and not kind.on_server:
                orders[name] = Order(name, spec, self._generates[name], self._options(spec, devices[0]), kind)
        return Fleet(orders, address, len(devices), (lambda _: None) if progress is None else progress.note)

    def _load(self, model: str) -> Backend:
        from pytest_edgejson.backends.registry import load_backend

        if self._fleet is not None and self._fleet.runs(model):
            return self._fleet.backend(model)
        spec = self._specs[model]
        options = self._options(spec, self._device(spec.backend), isolate=True)
        return load_backend(spec, self._generates[model], options, self.backends)

    def _options(self, spec: ModelSpec, device: str | None, *, isolate: bool = False) -> LoadOptions:
        documents = {schema.id: dict(schema.document) for schemas in self._schemas for schema in schemas.used.values()}
        store = self._store_path
        return LoadOptions(
            device=device,
            batch_size=self._settings.batch_size,
            schema_documents=documents,
            examples=self.shots.examples,
            cache=store and store.parent / spec.backend,
            isolate=isolate,
        )

    def _device(self, backend: str) -> str | None:
        """Return the device of this process, None where the backend chooses."""
        if self._is_worker:
            device: str | None = self._config.workerinput["edgejson_devices"].get(backend)  # type: ignore[attr-defined]
            return device
        devices = self._workers.devices.get(backend) if self._workers else self._settings.devices
        return devices[0] if devices else None

    @cached_property
    def _store_path(self) -> Path | None:
        """The file of the store, None where completions are kept in memory."""
        if self._settings.store is not None:
            return self._settings.store
        cache = getattr(self._config, "cache", None)
        if cache is None:
            return None
        try:
            folder: Path = cache.mkdir("edgejson")
        except OSError as error:
            # As in a read-only checkout, where pytest goes on too.
            self._warnings.append(
                f"note: pytest's cache directory cannot be written: {error.strerror or error}; completions are kept "
                "in memory and lost with this run: name a file for them with --edgejson-store"
            )
            return None
        return folder / "store.sqlite"
