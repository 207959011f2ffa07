"""Training from scratch: a small Llama on records generated on the way, its tokenizer included."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.cases import COMPLEXITIES
from pytest_edgejson.suite.values import Values
from pytest_edgejson.training.batches import RecordBatches
from pytest_edgejson.training.checkpoints import fingerprint, last_checkpoint, writing
from pytest_edgejson.training.examples import answer_text, unmasked
from pytest_edgejson.training.precision import has_bf16
from pytest_edgejson.training.records import GeneralRecords
from pytest_edgejson.training.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_edgejson.training.records import Records

SAVE_STEPS = 400
"""Steps between checkpoints: a few minutes' worth."""

_TOKENIZER_RECORDS = 2500


@dataclass(frozen=True, slots=True)
class ScratchSettings:
    """What a training from scratch is decided by; the defaults are those of the shipped `nano`.

    Attributes:
        steps: batches, one optimizer step each.
        batch_tokens: tokens of a batch, padding included.
        learning_rate: peak; linear warm-up, then cosine to zero.
        warmup_steps: steps of the warm-up.
        seed: decides weights and records.
        vocab_size: tokens of the tokenizer.
        hidden_size: width; heads are 64 wide.
        layers: Llama blocks.
        intermediate_size: width of the gated feed-forward part.
        context: tokens of prompt and answer together.
        initializer_range: standard deviation of the first weights.
        curriculum: the shares of the steps after which medium and complex records come.
    """

    steps: int = 7000
    batch_tokens: int = 4096
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    seed: int = 0
    vocab_size: int = 1024
    hidden_size: int = 256
    layers: int = 4
    intermediate_size: int = 640
    context: int = 4096
    initializer_range: float = 0.02
    curriculum: tuple[float, float] = (0.1, 0.3)


# With 128 wide layers, words that occur nowhere else were copied from step 800 on while records stayed simple, and not
# at step 1,500 where longer ones came from step 300 on. First weights of about the inverse root of the width.
_GENERAL = ScratchSettings(steps=4000, layers=5, curriculum=(0.35, 0.6))
SIZES = {
    "nano": ScratchSettings(),
    "nano-1m": replace(_GENERAL, learning_rate=3e-3, hidden_size=128, intermediate_size=384, initializer_range=0.08),
    "nano-4m": replace(_GENERAL, initializer_range=0.06),
}
"""The shipped models that are trained from scratch: one on the bundled schemas, two bases on general extraction."""

BASES = ("nano-1m", "nano-4m")
"""Those of `SIZES` that are trained on general extraction instead of the bundled schemas."""


def _sample_texts(records: Records, seed: int) -> Iterator[str]:
    values = Values(f"{seed}:tokenizer", "train")
    for _ in range(_TOKENIZER_RECORDS):
        for complexity in COMPLEXITIES:
            text, record = records.draw(complexity, values)
            yield text
            yield answer_text(record)


def train_from_scratch(
    records: Records, out: Path, settings: ScratchSettings, *, checkpoints: Path, save_steps: int
) -> dict[str, Any]:
    """Train tokenizer and model and save them in half precision.

    A training that was cut off goes on from its last checkpoint and ends in the same weights.

    Args:
        records: what to train on.
        out: folder for `model.safetensors`, `config.json` and the tokenizer.
        settings: see `ScratchSettings`.
        checkpoints: folder for what a resumed training needs.
        save_steps: steps between checkpoints.

    Returns:
        `parameters`, `seconds` of this invocation, `loss` (list of step and mean loss in nats per answer token).

    Raises:
        TrainingError: the checkpoints are those of a training with other settings, or a folder cannot be written.
    """
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        PrinterCallback,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from pytest_edgejson.training.progress import Progress, quiet_libraries

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
    batches = RecordBatches(
        records,
        tokenizer,
        steps=settings.steps,
        tokens=settings.batch_tokens,
        max_length=settings.context,
        curriculum=settings.curriculum,
        seed=settings.seed,
    )
    on_cpu = not torch.cuda.is_available()
    with quiet_libraries(), closing(Progress()) as progress:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(checkpoints),
                max_steps=settings.steps,
                per_device_train_batch_size=1,
                learning_rate=settings.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=settings.warmup_steps,
                weight_decay=0.01,
                adam_beta2=0.98,
                max_grad_norm=1.0,
                bf16=has_bf16(),
                use_cpu=on_cpu,
                dataloader_pin_memory=not on_cpu,
                train_sampling_strategy="sequential",
                logging_steps=min(50, settings.steps),
                save_steps=save_steps,
                save_total_limit=2,
                seed=settings.seed,
                report_to=[],
                remove_unused_columns=False,
                disable_tqdm=True,
            ),
            train_dataset=batches,
            # A batch comes whole from the dataset, in the order of the curriculum.
            data_collator=lambda batches: unmasked(batches[0]),
            callbacks=[progress],
        )
        trainer.remove_callback(PrinterCallback)
        with writing(checkpoints, checkpoints):
            result = trainer.train(resume_from_checkpoint=checkpoint)
        half: Any = model
        with writing(out, checkpoints):
            half.half().save_pretrained(out)
            tokenizer.save_pretrained(out)
    return {
        "parameters": model.num_parameters(),
        "seconds": result.metrics["train_runtime"],
        "loss": [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry],
    }


def train_base(name: str, out: Path, *, checkpoints: Path) -> dict[str, Any]:
    """Train one of `BASES` on general extraction, as it ships; see `train_from_scratch`."""
    return train_from_scratch(GeneralRecords(), out, SIZES[name], checkpoints=checkpoints, save_steps=SAVE_STEPS)
