"""Devices: which of them a model in process can run on here, and the part of the cores that each of several gets."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# Where nothing of this exists, Linux has no GPU that torch could use.
_NODES = Path("/dev")
_GPU_NODES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg")


def available() -> tuple[str, ...]:
    """Return the devices of the best kind that torch finds, by its names: every `cuda:N`, else `mps`, else `cpu`.

    `CUDA_VISIBLE_DEVICES` and its like decide which GPUs there are, as everywhere in torch.
    """
    # Importing torch takes a second or two, which a run that is served from the store should not wait for. The driver
    # would tell sooner how many GPUs there are, but not whether the torch that is installed can use them.
    if sys.platform == "linux" and not any(True for node in _GPU_NODES for _ in _NODES.glob(node)):
        return ("cpu",)
    # Whoever loads a model says that torch is missing.
    with suppress(ImportError):
        import torch

        if torch.cuda.is_available():
            return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        if torch.backends.mps.is_available():
            return ("mps",)
    return ("cpu",)


def workers() -> int:
    """Return how many pytest-xdist workers there are, this process or that of its parent among them; else 1."""
    count = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "")
    return max(1, int(count)) if count.isdecimal() else 1


def share_of_cores() -> int | None:
    """Return the threads that a model in an xdist worker gets, so that all workers together use each core once.

    None where this is no worker or the only one, or where `OMP_NUM_THREADS` decides: it is the library's choice then.
    """
    if workers() == 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    # A container may be allowed fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers())
