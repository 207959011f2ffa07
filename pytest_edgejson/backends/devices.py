"""Devices: which of them a model in process can run on here, and the part of the cores that each of several gets."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_edgejson.backends.interface import BackendError

# Where nothing of this exists, Linux has no GPU that torch could use.
_NODES = Path("/dev")
_GPU_NODES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg")

_KINDS = ("cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Device:
    """Where a model runs, for instance `cuda:1`, and of which kind that is: `cuda`."""

    name: str
    kind: str

    @classmethod
    def choose(cls, wanted: str | None, model: str) -> Device:
        """Return the device that is wanted, or for None and `auto` the best there is: cuda, mps, cpu.

        Raises:
            BackendError: it is unknown or not there. The message begins with `model`, a name.
        """
        if wanted in {None, "auto"}:
            wanted = available()[0]
        kind, _, number = str(wanted).partition(":")
        if kind not in _KINDS:
            raise BackendError(f"{model}: unknown device {wanted!r}: use cpu, cuda, cuda:N or mps")
        if kind != "cpu":
            import torch

            there = torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()
            if not there:
                raise BackendError(f"{model}: torch finds no {kind} device here: use --edgejson-device=cpu")
            last = torch.cuda.device_count() - 1 if kind == "cuda" else 0
            if number and not (number.isdecimal() and int(number) <= last):
                raise BackendError(f"{model}: torch finds no {wanted} here: the last one is {kind}:{last}")
        return cls(str(wanted), kind)

    def dtype(self, wanted: str, parameters: int) -> str:
        """Return `float32`, `bfloat16` or `float16`: what was asked for, or what suits the device."""
        if wanted != "auto":
            return wanted
        if self.kind == "cuda":
            import torch

            # Emulated bfloat16 is slower than float32.
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        # float16 overflows in many models that were trained in bfloat16, so it is a matter of size only.
        return "float16" if self.kind == "mps" and parameters > 3_000_000_000 else "float32"

    def emulates(self, dtype: str) -> bool:
        """Return whether it has no instructions for a dtype, so that float32 is faster than it."""
        if self.kind != "cpu" or dtype != "bfloat16":
            return False
        import torch

        # oneDNN says that it supports bfloat16 where AVX-512 can emulate it. Before 2.9 or so torch does not tell.
        ask = getattr(torch.cpu, "get_capabilities", None)
        return ask is not None and not any(there for name, there in ask().items() if "bf16" in name)


CPU = Device("cpu", "cpu")


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
    return max(1, cores() // workers())


def threads() -> int:
    """Return with how many threads a model computes on the CPU: those of this process, or `OMP_NUM_THREADS`."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    if (share := share_of_cores()) is not None:
        return share
    return int(named) if named.isdecimal() and int(named) else cores()


def cores() -> int:
    """Return how many cores there are; a container may be allowed fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
