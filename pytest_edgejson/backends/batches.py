"""Batches: several cases generated together, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends import Completion, FinishReason

if TYPE_CHECKING:
    from pytest_edgejson.backends import Request
    from pytest_edgejson.backends.local_model import LocalModel

# What a decoder writes for bytes that are no character, or not yet.
_UNDECODED = "\N{REPLACEMENT CHARACTER}"


class Row:
    """One request while it is generated.

    Attributes:
        request: what to generate.
        prompt: its tokens.
        limit: tokens generated at most.
        compute_s: its share of the seconds that the model worked, each step divided among the rows it was made for.
    """

    def __init__(self, request: Request, prompt: list[int], limit: int) -> None:
        self.request = request
        self.prompt = prompt
        self.limit = limit
        self.compute_s = 0.0
        self._tokens: list[int] = []
        self._follower: _Follower | None = None

    def start(self, model: LocalModel, *, stop_at_root: bool) -> None:
        """Begin, or begin again after an attempt that was interrupted."""
        self.compute_s = 0.0
        self._tokens = []
        self._follower = _Follower(model, self.request.text) if stop_at_root else None

    def accept(self, token: int | None, model: LocalModel) -> FinishReason | None:
        """Take the next token, None where the model gave no number. Return the reason if the case ends with it."""
        if token is None:
            return "error"
        self._tokens.append(token)
        if token in model.end_tokens:
            return "stop"
        if self._follower is not None and self._follower.has_closed(token):
            return "stop"
        return "length" if len(self._tokens) >= self.limit else None

    def completion(self, model: LocalModel, reason: FinishReason, latency_s: float) -> Completion:
        """Return what the case came to."""
        tokens = self._tokens
        # Not every model's end token is one that its tokenizer holds for special and leaves out by itself.
        shown = tokens[:-1] if tokens and tokens[-1] in model.end_tokens else tokens
        error = None
        if reason == "error":
            error = f"the model computes NaN in {model.dtype} after {len(tokens)} tokens: try --edgejson-dtype=float32"
        return Completion(
            key=self.request.key,
            text=model.decode(shown),
            finish_reason=reason,
            prompt_tokens=len(self.prompt),
            output_tokens=len(tokens),
            latency_s=latency_s,
            compute_s=self.compute_s,
            error=error,
        )


class _Follower:
    """Follows an answer token by token, and tells when its root object has closed."""

    # No character is spread over more tokens than it has bytes; what is still open after that is no character.
    _LONGEST = 4

    def __init__(self, model: LocalModel, prompt: str) -> None:
        from pytest_edgejson.extraction import RootScanner

        self._model = model
        # Templates of reasoning models open the thought themselves.
        self._scanner = RootScanner(thinking=prompt.rstrip().endswith("<think>"))
        # Tokens whose text is not settled, because they end within a character, and how much of it was scanned.
        self._open: list[int] = []
        self._scanned = 0

    def has_closed(self, token: int) -> bool:
        """Take the next token; return whether the root object has closed in it or before."""
        piece = self._model.piece(token)
        if not self._open and _UNDECODED not in piece:
            return self._scanner.feed(piece)
        self._open.append(token)
        text = self._model.continuation(self._open)
        settled = text if len(self._open) > self._LONGEST else text.rstrip(_UNDECODED)
        new = settled[self._scanned :]
        self._scanned = len(settled)
        if len(settled) == len(text):
            self._open, self._scanned = [], 0
        return self._scanner.feed(new)


class Batch:
    """The decoding loop of one batch: greedy, left-padded, rows leave as they finish.

    A loop of our own and not transformers' `generate`, because that one computes finished rows on until the last one
    ends, hands nothing over before, spends as long on bookkeeping as a small model on its forward pass (measured: 1.0
    against 0.58 s for 300 tokens of a 5M model), and takes penalties and processors from the generation config, which
    a greedy benchmark must not.
    """

    def __init__(self, rows: list[Row], model: LocalModel) -> None:
        import torch

        self._rows = rows
        self._model = model
        self._cache: Any = None
        self._width = max(len(row.prompt) for row in rows)
        room = self._width + max(row.limit for row in rows)
        device = model.device.name
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
        self._start = self._width
        self._padded = self._has_padding()

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def step(self) -> list[int | None]:
        """Compute the next token of each row, None where the model computes NaN."""
        import torch

        # Not around the loop: a generator would leave it switched on for whoever consumes it.
        with torch.inference_mode():
            logits, self._cache = self._model.forward(
                self._inputs,
                # Attention without a mask takes the faster kernels.
                self._mask[:, : self._width] if self._padded else None,
                self._positions,
                self._cache,
            )
            chosen = logits.argmax(-1, keepdim=True)
            # NaN wins every comparison in argmax, so looking at the winner is enough.
            broken = logits.gather(-1, chosen).isnan()
            self._inputs = chosen
            self._positions = self._positions[:, -1:] + 1
            self._width += 1
            # One transfer from the device instead of two.
            tokens: list[int] = torch.where(broken, -1, chosen)[:, 0].tolist()
        return [None if token < 0 else token for token in tokens]

    def keep(self, rows: list[Row]) -> None:
        """Go on with some of the rows only, in the order they have."""
        import torch

        wanted = {id(row) for row in rows}
        indices = [index for index, row in enumerate(self._rows) if id(row) in wanted]
        with torch.inference_mode():
            chosen = torch.tensor(indices, dtype=torch.long, device=self._inputs.device)
            self._inputs = self._inputs[chosen]
            self._mask = self._mask[chosen]
            self._positions = self._positions[chosen]
            self._cache.reorder_cache(chosen)
        self._rows = rows
        self._padded = self._has_padding()

    def _has_padding(self) -> bool:
        # Once the longest prompt has left, columns of padding stay that all others share; they have to be hidden too.
        return any(len(row.prompt) < self._start for row in self._rows)
