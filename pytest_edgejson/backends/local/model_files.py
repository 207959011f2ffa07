"""Model files: those of a model and its adapter, found, downloaded, checked and hashed. Needs no model library."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.gguf_file import read_header
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.gguf_places import find_gguf
from pytest_edgejson.backends.local.hub import ask_hub
from pytest_edgejson.backends.references import (
    GENAI_CONFIG,
    HUB_GGUF,
    adapter_base,
    gguf_in,
    is_adapter,
    is_gguf,
    is_hub_id,
    is_openvino,
)
from pytest_edgejson.values.wording import first_line, plural

if TYPE_CHECKING:
    from pytest_edgejson.backends.spec import ModelSpec

_CONVERT = "weights are read from safetensors only; save them again with save_pretrained"

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
    "chat_template.jinja",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.tiktoken",
)
_MODEL_FILES = ("config.json", "generation_config.json", "model.safetensors.index.json", GENAI_CONFIG)
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")

# Files of a hub repository that a run may need: nothing in subfolders, no second copy of the weights.
_WANTED = ("*.safetensors", *_MODEL_FILES, *_ADAPTER_FILES, *_TOKENIZER_FILES)
_UNWANTED = ("*/*", "consolidated*")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model is read from.

    Attributes:
        model: folder of the model, or the GGUF file that is all of it.
        weights: its safetensors files, or the GGUF file.
        tokenizer: folder of the tokenizer, or the GGUF file: the one named, else the adapter's, else the model's.
        adapter: folder of the adapter, if any.
        parameters: how many numbers the weights hold, without the adapter's; None where nobody says.
    """

    model: Path
    weights: tuple[Path, ...]
    tokenizer: Path
    adapter: Path | None
    parameters: int | None

    @property
    def bytes(self) -> int:
        """How many the weights take on the disk, the adapter's included."""
        adapter = [self.adapter / "adapter_model.safetensors"] if self.adapter else []
        return sum(file.stat().st_size for file in (*self.weights, *adapter))


def source(place: Path) -> dict[str, str]:
    """Return the arguments that tell `from_pretrained` of transformers where a model or tokenizer is.

    Args:
        place: a folder, or a GGUF file.
    """
    if is_gguf(place):
        return {"pretrained_model_name_or_path": str(place.parent), "gguf_file": place.name}
    return {"pretrained_model_name_or_path": str(place)}


def locate(spec: ModelSpec) -> ModelFiles:
    """Find a model's files, download those that are on the hub, and check them.

    Raises:
        BackendError: a folder or repository is not there, the hub cannot be reached, files are missing or damaged,
            or there are pickled weights only.
    """
    model, revision = spec.model, spec.revision
    adapter = _folder(spec, spec.adapter, spec.adapter_revision, "adapter") if spec.adapter else None
    folder = _folder(spec, model, revision, "model") if model else None
    if adapter is None and folder is not None and is_adapter(folder):
        # What was named as the model turns out to be an adapter; the revision was the adapter's.
        adapter, folder, revision = folder, None, None
    if folder is None:
        if adapter is None:
            raise BackendError(f"{spec.name}: names no model: set model to a hub id or a folder")
        try:
            model, base_revision = adapter_base(adapter)
        except ValueError as error:
            raise BackendError(f"{spec.name}: {error}") from None
        folder = _folder(spec, model, revision or base_revision, "base model")
    if adapter is not None:
        need_libraries(spec.name, "peft")
        if not (adapter / "adapter_model.safetensors").is_file():
            raise BackendError(f"{spec.name}: the adapter {adapter} has no adapter_model.safetensors: {_CONVERT}")
    if not is_gguf(folder) and not (folder / "config.json").is_file():
        raise BackendError(f"{spec.name}: the folder {folder} holds no model: it has no config.json and no GGUF file")
    if is_gguf(folder):
        need_libraries(spec.name, "gguf")
        header = read_header(folder, spec.name)
        if header.pieces > 1:
            raise BackendError(f"{spec.name}: transformers reads no GGUF model in several pieces: merge {folder.name}")
        weights, parameters = [folder], header.parameters
    else:
        weights = _weights(folder, spec.name)
        parameters = sum(math.prod(shape) for file in weights for shape in read_shapes(file, spec.name).values())
    # Trainers save the tokenizer they used beside the adapter.
    beside = adapter if adapter is not None and _has_tokenizer(adapter) else folder
    tokenizer = find_tokenizer(spec if spec.tokenizer else replace(spec, tokenizer=str(beside)))
    return ModelFiles(folder, tuple(weights), tokenizer, adapter, parameters)


