"""Room: the memory that a model takes in llama.cpp, known from the header of its file before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.backends.devices import CPU
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.memory import SHARE, free_bytes
from pytest_edgejson.values.wording import counted, size

if TYPE_CHECKING:
    from pytest_edgejson.backends.gguf_file import GGUFHeader

# A slot's tokens are a multiple of it, as llama.cpp has it.
_STEP = 256


def token_bytes(header: GGUFHeader) -> int:
    """Return the bytes of keys and values that llama.cpp keeps of one token, in float16; 0 where the header is silent.

    A model that keeps a state instead, or looks back on a part of the text only, takes less.
    """
    layers = header.of_architecture("block_count") or 0
    heads = header.of_architecture("attention.head_count") or 0
    kept = header.of_architecture("attention.head_count_kv") or heads
    # One number for each layer where they differ.
    of_layers = sum(kept) if isinstance(kept, list) else layers * kept
    each = max(heads) if isinstance(heads, list) else heads
    width = (header.of_architecture("embedding_length") or 0) // max(1, each)
    key = header.of_architecture("attention.key_length") or width
    value = header.of_architecture("attention.value_length") or width
    return 2 * of_layers * (key + value)


@dataclass(frozen=True, slots=True)
class Room:
    """What is loaded, and how much memory that takes.

    Attributes:
        slots: cases answered at once.
        tokens: of each, prompt and answer together, at most.
        weights: bytes.
        cache: bytes of the keys and values of all slots.
        free: bytes of memory, None where nobody knows.
    """

    slots: int
    tokens: int
    weights: int
    cache: int
    free: int | None

    @classmethod
    def plan(cls, name: str, *, weights: int, token_bytes: int, tokens: int, slots: int) -> Room:
        """Return the room for so many slots, or for as many as fit.

        Args:
            name: of the model, for messages.
            weights: bytes of its file.
            token_bytes: of the keys and values of one token.
            tokens: that each slot must hold.
            slots: at most.

        Raises:
            BackendError: there is not enough memory for one.
        """
        tokens = -(-tokens // _STEP) * _STEP
        each = token_bytes * tokens
        free = free_bytes(CPU)
        if free is not None:
            if weights + each > free:
                raise BackendError(
                    f"{name}: {size(weights)} of weights and {size(each)} for a case of {tokens:,} tokens do not fit "
                    f"into the {size(free)} of memory that are free: use a smaller file, or --edgejson-max-new-tokens"
                )
            slots = max(1, min(slots, int((free - weights) * SHARE / max(1, each))))
        return cls(slots, tokens, weights, slots * each, free)

    def __str__(self) -> str:
        free = "" if self.free is None else f"; {size(self.free)} of memory are free"
        slots = f"{counted(self.slots, 'slot')} of {self.tokens:,} tokens"
        return f"{size(self.weights)} of weights and {size(self.cache)} for {slots}{free}"
