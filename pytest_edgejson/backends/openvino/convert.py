"""Conversion of a transformers model to OpenVINO's format, once for each content of its files.

It takes the torch module as transformers runs it and not `optimum-intel`, which asks for a transformers below 5.6
(optimum-intel 2.2.0).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import Device
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.openvino.pipeline import ask, import_openvino, pipeline, precision, read, reason, versions
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.spec import ModelSpec

# Raised whenever what is made of the same files changes.
_CONVERSION = 1
_MODEL = "openvino_model.xml"
_FACTS = "edgejson.json"
# Tokens of the prompts with which a conversion is tried, and tokens generated for each.
_TRIED = (5, 25, 70)
_TRIED_TOKENS = 12
# In units of the logits' spread. Rounding differs by 1e-5 of it.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Converted:
    """What has to be known of a converted model beside what OpenVINO reads.

    Attributes:
        vocabulary: tokens it knows.
        window: tokens it can look back on, None where its config names no limit.
        end_tokens: what ends an answer.
        cache_bytes: of the keys and values of one token in float32.
    """

    vocabulary: int
    window: int | None
    end_tokens: tuple[int, ...]
    cache_bytes: int


class Conversion:
    """Where the converted form of a model is, or will be.

    Args:
        spec: the model; `weights` says how they are kept.
        files: what it is made of.
        hashes: of these, as `model_files.hash_files` gives them.
        folder: where conversions are kept.

    Attributes:
        folder: of this conversion; there only when it is complete.
    """

    def __init__(self, spec: ModelSpec, files: ModelFiles, hashes: list[list[str]], folder: Path) -> None:
        content = {
            "conversion": _CONVERSION,
            "versions": {**versions(spec.weights), **_peft_version(files)},
            "files": hashes,
            "trust_remote_code": spec.trust_remote_code,
            "weights": spec.weights,
        }
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        self.folder = folder / key[:32]
        self._spec = spec
        self._files = files

    @property
    def is_there(self) -> bool:
        """Whether it was made before."""
        return self.folder.is_dir()

    def read(self) -> Converted:
        """Return what is known of the model.

        Raises:
            BackendError: the file that says so cannot be read.
        """
        file = self.folder / _FACTS
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            return Converted(**{**facts, "end_tokens": tuple(facts["end_tokens"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = first_line(error)
            raise BackendError(f"{self._spec.name}: {file}: cannot be read: {what}: delete its folder") from None

    def make(self, tokenizer: Any) -> None:
        """Convert the model, if no other process has done so meanwhile.

        It gets its name when it is complete. What a process that was killed left behind is removed by the next.

        Args:
            tokenizer: the model's, which names end tokens too.

        Raises:
            BackendError: it cannot be converted, or the folder cannot be written to.
        """
        # It comes with the hub library.
        from filelock import FileLock

        partial = self.folder.with_suffix(".partial")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder.with_suffix(".lock")):
                if self.is_there:
                    return
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                try:
                    self._write(partial, tokenizer)
                    partial.replace(self.folder)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            what = error.strerror or first_line(error)
            raise BackendError(f"{self._spec.name}: cannot be kept in {self.folder.parent}: {what}") from error

    def _write(self, folder: Path, tokenizer: Any) -> None:
        from pytest_edgejson.backends.local.library_messages import one_line, quiet
        from pytest_edgejson.backends.local.loading import load_network, put_adapter, read_end_tokens
        from pytest_edgejson.backends.local.slot_check import is_simple

        spec, device = self._spec, Device("cpu", "cpu")
        with quiet(), one_line(spec.name, "the model"):
            network = load_network(spec, self._files, device, "float32")
            if self._files.adapter is not None:
                network = put_adapter(network, spec.name, self._files.adapter, device, merge=True, is_shared=False)
            network.eval()
        kind = type(network).__name__
        other = f'run it with backend = "transformers" ({spec.name})'
        if not is_simple(network):
            raise BackendError(f"{spec.name}: {kind} keeps more than keys and values of each token: {other}")
        config = network.config.get_text_config()
        layers, heads, width = _cache_shape(network)
        facts = Converted(
            vocabulary=len(network.get_input_embeddings().weight),
            window=getattr(config, "max_position_embeddings", None),
            end_tokens=tuple(sorted(read_end_tokens(network, tokenizer))),
            cache_bytes=2 * layers * heads * width * 4,
        )
        (folder / _FACTS).write_text(json.dumps(asdict(facts)), encoding="utf-8")
        try:
            with quiet():
                model = _convert(network, layers, heads, width)
                _save(model, folder)
                agrees = _agrees(network, folder, facts)
        except Exception as error:
            # The library's own exceptions are RuntimeErrors of many lines; others come from the model's code.
            raise BackendError(f"{spec.name}: OpenVINO cannot convert {kind}: {reason(error)}: {other}") from error
        if not agrees:
            raise BackendError(f"{spec.name}: converted, {kind} computes something else than before: {other}")
        if spec.weights == "int8":
            del network
            with quiet():
                _save(_compress(model), folder)


def _peft_version(files: ModelFiles) -> dict[str, str]:
    return {"peft": importlib.metadata.version("peft")} if files.adapter is not None else {}


def _cache_shape(network: Any) -> tuple[int, int, int]:
    """Return layers, heads and width of the keys that a network keeps, and values alike, by asking it."""
    import torch

    with torch.inference_mode():
        kept = network(input_ids=torch.zeros((1, 1), dtype=torch.long), use_cache=True, return_dict=True)
    layers = kept.past_key_values.layers
    _, heads, _, width = layers[0].keys.shape
    if any(layer.keys.shape != layers[0].keys.shape or layer.values.shape != layer.keys.shape for layer in layers):
        raise ValueError("its layers keep keys and values of different shapes")
    return len(layers), heads, width


def _convert(network: Any, layers: int, heads: int, width: int) -> Any:
    """Return a network as an OpenVINO model that keeps keys and values as its state.

    Its inputs and outputs have the names, and its state the form, by which openvino-genai finds attention and puts
    its paged one in the place.
    """
    import torch
    from transformers.cache_utils import DynamicCache

    openvino = import_openvino()
    from openvino import opset13
    from openvino._offline_transformations import apply_make_stateful_transformation

    class Step(torch.nn.Module):
        """One step, from and to plain tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, position_ids: torch.Tensor, *past: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            cache: Any = DynamicCache(config=network.config)
            for number, layer in enumerate(cache.layers):
                # Its `update` would put the past behind an empty tensor of no shape, which cannot be converted.
                layer.lazy_initialization(past[2 * number], past[2 * number + 1])
                layer.keys, layer.values = past[2 * number], past[2 * number + 1]
            columns, new = attention_mask.shape[1], input_ids.shape[1]
            rows = torch.arange(columns - new, columns)[:, None]
            seen = (torch.arange(columns) <= rows) & attention_mask[:, None, None, :].bool()
            # Of four dimensions: transformers takes it as it is.
            mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
            output = self.network(
                input_ids=input_ids,
                attention_mask=mask,
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=True,
                return_dict=True,
            )
            kept = [each for layer in output.past_key_values.layers for each in (layer.keys, layer.values)]
            return (output.logits, *kept)

    network.set_attn_implementation("sdpa")
    past, new = 4, 3
    example = (
        torch.ones((2, new), dtype=torch.long),
        torch.ones((2, past + new), dtype=torch.long),
        torch.arange(past, past + new).expand(2, new),
        *(torch.zeros((2, heads, past, width)) for _ in range(2 * layers)),
    )
    with torch.inference_mode():
        model = openvino.convert_model(Step().eval(), example_input=example)
    parts = [f"{number}.{part}" for number in range(layers) for part in ("key", "value")]
    before, after = [f"past_key_values.{part}" for part in parts], [f"present.{part}" for part in parts]
    for port, name in zip(model.inputs, ["input_ids", "attention_mask", "position_ids", *before], strict=True):
        port.get_tensor().set_names({name})
    for port, name in zip(model.outputs, ["logits", *after], strict=True):
        port.get_tensor().set_names({name})
    # Which row of the state each row goes on from.
    rows = opset13.parameter(openvino.PartialShape([-1]), openvino.Type.i32, name="beam_idx")
    rows.output(0).get_tensor().set_names({"beam_idx"})
    zero = opset13.constant(0, dtype=openvino.Type.i64)
    for port in model.inputs[3:]:
        port.get_node().set_partial_shape(openvino.PartialShape([-1, heads, -1, width]))
        consumers = port.get_target_inputs()
        chosen = opset13.gather(port, rows, zero)
        for consumer in consumers:
            consumer.replace_source_output(chosen.output(0))
    model.add_parameters([rows])
    model.validate_nodes_and_infer_types()
    apply_make_stateful_transformation(model, dict(zip(before, after, strict=True)))
    count = opset13.gather(
        opset13.shape_of(model.input("input_ids"), output_type="i64"), opset13.constant([0], openvino.Type.i64), zero
    )
    for node in model.get_ops():
        if node.get_type_name() == "ReadValue":
            shape = opset13.concat([count, opset13.constant([heads, 0, width], openvino.Type.i64)], axis=0)
            empty = opset13.broadcast(opset13.constant(0.0, openvino.Type.f32), shape)
            node.set_arguments([empty.output(0)])
    model.validate_nodes_and_infer_types()
    return model


