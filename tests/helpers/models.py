"""Models small enough for tests, saved as real ones are: random weights, or weights that write a script."""

from __future__ import annotations

import json
import random
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.backends.interface import Request
from pytest_edgejson.suite.cases import Case

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WORDS = [
    "invoice",
    "total",
    "amount",
    "naïve",
    "字",
    "name:",
    "{value}",
    "[list]",
    '"quoted"',
    "12.50",
    "true",
    "München",
    "ß",
    "😀",
    "date",
    "2024-01-02",
]
WINDOW = 192
END = "<|end|>"


def make_tokenizer(folder: Path, *, chat_template: str | None = None) -> Any:
    """Save a small byte-level tokenizer: every text has tokens, most non-ASCII characters have several."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    return fast


def make_model(folder: Path, *, seed: int = 0, layers: int = 2, **config: Any) -> Path:
    """Save a small Llama with random weights, its tokenizer beside it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(folder)
    torch.manual_seed(seed)
    # Wide initial weights, so that the model says different things to different prompts.
    values = {
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": WINDOW,
        "initializer_range": 0.4,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,
    }
    LlamaForCausalLM(LlamaConfig(**{**values, **config})).save_pretrained(folder)
    return folder


def make_scripted(folder: Path, script: str) -> Path:
    """Save a model that writes `script` after a prompt of one token, and then its end token for ever.

    A GPT-2 whose layers add nothing: each position has a dimension of its own, and the output layer maps it to the
    byte of the script that belongs there. So it also answers wrongly where positions are wrong.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    end = vocabulary[END] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    fast.save_pretrained(folder)
    steps = fast.encode(script, add_special_tokens=False)
    steps += [end] * (WINDOW - len(steps))
    config = GPT2Config(
        vocab_size=len(vocabulary),
        n_positions=WINDOW,
        n_embd=WINDOW,
        n_layer=1,
        n_head=1,
        n_inner=4,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=end,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.transformer.ln_f.weight.fill_(1)
        model.transformer.wpe.weight.copy_(torch.eye(WINDOW))
        for position, step in enumerate(steps):
            model.lm_head.weight[step, position] = 1
    model.save_pretrained(folder)
    return folder


def prompts(count: int, *, seed: int = 1, longest: int = 20) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, longest))) for _ in range(count)]


def requests(texts: Sequence[str]) -> list[Request]:
    return [
        Request(f"case-{number}", text, Case(f"case-{number}", "rating", "simple", text, {}))
        for number, text in enumerate(texts)
    ]


def make_adapter(folder: Path, model: Path, *, base: str, seed: int = 5) -> Path:
    """Save a LoRA adapter with random weights, which changes what the model says."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=4, lora_alpha=8, target_modules=modules, init_lora_weights=False, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapted = get_peft_model(network, config)
    adapted.save_pretrained(folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": base}))
    return folder
