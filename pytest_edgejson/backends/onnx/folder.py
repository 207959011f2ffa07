"""Folders that hold a model in ONNX as onnxruntime-genai reads it: found, checked. Needs no model library."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.export_note import read_note, read_object
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.model_files import ModelFiles, find_tokenizer
from pytest_edgejson.backends.references import GENAI_CONFIG
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from pytest_edgejson.backends.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """A folder with a model, and what its config says.

    Attributes:
        files: where it is read from.
        window: tokens it can look back on.
        vocabulary: tokens it knows.
        end_tokens: what ends an answer, by its config.
        cache_bytes: of the keys and values of one token in float32.
        quant: how its weights are kept, such as `int8`; None where nobody says.
    """

    files: ModelFiles
    window: int
    vocabulary: int
    end_tokens: frozenset[int]
    cache_bytes: int
    quant: str | None


def read_folder(spec: ModelSpec) -> OnnxFolder:
    """Find a model's files, and check them.

    Raises:
        BackendError: there is no such folder, it holds no such model, or files are missing or damaged.
    """
    folder = Path(spec.model or "").expanduser()
    file = folder / GENAI_CONFIG
    if spec.model is None or not file.is_file():
        raise BackendError(
            f"{spec.name}: the backend onnx runs a folder with {GENAI_CONFIG}, and {spec.model} is none: "
            "edgejson export MODEL --to onnx makes one"
        )
    if spec.adapter is not None:
        raise BackendError(f"{spec.name}: the backend onnx runs no adapters: export the model with its adapter")
    config = read_object(file, spec.name)
    try:
        model = config["model"]
        decoder = model["decoder"]
        ends = model["eos_token_id"]
        network = folder / decoder["filename"]
        layers, heads, width = (decoder[key] for key in ("num_hidden_layers", "num_key_value_heads", "head_size"))
        window, vocabulary = int(model["context_length"]), int(model["vocab_size"])
        end_tokens = frozenset(int(end) for end in (ends if isinstance(ends, list) else [ends]))
        cache_bytes = 2 * int(layers) * int(heads) * int(width) * 4
    except (KeyError, TypeError, ValueError) as error:
        raise BackendError(f"{spec.name}: {file}: describes no decoder that can be run: {first_line(error)}") from None
    if not network.is_file():
        raise BackendError(f"{spec.name}: {file} names {decoder['filename']}, which is not there: fetch it again")
    # Beyond 2 GB the weights lie beside the graph.
    weights = (network, *sorted({*network.parent.glob(f"{network.name}?data*")}))
    note = read_note(folder, spec.name)
    tokenizer = find_tokenizer(spec if spec.tokenizer else replace(spec, tokenizer=str(folder)))
    files = ModelFiles(folder, weights, tokenizer, None, note.parameters)
    return OnnxFolder(files, window, vocabulary, end_tokens, cache_bytes, note.quant)


def import_runtime() -> Any:
    """Return the module `onnxruntime_genai`, which would report its use to a web service on some systems."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime_genai

    onnxruntime_genai.disable_telemetry_events()
    return onnxruntime_genai
