"""The plan: what models are on the nodes of a cluster, and how many actors each node takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.backends.cluster.orders import Facts, look_at
from pytest_edgejson.backends.cluster.shares import Kind
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.values.wording import counted, size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.backends.cluster.connection import Connection, Node
    from pytest_edgejson.backends.cluster.orders import Order
    from pytest_edgejson.backends.cluster.shares import Place


@dataclass(frozen=True, slots=True)
class Plan:
    """Who runs where.

    Attributes:
        nodes: of the cluster.
        facts: what each model is where it runs, by its name.
        kinds: which actors each model goes to.
        per_device: actors that share a device.
    """

    nodes: tuple[Node, ...]
    facts: Mapping[str, Facts]
    kinds: Mapping[str, Kind]
    per_device: int

    def room(self, node: Node, place: Place) -> tuple[int, dict[str, float]]:
        """Return how many actors of a place a node takes, and what Ray is to hold for each of them."""
        if place == "gpu":
            count = int(node.gpus) * self.per_device
            return count, {"num_gpus": 1 / self.per_device, "num_cpus": min(1.0, node.cpus / max(1, count))}
        cpus = int(node.cpus)
        count = min(self.per_device, cpus) if place == "cpus" else cpus
        held = {"num_cpus": float(cpus // max(1, count))}
        memory = max(self.facts[name].bytes for name, kind in self.kinds.items() if kind.place == place)
        if memory:
            count, held["memory"] = min(count, int(node.memory // memory)), float(memory)
        return count, held


def make_plan(
    connection: Connection, orders: Mapping[str, Order], per_device: int, note: Callable[[str], None]
) -> Plan:
    """Look at all nodes.

    Args:
        connection: to the cluster.
        orders: the models by name.
        per_device: actors that are to share a device.
        note: hears what is waited for.

    Raises:
        BackendError: there is no node, a node lacks this package or another one is there, or a model cannot be run on a
            node, or not as the same one on all.
    """
    gpus = any(order.kind.devices for order in orders.values())
    looks = connection.survey(connection.nodes(), look_at, dict(orders), gpus=gpus, note=note)
    if not looks:
        raise BackendError("--edgejson-ray: the cluster has no node with a CPU")
    facts = {name: _agreed(name, {node: look[name] for node, look in looks.items()}) for name in orders}
    kinds = {name: _kind(order, facts[name]) for name, order in orders.items()}
    return Plan(tuple(looks), facts, kinds, per_device)


def _agreed(name: str, looks: Mapping[Node, Facts | str]) -> Facts:
    """Return what a model is on all nodes; where it runs on GPUs, on those that have some."""
    if any(isinstance(facts, Facts) and facts.is_on_gpu for facts in looks.values()):
        looks = {node: facts for node, facts in looks.items() if node.gpus}
    found: dict[Node, Facts] = {}
    for node, facts in looks.items():
        if isinstance(facts, str):
            others = sum(isinstance(other, str) for other in looks.values()) - 1
            more = f" (and {counted(others, 'other node')})" if others else ""
            raise BackendError(f"--edgejson-ray: node {node.name}{more}: {facts}")
        found[node] = facts
    (where, first), *others_found = found.items()
    for node, facts in others_found:
        if facts.fingerprint != first.fingerprint:
            raise BackendError(
                f"--edgejson-ray: {name} is another model on node {node.name} than on {where.name}: its files, or the "
                "libraries that run it, differ: install the same everywhere"
            )
    if not first.is_on_gpu and not any(node.memory >= first.bytes for node in found):
        raise BackendError(
            f"--edgejson-ray: {name} takes {size(first.bytes)} of memory, more than any node of the cluster lends"
        )
    return first


def _kind(order: Order, facts: Facts) -> Kind:
    place: Place = "gpu" if facts.is_on_gpu else "cpus" if order.kind.devices else "cpu"
    return Kind(place, (order.spec.backend, order.spec.model, order.spec.revision), facts.at_once)
