"""The connection to a Ray cluster: one that runs, or one of this machine alone; and what its nodes are."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LOCAL = "local"
"""The address that stands for a cluster of this machine, started for the run and ended with it."""

# Shares of requests and what comes back are all that it holds; the smallest that Ray takes is 75 MiB.
_OBJECT_STORE_BYTES = 256 * 1024**2
_CONNECT_S = 5.0
_WAIT_NOTE_S = 10.0


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster, as Ray counts it.

    Attributes:
        id: Ray's.
        name: its address.
        cpus: that actors may hold.
        gpus: likewise.
        memory: likewise, bytes.
    """

    id: str
    name: str
    cpus: float
    gpus: float
    memory: float


class Connection:
    """Ray, connected. Its usage statistics and its own lines on the terminal are off.

    Args:
        address: `HOST:PORT` of a cluster, `auto` for the one that this machine belongs to, or `LOCAL`.

    Attributes:
        ray: the library.

    Raises:
        BackendError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str) -> None:
        # What starts a local cluster reads it; one that runs has decided.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import ray
            except ImportError:
                raise BackendError("--edgejson-ray: Ray is missing: pip install 'pytest-edgejson[ray]'") from None
            self.ray: Any = ray
            self._is_own = not ray.is_initialized()
            # Nothing public keeps it from printing that a worker died, which the fleet tells itself.
            with suppress(ImportError):
                import ray._private.worker as private

                private._worker_logs_enabled = False
            if self._is_own:
                _connect(ray, address)

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive and have CPUs, in the order of their addresses."""
        found = []
        for node in self.ray.nodes():
            there = node["Resources"]
            if node["Alive"] and there.get("CPU"):
                name, cpus, gpus = node["NodeManagerAddress"], there["CPU"], there.get("GPU", 0.0)
                found.append(Node(node["NodeID"], name, cpus, gpus, there.get("memory", 0.0)))
        return sorted(found, key=lambda node: (node.name, node.id))

    def on(self, node: Node) -> Any:
        """Return the scheduling strategy that keeps something on a node."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node.id, soft=False)

    def survey(
        self, nodes: Sequence[Node], look: Callable[..., Any], *arguments: Any, gpus: bool, note: Callable[[str], None]
    ) -> dict[Node, Any]:
        """Call a function on each node and return what it returns there; a node that is gone meanwhile is left out.

        Args:
            nodes: to call it on.
            look: the function.
            arguments: its own.
            gpus: whether it is to see a GPU, where the node has one.
            note: hears what is waited for.

        Raises:
            BackendError: it breaks on a node, or this package is not there or another one.
        """
        ray = self.ray
        if not nodes:
            return {}

        def version() -> str:
            # Pickled by its value: a node that lacks the package can tell so.
            try:
                import pytest_edgejson
            except ImportError:
                return "no pytest-edgejson"
            return f"pytest-edgejson {pytest_edgejson.__version__}"

        def everywhere(function: Callable[..., Any], *given: Any) -> dict[Node, Any]:
            task = ray.remote(num_cpus=0, max_retries=0)(function)
            refs = [
                task.options(
                    num_gpus=1 if gpus and node.gpus and given else 0, scheduling_strategy=self.on(node)
                ).remote(*given)
                for node in nodes
            ]
            waiting = ray.wait(refs, num_returns=len(refs), timeout=_WAIT_NOTE_S)[1]
            if waiting:
                slow = [node.name for node, ref in zip(nodes, refs, strict=True) if ref in waiting]
                note(f"edgejson: waiting for {counted(len(slow), 'node')} of the Ray cluster: {', '.join(slow)}")
            found = {}
            for node, ref in zip(nodes, refs, strict=True):
                try:
                    found[node] = ray.get(ref)
                except ray.exceptions.TaskUnschedulableError:
                    continue
                except ray.exceptions.RayError as error:
                    if node not in self.nodes():
                        continue
                    raise BackendError(f"--edgejson-ray: node {node.name}: {reason_of(error)}") from None
            return found

        here = f"pytest-edgejson {__version__}"
        others: dict[str, list[str]] = {}
        for node, there in everywhere(version).items():
            if there != here:
                others.setdefault(there, []).append(node.name)
        for there, names in others.items():
            raise BackendError(
                f"--edgejson-ray: {plural(len(names), 'node')} {', '.join(names)} of the cluster "
                f"{plural(len(names), 'has', 'have')} {there} and this machine has {here}: install the same"
            )
        return everywhere(look, *arguments)

    def close(self) -> None:
        """Leave the cluster; end it if it was started here."""
        if self._is_own:
            self.ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    host, _, port = address.rpartition(":")
    if host:
        # Ray itself tries for minutes, and ends the process then.
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        except OSError as error:
            raise BackendError(
                f"--edgejson-ray={address}: nothing answers there ({error}): start a cluster (ray start --head), or "
                "name the address that `ray status` takes"
            ) from None
    own: Mapping[str, Any] = (
        {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False} if address == LOCAL else {}
    )
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - of many kinds, and some end the process
        with suppress(Exception):
            ray.shutdown()
        raise BackendError(f"--edgejson-ray={address}: Ray cannot be reached: {reason_of(error)}") from None


def reason_of(error: BaseException) -> str:
    """Return what an exception of Ray says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # The cause of what was raised elsewhere stands last, below its traceback.
    text = lines[-1] if "Traceback" in str(error) else " ".join(line for line in lines if not _is_detail(line))
    return text.partition(" Some common causes include")[0]


def _is_detail(line: str) -> bool:
    return line.startswith(("class_name:", "actor_id:", "pid:", "namespace:", "ip:", "name:"))
