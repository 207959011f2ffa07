"""Models from scratch: a small Llama and its tokenizer, trained on general extraction to be the base of others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.training.checkpoints import fingerprint, last_checkpoint
from pytest_edgejson.training.examples import answer_text
from pytest_edgejson.training.full import SAVE_STEPS, FullSettings, train_weights
from pytest_edgejson.training.record_source import GeneralRecords
from pytest_edgejson.training.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_edgejson.training.record_source import Records

_TOKENIZER_RECORDS = 2500


@dataclass(frozen=True, slots=True)
class ScratchSettings(FullSettings):
    """What a training from scratch is decided by.

    With 128 wide layers, words that occur nowhere else were copied from step 800 on while records stayed simple, and
    not at step 1,500 where longer ones came from step 300 on; hence the curriculum. First weights of about the inverse
    root of the width.

    Attributes:
        vocab_size: tokens of the tokenizer.
        hidden_size: width; heads are 64 wide.
        layers: Llama blocks.
        intermediate_size: width of the gated feed-forward part.
        initializer_range: standard deviation of the first weights.
    """

    steps: int = 4000
    learning_rate: float = 2e-3
    curriculum: tuple[float, float] = (0.35, 0.6)
    mix: tuple[float, float, float] = (0.3, 0.4, 0.3)
    vocab_size: int = 1024
    hidden_size: int = 256
    layers: int = 5
    intermediate_size: int = 640
    initializer_range: float = 0.06


SIZES = {
    "nano-1m": ScratchSettings(learning_rate=3e-3, hidden_size=128, intermediate_size=384, initializer_range=0.08),
    "nano-4m": ScratchSettings(),
}
"""The bases that ship with the project, smallest first."""


def _sample_texts(records: Records, seed: int) -> Iterator[str]:
    values = records.values(f"{seed}:tokenizer")
    for _ in range(_TOKENIZER_RECORDS):
        for complexity in COMPLEXITIES:
            text, record = records.draw(complexity, values)
            yield text
            yield answer_text(record)


def train_from_scratch(
    records: Records, out: Path, settings: ScratchSettings, *, checkpoints: Path, save_steps: int = SAVE_STEPS
) -> dict[str, Any]:
    """Train a tokenizer and a new model and save them; see `train_weights`."""
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    checkpoint = last_checkpoint(checkpoints, {**asdict(settings), "records": fingerprint(records.identity)})
    set_seed(settings.seed)
    tokenizer = train_tokenizer(_sample_texts(records, settings.seed), settings.vocab_size, settings.context)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden_size,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.hidden_size // 64,
            num_key_value_heads=settings.hidden_size // 64,
            intermediate_size=settings.intermediate_size,
            max_position_embeddings=settings.context,
            initializer_range=settings.initializer_range,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return train_weights(
        model,
        tokenizer,
        records,
        out,
        settings,
        checkpoint=checkpoint,
        checkpoints=checkpoints,
        save_steps=save_steps,
    )


def train_base(name: str, out: Path, *, checkpoints: Path) -> dict[str, Any]:
    """Train one of `SIZES` on general extraction, as it ships; see `train_weights`."""
    return train_from_scratch(GeneralRecords(), out, SIZES[name], checkpoints=checkpoints)
