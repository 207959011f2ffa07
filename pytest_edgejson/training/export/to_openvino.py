"""A model with its adapter, tokenizer and chat template as a folder in OpenVINO's form that is known to be right.

The folder is what the backend `openvino` runs, and openvino-genai without this project.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.export_note import write_note
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.model_files import locate, need_libraries
from pytest_edgejson.backends.local.tokenizers import read_tokenizer
from pytest_edgejson.backends.openvino.convert import write_model
from pytest_edgejson.backends.openvino.folder import find_folder
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.export.exported import Exported, place_folder
from pytest_edgejson.training.export.openvino_tokenizer import write_tokenizer
from pytest_edgejson.training.export.vocabulary import first_difference, read_saved, sample_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_edgejson.backends.spec import ModelSpec


def export_openvino(spec: ModelSpec, folder: Path, quant: str, *, force: bool, say: Callable[[str], None]) -> Exported:
    """Export a model to a folder in OpenVINO's form, which gets its name when it is complete and checked.

    Args:
        spec: the model.
        folder: to be written.
        quant: `f32`, `int8` or `int4`.
        force: replace another export of that name.
        say: is told what is done.

    Raises:
        ExportError: the model splits texts otherwise afterwards, or another folder has the name.
        BackendError: a library is missing, the model cannot be had or converted, or computes otherwise afterwards.
        OSError: the folder cannot be written.
    """
    weights = None if quant == "f32" else quant
    need_libraries(spec.name, "torch", "transformers")
    need_libraries(spec.name, "openvino_genai", *(["nncf"] if weights else []), extra="openvino")
    files = locate(spec)
    with quiet(), one_line(spec.name, "the tokenizer"):
        tokenizer = read_tokenizer(files.tokenizer, spec.name, trust_remote_code=spec.trust_remote_code)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
        made = Path(work) / "model"
        made.mkdir()
        merged = ", its adapter merged" if files.adapter is not None else ""
        say(f"{spec.name}: converting the model{merged}" + (f", its weights to {quant}" if weights else ""))
        write_model(made, spec, files, tokenizer, weights)
        with quiet():
            tokenizer.save_pretrained(made)
        texts = sample_texts(tokenizer)
        say(f"{spec.name}: splitting {len(texts):,} texts")
        checked = _check_texts(made, spec, tokenizer, texts)
        write_note(made, "openvino", quant, files.parameters)
        is_new = place_folder(made, folder, force=force)
    exported = find_folder(replace(spec, model=str(folder), adapter=None, weights=None, tokenizer=None))
    assert exported is not None
    makers = ["openvino", *(["nncf"] if weights else [])]
    return Exported(
        place=folder,
        backend="openvino",
        is_new=is_new,
        bytes=exported.bytes,
        source_bytes=files.bytes,
        maker=" and ".join(f"{name} {importlib.metadata.version(name)}" for name in makers),
        checked=checked,
    )


def _check_texts(folder: Path, spec: ModelSpec, tokenizer: Any, texts: Sequence[tuple[str, bool]]) -> str:
    """Write OpenVINO's tokenizer too; return what is to be said of both that an export has.

    Raises:
        ExportError: one splits a text otherwise than the model's own.
    """

    saved = read_saved(folder, spec, tokenizer, texts)
    said = f"{len(texts):,} of {len(texts):,} texts have the same tokens"
    try:
        with quiet():
            own = write_tokenizer(folder, saved)
    except ValueError as error:
        return (
            f"{said}; openvino_genai.LLMPipeline does not run it, as openvino-tokenizers cannot convert them: {error}"
        )

    def split(text: str, is_chat: bool) -> list[int]:
        return list(own.encode(text, add_special_tokens=not is_chat).input_ids.data[0].tolist())

    if (found := first_difference(split, tokenizer, texts)) is not None:
        raise ExportError(f"{spec.name}: exported, openvino-genai splits texts otherwise: {found[1]}")
    return f"{said}, by openvino-genai's tokenizer too"
