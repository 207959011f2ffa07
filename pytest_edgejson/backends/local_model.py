"""A model loaded into this process, with what decoding has to know of it."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import inspect
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends import BackendError
from pytest_edgejson.backends.batches import Batched, Slotted
from pytest_edgejson.backends.drafts import Drafts
from pytest_edgejson.backends.model_files import ModelFiles, first_line, read_shapes
from pytest_edgejson.backends.pieces import Pieces
from pytest_edgejson.devices import share_of_cores, workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from pytest_edgejson.backends import GenerationSettings
    from pytest_edgejson.backends.bases import Bases
    from pytest_edgejson.backends.batches import Decoder, Row
    from pytest_edgejson.devices import Device
    from pytest_edgejson.models import ModelSpec

# Upper bounds of the default batch size. On a CPU the matrix products saturate early and a batch lasts as long as its
# longest case; on a GPU a decoding step costs the same for one case as for a hundred.
_BATCH_LIMITS = {"cpu": 16, "mps": 16, "cuda": 128}

# What running out of memory reads like where it is not a torch.OutOfMemoryError.
_MEMORY_ERRORS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "cublas_status_alloc_failed",
)


class LocalModel:
    """A loaded model with what decoding has to know of it.

    Args:
        spec: the model.
        settings: whether its adapter is merged into it.
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
                from pytest_edgejson.backends.linear import pack

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
        self.pieces = Pieces(tokenizer)
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
        from pytest_edgejson.backends.slots import Slots

        return Slotted(rows, size, Slots(self._network, size), self._drafts)

    @functools.cached_property
    def _takes_slots(self) -> bool:
        from pytest_edgejson.backends.slot_check import agrees, is_simple

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
        limit = _BATCH_LIMITS[self.device.kind]
        free = free_bytes(self.device)
        fitting = limit if free is None else max(0, int(free * 0.7 / max(1, need)))
        return max(1, min(limit, 1 << max(0, fitting.bit_length() - 1)))


def load_network(spec: ModelSpec, files: ModelFiles, device: Device, dtype: str) -> Any:
    """Load a model without its adapter.

    Raises:
        BackendError: its weights lack tensors. What else is wrong, the libraries raise.
    """
    import torch
    from transformers import AutoModelForCausalLM

    loaded: Any = AutoModelForCausalLM.from_pretrained(
        str(files.model),
        dtype=getattr(torch, dtype),
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=spec.trust_remote_code,
        output_loading_info=True,
    )
    network, report = loaded
    # transformers fills what the files lack with random numbers and says so in a log line.
    missing = sorted(report.get("missing_keys") or ())
    if missing:
        raise BackendError(
            f"{spec.name}: the weights lack {len(missing)} of the model's tensors, such as {missing[0]}: they don't "
            "belong to its config.json, or the copy is not complete"
        )
    return network.to(device.name)


def put_adapter(network: Any, name: str, folder: Path, device: Device, *, merge: bool, is_shared: bool) -> Any:
    """Put an adapter on a network; return the network with it.

    Args:
        network: the base.
        name: of the model, for messages.
        folder: of the adapter.
        device: where the network is.
        merge: fold it into the weights.
        is_shared: whether other networks have the same weights, which must stay as they are.

    Raises:
        BackendError: the adapter does not fit.
    """
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    def misfit(what: str) -> BackendError:
        return BackendError(
            f"{name}: the adapter does not fit the model: {what}; name the base it was trained on as model"
        )

    tensors = read_shapes(folder / "adapter_model.safetensors", name)
    if is_shared and not all(".lora_" in key for key in tensors):
        # What is more than low-rank factors, such as new embeddings, peft writes into the network's own tensors.
        _unshare(network)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            adapted = PeftModel.from_pretrained(network, str(folder), torch_device=device.name, local_files_only=True)
        except RuntimeError as error:
            if "size mismatch" not in str(error):
                raise
            raise misfit("its tensors have other sizes") from error
    if any(config.is_prompt_learning for config in adapted.peft_config.values()):
        raise BackendError(f"{name}: only adapters that change layers can be run, such as LoRA")
    # peft drops tensors it finds no layer for, without a word, and leaves layers it finds no tensors for at random.
    saved = sum(".lora_" in key for key in tensors)
    places = sum(".lora_" in key for key, _ in adapted.named_parameters())
    if saved > places or any("missing adapter keys" in str(warning.message) for warning in caught):
        raise misfit(f"it has {saved} tensors for {places} places")
    if not merge:
        return adapted.get_base_model()
    if is_shared:
        # Not by peft's safe_merge, which rounds to bfloat16 before it adds, and so merges to other weights.
        for module in adapted.modules():
            if isinstance(module, BaseTunerLayer):
                _unshare(module.get_base_layer())
    return adapted.merge_and_unload()


def _unshare(module: Any) -> None:
    """Give a module weights of its own, equal to those that it shared."""
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()


def read_end_tokens(network: Any, tokenizer: Any) -> frozenset[int]:
    """Return every token that ends an answer: the model's own, and the one its tokenizer was trained with."""
    found: set[int] = set()
    for source in (getattr(network, "generation_config", None), network.config, tokenizer):
        ids = getattr(source, "eos_token_id", None)
        found.update(ids if isinstance(ids, list | tuple) else [] if ids is None else [ids])
    return frozenset(found)


def _share_cores() -> None:
    """Give each of several pytest-xdist workers its part of the cores; left alone, each takes all of them."""
    threads = share_of_cores()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def free_bytes(device: Device) -> int | None:
    """Return the memory that a device has left for this process, None where nobody knows."""
    import torch

    if device.kind == "cuda":
        return int(torch.cuda.mem_get_info(device.name)[0])
    if device.kind == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    try:
        # accelerate brings it along.
        free = int(importlib.import_module("psutil").virtual_memory().available)
    except ImportError:
        return None
    # A container may be allowed less than the machine has, and is killed without an exception to catch.
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        free = min(free, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    # Workers on one CPU ask at the same time.
    return free // workers()


def free_memory() -> None:
    """Give back what nothing refers to any more, on the device too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in _MEMORY_ERRORS)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' warnings from becoming errors under a project's `filterwarnings = error`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def one_line(name: str, what: str) -> Iterator[None]:
    """Turn what the libraries raise while they load into one line, and hide their progress bars."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except BackendError:
        raise
    except ImportError as error:
        raise BackendError(f"{name}: {what} needs a library that is missing: {first_line(error)}") from error
    except MemoryError as error:
        raise BackendError(f"{name}: {what} does not fit into memory: use a smaller one") from error
    except Exception as error:
        hint = ""
        if "trust_remote_code" in str(error):
            hint = "; if you trust it, set trust_remote_code = true in models.toml"
        elif is_out_of_memory(error):
            hint = "; use a smaller one, or --edgejson-device=cpu"
        raise BackendError(f"{name}: {what} cannot be loaded: {first_line(error)}{hint}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