def _compress(model: Any) -> Any:
    """Return a model whose weights are 8-bit integers, with a scale and a zero point for each output channel."""
    import nncf

    nncf.set_log_level(50)
    # It shows progress bars and a table.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)


def _save(model: Any, folder: Path) -> None:
    # Left alone, it rounds weights to float16.
    import_openvino().save_model(model, folder / _MODEL, compress_to_fp16=False)


def _agrees(network: Any, folder: Path, facts: Converted) -> bool:
    """Tell whether the tokens that a converted model generates are the network's likeliest ones, as likely as there."""
    import torch

    pipe = pipeline(folder, precision("float32"), len(_TRIED))
    longest = (facts.window or sys.maxsize) - _TRIED_TOKENS
    prompts = [
        [(7 * place + 3 + seed) % facts.vocabulary for place in range(min(length, longest))]
        for seed, length in enumerate(_TRIED)
    ]
    handles = [ask(pipe, number, prompt, _TRIED_TOKENS, logprobs=True) for number, prompt in enumerate(prompts)]
    answers: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    while pipe.has_non_finished_requests():
        pipe.step()
        for number, handle in enumerate(handles):
            tokens, probabilities = read(handle)
            answers[number] += tokens
            logprobs[number] += probabilities
    for prompt, answer, found in zip(prompts, answers, logprobs, strict=True):
        with torch.inference_mode():
            output = network(input_ids=torch.tensor([prompt + answer[:-1]]), use_cache=False, return_dict=True)
        logits = output.logits[0, len(prompt) - 1 :].float()
        chosen = logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
        limit = _TOLERANCE * logits.std(-1)
        expected = chosen - logits.logsumexp(-1)
        if len(answer) != _TRIED_TOKENS or not bool(
            ((logits.max(-1).values - chosen) <= limit).all()
            and ((expected - torch.tensor(found)).abs() <= limit).all()
        ):
            return False
    return True
