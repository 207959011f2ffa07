"""Networks of transformers as OpenVINO models, and their weights in fewer bits.

The torch module is taken as transformers runs it and not by `optimum-intel`, which asks for a transformers below 5.6
(optimum-intel 2.2.0).
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

from pytest_edgejson.backends.openvino.pipeline import import_openvino


def convert(network: Any) -> Any:
    """Return a network as an OpenVINO model that keeps keys and values as its state.

    Its inputs and outputs have the names, and its state the form, by which openvino-genai finds attention and puts
    its paged one in the place.

    Raises:
        ValueError: its layers keep keys and values of different shapes. What else is wrong, the library raises.
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

    layers, heads, width = _cache_shape(network)
    network.set_attn_implementation("sdpa")
    # The converter asks for every attribute of every module, and this one warns when it is asked for first.
    for module in network.modules():
        if hasattr(type(module), "loss_function"):
            module.loss_function = None
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


def compress(model: Any, weights: str) -> Any:
    """Return a model whose weights are integers.

    Args:
        model: of OpenVINO.
        weights: `int8`, with a scale and a zero point for each output channel; or `int4`, with one for each 128 weights
            of a channel, or fewer where its length is no multiple of that: embeddings and the last layer are as in
            `int8` then.
    """
    import nncf

    nncf.set_log_level(50)
    settings: dict[str, Any] = {"mode": nncf.CompressWeightsMode.INT8_ASYM}
    if weights == "int4":
        fewer = nncf.AdvancedCompressionParameters(group_size_fallback_mode=nncf.GroupSizeFallbackMode.ADJUST)
        settings = {"mode": nncf.CompressWeightsMode.INT4_ASYM, "advanced_parameters": fewer}
    # It shows progress bars and a table.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return nncf.compress_weights(model, **settings)


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
