"""Rows generated in batches with a cache of transformers' own, for models that cannot be run in slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pytest_edgejson.backends.local.decoder import Decoder, choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from pytest_edgejson.backends.devices import Device
    from pytest_edgejson.backends.local.decoder import Row


class Network(Protocol):
    """What a batch is computed by.

    Attributes:
        device: where it runs.
    """

    device: Device

    def forward(
        self, inputs: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor, cache: Any
    ) -> tuple[torch.Tensor, Any]:
        """Return the logits of each row's last position, `[rows, vocabulary]`, and the cache for the next step."""
        ...


class Batched(Decoder):
    """Rows in batches, left-padded: the next batch begins when the last row of one has ended.

    For every model of transformers, whatever it remembers of a text.
    """

    def __init__(self, rows: Iterable[Row], size: int, model: Network) -> None:
        super().__init__(rows, size)
        self._model = model
        # Those the tensors are for: rows that have left are taken out of them by the next step.
        self._held: list[Row] = []
        self._cache: Any = None
        self._inputs: Any = None
        self._mask: Any = None
        self._positions: Any = None
        self._start = self._width = 0

    def begin(self) -> list[Row]:
        """Put a batch under way, if there is none."""
        if self.rows:
            return []
        self._held, self._cache = [], None
        self.rows = [self.waiting.popleft() for _ in range(min(self._size, len(self.waiting)))]
        return list(self.rows)

    def advance(self) -> list[tuple[Row, list[int | None]]]:
        """Compute all rows' prompts, or their next tokens."""
        import torch

        # Not around the loop: a generator would leave it switched on for whoever consumes it.
        with torch.inference_mode():
            if not self._held:
                self._fill()
            elif len(self._held) > len(self.rows):
                self._select()
            logits, self._cache = self._model.forward(
                self._inputs,
                # Attention without a mask takes the faster kernels. Once the longest prompt has left, columns of
                # padding stay that all others share; they have to be hidden too.
                self._mask[:, : self._width] if any(len(row.prompt) < self._start for row in self.rows) else None,
                self._positions,
                self._cache,
            )
            made = choose(self.rows, logits)
            self._inputs = torch.tensor([[token or 0] for _, (token,) in made], device=logits.device)
            self._positions = self._positions[:, -1:] + 1
            self._width += 1
        return made

    def leave(self, rows: Sequence[Row]) -> None:
        """Go on without some rows."""
        self.rows = [row for row in self.rows if row not in rows]

    def _fill(self) -> None:
        import torch

        rows = self.rows
        self._start = self._width = max(len(row.prompt) for row in rows)
        room = self._width + max(row.limit for row in rows)
        device = self._model.device.name
        # Which token stands under the padding doesn't matter: the mask hides it.
        inputs = torch.zeros((len(rows), self._width), dtype=torch.long)
        # The whole mask at once; a step is shown as much of it as there are tokens.
        mask = torch.ones((len(rows), room), dtype=torch.long)
        for index, row in enumerate(rows):
            padding = self._width - len(row.prompt)
            inputs[index, padding:] = torch.tensor(row.prompt, dtype=torch.long)
            mask[index, :padding] = 0
        self._inputs = inputs.to(device)
        self._mask = mask.to(device)
        self._positions = (self._mask[:, : self._width].cumsum(-1) - 1).clamp(min=0)
        self._held = rows

    def _select(self) -> None:
        import torch

        indices = [index for index, row in enumerate(self._held) if row in self.rows]
        chosen = torch.tensor(indices, dtype=torch.long, device=self._inputs.device)
        self._inputs = self._inputs[chosen]
        self._mask = self._mask[chosen]
        self._positions = self._positions[chosen]
        self._cache.reorder_cache(chosen)
        self._held = self.rows
