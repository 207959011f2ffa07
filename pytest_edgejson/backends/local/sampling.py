"""Choosing the next token: the likeliest one, or a random one, drawn from a generator of the request's own.

Penalty, temperature and nucleus are transformers' own processors, in the order in which its `generate` applies them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.thoughts import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from pytest_edgejson.backends.interface import GenerationSettings, Request


def seed_of(settings: GenerationSettings, request: Request) -> int:
    """Return what a request's tokens are drawn by, 63 bits: it depends on the seed, the prompt and the repeat alone."""
    name = f"{settings.seed}\0{request.repeat}\0{request.text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1


def llamacpp_fields(settings: GenerationSettings, prompt: Sequence[object], limit: int) -> dict[str, Any]:
    """Return what llama.cpp is asked, but for the seed, with a prompt (text or tokens) and a limit to its answer."""
    return {
        "prompt": prompt,
        "n_predict": limit,
        # What is kept of earlier prompts changes how later ones are computed, and rounded.
        "cache_prompt": False,
        "timings_per_token": True,
        # Those of transformers, in its order; what a file or a server recommends is not heeded.
        "samplers": ["penalties", "temperature", "top_p"],
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "repeat_penalty": settings.repetition_penalty,
        # All of it; a text has no more tokens than characters.
        "repeat_last_n": len(prompt) + limit,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_k": 0,
        "min_p": 0.0,
        "mirostat": 0,
        # Special tokens have no text but for these.
        "preserved_tokens": Marks(settings.thoughts).tokens,
    }


class Sampler:
    """Chooses the tokens of one request.

    What it draws depends on the seed, the prompt and the repeat alone, not on what else is in the batch.

    Args:
        settings: temperature, top_p, repetition penalty and seed.
        request: what is generated.
        prompt: its tokens.
    """

    def __init__(self, settings: GenerationSettings, request: Request, prompt: Sequence[int]) -> None:
        import torch
        from transformers.generation.logits_process import (
            RepetitionPenaltyLogitsProcessor,
            TemperatureLogitsWarper,
            TopPLogitsWarper,
        )

        self._draws = settings.temperature > 0
        self._ids = list(prompt)
        self._processors: list[Any] = []
        if settings.repetition_penalty != 1:
            self._processors.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
        if self._draws and settings.temperature != 1:
            self._processors.append(TemperatureLogitsWarper(settings.temperature))
        if self._draws and settings.top_p < 1:
            self._processors.append(TopPLogitsWarper(settings.top_p))
        self._generator = torch.Generator().manual_seed(seed_of(settings, request))

    def choose(self, scores: torch.Tensor) -> int:
        """Return the next token.

        Args:
            scores: the logits of the vocabulary, float32 on the CPU, none of them NaN.
        """
        import torch

        ids, row = torch.tensor([self._ids]), scores[None].clone()
        for process in self._processors:
            row = process(ids, row)
        if self._draws:
            token = int(torch.multinomial(row[0].softmax(-1), 1, generator=self._generator))
        else:
            token = int(row[0].argmax())
        self._ids.append(token)
        return token
