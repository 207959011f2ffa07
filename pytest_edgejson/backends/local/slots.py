"""The key-value cache of cases that are generated together, each at its own position.

A case takes a slot when its prompt is computed and leaves it when it ends; the next one takes its place at once, so
that no step is spent on cases that have ended. The modules of transformers run as they are: they are handed a cache of
this module's, a position for each row, and a mask that says which columns a row may look at.

What transformers has itself was looked at first. `generate` computes a batch until its longest case ends. Its static
cache has one length for all rows. Its continuous batching is made for paged attention on GPUs.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

if TYPE_CHECKING:
    from collections.abc import Sequence

# The name under which transformers knows `_attend`.
_ATTENTION = "edgejson_slots"

# Columns are looked at, and allocated, in multiples of this: a kernel is chosen, and sometimes compiled, for a shape.
_COLUMNS = 64
# Prompts are padded to multiples of so many tokens, longer ones to the larger one. oneDNN compiles a kernel for each
# number of rows and keeps it: 700 different ones cost 2 GB with the four kinds of layers of a 135M model.
_SHORT, _LONG = 16, 64
# Columns by which the rows of a part of a step's attention may differ: so many take about as long to read as a call of
# their own (8 us).
_SPREAD = 128
# A beginning that another prompt has in common with those under way is copied if it has at least so many tokens.
LEAST_SHARED = 16


class _Layer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, each of shape `[slots, columns, heads, width]`.

    A column after the other, and not a head after the other as transformers has it: so a step writes one piece for
    each row, and what a slot holds is one piece too.
    """

    is_sliding = False
    keys: Any
    values: Any

    def __init__(self, slots: Slots) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._slots = slots

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate nothing: `hold` does."""

    def get_seq_length(self) -> int:
        """Return the number of columns before a step's own."""
        return self._slots.columns - self._slots.width

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return length and offset of what a step looks at."""
        return self._slots.columns, 0

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **known: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write a step's keys and values, `[rows, heads, tokens, width]`; return those of all columns looked at."""
        return self._write(self.keys, key_states), self._write(self.values, value_states)

    def _write(self, held: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        rows = len(states)
        held.flatten(0, 1).index_copy_(0, self._slots.places, states.transpose(1, 2).flatten(0, 1))
        return held[:rows, : self._slots.columns].transpose(1, 2)

    def hold(self, slot: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Fill a slot with a prompt's keys and values, `[heads, tokens, width]`."""
        self.keys = self._hold(self.keys, slot, keys)
        self.values = self._hold(self.values, slot, values)

    def _hold(self, held: torch.Tensor | None, slot: int, states: torch.Tensor) -> torch.Tensor:
        heads, tokens, width = states.shape
        if held is None:
            held = states.new_zeros((self._slots.capacity, self._slots.room, heads, width))
        held = self._grow(held)
        held[slot, :tokens] = states.transpose(0, 1)
        # A mask doesn't hide a NaN that the case before left behind: it is multiplied by zero, and stays one.
        held[slot, tokens:] = 0
        return held

    def move(self, source: int, target: int, columns: int) -> None:
        """Copy so many columns from one slot to another."""
        for held in (self.keys, self.values):
            held[target, :columns] = held[source, :columns]

    def grow(self) -> None:
        """Make room for as many columns as the slots need."""
        self.keys = self._grow(self.keys)
        self.values = self._grow(self.values)

    def _grow(self, held: torch.Tensor) -> torch.Tensor:
        slots, columns, heads, width = held.shape
        if columns >= self._slots.room:
            return held
        grown = held.new_zeros((slots, self._slots.room, heads, width))
        grown[:, :columns] = held
        return grown


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **known: Any,
) -> tuple[torch.Tensor, None]:
    """Compute the attention of one layer, in a step only over the columns that rows have.

    A CPU reads every column it is given, hidden by the mask or not. With 16 slots and the lengths of 158 real cases,
    that would be 3.4 times the columns in use, and more bytes than all weights of a 135M model.
    """
    parts: list[_Part] | None = getattr(attention_mask, "parts", None)
    if parts is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **known)
    rows, heads, tokens, width = query.shape
    sizes = [part.rows for part in parts]
    # Heads that share a key, and a row's tokens, are rows of one product.
    shared = query.reshape(rows, key.shape[1], -1, width)
    sharing = heads // key.shape[1]
    outputs = [
        torch.nn.functional.scaled_dot_product_attention(
            queries,
            keys.narrow(2, 0, part.columns),
            values.narrow(2, 0, part.columns),
            attn_mask=part.mask_of(sharing),
            scale=scaling,
        )
        for part, queries, keys, values in zip(
            parts, torch.split(shared, sizes), torch.split(key, sizes), torch.split(value, sizes), strict=True
        )
    ]
    return torch.cat(outputs).reshape(rows, heads, tokens, width).transpose(1, 2), None


