"""Tokenizers of models: from their folder, or from a GGUF file."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.gguf_file import read_header
from pytest_edgejson.backends.local.model_files import source
from pytest_edgejson.backends.prompt_tokens import PromptTokens
from pytest_edgejson.backends.references import is_gguf
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.backends.interface import Message

# Names of pre-tokenizers in GGUF files that split digits off before they split as GPT-2 does, in llama.cpp and in the
# models themselves. transformers 5.23 leaves the digits out: SmolLM2 got other tokens for 12 of 787 prompts.
_DIGITS_ALONE = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"})


def read_tokenizer(place: Path, name: str, *, trust_remote_code: bool = False) -> Any:
    """Return the tokenizer of transformers that a folder or a GGUF file holds.

    Args:
        place: of it.
        name: the model's, for messages.
        trust_remote_code: let it run Python code that comes with it.

    Raises:
        BackendError: the GGUF file is none.
        OSError: it cannot be read.
        ValueError: it is none.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        **source(place), local_files_only=True, trust_remote_code=trust_remote_code
    )
    if is_gguf(place) and read_header(place, name).metadata.get("tokenizer.ggml.pre") in _DIGITS_ALONE:
        from tokenizers import pre_tokenizers

        split = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    return tokenizer


def chat_text(tokenizer: Any, messages: Sequence[Message], further: Mapping[str, Any]) -> str:
    """Return what a chat is as a text, up to where the answer begins.

    Args:
        tokenizer: of transformers.
        messages: the chat.
        further: what the chat template is told beside the messages.

    Raises:
        ValueError: the chat template fails.
    """
    from jinja2 import TemplateError

    said = [asdict(message) for message in messages]
    try:
        return str(tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True, **further))
    except (TemplateError, TypeError, ValueError) as error:
        raise ValueError(f"the tokenizer's chat template fails: {first_line(error)}") from None


def token_texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return the text of each token, spaces as they are."""
    return [str(tokenizer.decode([token], clean_up_tokenization_spaces=False)) for token in ids]


def adds_bos(tokenizer: Any) -> bool:
    """Tell whether a tokenizer begins a text with BOS of itself."""
    bos = tokenizer.bos_token_id
    return bos is not None and tokenizer.encode("a")[:1] == [bos]


def prompt_tokens(
    tokenizer: Any, text: str, ids: Sequence[int], pieces: Sequence[str] = (), *, is_chat: bool
) -> PromptTokens:
    """Return a prompt's tokens with what tells whether they begin as they should.

    Args:
        tokenizer: of transformers.
        text: the prompt, with the chat template if it is one.
        ids: its tokens.
        pieces: their texts, where somebody looks at them.
        is_chat: whether the chat template made it.
    """
    template = hashlib.sha256(str(tokenizer.chat_template).encode()).hexdigest() if is_chat else None
    return PromptTokens(text, ids, pieces, tokenizer.bos_token_id, adds_bos(tokenizer), template)
