"""The backends there are, the models that the settings of a run choose, and how each of them generates."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest

from pytest_edgejson.backends.choices import MAX_NEW_TOKENS
from pytest_edgejson.backends.interface import BackendError, GenerationSettings
from pytest_edgejson.backends.models import (
    ModelsFileError,
    UnknownModel,
    UnknownName,
    label,
    load_registry,
    resolve_model,
)
from pytest_edgejson.backends.prompts import PROMPT_KEYS, asking_for
from pytest_edgejson.backends.references import split_constrain, split_file
from pytest_edgejson.backends.registry import BACKENDS, add_backends
from pytest_edgejson.plugin.node_ids import model_and_repeat, split_repeat
from pytest_edgejson.results.gates.language import GateError, parse_gate
from pytest_edgejson.scoring import v3
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.json_rows import stem
from pytest_edgejson.suite.suites import EDGEJSON

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pytest_edgejson.backends.interface import Backend, BackendType, Constrain
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.plugin.options import Settings
    from pytest_edgejson.suite.suites import Suite


def find_backends(config: pytest.Config) -> dict[str, BackendType]:
    """Return the kinds of backends by prefix: this package's and those of the hook `pytest_edgejson_backends`.

    Raises:
        pytest.UsageError: a plugin's are none, or its hook breaks. The message names the plugin.
    """
    found = dict(BACKENDS)
    for plugin in config.pluginmanager.hook.pytest_edgejson_backends.get_hookimpls():
        # One by one and not through the hook, which does not tell whose answer is whose.
        try:
            added = plugin.function(*(config for _ in plugin.argnames))
            found = add_backends(found, plugin.plugin_name, {} if added is None else added)
        except BackendError as error:
            raise pytest.UsageError(str(error)) from None
        except Exception as error:
            reason = f"pytest_edgejson_backends broke: {type(error).__name__}: {error}"
            raise pytest.UsageError(f"plugin {plugin.plugin_name}: {reason}") from error
    return found


def resolve_models(
    settings: Settings, config: pytest.Config, backends: Mapping[str, BackendType], suite: Suite = EDGEJSON
) -> dict[str, tuple[str, ModelSpec]]:
    """Return what was typed and the model it stands for, by the name used in node ids.

    Answers that are held to a grammar are another model's: its name ends with `+json` or `+schema`, typed or made of
    `--edgejson-constrain` and the model's entry, and its spec says which.

    The entries of the bundled models.toml, of one at pytest's rootdir and of `--edgejson-models` are known, later
    ones replacing earlier ones.

    Args:
        settings: of the run.
        config: pytest's.
        backends: the kinds of backends there are, by prefix.
        suite: whose prompt and token limit count where the model's entry has none of its own.

    Raises:
        pytest.UsageError: a models file is wrong, or a model unknown.
    """
    own = config.rootpath / "models.toml"
    try:
        files = dict.fromkeys((bundled.MODELS_FILE, own))
        registry = {
            name: spec for file in files if file.is_file() for name, spec in _read_models(file, backends).items()
        }
        if settings.models_file is not None:
            registry |= _read_models(settings.models_file, backends)
        found: dict[str, tuple[str, ModelSpec]] = {}
        for named in settings.models:
            if settings.are_in_node_ids:
                named = _without_repeat(named, registry, backends)
            for typed, spec in _ways(named, registry, backends, settings, suite):
                if typed in (other for other, _ in found.values()):
                    continue
                names = [_held(name, spec) for name in _names(named, spec)]
                name = next((name for name in names if name not in found), names[0])
                if name in found:
                    raise UnknownModel(
                        f"{typed!r} and {found[name][0]!r} are both called {name!r}: name them in models.toml"
                    )
                found[name] = (typed, spec)
        if settings.base_url is not None and not any(spec.server for _, spec in found.values()):
            raise UnknownModel("--edgejson-base-url is for models of servers, such as --edgejson-model=openai:MODEL")
    except UnknownName as error:
        raise pytest.UsageError(f"{error}; {_places(settings, config)}") from None
    except (ModelsFileError, UnknownModel) as error:
        raise pytest.UsageError(str(error)) from None
    return found


def _without_repeat(text: str, registry: Mapping[str, ModelSpec], backends: Mapping[str, BackendType]) -> str:
    """Return the model that a node id has in brackets: all of it where there is such a model, else what `-r2` ends."""
    model, repeat = split_repeat(text)
    if repeat == 1 or text in registry:
        return text
    try:
        resolve_model(text, registry, backends)
    except UnknownModel:
        return model
    return text


def asked_repeats(settings: Settings, models: Collection[str]) -> int:
    """Return how often each case is asked: as `--edgejson-repeat` says, or as a node id needs that names a later one.

    Args:
        settings: of the run.
        models: their names in node ids.

    Raises:
        pytest.UsageError: a repeat of one model would be called as another model is.
    """
    named = [model_and_repeat(text, models) for text in settings.in_brackets]
    repeats = max([settings.repeat, *(repeat for model, repeat in named if model in models)])
    for name in models:
        model, repeat = split_repeat(name)
        if model in models and 1 < repeat <= repeats:
            raise pytest.UsageError(
                f"{name!r} is a model, and what repeat {repeat} of {model!r} is called: run them one after the other, "
                "or name one otherwise in models.toml"
            )
    return repeats


def _names(typed: str, spec: ModelSpec) -> Iterator[str]:
    """Yield names for a model, the shortest first."""
    yield spec.name
    place = Path(typed)
    if spec.backend == "replay" and spec.model:
        place, model = split_file(spec.model)
        # The same model in two files of results.
        if model:
            yield label(f"replay:{stem(place)}-{model}")
    # Two folders of the same name, such as a/final and b/final: the folders above tell them apart.
    yield f"{place.resolve().parent.name}-{spec.name}"


def _ways(
    typed: str,
    registry: Mapping[str, ModelSpec],
    backends: Mapping[str, BackendType],
    settings: Settings,
    suite: Suite,
) -> Iterator[tuple[str, ModelSpec]]:
    """Yield the ways in which a model is to run: what types each of them, and its spec with what it is held to."""
    typed, behind = split_constrain(typed, registry)
    spec = resolve_model(typed, registry, backends)
    if settings.base_url is not None and spec.server is not None:
        spec = replace(spec, server=replace(spec.server, base_url=settings.base_url))
    if spec.backend not in backends or backends[spec.backend].asks:
        spec = _asked(spec, settings, suite)
    # As elsewhere, options beat the profile, which beats the model's entry.
    chosen = behind or settings.constrain or ("none" if settings.profile == "v3" else spec.constrain or "none")
    for way in ["none", "schema"] if chosen == "both" else [chosen]:
        one = replace(spec, constrain=way)
        yield _held(typed, one), one


def _asked(spec: ModelSpec, settings: Settings, suite: Suite) -> ModelSpec:
    """Return a model with the prompts that it gets: options beat the profile, which beats the suite and its entry."""
    if settings.profile == "v3":
        spec = replace(spec, prompt="v3", system=None, shots=0, chat_template_kwargs={})
    else:
        limit = spec.max_new_tokens or suite.max_new_tokens
        spec = replace(spec, prompt=asking_for(spec.prompt, suite.prompt), max_new_tokens=limit)
    return replace(
        spec,
        prompt=spec.prompt if settings.prompt is None else settings.prompt,
        system=spec.system if settings.system is None else settings.system or None,
        shots=spec.shots if settings.shots is None else settings.shots,
        chat_template_kwargs={**spec.chat_template_kwargs, **settings.chat_template_kwargs},
    )


def _held(name: str, spec: ModelSpec) -> str:
    return name if spec.constrain == "none" else f"{name}+{spec.constrain}"


def _places(settings: Settings, config: pytest.Config) -> str:
    """Say which models files were read, and which one was not that was perhaps meant."""
    own, here = config.rootpath / "models.toml", config.invocation_params.dir / "models.toml"
    named = settings.models_file
    places = [
        "the bundled models.toml",
        f"{own} at pytest's rootdir{'' if own.is_file() else ', which is not there'}",
        "no --edgejson-models" if named is None else f"--edgejson-models={named}",
    ]
    if here.is_file() and here.resolve() not in {file.resolve() for file in (own, named) if file is not None}:
        places.append(f"but not {here}, as the rootdir is elsewhere: add --edgejson-models=models.toml or --rootdir=.")
    return f"read: {'; '.join(places)}"


def _read_models(file: Path, backends: Mapping[str, BackendType]) -> dict[str, ModelSpec]:
    registry = load_registry(file, backends)
    for name, spec in registry.items():
        try:
            for text in spec.gates:
                parse_gate(text)
        except GateError as error:
            raise ModelsFileError(f"{file}: models.{name}.gate: {error}") from None
    return registry


def asked_of(settings: Settings, spec: ModelSpec) -> dict[str, Any]:
    """Return what prompts of a model are made of, as JSON builtins."""
    seed = {"shots_seed": settings.seed} if spec.shots else {}
    return {key: getattr(spec, key) for key in PROMPT_KEYS} | seed


def described_settings(config: pytest.Config, settings: Settings, specs: Mapping[str, ModelSpec]) -> dict[str, Any]:
    """Return what the manifest says of the settings of a run, as JSON builtins.

    Args:
        config: pytest's.
        settings: of the run.
        specs: the models by name.
    """
    generation: dict[str, dict[str, Any]] = {}
    for name, spec in specs.items():
        made = generation_settings(settings, spec)
        generation[name] = {
            **asked_of(settings, spec),
            **{key: getattr(made, key) for key in made.__slots__},
            **({"max_new_tokens": "auto"} if settings.max_new_tokens == "auto" else {}),
        }
    return {
        "command": [Path(sys.argv[0]).name, *map(str, config.invocation_params.args)],
        "assert": str(settings.assertion),
        "profile": settings.profile,
        "extraction": settings.extraction,
        "generation": generation,
    }


def generation_settings(settings: Settings, spec: ModelSpec) -> GenerationSettings:
    """Return how a model generates: options beat the profile, which beats the model's entry."""
    published = settings.profile == "v3"
    own = v3.MAX_NEW_TOKENS if published else spec.max_new_tokens or MAX_NEW_TOKENS
    limit = settings.max_new_tokens if isinstance(settings.max_new_tokens, int) else own
    dtype = settings.dtype if settings.dtype != "auto" else spec.dtype or "auto"
    # A loop that runs on to the limit is part of what the published evaluation measures, too.
    loops = cast("Literal['end', 'keep']", settings.loops or ("keep" if published else spec.loops or "end"))
    return GenerationSettings(
        max_new_tokens=limit,
        # The published loop runs on to the limit or the end of sequence, which is part of what it measures.
        # Where the last object counts, the first one is no end either.
        stop_at_root=not published and settings.extraction != "last",
        loops="keep" if settings.temperature > 0 else loops,
        dtype="float32" if published and dtype == "auto" else dtype,
        merge_adapter=settings.merge_adapter,
        temperature=settings.temperature,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        # What draws nothing is the same under every seed, also for the store.
        seed=settings.seed if settings.temperature > 0 else 0,
        constrain=cast("Constrain", spec.constrain or "none"),
        thoughts=spec.thoughts,
    )


def refuse_inability(
    name: str, spec: ModelSpec, settings: Settings, backend: Backend, backends: Mapping[str, BackendType]
) -> None:
    """Raise pytest.UsageError where a model's backend cannot do what the settings of a run ask for."""
    if generation_settings(settings, spec).constrain != "none" and not backend.constrains:
        raise pytest.UsageError(
            f"{name}: its backend {spec.backend!r} holds answers to no grammar: "
            "leave out --edgejson-constrain, and constrain of its entry"
        )
    if settings.max_new_tokens == "auto" and backends[spec.backend].asks and not backend.limits_each:
        raise pytest.UsageError(
            f"{name}: its backend {spec.backend!r} has one token limit for all cases: "
            "give a number, such as --edgejson-max-new-tokens=512"
        )
    if settings.check_batching and not backend.generates_together:
        raise pytest.UsageError(f"--edgejson-check-batching: {name} generates nothing in batches: leave the option out")