@dataclass(slots=True)
class _Part:
    """Neighbouring rows of about the same length.

    Attributes:
        rows: how many.
        columns: of the longest.
        mask: what is added to the scores, `[rows, 1, tokens, columns]`.
    """

    rows: int
    columns: int
    mask: torch.Tensor
    _shared: torch.Tensor | None = None

    def mask_of(self, sharing: int) -> torch.Tensor:
        """Return the mask where the rows of a product are those of so many heads; the same in every layer."""
        if self._shared is None:
            # That of one token is the same for all heads as it is.
            self._shared = self.mask if self.mask.shape[2] == 1 else self.mask.repeat(1, 1, sharing, 1)
        return self._shared


def _parts(lengths: Sequence[int], mask: torch.Tensor) -> list[_Part]:
    """Divide rows of so many columns each into parts."""
    parts = []
    start = 0
    for stop in range(1, len(lengths) + 1):
        if stop < len(lengths) and max(lengths[start : stop + 1]) - min(lengths[start : stop + 1]) <= _SPREAD:
            continue
        columns = max(lengths[start:stop])
        parts.append(_Part(stop - start, columns, mask[start:stop, :, :, :columns]))
        start = stop
    return parts


AttentionInterface.register(_ATTENTION, _attend)
AttentionMaskInterface.register(_ATTENTION, sdpa_mask)


