"""Which module runs which backend. A backend's libraries are imported when it is loaded, not before."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from pytest_edgejson.backends.interface import Backend, BackendError, GenerationSettings
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.backends.spec import ModelSpec

# Each names a `load(spec, settings, *, device, batch_size, schema_documents) -> Backend`.
BACKENDS: Mapping[str, str] = {
    "transformers": "pytest_edgejson.backends.local.transformers:load",
    "openvino": "pytest_edgejson.backends.openvino.backend:load",
    "replay": "pytest_edgejson.backends.replay:load",
    "control": "pytest_edgejson.backends.control:load",
}
# Those that load native libraries, which can take the process down with them, or never return.
_IN_PROCESS = frozenset({"transformers", "openvino"})


def runs_in_process(backend: str) -> bool:
    """Tell whether a backend loads models itself, so that each needs a device of this machine."""
    return backend in _IN_PROCESS


def load_backend(
    spec: ModelSpec,
    settings: GenerationSettings,
    *,
    device: str | None = None,
    batch_size: int | None = None,
    schema_documents: Mapping[str, dict[str, Any]] | None = None,
    cache: Path | None = None,
    isolate: bool = False,
) -> Backend:
    """Return the backend that runs a model.

    Args:
        spec: the model.
        settings: what decides its answers.
        device: such as `cpu`, `cuda`, `cuda:1`, `mps`; None chooses.
        batch_size: cases generated together; None chooses.
        schema_documents: JSON Schemas by schema id, for prompts that show them.
        cache: folder in which a backend may keep what it makes of a model's files; None keeps nothing.
        isolate: run a model that would be loaded into this process in another one.

    Raises:
        BackendError: the backend is unknown, or it cannot load the model.
    """
    if spec.backend not in BACKENDS:
        hint = did_you_mean(spec.backend, BACKENDS)
        raise BackendError(f"{spec.name}: unknown backend {spec.backend!r}: {hint}known: {', '.join(BACKENDS)}")
    module, _, function = BACKENDS[spec.backend].partition(":")
    load = getattr(importlib.import_module(module), function)
    backend = load(spec, settings, device=device, batch_size=batch_size, schema_documents=schema_documents or {})
    if hasattr(backend, "cache"):
        backend.cache = cache
    if isolate and runs_in_process(spec.backend):
        from pytest_edgejson.backends.local.isolation import IsolatedBackend

        backend = IsolatedBackend(backend, spec.name)
    return cast("Backend", backend)
