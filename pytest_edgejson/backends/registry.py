"""The kinds of backends: those of this package, and those that others bring."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import replace
from traceback import extract_tb
from typing import TYPE_CHECKING

from pytest_edgejson.backends.devices import available
from pytest_edgejson.backends.interface import Backend, BackendError, BackendType, GenerationSettings, LoadOptions
from pytest_edgejson.backends.references import GENAI_CONFIG, is_openvino
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.backends.interface import Loader
    from pytest_edgejson.backends.spec import ModelSpec

_PREFIX = re.compile(r"[\w.+-]+")
_DEFAULTS = LoadOptions()


def _loader(module: str) -> Loader:
    """Return what calls a module's `load`, and imports the module only then."""

    def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions, /) -> Backend:
        backend: Backend = importlib.import_module(f"pytest_edgejson.backends.{module}").load(spec, settings, options)
        return backend

    return load


BACKENDS: Mapping[str, BackendType] = {
    "transformers": BackendType(_loader("local.transformers"), available, isolated=True, checkpoints=True),
    # It runs on nothing else, whatever torch finds.
    "openvino": BackendType(_loader("openvino.backend"), lambda: ("cpu",), isolated=True, checkpoints=True),
    "onnx": BackendType(_loader("onnx.backend"), lambda: ("cpu",), isolated=True, checkpoints=True),
    # Built with GPUs, it shares the layers out among them itself.
    "llama.cpp": BackendType(_loader("llamacpp.backend"), lambda: ("cpu",), isolated=True, checkpoints=True),
    "browser": BackendType(_loader("browser.backend"), lambda: ("cpu",), isolated=True, checkpoints=True),
    "openai": BackendType(_loader("server.backend"), on_server=True),
    "replay": BackendType(_loader("replay"), asks=False),
    "control": BackendType(_loader("control"), asks=False),
}


def gguf_backend() -> str:
    """Return the backend that runs GGUF files where none is named: llama.cpp where it is installed."""
    return "transformers" if importlib.util.find_spec("xllamacpp") is None else "llama.cpp"


def converted_backend(folder: Path) -> str | None:
    """Return the backend that runs what a folder holds, where that is a model in a form of its own; None else."""
    if (folder / GENAI_CONFIG).is_file():
        return "onnx"
    return "openvino" if is_openvino(folder) else None


def add_backends(known: Mapping[str, BackendType], plugin: str, added: object) -> dict[str, BackendType]:
    """Return the kinds of backends by prefix, those of a plugin added.

    Args:
        known: those there are already.
        plugin: its name.
        added: what it gave.

    Raises:
        BackendError: what it gave are no kinds of backends by prefix, or a prefix is taken.
    """
    if not isinstance(added, Mapping):
        raise BackendError(
            f"plugin {plugin}: pytest_edgejson_backends must return a dict of BackendType by prefix, got {added!r}"
        )
    found = dict(known)
    for prefix, kind in added.items():
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise BackendError(
                f"plugin {plugin}: the prefix {prefix!r} of a backend cannot be typed as --edgejson-model=PREFIX:NAME: "
                "use letters, digits, . _ + -"
            )
        if not isinstance(kind, BackendType):
            raise BackendError(f"plugin {plugin}: the backend {prefix!r} must be a BackendType, got {kind!r}")
        if prefix in found:
            raise BackendError(
                f"plugin {plugin}: the backend prefix {prefix!r} is taken by {found[prefix].plugin}: choose another"
            )
        found[prefix] = replace(kind, plugin=plugin)
    return found


def backend_type(spec: ModelSpec, backends: Mapping[str, BackendType] = BACKENDS) -> BackendType:
    """Return the kind of backend that runs a model.

    Args:
        spec: the model.
        backends: the kinds there are, by prefix.

    Raises:
        BackendError: the backend is unknown.
    """
    kind = backends.get(spec.backend)
    if kind is None:
        hint = did_you_mean(spec.backend, backends)
        raise BackendError(f"{spec.name}: unknown backend {spec.backend!r}: {hint}known: {', '.join(backends)}")
    return kind


def load_backend(
    spec: ModelSpec,
    settings: GenerationSettings,
    options: LoadOptions = _DEFAULTS,
    backends: Mapping[str, BackendType] = BACKENDS,
) -> Backend:
    """Return the backend that runs a model.

    Args:
        spec: the model.
        settings: what decides its answers.
        options: how it is run here.
        backends: the kinds there are, by prefix.

    Raises:
        BackendError: the backend is unknown, or it cannot load the model.
    """
    kind = backend_type(spec, backends)
    whose = f"the backend {spec.backend!r} of plugin {kind.plugin}"
    try:
        backend = kind.load(spec, settings, options)
    except BackendError:
        raise
    except Exception as error:
        place = extract_tb(error.__traceback__)[-1]
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BackendError(f"{spec.name}: {whose} broke: {reason} ({place.filename}:{place.lineno})") from error
    if not isinstance(backend, Backend):
        raise BackendError(
            f"{spec.name}: the loader of {whose} returned a {type(backend).__name__}, which does not derive from "
            "pytest_edgejson.backends.interface.Backend"
        )
    if options.isolate and kind.isolated:
        from pytest_edgejson.backends.local.isolation import IsolatedBackend

        return IsolatedBackend(backend, spec.name)
    return backend
