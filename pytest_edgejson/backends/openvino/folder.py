"""Folders that hold a model in OpenVINO's form: found, and what has to be known of the model to run it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.export_note import read_note
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.loading import end_tokens
from pytest_edgejson.backends.local.model_files import ModelFiles, find_tokenizer
from pytest_edgejson.backends.openvino.pipeline import cannot_load, import_openvino
from pytest_edgejson.backends.references import OPENVINO_MODEL, is_openvino

if TYPE_CHECKING:
    from pytest_edgejson.backends.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Facts:
    """What has to be known of a model beside what OpenVINO reads.

    Attributes:
        vocabulary: tokens it knows.
        window: tokens it can look back on, None where its config names no limit.
        end_tokens: what ends an answer.
        cache_bytes: of the keys and values of one token in float32.
    """

    vocabulary: int
    window: int | None
    end_tokens: frozenset[int]
    cache_bytes: int


def find_folder(spec: ModelSpec) -> ModelFiles | None:
    """Return the files of a model that is in OpenVINO's form already; None where it has to be converted.

    Raises:
        BackendError: files are missing, or the spec asks for what is done in a conversion.
    """
    folder = Path(spec.model or "").expanduser()
    if spec.model is None or not is_openvino(folder):
        return None
    for key in ("adapter", "weights"):
        if getattr(spec, key) is not None:
            raise BackendError(
                f"{spec.name}: {folder} holds a converted model, whose weights stay as they are: leave out {key!r}, or "
                "name the model that it was made of"
            )
    weights = tuple(folder / f"{Path(OPENVINO_MODEL).stem}.{suffix}" for suffix in ("xml", "bin"))
    for file in (folder / "config.json", *weights):
        if not file.is_file():
            raise BackendError(f"{spec.name}: the folder {folder} has no {file.name}: fetch it again, or export it")
    tokenizer = find_tokenizer(spec if spec.tokenizer else replace(spec, tokenizer=str(folder)))
    return ModelFiles(folder, weights, tokenizer, None, read_note(folder, spec.name).parameters)


def read_facts(folder: Path, name: str, tokenizer: Any, *, trust_remote_code: bool = False) -> Facts:
    """Return what has to be known of a model.

    Args:
        folder: of the model in OpenVINO's form, with its `config.json`.
        name: the model's, for messages.
        tokenizer: its own.
        trust_remote_code: let it run Python code that comes with it.

    Raises:
        BackendError: a file cannot be read.
    """
    with quiet(), one_line(name, "the model"):
        from transformers import AutoConfig, GenerationConfig

        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
        has_own = (folder / "generation_config.json").is_file()
        generation = GenerationConfig.from_pretrained(folder, local_files_only=True) if has_own else None
        try:
            model = import_openvino().Core().read_model(folder / OPENVINO_MODEL)
        except RuntimeError as error:
            raise cannot_load(name, folder, error) from error
    kept = [node.get_output_partial_shape(0) for node in model.get_ops() if node.get_type_name() == "ReadValue"]
    text: Any = config.get_text_config()
    return Facts(
        vocabulary=text.vocab_size,
        window=getattr(text, "max_position_embeddings", None),
        end_tokens=end_tokens(generation, config, tokenizer),
        cache_bytes=4 * sum(math.prod(size.get_length() for size in shape if size.is_static) for shape in kept),
    )
