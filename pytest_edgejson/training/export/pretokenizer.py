"""How llama.cpp splits texts before its tokenizer does: by one of the patterns it has, each known by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.gguf_file import read_header
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.llamacpp.engine import Engine
from pytest_edgejson.backends.references import is_gguf
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.export.gguf_file import write_vocabulary
from pytest_edgejson.training.export.vocabulary import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_edgejson.training.export.vocabulary import Vocabulary

# Those of llama.cpp (src/llama-vocab.cpp) that split otherwise than the ones before. `superbpe` splits at numbers only,
# which is enough for a tokenizer whose merges stay within its own pieces.
_NAMES = (
    *("gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3", "tekken", "gpt-4o"),
    *("falcon", "bloom", "viking", "seed-coder", "bailingmoe", "kimi-k2", "superbpe"),
)


def by_llamacpp(engine: Engine) -> Callable[[str, bool], list[int]]:
    """Return what splits a text, of a chat template or not, as an engine does."""

    def split(text: str, is_chat: bool) -> list[int]:
        return [token for token, _ in engine.tokenize(text, add_special=not is_chat)]

    return split


def find_pretokenizer(
    vocabulary: Vocabulary, tokenizer: Any, texts: Sequence[tuple[str, bool]], source: Path, name: str, folder: Path
) -> str:
    """Return the name of the pattern by which llama.cpp splits texts as the model's own tokenizer does.

    The converter of llama.cpp goes by the hash of what one text becomes, which knows published tokenizers alone.

    Args:
        vocabulary: of the tokenizer.
        tokenizer: the model's own, of transformers.
        texts: see `vocabulary.sample_texts`.
        source: of the tokenizer; a GGUF file names a pattern itself, which is tried first.
        name: the model's, for messages.
        folder: for a file meanwhile.

    Raises:
        ExportError: there is none. The message has the first text that differs by the one which comes furthest.
    """
    named: str | None = read_header(source, name).metadata.get("tokenizer.ggml.pre") if is_gguf(source) else None
    furthest = (-1, "it knows none of their names")
    for pre in dict.fromkeys([named, *_NAMES] if named else _NAMES):
        file = folder / "vocabulary.gguf"
        write_vocabulary(file, vocabulary, pre)
        try:
            engine = Engine(name, file, slots=0, tokens=256, on_cpu=True)
        except BackendError:
            # A build that does not know this one.
            continue
        try:
            found = first_difference(by_llamacpp(engine), tokenizer, texts)
        finally:
            engine.close()
        if found is None:
            return pre
        if found[0] > furthest[0]:
            furthest = found[0], f"with the one that comes furthest, {pre}, {found[1]}"
    raise ExportError(f"{name}: llama.cpp has no pattern by which it splits texts as the model does: {furthest[1]}")
