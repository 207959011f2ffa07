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


def trained_on(batch: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return what a model is given of a batch in training: no mask, and logits only from the first answer on.

    Padding is on the right, where no token before it looks, and has no loss; attention without a mask takes less time.
    Logits are most of the memory that a vocabulary of 49,152 takes, and those of prompts have no loss.

    Returns:
        `input_ids`, `logits_to_keep` as the models of transformers know it, and the `labels` of those last columns.
    """
    labels = batch["labels"]
    first = int((labels != IGNORED).any(0).nonzero()[0])
    # The logits of a column foretell the next one.
    kept = labels.shape[1] - first + 1
    kept = min(labels.shape[1], kept + -kept % _LENGTH_STEP)
    return {"input_ids": batch["input_ids"], "labels": labels[:, -kept:], "logits_to_keep": kept}


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
