"""The base of several models: loaded once, and kept while the next model of the run is made of it too.

Adapters of one base, or a base and an adapter of it, differ in a few tensors. Each gets modules of its own, which may
be changed and replaced, on the same weights.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.local.loading import load_network
from pytest_edgejson.backends.local.memory import free_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.backends.devices import Device
    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Base:
    """What a network is loaded from, and how: where this is equal, so are the networks.

    Attributes:
        folder: of the model, absolute.
        files: name, bytes and time of the last change, in ns, of what lies in it.
        trust_remote_code: whether code from it is run.
        device: where the network runs.
        dtype: such as `float32`.
    """

    folder: Path
    files: tuple[tuple[str, int, int], ...]
    trust_remote_code: bool
    device: Device
    dtype: str

    @classmethod
    def of(cls, files: ModelFiles, *, trust_remote_code: bool, device: Device, dtype: str) -> Base | None:
        """Look at the files as they are now; return None where they can't be looked at."""
        try:
            beside = files.model.iterdir() if files.model.is_dir() else ()
            stats = [(str(file), file.stat()) for file in sorted({*beside, *files.weights})]
        except OSError:
            return None
        found = tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
        return cls(files.model.resolve(), found, trust_remote_code, device, dtype)


class Bases:
    """Keeps the base that was loaded last, if it is wanted again."""

    def __init__(self) -> None:
        self._kept: tuple[Base, Any] | None = None

    def network(
        self, spec: ModelSpec, files: ModelFiles, device: Device, dtype: str, *, keep: bool
    ) -> tuple[Any, bool]:
        """Return the network of a model's base, and whether its weights are shared and must not be written to.

        A network that is kept is only copied and never run: what is done to a copy, such as putting an adapter on it
        or packing it, the next one doesn't know of.

        Args:
            spec: the model.
            files: where it is loaded from, if it is not there.
            device: where it runs.
            dtype: such as `float32`.
            keep: keep it for another call; not where the device has too little memory for that.

        Raises:
            BackendError: it cannot be loaded.
        """
        base = Base.of(files, trust_remote_code=spec.trust_remote_code, device=device, dtype=dtype)
        kept, self._kept = self._kept, None
        if kept is not None and kept[0] != base:
            # Not two bases in memory at once.
            kept = None
        network = kept[1] if kept is not None else load_network(spec, files, device, dtype)
        if keep and base is not None and _has_room(network, device):
            # The code of a model may hold what cannot be copied: then it is loaded again.
            with suppress(Exception):
                copied = _on_same_weights(network)
                self._kept = (base, network)
                return copied, True
        return network, False


def _has_room(network: Any, device: Device) -> bool:
    """Tell whether there is room for as many weights again, packed or merged ones, and as much for the answers."""
    free = free_bytes(device)
    return free is None or free > 2 * sum(parameter.nbytes for parameter in network.parameters())


def _on_same_weights(network: Any) -> Any:
    """Return a copy of a network's modules and buffers, with parameters of its own that share the weights."""
    import torch

    memo = {
        id(parameter): torch.nn.Parameter(parameter.detach(), parameter.requires_grad)
        for parameter in network.parameters()
        # Subclasses, such as quantised weights, hold more than numbers: they are copied.
        if type(parameter) is torch.nn.Parameter
    }
    return copy.deepcopy(network, memo)
