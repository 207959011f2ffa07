"""Batches of fresh records for a training from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.training.examples import Example, collate, encode

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from pytest_edgejson.suite.cases import Complexity
    from pytest_edgejson.training.record_source import Records


class RecordBatches:
    """A map-style dataset of whole batches, each generated from its index: resuming at batch N gives batch N.

    Short and simple records come first, then medium ones among them, then all complexities in the shares of the mix. A
    batch holds records of similar length up to a number of tokens, each counted as long as the longest.

    Args:
        records: what the batches are made of.
        tokenizer: the model's.
        steps: batches in all.
        tokens: tokens of a batch at most, unless one record alone has more.
        max_length: records longer than the context are left out.
        curriculum: the shares of the steps after which medium and complex records come.
        mix: the shares of batches of simple, medium and complex records from then on.
        seed: same seed, same batches.
    """

    def __init__(
        self,
        records: Records,
        tokenizer: PreTrainedTokenizerBase,
        *,
        steps: int,
        tokens: int,
        max_length: int,
        curriculum: tuple[float, float],
        mix: tuple[float, float, float],
        seed: int,
    ) -> None:
        self._records = records
        self._tokenizer = tokenizer
        self._steps = steps
        self._tokens = tokens
        self._max_length = max_length
        self._curriculum = curriculum
        self._mix = mix
        self._seed = seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        values = self._records.values(f"{self._seed}:{index}")
        progress = index / self._steps
        medium, whole = self._curriculum
        weights = (1.0, 0.0, 0.0) if progress < medium else (0.5, 0.5, 0.0) if progress < whole else self._mix
        complexity: Complexity = values.random.choices(("simple", "medium", "complex"), weights)[0]
        # Cut the batch out of twice as many records sorted by length: less padding, and every length gets its turn.
        examples: list[Example] = []
        tried = 0
        while sum(len(example.input_ids) for example in examples) < 2 * self._tokens:
            tried += 1
            if tried > 1000 and not examples:
                raise ValueError(f"no {complexity} record fits a context of {self._max_length} tokens: give it more")
            example = encode(*self._records.draw(complexity, values), self._tokenizer)
            if len(example.input_ids) <= self._max_length:
                examples.append(example)
        examples.sort(key=lambda example: len(example.input_ids))
        end = values.random.randint(max(1, len(examples) // 2), len(examples))
        longest = len(examples[end - 1].input_ids)
        start = max(0, end - max(1, self._tokens // longest))
        return collate(examples[start:end], self._tokenizer.pad_token_id)
