"""Loading a network: the base, an adapter put on it, and which tokens end its answers."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import CPU
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.model_files import read_shapes, source
from pytest_edgejson.backends.references import is_gguf

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.backends.devices import Device
    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.spec import ModelSpec


def load_network(spec: ModelSpec, files: ModelFiles, device: Device, dtype: str) -> Any:
    """Load a model without its adapter.

    Raises:
        BackendError: its weights lack tensors. What else is wrong, the libraries raise.
    """
    network, report = read_network(files.model, dtype, trust_remote_code=spec.trust_remote_code)
    # transformers fills what the files lack with random numbers and says so in a log line.
    missing = sorted(report.get("missing_keys") or ())
    if missing:
        raise BackendError(
            f"{spec.name}: the weights lack {len(missing)} of the model's tensors, such as {missing[0]}: they don't "
            "belong to its config.json, or the copy is not complete"
        )
    return network.to(device.name)


def read_network(model: Path, dtype: str, *, trust_remote_code: bool = False) -> tuple[Any, dict[str, Any]]:
    """Return a network and what transformers reports of its tensors; a GGUF file's weights become those of a dtype.

    Args:
        model: folder, or GGUF file.
        dtype: such as `float32`.
        trust_remote_code: let it run code that comes with the weights.
    """
    import torch
    import transformers

    further: dict[str, Any] = {}
    # Without it, and with the package `kernels`, the weights stay as they are, and nothing can be put on them.
    if is_gguf(model) and hasattr(transformers, "GgufConfig"):
        further["quantization_config"] = transformers.GgufConfig(dequantize=True)
    # It shows a bar for GGUF files that no setting switches off.
    with contextlib.redirect_stderr(io.StringIO()) if is_gguf(model) else contextlib.nullcontext():
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            **source(model),
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            **further,
        )
    network, report = loaded
    if getattr(network, "hf_quantizer", None) is not None and is_gguf(model):
        # Plain numbers now, but trainers and savers go by what the network says it is.
        network.hf_quantizer.remove_quantization_config(network)
    return network, report


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


def load_merged(spec: ModelSpec, files: ModelFiles) -> Any:
    """Load a model on the CPU in float32, its adapter merged, as it is converted to other forms.

    Raises:
        BackendError: its weights lack tensors, or the adapter does not fit. What else is wrong, the libraries raise.
    """
    network = load_network(spec, files, CPU, "float32")
    if files.adapter is not None:
        network = put_adapter(network, spec.name, files.adapter, CPU, merge=True, is_shared=False)
    return network.eval()


def _unshare(module: Any) -> None:
    """Give a module weights of its own, equal to those that it shared."""
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()


def read_end_tokens(network: Any, tokenizer: Any) -> frozenset[int]:
    """Return every token that ends an answer: the model's own, and the one its tokenizer was trained with."""
    return end_tokens(getattr(network, "generation_config", None), network.config, tokenizer)


def end_tokens(*named: Any) -> frozenset[int]:
    """Return every token that configs and tokenizers of transformers name as the end of an answer."""
    found: set[int] = set()
    for each in named:
        ids = getattr(each, "eos_token_id", None)
        found.update(ids if isinstance(ids, list | tuple) else [] if ids is None else [ids])
    return frozenset(found)
