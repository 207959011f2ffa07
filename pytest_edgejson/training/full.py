"""Training of all weights of a model, on records that are generated on the way."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import cores
from pytest_edgejson.training.base import base_fingerprint, find_base, load_base
from pytest_edgejson.training.checkpoints import fingerprint, last_checkpoint, writing
from pytest_edgejson.training.examples import trained_on
from pytest_edgejson.training.record_batches import RecordBatches
from pytest_edgejson.training.tokenizer import words_of

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from pytest_edgejson.training.record_source import Records, SuiteRecords

SAVE_STEPS = 400
"""Steps between checkpoints: a few minutes' worth."""


@dataclass(frozen=True, slots=True)
class FullSettings:
    """What a training of all weights is decided by, beside where it begins; the defaults take two cores half an hour.

    Attributes:
        steps: batches, one optimizer step each.
        batch_tokens: tokens of a batch, padding included.
        learning_rate: peak; linear warm-up, then cosine to zero.
        warmup_steps: steps of the warm-up.
        seed: decides weights, where they are new, and records.
        context: tokens of prompt and answer together, at most.
        curriculum: the shares of the steps after which medium and complex records come.
        mix: the shares of batches of simple, medium and complex records from then on.
    """

    steps: int = 2000
    batch_tokens: int = 4096
    learning_rate: float = 1.5e-3
    warmup_steps: int = 200
    seed: int = 0
    context: int = 4096
    curriculum: tuple[float, float] = (0.0, 0.0)
    mix: tuple[float, float, float] = (0.2, 0.35, 0.45)


def train_further(
    base: str,
    records: SuiteRecords,
    out: Path,
    settings: FullSettings,
    *,
    checkpoints: Path,
    save_steps: int = SAVE_STEPS,
) -> dict[str, Any]:
    """Train a base on records and save it; see `train_weights`.

    Args:
        base: hub id or folder of a causal language model.

    Raises:
        TrainingError: besides, the base cannot be had.
    """
    from transformers import set_seed

    from pytest_edgejson.training.display import quiet_libraries

    with quiet_libraries():
        files = find_base(base)
        marks = {"base": base_fingerprint(files), "records": fingerprint(records.identity)}
        checkpoint = last_checkpoint(checkpoints, {**asdict(settings), **marks})
        set_seed(settings.seed)
        tokenizer, model = load_base(base, files)
    return train_weights(
        model,
        tokenizer,
        replace(records, pieces=words_of(tokenizer)),
        out,
        settings,
        checkpoint=checkpoint,
        checkpoints=checkpoints,
        save_steps=save_steps,
    )


def train_weights(
    model: Any,
    tokenizer: Any,
    records: Records,
    out: Path,
    settings: FullSettings,
    *,
    checkpoint: str | None,
    checkpoints: Path,
    save_steps: int,
) -> dict[str, Any]:
    """Train all weights of a model and save them in half precision.

    A training that was cut off goes on from its last checkpoint and ends in the same weights.

    Args:
        model: its first weights, in float32.
        tokenizer: the model's, with an end of sequence and padding.
        records: what to train on.
        out: folder for `model.safetensors`, `config.json` and the tokenizer.
        settings: see `FullSettings`.
        checkpoint: where to go on, None to begin.
        checkpoints: folder for what a resumed training needs.
        save_steps: steps between checkpoints.

    Returns:
        `parameters`, `seconds` of this invocation, `loss` (list of step and mean loss in nats per answer token).

    Raises:
        TrainingError: the checkpoints are those of a training with other settings, or a folder cannot be written.
    """
    import torch

    from pytest_edgejson.training.display import Progress, quiet_libraries
    from pytest_edgejson.training.trainer import loss_curve, make_trainer

    limit = getattr(model.config, "max_position_embeddings", None) or settings.context
    batches = RecordBatches(
        records,
        tokenizer,
        steps=settings.steps,
        tokens=settings.batch_tokens,
        max_length=min(settings.context, limit),
        curriculum=settings.curriculum,
        mix=settings.mix,
        seed=settings.seed,
    )
    with quiet_libraries(), closing(Progress()) as progress:
        trainer = make_trainer(
            model,
            batches,
            _only,
            [progress],
            checkpoints,
            max_steps=settings.steps,
            per_device_train_batch_size=1,
            learning_rate=settings.learning_rate,
            warmup_steps=settings.warmup_steps,
            weight_decay=0.01,
            adam_beta2=0.98,
            max_grad_norm=1.0,
            train_sampling_strategy="sequential",
            logging_steps=min(50, settings.steps),
            save_steps=save_steps,
            # A GPU waits for batches otherwise; a CPU has no cores to spare.
            dataloader_num_workers=_workers() if torch.cuda.is_available() else 0,
            seed=settings.seed,
        )
        with writing(checkpoints, checkpoints):
            result = trainer.train(resume_from_checkpoint=checkpoint)
        with writing(out, checkpoints):
            model.half().save_pretrained(out)
            tokenizer.save_pretrained(out)
    return {
        "parameters": model.num_parameters(),
        "seconds": result.metrics["train_runtime"],
        "loss": loss_curve(trainer),
    }


def _only(batches: list[dict[str, torch.Tensor]]) -> dict[str, Any]:
    """Return what the model is given of a batch that came whole from the dataset, in the order of the curriculum."""
    return trained_on(batches[0])


def _workers() -> int:
    """Return how many processes make batches: all cores but that of the training, and no more than keep a GPU busy."""
    return min(12, max(1, cores() - 1))
