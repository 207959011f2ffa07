"""The state of one pytest run: models, runner, results; one object, the same with and without xdist."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson import bundled, v3
from pytest_edgejson.backends import MAX_NEW_TOKENS, BackendError, GenerationSettings
from pytest_edgejson.models import ModelsFileError, UnknownModel, load_registry, resolve_model
from pytest_edgejson.options import Settings, given
from pytest_edgejson.results import Result, ResultsError, ResultsWriter, make_manifest
from pytest_edgejson.runner import Job, Runner
from pytest_edgejson.store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.backends import Backend, Completion
    from pytest_edgejson.models import ModelSpec
    from pytest_edgejson.nodes import CaseItem
    from pytest_edgejson.progress import Progress
    from pytest_edgejson.schemas import Schema

SESSION = pytest.StashKey["Session"]()


def is_miss(report: pytest.TestReport) -> bool:
    """Tell whether a report is of a model's answer that misses what is asserted, and counts as failed."""
    return report.failed and getattr(report, "edgejson_missed", False)


def resolve_models(settings: Settings, root: Path) -> dict[str, tuple[str, ModelSpec]]:
    """Return what was typed and the model it stands for, by the name used in node ids.

    The entries of the bundled models.toml, of one at the project's root and of `--edgejson-models` are known, later
    ones replacing earlier ones.

    Raises:
        pytest.UsageError: a models file is wrong, or a model unknown.
    """
    try:
        files = dict.fromkeys((bundled.MODELS_FILE, root / "models.toml"))
        registry = {name: spec for file in files if file.is_file() for name, spec in load_registry(file).items()}
        if settings.models_file is not None:
            registry |= load_registry(settings.models_file)
        found: dict[str, tuple[str, ModelSpec]] = {}
        for typed in settings.models:
            spec = resolve_model(typed, registry)
            name = spec.name
            if name in found:
                # Two folders of the same name, such as a/final and b/final: the folders above tell them apart.
                name = f"{Path(typed).resolve().parent.name}-{name}"
            if name in found:
                raise UnknownModel(
                    f"{typed!r} and {found[name][0]!r} are both called {name!r}: name them in models.toml"
                )
            found[name] = (typed, spec)
    except (ModelsFileError, UnknownModel) as error:
        raise pytest.UsageError(str(error)) from None
    return found


def generation_settings(settings: Settings, spec: ModelSpec) -> GenerationSettings:
    """Return how a model generates: options beat the profile, which beats the model's entry."""
    published = settings.profile == "v3"
    limit = settings.max_new_tokens or (v3.MAX_NEW_TOKENS if published else spec.max_new_tokens or MAX_NEW_TOKENS)
    dtype = settings.dtype if settings.dtype != "auto" else spec.dtype or "auto"
    return GenerationSettings(
        max_new_tokens=limit,
        # The published loop runs on to the limit or the end of sequence, which is part of what it measures.
        stop_at_root=not published,
        dtype="float32" if published and dtype == "auto" else dtype,
        merge_adapter=settings.merge_adapter,
    )


