"""The machine a model runs on, and the memory that a process takes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import platform
import sys
from pathlib import Path
from typing import Any

from pytest_edgejson.backends.devices import cores

_PROCESSES = Path("/proc")
_CLEAR = Path("/proc/self/clear_refs")


def machine() -> dict[str, Any]:
    """Return what tells one machine from another: processor, cores, memory, system."""
    memory = None
    with contextlib.suppress(ModuleNotFoundError):
        memory = int(importlib.import_module("psutil").virtual_memory().total)
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            # The second is what a Raspberry Pi calls itself.
            if key.strip() in {"model name", "Model"}:
                return value.strip()
    return platform.processor() or platform.machine()


def forget_peak() -> int | None:
    """Free what can be, let the peak of memory begin anew, and return the bytes in use; None where nobody tells."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        # What was freed stays with the process otherwise.
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")
    return _status("VmRSS")


def peak(process: int | None = None) -> int | None:
    """Return the most bytes of memory that a process had since `forget_peak`, or in all; None for unknown.

    Args:
        process: its id; None for this one.
    """
    found = _status("VmHWM", process)
    if found is not None or process is not None or sys.platform == "win32":
        return found
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _status(key: str, process: int | None = None) -> int | None:
    status = _PROCESSES / ("self" if process is None else str(process)) / "status"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in status.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return None
