"""Memory: how much a device has left, how it is given back, and which errors mean that it ran out."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.devices import workers

if TYPE_CHECKING:
    from pytest_edgejson.backends.devices import Device

SHARE = 0.7
"""Of the memory that weights leave free, for keys and values; the rest is for what is computed in between."""

# What running out of memory reads like where it is not a torch.OutOfMemoryError.
_MEMORY_ERRORS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate memory",
    "cublas_status_alloc_failed",
)


def free_bytes(device: Device) -> int | None:
    """Return the memory that a device has left for this process, None where nobody knows."""
    if device.kind == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device.name)[0])
    if device.kind == "mps":
        import torch

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


def fitting_cases(device: Device, bytes_each: float, limit: int) -> int:
    """Return how many cases of so many bytes a device has room for: `limit` at most, 0 where not even one fits."""
    free = free_bytes(device)
    return limit if free is None else min(limit, int(free * SHARE / max(1, bytes_each)))


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
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return any(words in text for words in _MEMORY_ERRORS)
