"""A model loaded into this process, with what decoding has to know of it."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import share_of_cores
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.batched import Batched
from pytest_edgejson.backends.local.decoder import Slotted
from pytest_edgejson.backends.local.drafts import Drafts
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.loading import load_network, put_adapter, read_end_tokens
from pytest_edgejson.backends.local.memory import fitting_cases
from pytest_edgejson.backends.local.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from pytest_edgejson.backends.devices import Device
    from pytest_edgejson.backends.interface import GenerationSettings
    from pytest_edgejson.backends.local.decoder import Decoder, Row
    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.local.shared_bases import Bases
    from pytest_edgejson.backends.spec import ModelSpec

# Upper bounds of the default batch size. On a CPU the matrix products saturate early and a batch lasts as long as its
# longest case; on a GPU a decoding step costs the same for one case as for a hundred.
BATCH_LIMITS = {"cpu": 16, "mps": 16, "cuda": 128}


class LocalModel:
    """A loaded model with what decoding has to know of it.

    Args:
        spec: the model.
        settings: whether its adapter is merged into it, and its own marks of thoughts.
        files: what it is loaded from.
        tokenizer: its own.
        device: where it runs.
        dtype: such as `float32`.
        bases: has the base, perhaps, and keeps it where `keeps_base`; None loads it for this model alone.
        keeps_base: whether the next model is made of the same base.

    Raises:
        BackendError: it cannot be loaded.
    """

    def __init__(
        self,
        spec: ModelSpec,
        settings: GenerationSettings,
        files: ModelFiles,
        tokenizer: Any,
        device: Device,
        dtype: str,
        *,
        bases: Bases | None = None,
        keeps_base: bool = False,
    ) -> None:
        self.name = spec.name
        self.device = device
        self.dtype = dtype
        with quiet(), one_line(spec.name, "the model"):
            _share_cores()
            if bases is None:
                self._network, is_shared = load_network(spec, files, device, dtype), False
            else:
                self._network, is_shared = bases.network(spec, files, device, dtype, keep=keeps_base)
            if files.adapter is not None:
                self._network = put_adapter(
                    self._network, spec.name, files.adapter, device, merge=settings.merge_adapter, is_shared=is_shared
                )
            self._network.eval()
            if files.adapter is None or settings.merge_adapter:
                from pytest_edgejson.backends.local.linear import pack

                # Not under an adapter, whose layers look into those they are put on.
                pack(self._network)
        config = self._network.config.get_text_config()
        self._config = config
        self.window: int | None = getattr(config, "max_position_embeddings", None)
        # An adapter's embeddings have no num_embeddings.
        self.vocabulary: int = len(self._network.get_input_embeddings().weight)
        self.end_tokens = read_end_tokens(self._network, tokenizer)
        accepted = inspect.signature(self._network.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._extra = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._cache_name = "cache_params" if "cache_params" in accepted else "past_key_values"
        self.pieces = Pieces(tokenizer, settings.thoughts)
        self._drafts = Drafts()

    def forward(
        self, inputs: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor, cache: Any
    ) -> tuple[torch.Tensor, Any]:
        """Return the logits of each row's last position in float32, and the cache for the next step."""
        if cache is not None and self._cache_name == "cache_params":
            # A state holds no columns to hide; its models would take the mask for one of the new tokens.
            mask = None
        known: dict[str, Any] = {"attention_mask": mask, self._cache_name: cache, "use_cache": True, **self._extra}
        if self._takes_positions:
            known["position_ids"] = positions
        output = self._network(input_ids=inputs, return_dict=True, **known)
        cache = getattr(output, self._cache_name, None)
        if not hasattr(cache, "reorder_cache"):
            kind = type(self._network).__name__
            raise BackendError(f"{self.name}: {kind} keeps no cache that this backend can use: run it behind a server")
        return output.logits[:, -1].float(), cache

    def decoder(self, rows: Sequence[Row], size: int, *, alone: bool = False) -> Decoder:
        """Return what generates rows, so many at once: in slots, or in batches where the model cannot be run so.

        Rows that are alone have transformers' own cache: what slots do to an answer is to be seen too.
        """
        if alone or not self._takes_slots:
            return Batched(rows, size, self)
        from pytest_edgejson.backends.local.slots import Slots

        return Slotted(rows, size, Slots(self._network, size), self._drafts)

    @functools.cached_property
    def _takes_slots(self) -> bool:
        from pytest_edgejson.backends.local.slot_check import agrees, is_simple

        with quiet():
            return is_simple(self._network) and agrees(self._network)

    def default_batch_size(self, tokens: int) -> int:
        """Return how many cases of up to so many tokens, prompt included, are generated together."""
        config = self._config
        heads = getattr(config, "num_attention_heads", None) or 1
        width = getattr(config, "head_dim", None) or getattr(config, "hidden_size", 0) // heads
        kept = getattr(config, "num_key_value_heads", None) or heads
        layers = getattr(config, "num_hidden_layers", 0)
        item = 4 if self.dtype == "float32" else 2
        cache = 2 * layers * kept * width * item * tokens
        # The cache is copied when it grows and when rows leave it; logits come once as they are, once in float32.
        need = 2 * cache + self.vocabulary * (4 + item) + tokens * getattr(config, "hidden_size", 0) * item * 8
        fitting = fitting_cases(self.device, need, BATCH_LIMITS[self.device.kind])
        return 1 << max(0, fitting.bit_length() - 1)


def _share_cores() -> None:
    """Give each of several pytest-xdist workers its part of the cores; left alone, each takes all of them."""
    threads = share_of_cores()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
