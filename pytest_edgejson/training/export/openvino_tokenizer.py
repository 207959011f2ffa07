"""Tokenizers as the OpenVINO models that openvino-genai splits texts with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.openvino.pipeline import import_openvino, load_apart, reason

if TYPE_CHECKING:
    from pathlib import Path

# GPT-2's pattern, but that each digit is alone and that what is before it ends there: all of the space, of which the
# pattern leaves one for a word to begin with.
_DIGITS_ALONE = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"


def write_tokenizer(folder: Path, tokenizer: Any) -> Any:
    """Write a tokenizer, for texts and back, and return it as openvino-genai reads it.

    Args:
        folder: of the model.
        tokenizer: of transformers, which is changed where OpenVINO needs it put in other words.

    Raises:
        ValueError: openvino-tokenizers cannot convert it.
        OSError: a file cannot be written.
    """
    openvino = import_openvino()
    import openvino_genai
    import openvino_tokenizers

    _restate(tokenizer)
    try:
        made = openvino_tokenizers.convert_tokenizer(tokenizer, with_detokenizer=True)
    except Exception as error:
        # It raises its own, RuntimeErrors, and what its Python code makes of a tokenizer that it does not know.
        raise ValueError(reason(error)) from error
    for name, model in zip(("openvino_tokenizer", "openvino_detokenizer"), made, strict=True):
        openvino.save_model(model, folder / f"{name}.xml")
    return load_apart(openvino_genai.Tokenizer, folder)


def _restate(tokenizer: Any) -> None:
    """Say in one pattern what two steps say of which openvino-tokenizers makes a wrong one.

    It (2026.4.1) leaves a space before a digit that follows several: SmolLM2 got other tokens for 12 of 1,000 texts.
    """
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    steps: Any = getattr(backend, "pre_tokenizer", None)
    # The library's own types don't say that it can be iterated.
    parts: Any = steps if isinstance(steps, Sequence) else ()
    match list(parts):
        case [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]:
            pieces = Split(Regex(_DIGITS_ALONE), "isolated")
            backend.pre_tokenizer = Sequence([pieces, ByteLevel(add_prefix_space=False, use_regex=False)])
