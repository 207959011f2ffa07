"""Models: the entries of `models.toml`, and what `--edgejson-model` may name directly."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.choices import CONSTRAIN, DTYPES, LOOPS
from pytest_edgejson.backends.prompts import parse_template, read_text
from pytest_edgejson.backends.references import (
    CONTROLS,
    HUB_GGUF,
    adapter_base,
    find_in_package,
    gguf_in,
    is_adapter,
    is_gguf,
    is_gguf_model,
    is_hub_id,
    is_path,
    split_file,
    split_hub_gguf,
)
from pytest_edgejson.backends.registry import BACKENDS, converted_backend, gguf_backend
from pytest_edgejson.backends.server.entry import SERVER_KEYS, server_of
from pytest_edgejson.backends.spec import ModelSpec, Published
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.json_rows import may_hold_rows, stem
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_edgejson.backends.interface import BackendType


# A name becomes part of a test's id, `case[NAME]`: nothing that pytest splits on, nothing a shell takes apart.
_NAME = re.compile(r"[\w.+@=,-]+")


class ModelsFileError(ValueError):
    """A models file that cannot be used. The message names file, entry, key and the fix."""


class UnknownModel(ValueError):
    """A model that nothing is known of. The message names the fix."""


class UnknownName(UnknownModel):
    """A name that is in no models file, and nothing else either."""


_TEXT: tuple[type, str] = (str, "a string")
_KINDS: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("backend", "model", "package", "file", "install"), _TEXT),
    **dict.fromkeys(("adapter", "revision", "adapter_revision", "tokenizer", "prompt", "system"), _TEXT),
    "shots": (int, "a whole number"),
    "chat_template_kwargs": (dict, "a table, such as {enable_thinking = false}"),
    **dict.fromkeys(("dtype", "weights"), _TEXT),
    "trust_remote_code": (bool, "true or false"),
    "parameters": (int, "a whole number"),
    "loops": _TEXT,
    "max_new_tokens": (int, "a whole number"),
    "constrain": _TEXT,
    "thoughts": (list, 'pairs of texts, such as [["<reason>", "</reason>"]]'),
    "published": (list, "an array of tables, [[models.NAME.published]]"),
    "description": _TEXT,
    "gate": (dict, "a table, [models.NAME.gate]"),
    **SERVER_KEYS,
}
_PARSED = {"published", "gate", "thoughts", *SERVER_KEYS}
_PUBLISHED_NUMBERS = ("json_exact", "field_f1", "simple", "medium", "complex", "schema_compliance")


def known_models() -> dict[str, ModelSpec]:
    """Return the entries of the bundled models file and of the one in the working directory, which come first.

    Raises:
        ModelsFileError: a file cannot be read, or an entry is wrong.
    """
    files = dict.fromkeys((bundled.MODELS_FILE, Path("models.toml").absolute()))
    return {key: spec for file in files if file.is_file() for key, spec in load_registry(file).items()}


def load_registry(path: Path, backends: Mapping[str, BackendType] = BACKENDS) -> dict[str, ModelSpec]:
    """Read a models file: a TOML document with a table `[models.NAME]` for each model.

    A folder named in it is taken from the file's own folder on: one that exists there, or anything written with a
    leading `./`, `../`, `/` or `~`. Every other `one/two` is a hub id.

    Args:
        path: the file.
        backends: the kinds of backends there are, by prefix.

    Returns:
        The models by name, in the file's order.

    Raises:
        ModelsFileError: the file cannot be read, or an entry is wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelsFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ModelsFileError(f"{path}: not UTF-8 at byte {error.start}: save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelsFileError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ModelsFileError(f"{path}: nested too deeply") from None
    for key in document:
        if key != "models":
            hint = did_you_mean(key, ["models"])
            raise ModelsFileError(f"{path}: unknown key {key!r}: {hint}entries are [models.NAME]")
    entries = document.get("models", {})
    if not isinstance(entries, dict):
        raise ModelsFileError(f"{path}: 'models' must hold a table for each model, [models.NAME]")
    return {name: _parse_entry(name, entry, path, backends) for name, entry in entries.items()}


def _parse_entry(name: str, entry: object, path: Path, backends: Mapping[str, BackendType]) -> ModelSpec:
    where = f"{path}: models.{name}"
    if not _NAME.fullmatch(name):
        raise ModelsFileError(f"{where}: the name {name!r} cannot be part of a test's name: use letters, digits, . _ -")
    if not isinstance(entry, dict):
        raise ModelsFileError(f"{where}: must be a table, [models.{name}]")
    for key, value in entry.items():
        _check_key(where, name, key, value)
    spec = ModelSpec(
        name=name,
        **{key: value for key, value in entry.items() if key not in _PARSED},
        **(_parse_gates(where, entry["gate"], path.parent) if "gate" in entry else {}),
        thoughts=tuple(_parse_marks(where, pair) for pair in entry.get("thoughts", ())),
        published=tuple(_parse_published(where, row) for row in entry.get("published", ())),
    )
    kind = backends.get(spec.backend)
    try:
        spec = replace(spec, server=server_of(entry, on_server=kind is not None and kind.on_server))
    except ValueError as error:
        raise ModelsFileError(f"{where}: {error}") from None
    spec = _check_spec(where, spec, path.parent, backends)
    return spec if "backend" in entry else replace(spec, backend=_backend_of(spec))


def _check_key(where: str, name: str, key: str, value: object) -> None:
    if key not in _KINDS:
        # `[models.qwen2.5-0.5b]` without quotes is, to TOML, a table in a table in a table.
        if isinstance(value, dict) and not did_you_mean(key, _KINDS):
            fix = f'unknown key {key!r}: quote a name that holds a dot: [models."{name}.{key}…"]'
            raise ModelsFileError(f"{where}: {fix}")
        raise ModelsFileError(f"{where}: {_unknown(key, _KINDS)}")
    kind, words = _KINDS[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ModelsFileError(f"{where}: {key!r} must be {words}, got {value!r}")
    if kind is int and isinstance(value, int) and value < 1:
        raise ModelsFileError(f"{where}: {key!r} must be at least 1, got {value}")


def _unknown(key: str, known: Collection[str]) -> str:
    return f"unknown key {key!r}: {did_you_mean(key, known)}known keys: {', '.join(known)}"


def _parse_marks(where: str, pair: object) -> tuple[str, str]:
    match pair:
        case [str(opening), str(closing)] if opening.strip() and closing.strip():
            return opening, closing
    raise ModelsFileError(
        f"{where}: 'thoughts' must be {_KINDS['thoughts'][1]}: what opens a thought, and what ends it; got {pair!r}"
    )


def _parse_published(where: str, row: object) -> Published:
    where = f"{where}: published"
    if not isinstance(row, dict):
        raise ModelsFileError(f"{where}: must be an array of tables, [[models.NAME.published]]")
    known = ("source", *_PUBLISHED_NUMBERS)
    for key, value in row.items():
        if key not in known:
            raise ModelsFileError(f"{where}: {_unknown(key, known)}")
        if key == "source":
            if not isinstance(value, str):
                raise ModelsFileError(f"{where}: 'source' must be a string, got {value!r}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ModelsFileError(f"{where}: {key!r} must be a fraction between 0 and 1 (0.247, not 24.7), got {value}")
    if not row.get("source"):
        raise ModelsFileError(f"{where}: 'source' is missing: say where the numbers are published")
    return Published(
        source=row["source"], **{key: float(value) for key, value in row.items() if key in _PUBLISHED_NUMBERS}
    )


def _parse_gates(where: str, table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    where = f"{where}.gate"
    known = ("require", "baseline")
    for key in table:
        if key not in known:
            raise ModelsFileError(f"{where}: {_unknown(key, known)}")
    require, baseline = table.get("require"), table.get("baseline")
    if not require or not isinstance(require, list) or not all(isinstance(text, str) for text in require):
        raise ModelsFileError(f"{where}: 'require' must be a list of gates, such as [\"json_exact>=0.55\"]")
    if baseline is not None and not isinstance(baseline, str):
        raise ModelsFileError(f"{where}: 'baseline' must be a results file, such as \"./baseline.jsonl\"")
    return {"gates": tuple(require), "baseline": None if baseline is None else folder / Path(baseline).expanduser()}


def _check_spec(where: str, spec: ModelSpec, folder: Path, backends: Mapping[str, BackendType]) -> ModelSpec:
    for key, names in (("dtype", DTYPES), ("constrain", CONSTRAIN), ("loops", LOOPS)):
        if (value := getattr(spec, key)) not in (None, *names):
            raise ModelsFileError(f"{where}: {key!r} must be one of {', '.join(names)}, got {value!r}")
    spec = _read_texts(where, spec, folder)
    if spec.weights is not None and (spec.backend != "openvino" or spec.weights != "int8"):
        raise ModelsFileError(f"{where}: 'weights' must be \"int8\", and 'backend' \"openvino\"; else leave it out")
    if spec.package is not None or spec.file is not None or spec.install is not None:
        if spec.package is None or spec.file is None or spec.model is not None:
            raise ModelsFileError(
                f"{where}: 'package' and 'file' go together, and with no 'model': the Python package that carries the "
                "model, and the file in it; 'install' may name the command that installs it"
            )
        if not spec.package.isidentifier():
            raise ModelsFileError(f"{where}: 'package' must be a name that is imported, got {spec.package!r}")
    elif spec.model is None and (spec.adapter is None or not _runs_checkpoints(spec, backends)):
        raise ModelsFileError(f"{where}: the key 'model' is missing: a hub id, a folder, a recording or a control")
    if spec.backend == "control":
        if spec.model not in CONTROLS:
            raise ModelsFileError(f"{where}: 'model' of a control must be one of {', '.join(CONTROLS)}")
        return spec
    if spec.backend == "replay":
        return replace(spec, model=str(folder / Path(spec.model or "").expanduser()))
    return replace(
        spec,
        model=_locate(spec.model, folder) if spec.server is None else spec.model,
        adapter=_locate(spec.adapter, folder),
        tokenizer=_locate(spec.tokenizer, folder),
    )


def _read_texts(where: str, spec: ModelSpec, folder: Path) -> ModelSpec:
    key = "prompt"
    try:
        spec = replace(spec, prompt=read_text(spec.prompt, folder))
        parse_template(spec.prompt)
        key = "system"
        return replace(spec, system=None if spec.system is None else read_text(spec.system, folder))
    except ValueError as error:
        raise ModelsFileError(f"{where}: {key!r}: {error}") from None


def _locate(value: str | None, folder: Path) -> str | None:
    """Return a folder's absolute path where `value` names one, else `value`: a hub id."""
    if value is None or value.startswith(HUB_GGUF):
        return value
    candidate = folder / Path(value).expanduser()
    return str(candidate.resolve()) if is_path(value) or candidate.is_dir() else value


def _backend_of(spec: ModelSpec) -> str:
    """Return the backend that runs a model whose entry names none."""
    model = spec.file or spec.model or ""
    if spec.adapter is not None:
        return spec.backend
    return converted_backend(Path(model)) or (gguf_backend() if is_gguf_model(model) else spec.backend)


def _runs_checkpoints(spec: ModelSpec, backends: Mapping[str, BackendType]) -> bool:
    return spec.backend in backends and backends[spec.backend].checkpoints


def resolve_model(
    name: str, registry: Mapping[str, ModelSpec], backends: Mapping[str, BackendType] = BACKENDS
) -> ModelSpec:
    """Return the model that a name stands for.

    In this order: an entry of the models file; the prefix of a backend with a colon and what it runs, such as
    `replay:FILE.jsonl`, `control:gold` or `openvino:` and one of the others; a folder that holds a model or an
    adapter; a GGUF file, or `gguf:ORG/REPO[:QUANT]` for one on the hub; a hub id, `org/name`.

    Args:
        name: what was typed.
        registry: the entries of the models files.
        backends: the kinds of backends there are, by prefix.

    Raises:
        UnknownModel: none of these.
    """
    if name in registry:
        return _complete(registry[name], registry)
    prefix, _, rest = name.partition(":")
    if prefix in backends and (rest or name == "control:"):
        return _behind_prefix(prefix, rest, registry, backends)
    if name.startswith(HUB_GGUF):
        try:
            split_hub_gguf(name)
        except ValueError as error:
            raise UnknownModel(str(error)) from None
        return ModelSpec(name=label(name), backend=gguf_backend(), model=name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _from_folder(folder.resolve(), name, registry)
    if is_gguf(folder):
        if not folder.is_file():
            raise UnknownModel(f"no model at {name!r}: there is no such file")
        return ModelSpec(name=label(folder.stem), backend=gguf_backend(), model=str(folder.resolve()))
    if folder.is_file():
        fix = f"a recording is named replay:{name}" if may_hold_rows(folder) else "name the folder it is in"
        raise UnknownModel(f"the model {name!r} is a file: {fix}")
    if is_path(name):
        raise UnknownModel(f"no model at {name!r}: there is no such folder")
    if is_hub_id(name):
        return ModelSpec(name=name, model=name)
    known = f"the models file has: {', '.join(registry)}" if registry else "the models file has none"
    near = did_you_mean(name, [*registry, *(f"{prefix}:{rest}" for prefix in backends if rest)])
    raise UnknownName(
        f"unknown model {name!r}: {near}{known}; or name a hub id (org/name), a folder, "
        f"replay:FILE.jsonl or control:gold; prefixes: {':, '.join(backends)}:"
    )


def _behind_prefix(
    prefix: str, rest: str, registry: Mapping[str, ModelSpec], backends: Mapping[str, BackendType]
) -> ModelSpec:
    name = f"{prefix}:{rest}"
    if backends[prefix].checkpoints:
        spec = resolve_model(rest, registry, backends)
        if not _runs_checkpoints(spec, backends):
            raise UnknownModel(f"{name!r} is no local model: name an entry, a folder or a hub id after {prefix}:")
        return replace(spec, name=label(f"{prefix}:{spec.name}"), backend=prefix)
    if prefix == "control" and rest not in CONTROLS:
        raise UnknownModel(
            f"unknown control {name!r}: {did_you_mean(rest, CONTROLS)}use control:{', control:'.join(CONTROLS)}"
        )
    if prefix == "replay":
        file, model = split_file(rest)
        name = f"{prefix}:{model or stem(file)}"
    server = server_of({}, on_server=backends[prefix].on_server)
    return ModelSpec(name=label(name), backend=prefix, model=rest, server=server)


def _from_folder(folder: Path, name: str, registry: Mapping[str, ModelSpec]) -> ModelSpec:
    spec = ModelSpec(name=label(folder.name), model=str(folder))
    if (backend := converted_backend(folder)) is not None:
        return replace(spec, backend=backend)
    if is_adapter(folder):
        return _complete(replace(spec, model=None, adapter=str(folder)), registry)
    if (folder / "config.json").is_file():
        return spec
    try:
        file = gguf_in(folder)
    except ValueError as error:
        raise UnknownModel(str(error)) from None
    if file is None:
        raise UnknownModel(
            f"the folder {name!r} holds no model: neither config.json (a model) nor adapter_config.json (an adapter), "
            "and no .gguf file"
        )
    return replace(spec, model=str(file), backend=gguf_backend())


def _complete(spec: ModelSpec, registry: Mapping[str, ModelSpec]) -> ModelSpec:
    """Return a spec that says where its model is: the file in its package, or the base that its adapter names.

    That base may be an entry of the models file.
    """
    try:
        if spec.package is not None and spec.file is not None:
            return replace(spec, model=str(find_in_package(spec.package, spec.file, spec.install)))
        if spec.model is not None or spec.adapter is None or not Path(spec.adapter).is_dir():
            return spec
        base, revision = adapter_base(Path(spec.adapter))
    except ValueError as error:
        raise UnknownModel(f"{spec.name}: {error}") from None
    entry = registry.get(base)
    if entry is None:
        return replace(spec, model=base, revision=spec.revision or revision)
    if entry.adapter is not None:
        raise UnknownModel(f"{spec.name}: its base {base!r} is an adapter: name the model that it was made for")
    return replace(spec, model=_complete(entry, registry).model, revision=entry.revision)


def label(text: str) -> str:
    """Make a text part of a test's id."""
    return re.sub(r"[^\w.+@=,:-]+", "-", text).replace("::", ":").strip("-") or "model"
