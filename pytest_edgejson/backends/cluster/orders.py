"""What the nodes of a cluster are told of the models of a run, and what they tell of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import Device
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.memory import free_bytes
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.values.wording import size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.backends.interface import Backend, BackendType, GenerationSettings, LoadOptions
    from pytest_edgejson.backends.spec import ModelSpec

_NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Order:
    """A model to run.

    Attributes:
        name: in the run.
        spec: the model.
        settings: what decides its answers.
        options: how it is run.
        kind: of its backend.
    """

    name: str
    spec: ModelSpec
    settings: GenerationSettings
    options: LoadOptions
    kind: BackendType

    def load(self, *, isolate: bool = False) -> Backend:
        """Return the model's backend.

        Raises:
            BackendError: the model cannot be had here.
        """
        kinds = {self.spec.backend: self.kind}
        return load_backend(self.spec, self.settings, replace(self.options, isolate=isolate), kinds)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backend is where it runs.

    Attributes:
        fingerprint: the backend's, as are the following.
        description: JSON builtins.
        generates_together: whether cases are computed together.
        limits_each: whether it heeds each request's limit.
        constrains: whether it holds answers to constraints.
        at_once: cases that it answers at once, at most.
        bytes: that its weights take in memory; 0 where nobody knows.
    """

    fingerprint: str
    description: Mapping[str, Any]
    generates_together: bool
    limits_each: bool
    constrains: bool
    at_once: int
    bytes: int

    @classmethod
    def of(cls, backend: Backend) -> Facts:
        """Ask a backend.

        Raises:
            BackendError: its files cannot be read.
        """
        description = dict(backend.description)
        number = _NUMBER_BYTES.get(str(description.get("dtype")), 0)
        weights = (description.get("parameters") or 0) * number or description.get("bytes") or 0
        return cls(
            backend.fingerprint,
            description,
            backend.generates_together,
            backend.limits_each,
            backend.constrains,
            backend.at_once,
            int(weights),
        )

    @property
    def is_on_gpu(self) -> bool:
        """Whether it runs on one."""
        return str(self.description.get("device")).startswith("cuda")


def look_at(orders: Mapping[str, Order]) -> dict[str, Facts | str]:
    """Return what each model would be on this node, or why it cannot be run here."""
    return {name: _look_at(order) for name, order in orders.items()}


def _look_at(order: Order) -> Facts | str:
    try:
        facts = Facts.of(order.load())
        device = str(facts.description.get("device") or "")
        free = free_bytes(Device(device, device.partition(":")[0])) if device and facts.bytes else None
    except BackendError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever keeps a model from being run is told before the first case
        return f"{order.name}: {type(error).__name__}: {error}"
    if free is not None and facts.bytes > free:
        return (
            f"{order.name}: {size(facts.bytes)} of weights do not fit into the {size(free)} of memory that are free: "
            "use a smaller model, larger nodes, or --edgejson-dtype=bfloat16"
        )
    return facts