def hash_files(files: ModelFiles, *, trust_remote_code: bool) -> list[list[str]]:
    """Return part, name and SHA-256 of each file that can change an answer."""
    code = ("*.py",) if trust_remote_code else ()
    parts = [("model", files.model, (*_MODEL_FILES, *code)), ("tokenizer", files.tokenizer, _TOKENIZER_FILES)]
    if files.adapter is not None:
        parts.append(("adapter", files.adapter, _ADAPTER_FILES))
    found = [("weights", file) for file in files.weights]
    for part, folder, patterns in parts:
        found += [(part, file) for pattern in patterns for file in sorted(folder.glob(pattern)) if file.is_file()]

    def digest(entry: tuple[str, Path]) -> list[str]:
        part, file = entry
        with file.open("rb") as content:
            # A GGUF file is all of a model, whatever it is called.
            return [
                part,
                file.suffix if is_gguf(file) else file.name,
                hashlib.file_digest(content, "sha256").hexdigest(),
            ]

    # Hashing releases the interpreter's lock, and the shards of a large model take their time.
    with ThreadPoolExecutor() as pool:
        return sorted(pool.map(digest, found))


def read_shapes(file: Path, name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a safetensors file's tensors by name, from its header alone.

    Raises:
        BackendError: the file is no such file, or not all of it is there. The message begins with `name`.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as content:
            header_size = int.from_bytes(content.read(8), "little")
            header: Any = json.loads(content.read(header_size)) if 0 < header_size <= size - 8 else {"": None}
    except OSError as error:
        raise BackendError(f"{name}: {file} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        header = {"": None}
    try:
        header.pop("__metadata__", None)
        shapes = {key: tuple(int(length) for length in entry["shape"]) for key, entry in header.items()}
        complete = 8 + header_size + max((entry["data_offsets"][1] for entry in header.values()), default=0) == size
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        shapes, complete = {}, False
    if not complete:
        # A repository cloned without git-lfs has a few lines of text in the place of each large file.
        hint = "fetch it with `git lfs pull`" if size < 1024 else "fetch it again"
        raise BackendError(f"{name}: {file} is no safetensors file, or not all of it is there: {hint}")
    return shapes


def find_tokenizer(spec: ModelSpec) -> Path:
    """Return the folder, or GGUF file, of the tokenizer that a spec names.

    Raises:
        BackendError: it is not there, or there is none in it.
    """
    place = _folder(spec, spec.tokenizer, None, "tokenizer")
    if not is_gguf(place) and not _has_tokenizer(place):
        raise BackendError(f"{spec.name}: the folder {place} holds no tokenizer: name one as tokenizer")
    return place


def need_libraries(name: str, *libraries: str, extra: str = "local") -> None:
    """Check that libraries of an extra are installed, without importing them.

    Args:
        name: what the message begins with, such as a model's name.
        libraries: as they are imported.
        extra: of this package, that brings them.

    Raises:
        BackendError: one is not.
    """
    missing = [library.replace("_", "-") for library in libraries if importlib.util.find_spec(library) is None]
    if missing:
        verb = plural(len(missing), "is", "are")
        install = f"pip install 'pytest-edgejson[{extra}]'"
        raise BackendError(f"{name}: {' and '.join(missing)} {verb} not installed: {install}")


def _weights(folder: Path, name: str) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackendError(f"{name}: {index} cannot be read: {first_line(error)}") from None
    else:
        files = ["model.safetensors"]
    missing = [file for file in files if not (folder / str(file)).is_file()]
    if is_openvino(folder):
        raise BackendError(f'{name}: {folder} holds a model in OpenVINO\'s form: run it with backend = "openvino"')
    if missing or not files:
        raise BackendError(f"{name}: the folder {folder} has no {missing[0] if missing else 'weights'}: {_CONVERT}")
    return [folder / str(file) for file in files]


def _has_tokenizer(folder: Path) -> bool:
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "*.model")
    return any(True for name in names for _ in folder.glob(name))


def _folder(spec: ModelSpec, reference: str | None, revision: str | None, what: str) -> Path:
    """Return the folder of a hub id's files, or the folder that is named, or the GGUF file that either means."""
    if reference is None:
        raise BackendError(f"{spec.name}: names no {what}")
    if reference.startswith(HUB_GGUF):
        return find_gguf(replace(spec, model=reference))
    folder = Path(reference).expanduser()
    if folder.is_dir():
        if (folder / "config.json").is_file() or _has_tokenizer(folder):
            return folder
        try:
            return gguf_in(folder) or folder
        except ValueError as error:
            raise BackendError(f"{spec.name}: {error}") from None
    if is_gguf(folder) and folder.is_file():
        return folder
    if not is_hub_id(reference):
        raise BackendError(f"{spec.name}: the {what} is not there: no folder {reference}")
    return _download(spec, reference, revision, what)


def _download(spec: ModelSpec, repo: str, revision: str | None, what: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ("config.json", *_TOKENIZER_FILES) if what == "tokenizer" else _WANTED

    def fetch(*, local_files_only: bool) -> Path:
        patterns = [*wanted, "*.py"] if spec.trust_remote_code else list(wanted)
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=patterns,
                ignore_patterns=list(_UNWANTED),
                local_files_only=local_files_only,
            )
        )

    return ask_hub(fetch, spec.name, repo, revision, what)
