"""Exports: a model with its adapter, tokenizer and chat template as one GGUF file that is known to be right."""

from __future__ import annotations

import contextlib
import filecmp
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import Device
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.llamacpp.engine import Engine, need_llamacpp
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.loading import load_network, put_adapter, read_end_tokens
from pytest_edgejson.backends.local.model_files import locate, need_libraries
from pytest_edgejson.backends.local.tokenizers import read_tokenizer
from pytest_edgejson.training.export.agreement import ROOM, agrees
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.export.gguf_file import write_model
from pytest_edgejson.training.export.pretokenizer import find_pretokenizer
from pytest_edgejson.training.export.quantise import find_quantiser, quantise
from pytest_edgejson.training.export.vocabulary import first_difference, read_vocabulary, sample_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.training.export.vocabulary import Vocabulary

# Texts by which a pattern is found; the export is checked with all.
_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that was exported.

    Attributes:
        file: the GGUF file.
        is_new: whether it was not there before; else it was the same.
        bytes: of the file.
        source_bytes: of the weights that it was made of, an adapter's included.
        texts: how many texts both tokenizers split alike.
        pre: the name of the pattern by which llama.cpp does.
        quantiser: what quantised it; None for nothing.
        window: tokens that the model can look back on.
        vocabulary: of its tokenizer.
    """

    file: Path
    is_new: bool
    bytes: int
    source_bytes: int
    texts: int
    pre: str
    quantiser: str | None
    window: int
    vocabulary: Vocabulary


def export_gguf(spec: ModelSpec, file: Path, quant: str, *, force: bool, say: Callable[[str], None]) -> Exported:
    """Export a model to a GGUF file, which gets its name when it is complete and checked.

    Args:
        spec: the model.
        file: to be written.
        quant: one of `quantise.QUANTS`.
        force: replace another file of that name.
        say: is told what is done.

    Raises:
        ExportError: the model cannot be had or exported, splits texts or computes otherwise afterwards, a library is
            missing, or another file has the name.
        OSError: the file cannot be written.
    """
    try:
        need_llamacpp(spec.name)
        need_libraries(spec.name, "gguf", "torch", "transformers")
        program, quantiser = (None, None) if quant == "f16" else find_quantiser(spec.name)
        files = locate(spec)
        say(f"{spec.name}: reading the model" + (", its adapter merged" if files.adapter is not None else ""))
        with quiet(), one_line(spec.name, "the model"):
            network, tokenizer = _load(spec, files)
        vocabulary = read_vocabulary(tokenizer, spec.name, read_end_tokens(network, tokenizer))
        texts = sample_texts(tokenizer)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{file.stem}-", dir=file.parent) as work:
            say(f"{spec.name}: looking for the pattern by which llama.cpp splits texts as the model does")
            sample = texts[:_SAMPLE]
            pre = find_pretokenizer(vocabulary, tokenizer, sample, files.tokenizer, spec.name, Path(work))
            whole = made = Path(work) / "f16.gguf"
            say(f"{spec.name}: writing float16")
            write_model(whole, network, vocabulary, pre, spec.name)
            with _engine(spec, whole, slots=1) as engine, quiet():
                if not agrees(network, engine):
                    raise ExportError(f"{spec.name}: exported, it computes something else than before")
            window = network.config.get_text_config().max_position_embeddings
            del network
            if program is not None:
                say(f"{spec.name}: quantising to {quant} by {quantiser}")
                made = Path(work) / f"{quant}.gguf"
                quantise(program, whole, made, quant, spec.name)
            say(f"{spec.name}: splitting {len(texts):,} texts")
            _check_texts(spec, made, tokenizer, texts)
            is_new = _place(made, file, force=force)
    except BackendError as error:
        raise ExportError(str(error)) from None
    size = file.stat().st_size
    return Exported(file, is_new, size, files.bytes, len(texts), pre, quantiser, window, vocabulary)


def _load(spec: ModelSpec, files: ModelFiles) -> tuple[Any, Any]:
    """Return a model in float32, its adapter merged, and its tokenizer."""
    device = Device("cpu", "cpu")
    network = load_network(spec, files, device, "float32")
    if files.adapter is not None:
        network = put_adapter(network, spec.name, files.adapter, device, merge=True, is_shared=False)
    network.eval()
    return network, read_tokenizer(files.tokenizer, spec.name, trust_remote_code=spec.trust_remote_code)


@contextlib.contextmanager
def _engine(spec: ModelSpec, file: Path, *, slots: int) -> Any:
    engine = Engine(spec.name, file, slots=slots, tokens=ROOM, on_cpu=True)
    try:
        yield engine
    finally:
        engine.close()


def _check_texts(spec: ModelSpec, file: Path, tokenizer: Any, texts: Sequence[tuple[str, bool]]) -> None:
    with _engine(spec, file, slots=0) as engine:
        if (found := first_difference(engine, tokenizer, texts)) is not None:
            raise ExportError(f"{spec.name}: exported, it splits texts otherwise: {found[1]}")


def _place(made: Path, file: Path, *, force: bool) -> bool:
    """Give a file its name; return whether there was none of that name, or another one."""
    if file.exists():
        if filecmp.cmp(made, file, shallow=False):
            return False
        if not force:
            raise ExportError(f"{file} is there already, and would be replaced: use --force, or another --out")
    made.replace(file)
    return True
