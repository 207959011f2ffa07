"""A model with its adapter, tokenizer and chat template as one GGUF file that is known to be right."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.llamacpp.engine import Engine
from pytest_edgejson.backends.local.library_messages import quiet
from pytest_edgejson.backends.local.loading import read_end_tokens
from pytest_edgejson.backends.local.model_files import need_libraries
from pytest_edgejson.training.export.agreement import ROOM, agrees
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.export.exported import Exported, place_file
from pytest_edgejson.training.export.gguf_file import write_model
from pytest_edgejson.training.export.pretokenizer import by_llamacpp, find_pretokenizer
from pytest_edgejson.training.export.quantise import find_quantiser, quantise
from pytest_edgejson.training.export.source import read_source
from pytest_edgejson.training.export.vocabulary import first_difference, read_vocabulary, sample_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.training.export.vocabulary import Vocabulary

# Texts by which a pattern is found; the export is checked with all.
_SAMPLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedGguf(Exported):
    """A model that was exported to GGUF.

    Attributes:
        window: tokens that the model can look back on.
        vocabulary: of its tokenizer.
    """

    window: int
    vocabulary: Vocabulary


def export_gguf(spec: ModelSpec, file: Path, quant: str, *, force: bool, say: Callable[[str], None]) -> ExportedGguf:
    """Export a model to a GGUF file, which gets its name when it is complete and checked.

    Args:
        spec: the model.
        file: to be written.
        quant: `f16`, `q8_0` or `q4_k_m`.
        force: replace another file of that name.
        say: is told what is done.

    Raises:
        ExportError: the model cannot be exported, splits texts or computes otherwise afterwards, or another file
            has the name.
        BackendError: a library is missing, or the model cannot be had.
        OSError: the file cannot be written.
    """
    need_libraries(spec.name, "xllamacpp", extra="gguf")
    need_libraries(spec.name, "gguf", "torch", "transformers")
    program, quantiser = (None, None) if quant == "f16" else find_quantiser(spec.name)
    source = read_source(spec, say)
    network, tokenizer = source.network, source.tokenizer
    vocabulary = read_vocabulary(tokenizer, spec.name, read_end_tokens(network, tokenizer))
    texts = sample_texts(tokenizer)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{file.stem}-", dir=file.parent) as work:
        say(f"{spec.name}: looking for the pattern by which llama.cpp splits texts as the model does")
        pre = find_pretokenizer(vocabulary, tokenizer, texts[:_SAMPLE], source.files.tokenizer, spec.name, Path(work))
        whole = made = Path(work) / "f16.gguf"
        say(f"{spec.name}: writing float16")
        write_model(whole, network, vocabulary, pre, spec.name)
        with _engine(spec, whole, slots=1) as engine, quiet():
            if not agrees(network, engine):
                raise ExportError(f"{spec.name}: exported, it computes something else than before")
        window = network.config.get_text_config().max_position_embeddings
        if program is not None:
            say(f"{spec.name}: quantising to {quant} by {quantiser}")
            made = Path(work) / f"{quant}.gguf"
            quantise(program, whole, made, quant, spec.name)
        say(f"{spec.name}: splitting {len(texts):,} texts")
        _check_texts(spec, made, tokenizer, texts)
        is_new = place_file(made, file, force=force)
    return ExportedGguf(
        place=file,
        backend="llama.cpp",
        is_new=is_new,
        bytes=file.stat().st_size,
        source_bytes=source.files.bytes,
        maker=quantiser,
        checked=f"{len(texts):,} of {len(texts):,} texts have the same tokens, by llama.cpp's pattern {pre}",
        window=window,
        vocabulary=vocabulary,
    )


@contextlib.contextmanager
def _engine(spec: ModelSpec, file: Path, *, slots: int) -> Any:
    engine = Engine(spec.name, file, slots=slots, tokens=ROOM, on_cpu=True)
    try:
        yield engine
    finally:
        engine.close()


def _check_texts(spec: ModelSpec, file: Path, tokenizer: Any, texts: Sequence[tuple[str, bool]]) -> None:
    with _engine(spec, file, slots=0) as engine:
        if (found := first_difference(by_llamacpp(engine), tokenizer, texts)) is not None:
            raise ExportError(f"{spec.name}: exported, it splits texts otherwise: {found[1]}")
