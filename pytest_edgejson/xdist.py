"""pytest-xdist: which worker runs which cases.

A model answers fastest when it sees all its work at once, so each worker gets one block of each model's cases, taken in
turns (every worker gets as many simple and complex ones), and generates exactly that block. Workers find their block by
the same rule as the controller, from the collected node ids alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_CASE = re.compile(r"\.jsonl::[^\[]+\[(?P<model>.+?)(?:-r\d+)?\]\Z", re.DOTALL)


def blocks(node_ids: Iterable[str], workers: int) -> dict[str, str]:
    """Return the name of the block of each case among node ids; other tests are not in it."""
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for node_id in node_ids:
        match = _CASE.search(node_id)
        if match:
            model = match["model"]
            index = counts.get(model, 0)
            counts[model] = index + 1
            found[node_id] = f"{model}#{index % workers}"
    return found


class BlockScheduling(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
    """Schedules cases by block, any other test by itself."""

    _blocks: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._blocks is None:
            collected = next(iter(self.registered_collections.values()))
            self._blocks = blocks(collected, self.numnodes)
        return self._blocks.get(nodeid, nodeid)

    def remove_node(self, node: Any) -> str | None:
        """Give what a worker had left to others, but for the test that it died of: that one has failed."""
        crashed: str | None = super().remove_node(node)
        for unit in self.workqueue.values():
            if crashed in unit:
                unit[crashed] = True
        return crashed


def make_scheduler(config: pytest.Config, log: Any) -> BlockScheduling | None:
    """Return the scheduler where xdist is free to choose one: `-n` alone, or `--dist=load`."""
    return BlockScheduling(config, log) if config.getoption("dist") == "load" else None


def tell_worker(config: pytest.Config, workerinput: dict[str, Any]) -> None:
    """Let a worker know whether its cases come in blocks: xdist hides its `--dist` from workers."""
    workerinput["edgejson_in_blocks"] = config.getoption("dist") == "load"


def is_in_blocks(config: pytest.Config) -> bool:
    """Tell whether the cases of this worker come in blocks."""
    return bool(config.workerinput["edgejson_in_blocks"])  # type: ignore[attr-defined]
