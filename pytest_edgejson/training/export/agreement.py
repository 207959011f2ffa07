"""Whether an exported model computes what transformers computed before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM = 80
"""Tokens that the engine must have room for."""

# Prompts with which an export is tried, of so many tokens each, and what is compared of each.
_PROMPTS = (5, 12, 25, 40, 55, 70)
_LIKELIEST = 5
# In units of the logits' spread. Rounding to float16 differs by some thousandths of it.
_TOLERANCE = 0.05


class Engine(Protocol):
    """What runs an export."""

    def likeliest(self, prompt: list[int], count: int, /) -> Mapping[int, float]:
        """Return the tokens that are likeliest after a prompt, so many, with their log probabilities."""
        ...


def agrees(network: Any, engine: Engine) -> bool:
    """Tell whether the tokens that an engine finds likeliest after some prompts are as likely by the network.

    Args:
        network: of transformers.
        engine: has loaded the export, with room for `ROOM` tokens.
    """
    import torch

    vocabulary = len(network.get_input_embeddings().weight)
    longest = network.config.get_text_config().max_position_embeddings - 1
    compared = 0
    for seed, length in enumerate(_PROMPTS):
        prompt = [(7 * place + 3 + 31 * seed) % vocabulary for place in range(min(length, longest))]
        found = engine.likeliest(prompt, _LIKELIEST)
        with torch.inference_mode():
            logits = network(input_ids=torch.tensor([prompt]), use_cache=False, return_dict=True).logits[0, -1].float()
        expected = logits.log_softmax(-1)
        limit = _TOLERANCE * float(logits.std())
        if any(abs(float(expected[token]) - logprob) > limit for token, logprob in found.items()):
            return False
        compared += len(found)
    return compared > 0
