"""Presets of LoRA fine-tuning: the hyperparameters that the Maaza model cards and paper publish, and ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """What a fine-tuning is decided by.

    Attributes:
        rank: of the adapter's matrices.
        alpha: the adapter's output is scaled by alpha / rank.
        dropout: on the adapter's input.
        targets: names of the linear layers that get an adapter; where a base lacks one, all that it has.
        learning_rate: peak; linear warm-up, then cosine to zero.
        epochs: passes over the cases.
        batch_size: cases of a forward pass, on average: fewer where they are long; on a CPU one of a large base.
        accumulation: forward passes of an optimizer step.
        warmup_ratio: share of the steps.
        weight_decay: of AdamW.
        max_grad_norm: gradients are clipped to it.
        seed: decides adapter weights, dropout and order.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    learning_rate: float = 2e-4
    epochs: float = 3
    batch_size: int = 4
    accumulation: int = 8
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    seed: int = 0


PRESETS = {
    "maaza-135m": LoraSettings(rank=16, alpha=32, learning_rate=2e-4),
    "maaza-360m": LoraSettings(rank=32, alpha=64, learning_rate=1.5e-4),
    # Small bases of ours take steps that are as much larger.
    "nano-1m": LoraSettings(rank=16, alpha=32, learning_rate=2e-3),
    "nano-4m": LoraSettings(rank=32, alpha=64, learning_rate=1.5e-3),
}