class Session:
    """Settings, models and results of a run.

    Attributes:
        config: pytest's.
        settings: what was asked for.
        specs: the models by the name in node ids, in order.
        typed: what was typed for each of them.
        results: what came in, in order; on the controller only.
        is_worker: whether this is an xdist worker.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        models = resolve_models(settings, config.rootpath)
        self.typed = {name: typed for name, (typed, _) in models.items()}
        self.specs = {name: spec for name, (_, spec) in models.items()}
        if settings.profile == "v3":
            self.specs = {name: replace(spec, prompt="v3") for name, spec in self.specs.items()}
        self.is_worker = hasattr(config, "workerinput")
        self.results: list[Result] = []
        self.misses = 0
        self._writer: ResultsWriter | None = None
        self._runner: Runner | None = None
        self._schemas: dict[Path, dict[str, Schema]] = {}

    def schemas(self, file: Path) -> dict[str, Schema]:
        """Return the schemas by id for a file of cases, loaded once.

        Raises:
            SchemaError: they cannot be used.
        """
        from pytest_edgejson.schemas import load_schemas

        folder = self.settings.schemas or bundled.schema_folder(file)
        if folder not in self._schemas:
            self._schemas[folder] = load_schemas(folder)
        return self._schemas[folder]

    @property
    def runner(self) -> Runner:
        """The runner, made when first used.

        Raises:
            pytest.UsageError: the store cannot be used.
        """
        if self._runner is None:
            settings = {name: generation_settings(self.settings, spec) for name, spec in self.specs.items()}
            try:
                store = Store(self._store_path())
            except StoreError as error:
                raise pytest.UsageError(str(error)) from None
            self._runner = Runner(self.specs, settings, self._load, store, self._progress())
        return self._runner

    def _store_path(self) -> Path | None:
        if self.settings.store is not None:
            return self.settings.store
        cache = getattr(self.config, "cache", None)
        return cache.mkdir("edgejson") / "store.sqlite" if cache is not None else None

    def _progress(self) -> Progress | None:
        """Return what shows progress; xdist workers have no terminal to show it on."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self.is_worker:
            return None
        from pytest_edgejson.progress import Progress

        writer = self.config.get_terminal_writer()
        capture = self.config.pluginmanager.get_plugin("capturemanager")

        def uncaptured() -> AbstractContextManager[None]:
            return nullcontext() if capture is None else capture.global_and_fixture_disabled()

        def log(line: str) -> None:
            with uncaptured():
                reporter.ensure_newline()
                reporter.write_line(line, flush=True)

        def draw(text: str) -> None:
            # Past pytest's writer, which keeps count of its own line.
            with uncaptured():
                sys.stdout.write(text)
                sys.stdout.flush()

        live = reporter.isatty and os.environ.get("TERM") != "dumb"
        return Progress(
            log, draw if live else None, column=lambda: writer.width_of_current_line, width=writer.fullwidth
        )

    def _load(self, spec: ModelSpec, settings: GenerationSettings) -> Backend:
        from pytest_edgejson.backends.registry import load_backend

        documents = {
            schema.id: dict(schema.document) for schemas in self._schemas.values() for schema in schemas.values()
        }
        return load_backend(
            spec,
            settings,
            device=self.settings.device,
            batch_size=self.settings.batch_size,
            schema_documents=documents,
        )

    def completion(self, item: CaseItem) -> Completion:
        """Return the completion of an item, generated together with all other items this process will run."""
        return self.runner.completion(item.job, lambda: self._jobs_beside(item))

    def _jobs_beside(self, item: CaseItem) -> Sequence[Job]:
        from pytest_edgejson.nodes import case_items

        items = item.session.items
        if not self.is_worker:
            return [other.job for other in case_items(items)]
        if self.config.getoption("dist") != "load":
            # Which cases this worker gets is decided one by one.
            return [item.job]
        from pytest_edgejson.xdist import blocks

        mine = blocks([other.nodeid for other in items], self.config.workerinput["workercount"])  # type: ignore[attr-defined]
        return [other.job for other in case_items(items) if mine[other.nodeid] == mine[item.nodeid]]

    def begin(self) -> None:
        """Look every model up and open the results file, before the first case runs.

        Raises:
            pytest.UsageError: a model cannot be had, or the results file cannot be written.
        """
        if self.is_worker:
            return
        models: dict[str, Mapping[str, Any]] = {}
        try:
            for name in self.specs:
                backend = self.runner.backend(name)
                models[name] = {"fingerprint": backend.fingerprint, **backend.description}
        except BackendError as error:
            raise pytest.UsageError(str(error)) from None
        if self.settings.results is not None:
            manifest = make_manifest(models, self._described_settings(), self.config.rootpath)
            try:
                self._writer = ResultsWriter(self.settings.results, manifest)
            except ResultsError as error:
                raise pytest.UsageError(str(error)) from None

    def _described_settings(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "command": [Path(sys.argv[0]).name, *map(str, self.config.invocation_params.args)],
            "assert": str(settings.assertion),
            "profile": settings.profile,
            "extraction": settings.extraction,
            "generation": {
                name: {
                    "prompt": spec.prompt,
                    **{key: getattr(made, key) for key in made.__slots__},
                }
                for name, spec in self.specs.items()
                for made in [generation_settings(settings, spec)]
            },
        }

    def take(self, report: pytest.TestReport) -> None:
        """Take in the result that a report brings, on the controller."""
        result: Result | None = getattr(report, "edgejson", None)
        if result is None or self.is_worker:
            return
        self.results.append(result)
        if report.failed and isinstance(report.longrepr, str):
            from pytest_edgejson.failures import FailureText

            name = report.nodeid.rpartition("::")[2]
            report.longrepr = FailureText.of(result, name, Path(report.edgejson_file), self.config)
        self.misses += is_miss(report)
        if self._writer is not None:
            self._writer.add(result, self.schemas(Path(report.edgejson_file))[result["schema_id"]])
        self.config.hook.pytest_edgejson_result(result=result, config=self.config)

    def forgiven(self) -> int:
        """Return how many failed items do not fail the run."""
        return self.misses if self.settings.report_only and not self.is_worker else 0

    def header(self) -> list[str]:
        """Return the lines for the head of pytest's output."""
        lines = []
        for name, spec in self.specs.items():
            what = spec.description or spec.adapter or spec.model or ""
            lines.append(f"edgejson: model {name}" + (f" ({what})" if what not in ("", name) else ""))
        return lines

    def close(self) -> None:
        """Stop the model, close store and results file."""
        if self._runner is not None:
            self._runner.close()
        if self._writer is not None:
            self._writer.close()

    def rerun_command(self, file: Path, name: str, model: str) -> str:
        """Return the command that runs one case again."""
        with suppress(ValueError):
            file = file.relative_to(self.config.invocation_params.dir)
        parts = [f'"{file.as_posix()}::{name}"']
        if self.typed[model] != model or given(self.config, "models"):
            parts.append(f"--edgejson-model={self.typed[model]}")
        return " ".join(["pytest", *parts, *self.settings.rerun_options])


def begin_session(config: pytest.Config, settings: Settings) -> Session:
    """Make the session of a run and let it collect a suite where no path was given.

    That is `--edgejson-cases`, else the project's own `cases/test`, else the bundled one.

    Raises:
        pytest.UsageError: a model is unknown, or an option names what is not there.
    """
    for name, path in (("cases", settings.cases), ("schemas", settings.schemas)):
        if path is not None and not path.exists():
            raise pytest.UsageError(f"--edgejson-{name}: there is no {path}")
    if config.getoption("dist", "no") == "each":
        raise pytest.UsageError("--dist=each would run every case once per worker: use --dist=load, or -n alone")
    session = Session(config, settings)
    config.stash[SESSION] = session
    if config.args_source != config.ArgsSource.ARGS and (given(config, "model") or given(config, "cases")):
        config.args = [str(_suite(config, settings))]
    return session


def _suite(config: pytest.Config, settings: Settings) -> Path:
    own = config.rootpath / "cases" / "test"
    suite = settings.cases or (own if own.is_dir() else bundled.TEST_CASES)
    return suite / "test" if (suite / "test").is_dir() else suite
