"""What a training runs on, and its precision: bfloat16 where it is faster, else float32."""

from __future__ import annotations


def has_bf16() -> bool:
    """Say whether the device that a training runs on, CUDA or else the CPU, is fast in bfloat16.

    Where it is emulated it is slower than float32, and so it is on a CPU that has AVX512-BF16 but no AMX: there a layer
    of nano took twice as long.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported())


def gpu_name() -> str:
    """Return the name of the GPU that a training runs on, empty where there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
