"""pytest-xdist: which worker runs which cases, on which device.

A model answers fastest when it sees all its work at once, so each worker gets one block of each model's cases, taken in
turns (every worker gets as many simple and complex ones), and generates exactly that block. Workers find their block by
the same rule as the controller, from the collected node ids alone.

A model that runs in process uses its device whole, so each worker needs one of its own; models behind a server,
recordings and controls need none.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import parse_tx_spec_config

from pytest_edgejson.backends.devices import Device
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.plugin.node_ids import model_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_edgejson.backends.interface import BackendType
    from pytest_edgejson.backends.spec import ModelSpec


def blocks(node_ids: Iterable[str], models: Collection[str], workers: int) -> dict[str, str]:
    """Return the name of the block of each case of the models among node ids; other tests are not in it."""
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for node_id in node_ids:
        model = model_of(node_id, models)
        if model is not None:
            index = counts.get(model, 0)
            counts[model] = index + 1
            found[node_id] = f"{model}#{index % workers}"
    return found


class _Positions(list[str]):
    """Node ids that know their positions: xdist looks each of them up in the list."""

    def __init__(self, node_ids: Iterable[str]) -> None:
        super().__init__(node_ids)
        self._positions = {node_id: position for position, node_id in enumerate(self)}

    def index(self, node_id: str, *_: Any) -> int:
        """Return the position of a node id."""
        return self._positions[node_id]


class BlockScheduling(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
    """Schedules cases by block, any other test by itself."""

    models: Collection[str] = ()
    _blocks: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._blocks is None:
            collected = next(iter(self.registered_collections.values()))
            self._blocks = blocks(collected, self.models, self.numnodes)
        return self._blocks.get(nodeid, nodeid)

    def add_node_collection(self, node: Any, collection: Iterable[str]) -> None:
        """Take in what a worker has collected."""
        super().add_node_collection(node, _Positions(collection))

    def _pending_of(self, workload: Any) -> int:
        # xdist counts all cases of a block whenever one ends, to know whether two or three are left: the last ones.
        pending = (done for unit in reversed(workload.values()) for done in reversed(unit.values()) if not done)
        return len(list(itertools.islice(pending, 3)))

    def remove_node(self, node: Any) -> str | None:
        """Give what a worker had left to others, but for the test that it died of: that one has failed."""
        left = self.assigned_work[node]
        pending = [(unit, test) for unit in left.values() for test, done in unit.items() if not done]
        crashed = None
        if pending:
            unit, crashed = pending[0]
            # Before others are given what is left: it may be this unit.
            unit[crashed] = True
        # What is done is not given to them, as xdist would: a worker that gets nothing to run waits for more forever.
        self.assigned_work[node] = {scope: unit for scope, unit in left.items() if not all(unit.values())}
        super().remove_node(node)
        return crashed


def make_scheduler(config: pytest.Config, log: Any, models: Collection[str]) -> BlockScheduling | None:
    """Return the scheduler of the models' cases where xdist is free to choose one: `-n` alone, or `--dist=load`."""
    if config.getoption("dist") != "load":
        return None
    # Ordered by size, blocks of several models would mix: those of one model differ by a case.
    config.option.loadscopereorder = False
    scheduler = BlockScheduling(config, log)
    scheduler.models = models
    return scheduler


def devices_by_backend(
    specs: Iterable[ModelSpec], named: tuple[str, ...] | None, backends: Mapping[str, BackendType]
) -> dict[str, tuple[str, ...]]:
    """Return the devices of each backend that runs models in process: those named, else all there are.

    Args:
        specs: the models of a run. Backends that need no device are not in the answer.
        named: what `--edgejson-device` names.
        backends: the kinds of backends there are, by prefix.
    """
    used = {spec.backend: backends[spec.backend] for spec in specs if spec.backend in backends}
    return {prefix: named or kind.devices() for prefix, kind in used.items() if kind.devices is not None}


