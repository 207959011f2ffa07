"""Folders that hold a model in ONNX in the form that transformers.js reads. Needs no model library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.export_note import read_note, read_object
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.loading import read_end_tokens
from pytest_edgejson.backends.local.model_files import ModelFiles, find_tokenizer

if TYPE_CHECKING:
    from pytest_edgejson.backends.spec import ModelSpec

_EXPORT = "edgejson export MODEL --to onnx makes one"
# How transformers.js calls what a file's name says.
_DTYPES = {"": "fp32", "quantized": "q8"}


@dataclass(frozen=True, slots=True)
class WebFolder:
    """A folder with a model, and what its configs say.

    Attributes:
        files: where it is read from.
        dtype: how transformers.js calls the form of its weights, such as `int8`.
        window: tokens it can look back on; None where its config names no limit.
        vocabulary: tokens it knows.
        config: `config.json`.
        generation_config: `generation_config.json`; empty where there is none.
    """

    files: ModelFiles
    dtype: str
    window: int | None
    vocabulary: int
    config: dict[str, Any]
    generation_config: dict[str, Any]

    def end_tokens(self, tokenizer: Any) -> frozenset[int]:
        """Return what ends an answer, by the configs and the tokenizer."""
        configs = SimpleNamespace(
            config=SimpleNamespace(**self.config), generation_config=SimpleNamespace(**self.generation_config)
        )
        return read_end_tokens(configs, tokenizer)


def read_folder(spec: ModelSpec) -> WebFolder:
    """Find a model's files, and check them.

    Raises:
        BackendError: there is no such folder, it holds no such model or several, or a config cannot be read.
    """
    if spec.adapter is not None:
        raise BackendError(f"{spec.name}: the backend browser runs no adapters: export the model with its adapter")
    if spec.model is None or not Path(spec.model).expanduser().is_dir():
        raise BackendError(f"{spec.name}: the backend browser runs a folder, and {spec.model} is none: {_EXPORT}")
    folder = Path(spec.model).expanduser()
    networks = sorted((folder / "onnx").glob("model*.onnx"))
    if not networks:
        raise BackendError(f"{spec.name}: the folder {folder} holds no onnx/model*.onnx: {_EXPORT}")
    if len(networks) > 1:
        names = ", ".join(file.name for file in networks)
        raise BackendError(f"{spec.name}: {folder / 'onnx'} holds several models, {names}: leave one of them there")
    (network,) = networks
    config = read_object(folder / "config.json", spec.name)
    decoder = config.get("text_config", config)
    if not isinstance(decoder, dict) or not isinstance(decoder.get("vocab_size"), int):
        raise BackendError(f"{spec.name}: {folder / 'config.json'}: describes no decoder: it has no vocab_size")
    further = folder / "generation_config.json"
    weights = (network, *sorted(network.parent.glob(f"{network.name}_data*")))
    note = read_note(folder, spec.name)
    tokenizer = find_tokenizer(spec if spec.tokenizer else replace(spec, tokenizer=str(folder)))
    form = network.stem.removeprefix("model").removeprefix("_")
    return WebFolder(
        ModelFiles(folder, weights, tokenizer, None, note.parameters or spec.parameters),
        _DTYPES.get(form, form),
        decoder.get("max_position_embeddings"),
        decoder["vocab_size"],
        config,
        read_object(further, spec.name) if further.is_file() else {},
    )
