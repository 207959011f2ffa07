"""What the engines are given: prompts, the numbers of tokens to answer with, and weights where there is no model."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from engines import Task

from pytest_edgejson.backends.prompts import TEMPLATES
from pytest_edgejson.suite import bundled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Its tokens are about as long as those of SmolLM2's tokenizer on this data: 62, 178 and 776 against 52, 204 and 751
# for an answer of each complexity.
TOKENIZER = bundled.ROOT / "models" / "nano"
SMOLLM2_135M = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    "tie_word_embeddings": True,
    "initializer_range": 1 / 24,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def make_model(folder: Path) -> Path:
    """Write random weights of SmolLM2-135M's shape, with a tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SMOLLM2_135M)).save_pretrained(folder)  # type: ignore[arg-type]
    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(folder)
    return folder


def unpack(file: Path, folder: Path) -> Path:
    """Write the weights of a GGUF file as plain numbers, with its tokenizer."""
    from transformers import AutoModelForCausalLM

    from pytest_edgejson.backends.local.tokenizers import read_tokenizer

    loaded: Any = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
    # What was read from such a file refuses to be saved.
    plain = type(loaded)(loaded.config)
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)
    read_tokenizer(file, file.name).save_pretrained(folder)
    return folder


def read_tasks(files: Sequence[Path], tokenizer: Path, rows: int | None, seed: int) -> list[Task]:
    """Read cases, or draw some of them; those with the longest prompts come first.

    An answer has as many tokens as the expected output: engines are compared on the same work, whatever a model
    would say.
    """
    from transformers import AutoTokenizer

    encode = AutoTokenizer.from_pretrained(tokenizer).encode
    cases = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    if rows is not None and rows < len(cases):
        cases = random.Random(seed).sample(cases, rows)
    texts = [TEMPLATES["v3"].fill(case["prompt"], None) for case in cases]
    tasks = [
        Task(text, encode(text), len(encode(json.dumps(case["expected_output"]))))
        for text, case in zip(texts, cases, strict=True)
    ]
    return sorted(tasks, key=lambda task: len(task.prompt), reverse=True)
