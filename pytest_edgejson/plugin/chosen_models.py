"""The models that the settings of a run choose, and how each of them generates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.backends.interface import MAX_NEW_TOKENS, GenerationSettings
from pytest_edgejson.backends.models import ModelsFileError, UnknownModel, load_registry, resolve_model
from pytest_edgejson.results.gates.language import GateError, parse_gate
from pytest_edgejson.scoring import v3
from pytest_edgejson.suite import bundled

if TYPE_CHECKING:
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.plugin.options import Settings


def resolve_models(settings: Settings, root: Path) -> dict[str, tuple[str, ModelSpec]]:
    """Return what was typed and the model it stands for, by the name used in node ids.

    The entries of the bundled models.toml, of one at the project's root and of `--edgejson-models` are known, later
    ones replacing earlier ones.

    Raises:
        pytest.UsageError: a models file is wrong, or a model unknown.
    """
    try:
        files = dict.fromkeys((bundled.MODELS_FILE, root / "models.toml"))
        registry = {name: spec for file in files if file.is_file() for name, spec in _read_models(file).items()}
        if settings.models_file is not None:
            registry |= _read_models(settings.models_file)
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


def _read_models(file: Path) -> dict[str, ModelSpec]:
    registry = load_registry(file)
    for name, spec in registry.items():
        try:
            for text in spec.gates:
                parse_gate(text)
        except GateError as error:
            raise ModelsFileError(f"{file}: models.{name}.gate: {error}") from None
    return registry


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
        temperature=settings.temperature,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        # What draws nothing is the same under every seed, also for the store.
        seed=settings.seed if settings.temperature > 0 else 0,
    )
