"""Which models may run in slots: told by what they are made of, and by trying them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from pytest_edgejson.backends.local.slots import LEAST_SHARED, Slots


def is_simple(network: Any) -> bool:
    """Tell whether a network's answers depend on nothing but keys and values that can be kept in slots.

    Sliding windows, states and shared layers are kept differently by transformers, and rotary embeddings that are
    scaled by the longest row of a batch make rows depend on each other.
    """
    config = network.config
    rotary = getattr(config.get_text_config(), "rope_parameters", None) or {}
    kinds = {values.get("rope_type") for values in (rotary, *rotary.values()) if isinstance(values, dict)}
    accepted = inspect.signature(network.forward).parameters
    return (
        not config.is_encoder_decoder
        and not kinds & {"dynamic", "longrope"}
        and {"position_ids", "past_key_values"} <= accepted.keys()
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
    )


def agrees(network: Any) -> bool:
    """Tell whether rows in slots get the logits that a network gives each of them alone, without a cache.

    Rows come and go at different times here, as they do in a run.
    """
    size = len(network.get_input_embeddings().weight)
    slots = Slots(network, 2)
    # Of each row, its tokens, and the logits of what follows some of them by how many these are.
    rows: list[tuple[list[int], dict[int, torch.Tensor]]] = []

    def admit(length: int, seed: int) -> None:
        # The beginning is shared, for longer ones than that.
        prompt = [(7 * place + 3 + (seed if place > LEAST_SHARED else 0)) % size for place in range(length)]
        rows.append((prompt, {length: slots.admit(list(prompt))}))

    def step(*counts: int) -> None:
        # The last token of each row is not kept, as one that was guessed wrong.
        new = [
            [(tokens[-1] + 5 * number) % size for number in range(1, count + 2)]
            for (tokens, _), count in zip(rows, counts, strict=True)
        ]
        for (tokens, found), own, logits in zip(rows, new, slots.step(new), strict=True):
            for token, each in zip(own[:-1], logits, strict=False):
                tokens.append(token)
                found[len(tokens)] = each
        slots.keep(counts)

    try:
        admit(5, 0)
        admit(LEAST_SHARED + 9, 1)
        step(2, 1)
        slots.remove(0)
        done, rows[0] = rows[0], rows.pop()
        admit(LEAST_SHARED + 4, 2)
        step(1, 3)
        return all(_is_computed(network, tokens, found) for tokens, found in (done, *rows))
    except (ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError):
        # A model of an unknown kind may stumble over any part of what it is handed.
        return False


def _is_computed(network: Any, tokens: list[int], found: dict[int, torch.Tensor]) -> bool:
    with torch.inference_mode():
        inputs = torch.tensor([tokens], device=network.device)
        logits = network(input_ids=inputs, use_cache=False, return_dict=True).logits[0].float()
    # In units of the logits' spread. Rounding differs by 1e-5 of it in float32, and by a few hundredths in 16 bits.
    tolerance = 1e-3 if network.dtype == torch.float32 else 0.25
    return all(
        bool((one - logits[count - 1]).abs().max() <= tolerance * logits[count - 1].std())
        for count, one in found.items()
    )
