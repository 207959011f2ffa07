"""Training examples: a rendered prompt, the answer after it, and a loss on the answer alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""Label of the positions that the loss leaves out, as PyTorch's cross entropy defines it."""

_LENGTH_STEP = 64


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of prompt and answer.

    Attributes:
        input_ids: prompt, answer, end of sequence.
        prompt_length: how many of them are the prompt.
    """

    input_ids: list[int]
    prompt_length: int


def answer_text(expected: Mapping[str, Any]) -> str:
    """Return what a model is taught to answer: the object on one line, after a space."""
    return " " + json.dumps(expected, ensure_ascii=False)


def encode(text: str, expected: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> Example:
    """Encode a rendered prompt and its answer, with the end of sequence that teaches a model to stop."""
    prompt_ids = tokenizer(text)["input_ids"]
    answer_ids = tokenizer(answer_text(expected), add_special_tokens=False)["input_ids"]
    return Example([*prompt_ids, *answer_ids, tokenizer.eos_token_id], len(prompt_ids))


def unmasked(batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a batch without its mask, which training needs not.

    Padding is on the right, where no token before it looks, and has no loss; attention without a mask takes less time.
    """
    return {name: tensor for name, tensor in batch.items() if name != "attention_mask"}


def collate(examples: Sequence[Example], pad_token_id: int) -> dict[str, torch.Tensor]:
    """Pad examples on the right to one batch.

    Returns:
        `input_ids`, `attention_mask` and `labels`, each of shape (examples, longest rounded up to `_LENGTH_STEP`) and
        type int64; `labels` are `IGNORED` on prompts and padding.
    """
    import torch

    longest = max(len(example.input_ids) for example in examples)
    # Few different shapes: on a CPU oneDNN compiles its kernels anew, and keeps them, for every shape it meets.
    longest += -longest % _LENGTH_STEP
    input_ids = torch.full((len(examples), longest), pad_token_id)
    attention_mask = torch.zeros_like(input_ids)
    labels = torch.full_like(input_ids, IGNORED)
    for row, example in enumerate(examples):
        ids = torch.tensor(example.input_ids)
        input_ids[row, : len(ids)] = ids
        attention_mask[row, : len(ids)] = 1
        labels[row, example.prompt_length : len(ids)] = ids[example.prompt_length :]
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
