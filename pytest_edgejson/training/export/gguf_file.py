"""Models written as GGUF files in float16, the form that llama.cpp quantises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.training.export.error import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_edgejson.training.export.vocabulary import Vocabulary

# What transformers calls a model: what llama.cpp calls it, and whether queries and keys have another order there.
_ARCHITECTURES = {"llama": ("llama", True), "qwen2": ("qwen2", False), "qwen3": ("qwen3", False)}


def write_model(file: Path, network: Any, vocabulary: Vocabulary, pre: str, name: str) -> None:
    """Write a network and its tokenizer, the tensors one by one.

    Args:
        file: to be written.
        network: of transformers, without adapter, on the CPU.
        vocabulary: of its tokenizer.
        pre: how llama.cpp calls what splits texts before the tokenizer does.
        name: the model's, for the file and for messages.

    Raises:
        ExportError: llama.cpp, or this function, has no place for part of the model.
        OSError: the file cannot be written.
    """
    import gguf

    config = network.config.get_text_config()
    architecture, reorders = _architecture(config, name)
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    heads, kept = config.num_attention_heads, config.num_key_value_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    _add_sizes(writer, config.hidden_size, config.num_hidden_layers, config.intermediate_size, heads, kept, width)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rows = len(network.get_input_embeddings().weight)
    if rows < len(vocabulary.tokens):
        raise ExportError(f"{name}: its tokenizer has {len(vocabulary.tokens)} tokens and the model {rows}")
    _add_vocabulary(writer, vocabulary, pre, rows)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], config.num_hidden_layers)
    reordered = {"q_proj": heads, "k_proj": kept} if reorders else {}
    tensors = []
    for source, tensor in _tensors(network):
        found = names.get_name(source, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise ExportError(f"{name}: llama.cpp has no place for the model's tensor {source}")
        tensors.append((found, tensor, reordered.get(source.split(".")[-2])))
        # What llama.cpp's own converter keeps in float32: all that is no matrix.
        size = 2 if tensor.ndim > 1 else 4
        writer.add_tensor_info(found, tensor.shape, _dtype(tensor), tensor.numel() * size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for found, tensor, groups in tensors:
        array = (tensor if groups is None else _interleave(tensor, groups)).float().numpy().astype(_dtype(tensor))
        _check(array, found, name)
        writer.write_tensor_data(array)
    writer.close()


def write_vocabulary(file: Path, vocabulary: Vocabulary, pre: str) -> None:
    """Write a model of no use but for its tokenizer, as small as llama.cpp loads one.

    Args:
        file: to be written.
        vocabulary: of the tokenizer.
        pre: how llama.cpp calls what splits texts before the tokenizer does.
    """
    import gguf
    import numpy

    width = 32
    writer = gguf.GGUFWriter(file, "llama")
    _add_sizes(writer, width, 1, width, 1, 1, width)
    writer.add_context_length(256)
    writer.add_layer_norm_rms_eps(1e-6)
    _add_vocabulary(writer, vocabulary, pre, len(vocabulary.tokens))
    parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    block = [(f"blk.0.{part}.weight", width) for part in parts]
    for found in ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"):
        writer.add_tensor(found, numpy.zeros(width, numpy.float32))
    for found, rows in [("token_embd.weight", len(vocabulary.tokens)), *block]:
        writer.add_tensor(found, numpy.zeros((rows, width), numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _architecture(config: Any, name: str) -> tuple[str, bool]:
    known = _ARCHITECTURES.get(config.model_type)
    if known is None:
        kinds = ", ".join(_ARCHITECTURES)
        raise ExportError(f"{name}: models of the kind {config.model_type} are not exported to GGUF: {kinds} are")
    # Each of these is computed in llama.cpp too, from further keys or tensors that are not written here.
    further = {
        "rope_type": config.rope_parameters.get("rope_type", "default") != "default",
        "mlp_bias": getattr(config, "mlp_bias", False),
        "sliding_window": getattr(config, "use_sliding_window", False),
        "hidden_act": config.hidden_act != "silu",
    }
    other = [key for key, is_other in further.items() if is_other]
    if other:
        raise ExportError(f"{name}: its config.json sets {' and '.join(other)}, which is not exported to GGUF")
    return known


def _add_sizes(writer: Any, embedding: int, blocks: int, inner: int, heads: int, kept: int, width: int) -> None:
    writer.add_embedding_length(embedding)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kept)
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)


def _add_vocabulary(writer: Any, vocabulary: Vocabulary, pre: str, rows: int) -> None:
    from gguf import TokenType

    padding = range(len(vocabulary.tokens), rows)
    writer.add_vocab_size(rows)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([*vocabulary.tokens, *(f"[PAD{number}]" for number in padding)])
    kinds = [
        TokenType.CONTROL
        if number in vocabulary.special
        else TokenType.USER_DEFINED
        if number in vocabulary.added
        else TokenType.NORMAL
        for number in range(len(vocabulary.tokens))
    ]
    writer.add_token_types([*kinds, *(TokenType.UNUSED for _ in padding)])
    writer.add_token_merges(list(vocabulary.merges))
    for role, number in vocabulary.roles.items():
        getattr(writer, f"add_{role}_token_id")(number)
    writer.add_add_bos_token(vocabulary.begins)
    if vocabulary.chat_template is not None:
        writer.add_chat_template(vocabulary.chat_template)


def _tensors(network: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and tensors, those of the output left out where it is the embedding's: llama.cpp takes these then."""
    output = network.get_output_embeddings()
    is_tied = output is not None and output.weight is network.get_input_embeddings().weight
    for found, tensor in network.state_dict().items():
        if not (is_tied and found == "lm_head.weight"):
            yield found, tensor


def _dtype(tensor: Any) -> Any:
    import numpy

    return numpy.dtype(numpy.float16 if tensor.ndim > 1 else numpy.float32)


def _check(array: Any, tensor: str, name: str) -> None:
    import numpy

    if not numpy.isfinite(array).all():
        raise ExportError(f"{name}: weights in {tensor} are no numbers, or beyond what float16 holds")


def _interleave(weight: Any, heads: int) -> Any:
    """Return queries' or keys' weights in llama.cpp's order, which rotates neighbours and not halves."""
    rows = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, rows, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
