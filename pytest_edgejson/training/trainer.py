"""The Trainer of transformers, as every training here uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments

from pytest_edgejson.training.precision import has_bf16

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from transformers import TrainerCallback


def make_trainer(
    model: Any,
    dataset: Any,
    collate: Callable[[list[Any]], dict[str, Any]],
    callbacks: Sequence[TrainerCallback],
    checkpoints: Path,
    **arguments: Any,
) -> Trainer:
    """Return a Trainer with a cosine schedule in the best precision of the hardware, which shows only its callbacks.

    Args:
        model: what is trained.
        dataset: examples, or whole batches.
        collate: makes what the model is given of a list of them.
        callbacks: what shows how far it is, and whatever else.
        checkpoints: folder for them; the last two are kept.
        arguments: of `transformers.TrainingArguments`, beside those that are set here.
    """
    on_cpu = not torch.cuda.is_available()
    # cuDNN plans its attention anew for each shape of a batch, and hardly two are alike.
    torch.backends.cuda.enable_cudnn_sdp(False)
    options = TrainingArguments(
        output_dir=str(checkpoints),
        lr_scheduler_type="cosine",
        bf16=has_bf16(),
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        save_total_limit=2,
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        **arguments,
    )
    if not on_cpu:
        # As the Trainer itself does to keep several GPUs from sharing each batch, which they could not.
        options._n_gpu = 1
    trainer = Trainer(
        model=model,
        args=options,
        train_dataset=dataset,
        data_collator=collate,
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def loss_curve(trainer: Trainer) -> list[tuple[int, float]]:
    """Return step and mean loss since the last one, in nats per answer token, of all that was logged."""
    return [(int(entry["step"]), entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
