"""The precision of a training: bfloat16 where the hardware computes in it, else float32."""

from __future__ import annotations


def has_bf16() -> bool:
    """Say whether the device that a training runs on, CUDA or else the CPU, computes in bfloat16 itself.

    Where it is emulated it is slower than float32.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