def auto_workers(
    specs: Iterable[ModelSpec], named: tuple[str, ...] | None, backends: Mapping[str, BackendType]
) -> int | None:
    """Return what `-n auto` means: as many workers as devices; None where no model needs one, to let xdist decide.

    `PYTEST_XDIST_AUTO_NUM_WORKERS` is an upper bound: it may be set for every run of a machine, also for those that
    have fewer devices.
    """
    found = devices_by_backend(specs, named, backends)
    if not found:
        return None
    count = min(map(len, found.values()))
    limit = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", "")
    return min(count, int(limit)) if limit.isdecimal() else count


class Workers:
    """The workers of a run, on the controller: each has a place, and by it a device of each backend that needs one.

    Args:
        config: pytest's, of a run that distributes.
        specs: the models by name.
        named: what `--edgejson-device` names.
        backends: the kinds of backends there are, by prefix.

    Attributes:
        devices: of the workers, in the order of their places, by backend.

    Raises:
        pytest.UsageError: a model that runs in process has fewer devices than there are workers, or one is not there;
            or `--dist=each`.
    """

    def __init__(
        self,
        config: pytest.Config,
        specs: Mapping[str, ModelSpec],
        named: tuple[str, ...] | None,
        backends: Mapping[str, BackendType],
    ) -> None:
        self._dist: str = config.getoption("dist")
        if self._dist == "each":
            raise pytest.UsageError("--dist=each would run every case once per worker: use --dist=load, or -n alone")
        count = len(parse_tx_spec_config(config))
        self.devices: dict[str, tuple[str, ...]] = {}
        for backend, there in devices_by_backend(specs.values(), named, backends).items():
            models = [name for name, spec in specs.items() if spec.backend == backend]
            if count > len(there):
                flag = f"-n {count}" if config.getoption("numprocesses") else f"--tx for {count} workers"
                raise pytest.UsageError(_too_many(flag, count, there, models))
            self.devices[backend] = there[:count]
            try:
                for device in self.devices[backend]:
                    Device.choose(device, models[0])
            except BackendError as error:
                raise pytest.UsageError(str(error)) from None
        self._free = list(reversed(range(count)))
        self._taken: dict[Any, int] = {}

    def header(self) -> list[str]:
        """Return the lines for the head of pytest's output: devices, and cases that are not generated together."""
        lines = [f"edgejson: workers on {', '.join(devices)}" for devices in dict.fromkeys(self.devices.values())]
        if self.devices and self._dist != "load":
            lines.append(
                f"edgejson: --dist={self._dist} hands out cases one by one, and each is generated alone: leave --dist "
                "out to generate them together"
            )
        return lines

    def start(self, node: Any) -> None:
        """Tell a worker, before it starts, how cases are shared out (xdist hides `--dist` from it) and its devices."""
        # The place freed last is that of the worker that died: one that ended may hold its device for a moment.
        place = self._taken[node] = self._free.pop()
        node.workerinput["edgejson_in_blocks"] = self._dist == "load"
        node.workerinput["edgejson_devices"] = {backend: there[place] for backend, there in self.devices.items()}

    def end(self, node: Any) -> None:
        """Take the place of a worker back, for the one that may replace it. A worker may be reported more than once."""
        if node in self._taken:
            self._free.append(self._taken.pop(node))


def _too_many(flag: str, count: int, devices: tuple[str, ...], models: list[str]) -> str:
    option, number = flag.partition(" ")[0], len(devices)
    there = f"there is 1 device ({devices[0]})" if number == 1 else f"there are {number} devices ({', '.join(devices)})"
    whose = f"model {models[0]}, which uses" if len(models) == 1 else f"models {', '.join(models)}, each of which uses"
    what = ("all its cores" if devices == ("cpu",) else "the whole of it") if number == 1 else "the whole of each"
    fix = f"leave {option} out" if number == 1 else f"use -n {number}"
    more = ",".join(itertools.islice(itertools.cycle(devices), count))
    return f"{flag}: {there} for {whose} {what} already: {fix}, or name as many devices, --edgejson-device={more}"


def is_in_blocks(config: pytest.Config) -> bool:
    """Tell whether the cases of this worker come in blocks."""
    return bool(config.workerinput["edgejson_in_blocks"])  # type: ignore[attr-defined]
