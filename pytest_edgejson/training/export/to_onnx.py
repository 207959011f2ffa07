"""A model with its adapter, tokenizer and chat template as a folder in ONNX that is known to be right.

The folder is what onnxruntime-genai runs and what transformers.js does, in a browser or elsewhere.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.export_note import write_note
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.loading import read_end_tokens
from pytest_edgejson.backends.local.model_files import need_libraries
from pytest_edgejson.backends.onnx.backend import OnnxModel
from pytest_edgejson.backends.onnx.folder import import_runtime, read_folder
from pytest_edgejson.backends.references import GENAI_CONFIG
from pytest_edgejson.training.export.agreement import agrees
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.export.exported import Exported, place_folder
from pytest_edgejson.training.export.source import read_source
from pytest_edgejson.training.export.vocabulary import read_saved, sample_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.training.export.source import Source

# What transformers.js calls a file of each kind of weights, and the builder their precision.
_FILES = {"f32": ("model.onnx", "fp32"), "int8": ("model_int8.onnx", "int8"), "int4": ("model_q4.onnx", "int4")}
# How the builder calls the width of a head's keys and values.
_WIDTH = "kv_cache_dim"
# A protobuf message holds less than 2 GiB; the graph itself takes some of it.
_ONE_FILE = 2_000_000_000


def export_onnx(spec: ModelSpec, folder: Path, quant: str, *, force: bool, say: Callable[[str], None]) -> Exported:
    """Export a model to a folder in ONNX, which gets its name when it is complete and checked.

    Args:
        spec: the model.
        folder: to be written.
        quant: `f32`, `int8` or `int4`.
        force: replace another export of that name.
        say: is told what is done.

    Raises:
        ExportError: the model cannot be exported, splits texts or computes otherwise afterwards, or another folder has
            the name.
        BackendError: a library is missing, or the model cannot be had.
        OSError: the folder cannot be written.
    """
    need_libraries(spec.name, "onnxruntime_genai", "onnx", "onnx_ir", extra="onnx")
    need_libraries(spec.name, "torch", "transformers")
    source = read_source(spec, say)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
        plain = Path(work) / "plain"
        _save(source, plain)
        whole = _build(spec, source, plain, Path(work), "f32", say)
        with quiet(), one_line(spec.name, "the export"):
            is_right = agrees(source.network, _load(spec, whole, source))
        if not is_right:
            raise ExportError(f"{spec.name}: exported, it computes something else than before")
        made = whole if quant == "f32" else _build(spec, source, plain, Path(work), quant, say)
        texts = sample_texts(source.tokenizer)
        say(f"{spec.name}: splitting {len(texts):,} texts")
        read_saved(made, spec, source.tokenizer, texts)
        # Loading it is a check too: the runtime must know its operators.
        with one_line(spec.name, "the export"):
            model = _load(spec, made, source)
            model.likeliest([0], 1)
        own = _own_tokenizer(model, source, texts)
        is_new = place_folder(made, folder, force=force)
    files = read_folder(replace(spec, model=str(folder), adapter=None, tokenizer=None)).files
    return Exported(
        place=folder,
        backend="onnx",
        is_new=is_new,
        bytes=files.bytes,
        source_bytes=source.files.bytes,
        maker=f"the builder of onnxruntime-genai {importlib.metadata.version('onnxruntime-genai')}",
        checked=f"{len(texts):,} of {len(texts):,} texts have the same tokens by tokenizer.json; "
        f"onnxruntime-genai's own tokenizer {own}",
    )


def _save(source: Source, folder: Path) -> None:
    """Save a model as transformers reads one; itself it saves neither those of GGUF files nor merged ones."""
    from safetensors.torch import save_model

    # The builder goes by it, and a GGUF file names none.
    source.network.config.architectures = [type(source.network).__name__]
    source.network.config.save_pretrained(folder)
    source.network.generation_config.save_pretrained(folder)
    source.tokenizer.save_pretrained(folder)
    save_model(source.network, str(folder / "model.safetensors"), metadata={"format": "pt"})


def _build(spec: ModelSpec, source: Source, plain: Path, work: Path, quant: str, say: Callable[[str], None]) -> Path:
    """Return the folder that was made of a saved model."""
    name, precision = _FILES[quant]
    say(f"{spec.name}: building {quant} by onnxruntime-genai")
    built, made = work / f"{quant}-built", work / quant
    # In a process of its own: it brings modules of names such as `builder`, and writes a great deal.
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(plain), "-o", str(built)]
    command += ["-p", precision, "-e", "cpu", "-c", str(work / "cache"), "--extra_options", "hf_token=false"]
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    if done.returncode != 0 or not (built / GENAI_CONFIG).is_file():
        said = (done.stdout.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise ExportError(f"{spec.name}: onnxruntime-genai cannot build it in {quant}, and says: {said}")
    (made / "onnx").mkdir(parents=True)
    config = json.loads((built / GENAI_CONFIG).read_text(encoding="utf-8"))
    _write_network(built / "model.onnx", made / "onnx" / name, config["model"]["decoder"]["head_size"])
    config["model"]["decoder"]["filename"] = f"onnx/{name}"
    config["model"]["eos_token_id"] = sorted(read_end_tokens(source.network, source.tokenizer))
    (made / GENAI_CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for file in plain.iterdir():
        if not file.name.startswith("model"):
            shutil.copy(file, made / file.name)
    write_note(made, "onnx", quant, source.files.parameters)
    shutil.rmtree(built)
    return made


def _write_network(built: Path, file: Path, width: int) -> None:
    """Write a graph and its weights into one file, where one can hold them.

    Args:
        built: the graph as the builder wrote it.
        file: to be written.
        width: of a head's keys and values.
    """
    import onnx

    model = onnx.load(built)
    for each in (*model.graph.input, *model.graph.output):
        for dimension in each.type.tensor_type.shape.dim:
            # The builder leaves it open, and transformers.js makes keys and values of no tokens by it.
            if dimension.dim_param == _WIDTH:
                dimension.dim_value = width
    beside = sum(each.stat().st_size for each in built.parent.glob("model.onnx.data*")) > _ONE_FILE
    if beside:
        onnx.save(model, file, save_as_external_data=True, location=f"{file.name}_data", size_threshold=1024)
    else:
        onnx.save(model, file)


def _load(spec: ModelSpec, folder: Path, source: Source) -> OnnxModel:
    return OnnxModel(spec.name, read_folder(replace(spec, model=str(folder), adapter=None)), source.tokenizer)


def _own_tokenizer(model: OnnxModel, source: Source, texts: list[tuple[str, bool]]) -> str:
    """Return what is to be said of the library's own tokenizer, which others may use; this project does not."""
    try:
        own = import_runtime().Tokenizer(model.runtime_model)
    except RuntimeError:
        return "cannot read it"
    plain = [text for text, is_chat in texts if not is_chat]
    same = sum(list(own.encode(text)) == list(source.tokenizer.encode(text)) for text in plain)
    return f"splits {same:,} of {len(plain):,} so too"