class Slots:
    """Rows that are decoded together.

    Rows are numbered from 0 in the order of their admission, less those removed; `remove` gives the number of the row
    it removes to the last one.

    Args:
        network: a causal language model of transformers that `slot_check` finds fit.
        capacity: rows at most.

    Attributes:
        columns: how many the current step looks at.
        width: tokens of each row that the current step computes.
        room: columns that are allocated in each layer, or will be before they are written.
        places: where the current step writes, counted over all slots and columns; shape `[rows * width]`.
    """

    def __init__(self, network: Any, capacity: int) -> None:
        self.capacity = capacity
        self.columns = self.width = self.room = 0
        self.places = torch.empty(0)
        self._network = network
        self._device = network.device
        self._prompts: list[list[int]] = []
        self._lengths: list[int] = []
        self._layers = [_Layer(self) for _ in DynamicCache(config=network.config).layers]
        self._cache = Cache(layers=list(self._layers))
        self._keeps_logits = "logits_to_keep" in inspect.signature(network.forward).parameters
        if network.device.type == "cpu" and network.config._attn_implementation == "sdpa":
            network.set_attn_implementation(_ATTENTION)

    def __len__(self) -> int:
        return len(self._lengths)

    def admit(self, prompt: list[int]) -> torch.Tensor:
        """Compute a prompt and give it a slot; return the logits of what follows it, float32, `[vocabulary]`.

        Its beginning is copied where a row under way has the same.
        """
        with torch.inference_mode():
            cache, known = self._beginning(prompt)
            rest = prompt[known:]
            padding = -len(rest) % (_SHORT if len(rest) <= 4 * _LONG else _LONG)
            inputs = torch.tensor([rest + [0] * padding], device=self._device)
            # The padding stands behind the prompt, where a causal model doesn't look. It has the position of the last
            # token: a model may know no later one.
            last = len(rest) - 1
            positions = torch.arange(known, known + inputs.shape[1], device=self._device)
            keep = {"logits_to_keep": torch.tensor([last], device=self._device)} if self._keeps_logits else {}
            output = self._network(
                input_ids=inputs,
                position_ids=positions.clamp(max=known + last)[None],
                past_key_values=cache,
                use_cache=True,
                return_dict=True,
                **keep,
            )
            slot, length = len(self), len(prompt)
            # A quarter more than the prompt, so that room is made a few times and not in each step.
            self._make_room(length + length // 4)
            for layer, computed in zip(self._layers, cache.layers, strict=True):
                layer.hold(slot, computed.keys[0, :, :length], computed.values[0, :, :length])
            self._prompts.append(prompt)
            self._lengths.append(length)
            logits: torch.Tensor = output.logits[0, 0 if self._keeps_logits else last].float()
            return logits

    def step(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Take tokens of each row; return the logits of what follows each, float32, `[rows, width, vocabulary]`.

        The width is that of the longest; what stands behind a shorter row's own says nothing. `keep` tells how many of
        them are to stay. A step that failed, for instance because memory ran out, may be repeated.
        """
        with torch.inference_mode():
            device = self._device
            self.width = max(map(len, tokens))
            longest = max(self._lengths) + self.width
            if longest > self.room:
                self._make_room(longest + longest // 4)
            for layer in self._layers:
                layer.grow()
            self.columns = _multiple(longest, _COLUMNS)
            starts = torch.tensor(self._lengths, device=device)[:, None]
            behind = torch.arange(self.width, device=device)
            positions = starts + behind
            self.places = (torch.arange(len(self), device=device)[:, None] * self.room + positions).flatten()
            seen = torch.arange(self.columns, device=device) <= positions[:, :, None]
            dtype = self._network.dtype
            # Of the kind that is added: every implementation of attention takes it.
            mask: Any = torch.where(seen, 0.0, torch.finfo(dtype).min).to(dtype)[:, None]
            # transformers hands a mask of four dimensions on as it is.
            mask.parts = _parts([length + self.width for length in self._lengths], mask)
            # What fills a row up has a position of that row: a model may know no later one.
            last = torch.tensor([len(own) - 1 for own in tokens], device=device)[:, None]
            inputs = [[*own, *[0] * (self.width - len(own))] for own in tokens]
            output = self._network(
                input_ids=torch.tensor(inputs, device=device),
                attention_mask=mask,
                position_ids=starts + torch.minimum(behind, last),
                past_key_values=self._cache,
                use_cache=True,
                return_dict=True,
            )
            logits: torch.Tensor = output.logits.float()
            return logits

    def keep(self, counts: Sequence[int]) -> None:
        """Keep so many of the tokens of each row that the last step took, the first ones."""
        self._lengths = [length + count for length, count in zip(self._lengths, counts, strict=True)]

    def remove(self, row: int) -> None:
        """Free a row's slot. The last row takes its place, and its number."""
        last = len(self) - 1
        if row != last:
            with torch.inference_mode():
                for layer in self._layers:
                    layer.move(last, row, self._lengths[last])
        self._prompts[row], self._lengths[row] = self._prompts[last], self._lengths[last]
        del self._prompts[last], self._lengths[last]

    def _beginning(self, prompt: list[int]) -> tuple[Any, int]:
        """Return a cache with as much of a prompt as some row has in common with it, and how many tokens that is."""
        cache: Any = DynamicCache(config=self._network.config)
        # The last token is always computed: its logits are wanted.
        shared = [_shared(prompt[:-1], other) for other in self._prompts]
        known = max(shared, default=0)
        if known < LEAST_SHARED:
            return cache, 0
        row = shared.index(known)
        for layer, own in zip(cache.layers, self._layers, strict=True):
            keys, values = (held[row : row + 1, :known].transpose(1, 2) for held in (own.keys, own.values))
            layer.update(keys, values)
        return cache, known

    def _make_room(self, columns: int) -> None:
        self.room = max(self.room, _multiple(columns, _COLUMNS))


def _shared(one: list[int], other: list[int]) -> int:
    """Return how many tokens two prompts have in common at their beginning."""
    if one[:LEAST_SHARED] != other[:LEAST_SHARED]:
        return 0
    differing = (place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differing, min(len(one), len(other)))


def _multiple(number: int, of: int) -> int:
    return -(-number // of) * of
