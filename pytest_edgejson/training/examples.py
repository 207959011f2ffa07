"""Training examples: a rendered prompt, the answer after it, and a loss on the answer alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.build import HEADINGS
from pytest_edgejson.suite.records import generate_record
from pytest_edgejson.suite.rendering import render_prompt
from pytest_edgejson.suite.values import Values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from transformers import PreTrainedTokenizerBase

    from pytest_edgejson.cases import Complexity

IGNORED = -100
"""Label of the positions that the loss leaves out, as PyTorch's cross entropy defines it."""

_LENGTH_STEP = 64

_FULLNESS: Mapping[Complexity, tuple[float, float]] = {
    "simple": (0.3, 1.0),
    "medium": (0.3, 1.0),
    "complex": (0.2, 0.65),
}


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


def training_record(
    schema_id: str, document: Mapping[str, Any], complexity: Complexity, values: Values
) -> tuple[str, dict[str, Any]]:
    """Make a fresh prompt and its expected output, in more forms than the suite has.

    One in five is in EdgeJSON v3's undelimited form, one in five has a title of random words: what decides the answer
    is the lines, not the heading.
    """
    fullness = values.random.uniform(*_FULLNESS[complexity])
    record = generate_record(schema_id, document, values, fullness)
    title = values.phrase().title() if values.chance(0.2) else document["title"]
    heading = values.random.choice(HEADINGS).format(title)
    return render_prompt(record, heading, title, delimited=values.chance(0.8)), record


class RecordBatches:
    """A map-style dataset of whole batches, each generated from its index: resuming at batch N gives batch N.

    Short and simple records come first; from 30 % of the training on, all complexities are mixed. A batch holds records
    of similar length up to a number of tokens, each counted as long as the longest.

    Args:
        documents: JSON Schema documents by complexity and schema id.
        tokenizer: the model's.
        template: `prompts` template around a text, with `{prompt}` in it.
        steps: batches in all.
        tokens: tokens of a batch at most, unless one record alone has more.
        max_length: records longer than the context are left out.
        seed: same seed, same batches.
    """

    def __init__(
        self,
        documents: Mapping[Complexity, Mapping[str, Mapping[str, Any]]],
        tokenizer: PreTrainedTokenizerBase,
        template: str,
        *,
        steps: int,
        tokens: int,
        max_length: int,
        seed: int,
    ) -> None:
        self._documents = documents
        self._tokenizer = tokenizer
        self._template = template
        self._steps = steps
        self._tokens = tokens
        self._max_length = max_length
        self._seed = seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        values = Values(f"{self._seed}:{index}", "train")
        progress = index / self._steps
        weights = (1.0, 0.0, 0.0) if progress < 0.1 else (0.5, 0.5, 0.0) if progress < 0.3 else (0.3, 0.4, 0.3)
        complexity: Complexity = values.random.choices(("simple", "medium", "complex"), weights)[0]
        schemas = list(self._documents[complexity].items())
        # Cut the batch out of twice as many records sorted by length: less padding, and every length gets its turn.
        examples: list[Example] = []
        tried = 0
        while sum(len(example.input_ids) for example in examples) < 2 * self._tokens:
            tried += 1
            if tried > 1000 and not examples:
                raise ValueError(f"no {complexity} record fits a context of {self._max_length} tokens: give it more")
            schema_id, document = values.random.choice(schemas)
            text, record = training_record(schema_id, document, complexity, values)
            example = encode(self._template.replace("{prompt}", text), record, self._tokenizer)
            if len(example.input_ids) <= self._max_length:
                examples.append(example)
        examples.sort(key=lambda example: len(example.input_ids))
        end = values.random.randint(max(1, len(examples) // 2), len(examples))
        longest = len(examples[end - 1].input_ids)
        start = max(0, end - max(1, self._tokens // longest))
        return collate(examples[start:end], self._tokenizer.pad_token_id)
