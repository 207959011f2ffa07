"""Linear layers in the memory layout that a CPU multiplies few rows with fastest.

A decoding step multiplies every weight with one row for each case under way. torch's own product reads a weight as it
is stored, or packs it anew for each product; oneDNN keeps a packed copy, which TorchInductor uses too. Measured in
float32 on a core with AVX-512, for the 576 x 49,152 output layer of a 135M model: 28.8 ms against 10.5 ms for 8 rows,
26.1 against 13.3 ms for 16, and the same 8.4 ms for one.
"""

from __future__ import annotations

from typing import cast

import torch

# Rows that the layout is chosen for: with that of 64 rows all counts are as fast as with their own or faster, while
# that of one row is slower than no packing at all.
_ROWS = 64

_DTYPES = (torch.float32, torch.bfloat16)


class PackedLinear(torch.nn.Module):
    """A linear layer whose weight oneDNN has packed.

    Attributes:
        bias: shape `[out_features]`, or None.
    """

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features = layer.in_features
        self.out_features = layer.out_features
        self.bias = layer.bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)

    @property
    def weight(self) -> torch.Tensor:
        """A plain copy of the weight, shape `[out_features, in_features]`, for code that looks at it."""
        return cast("torch.Tensor", self._packed.to_dense())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map `[..., in_features]` to `[..., out_features]`."""
        output = torch.ops.mkldnn._linear_pointwise(inputs, self._packed, self.bias, "none", [], "")
        return cast("torch.Tensor", output)


def pack(network: torch.nn.Module) -> int:
    """Replace a network's linear layers by packed ones, where this processor has them; return how many.

    A packed weight takes the place of the plain one. Only a weight that something else refers to, such as an output
    layer tied to the embeddings, is in memory twice afterwards. The network can't be trained any more.
    """
    return sum(
        _replace(module, name, child)
        for module in list(network.modules())
        for name, child in list(module.named_children())
        # Subclasses compute something else, such as quantised weights.
        if type(child) is torch.nn.Linear
    )


def _replace(module: torch.nn.Module, name: str, layer: torch.nn.Linear) -> bool:
    if layer.weight.device.type != "cpu" or not _is_packable(layer.weight.dtype):
        return False
    setattr(module, name, PackedLinear(layer))
    return True


def _is_packable(dtype: torch.dtype) -> bool:
    # Where the layout has not been measured, such as on ARM, torch goes on as it does.
    if dtype not in _DTYPES or not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return False
    # These operations are not part of torch's public interface.
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight") or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    # oneDNN emulates bfloat16 on AVX-512 without instructions for it; packed weights are no slower there.
    return dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
