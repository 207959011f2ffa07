"""Ray clusters of several nodes on this machine."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_BYTES = 80 * 1024**2


class Nodes:
    """A cluster whose nodes, with a CPU or more each, are processes of this machine."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    @property
    def address(self) -> str:
        address: str = self._cluster.address
        return address

    def add(self, **resources: Any) -> Any:
        return self._cluster.add_node(object_store_memory=STORE_BYTES, include_dashboard=False, **resources)

    def kill(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)


@contextmanager
def nodes(*cpus: int, **resources: Any) -> Iterator[Nodes]:
    """Start a cluster with a node for each number of CPUs."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        cluster = Cluster()
        found = Nodes(cluster)
        try:
            for count in cpus:
                found.add(num_cpus=count, **resources)
            cluster.wait_for_nodes()
            yield found
        finally:
            cluster.shutdown()


def actors_here() -> list[int]:
    """Return the processes of this machine that are actors of a fleet, but for those of another worker of xdist."""
    found = []
    own = f"PYTEST_XDIST_WORKER={os.environ.get('PYTEST_XDIST_WORKER', '')}"
    for process in Path("/proc").glob("[0-9]*"):
        # It may have ended.
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"ray::Worker"):
                variables = (process / "environ").read_bytes().decode(errors="replace").split("\0")
                if "PYTEST_XDIST_WORKER" not in os.environ or own in variables:
                    found.append(int(process.name))
    return found


def wait_for_no_actors() -> None:
    """Wait until no actor is left: Ray kills the process of an actor that it has ended a moment later."""
    wait_until(lambda: not actors_here())
