"""The fleet: actors on the nodes of a cluster, each with a device, that take up shares of all models' requests."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.cluster.backend import RemoteBackend
from pytest_edgejson.backends.cluster.connection import LOCAL, Connection, reason_of
from pytest_edgejson.backends.cluster.plan import make_plan
from pytest_edgejson.backends.cluster.shares import Shares
from pytest_edgejson.backends.cluster.worker import Worker
from pytest_edgejson.backends.interface import BackendError, Completion
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from pytest_edgejson.backends.cluster.connection import Node
    from pytest_edgejson.backends.cluster.orders import Facts, Order
    from pytest_edgejson.backends.cluster.plan import Plan
    from pytest_edgejson.backends.cluster.shares import Place
    from pytest_edgejson.backends.cluster.worker import Message
    from pytest_edgejson.backends.interface import Backend, Request
    from pytest_edgejson.backends.watch import Watch

# Actors that may die of a model, and that may not come up on a node.
_ATTEMPTS = 3
# An actor is given its next share before it is through with one: none of them waits for this process.
_SHARES_AHEAD = 2


@dataclass(eq=False)
class _Actor:
    """A worker on a node.

    Attributes:
        handle: Ray's.
        node: where it is.
        place: what it holds there.
        is_up: whether it has answered.
        loaded: the model of its last share.
        shares: what it has not finished, by key, of each share in order, with the share's model.
        under_way: keys of the cases that it works on.
        former: the model of which the actor in its place died, and how.
    """

    handle: Any
    node: Node
    place: Place
    former: tuple[str, str] | None
    is_up: bool = False
    loaded: str | None = None
    shares: list[tuple[str, dict[str, Request]]] = field(default_factory=list)
    under_way: Sequence[str] = ()


class Fleet:
    """Runs the models of a run on the nodes of a Ray cluster.

    Args:
        orders: the models by name, in their order.
        address: of the cluster; see `Connection`.
        per_device: actors that share a device.
        note: hears what is waited for before the first case.
    """

    def __init__(self, orders: Mapping[str, Order], address: str, per_device: int, note: Callable[[str], None]) -> None:
        self._orders = orders
        self._address = address
        self._per_device = per_device
        self._note = note
        self._backends = {name: RemoteBackend(order, self) for name, order in orders.items()}
        self._connection: Connection | None = None
        self._nodes: list[Node] = []
        self._plan: Plan
        self._shares: Shares
        self._actors: dict[tuple[str, Place, int], _Actor] = {}
        self._failures: Counter[str] = Counter()
        self._mail: dict[Any, _Actor] = {}
        self._runs: dict[Any, str] = {}
        self._asked: dict[str, str] = {}
        self._left: Counter[str] = Counter()
        self._broken: dict[str, str] = {}
        self._deaths: Counter[str] = Counter()
        self._found: deque[Completion] = deque()
        self._lines: set[str] = set()

    @property
    def is_local(self) -> bool:
        """Whether the cluster is this machine alone, so that models are there what they are here."""
        return self._address == LOCAL

    def runs(self, model: str) -> bool:
        """Tell whether it runs a model."""
        return model in self._orders

    def backend(self, model: str) -> Backend:
        """Return the backend by which a model is asked."""
        return self._backends[model]

    def facts(self, model: str) -> Facts:
        """Return what a model is where it runs; the first time, all nodes are looked at.

        Raises:
            BackendError: the cluster cannot be used, or a node cannot run the model.
        """
        if self._connection is None:
            self._connect()
        if model in self._broken:
            raise BackendError(self._broken[model])
        return self._plan.facts[model]

    def foresee(self, model: str, requests: Sequence[Request]) -> None:
        """Begin with requests of a model, but for those that were begun with before.

        Raises:
            BackendError: the model cannot be run.
        """
        if not requests:
            return
        self.facts(model)
        new = [request for request in requests if request.key not in self._asked]
        self._asked |= dict.fromkeys((request.key for request in new), model)
        self._left[model] += len(new)
        self._shares.add(model, new)

    def is_done(self, model: str) -> bool:
        """Tell whether nothing of a model is asked for any more.

        Raises:
            BackendError: the model cannot be run.
        """
        if model in self._broken:
            raise BackendError(self._broken[model])
        return not self._left[model]

    def finished(self) -> Iterator[Completion]:
        """Yield what has been finished, of any model, without waiting for more, and give actors something to do."""
        self.look(0)
        return self.taken()

    def taken(self) -> Iterator[Completion]:
        """Yield what looks have found."""
        while self._found:
            yield self._found.popleft()

    def look(self, seconds: float, keys: Collection[str] = (), watch: Watch | None = None) -> None:
        """Look for what has come in, or comes in within some time, and give actors something to do.

        Args:
            seconds: to wait at most, where nothing is there.
            keys: of the cases whose progress is of interest.
            watch: hears of it.
        """
        if self._connection is None or not self._asked:
            return
        ray = self._connection.ray
        self._man()
        self._deal()
        if watch is not None:
            watch.wait(self._describe())
        refs = [*self._mail, *self._runs]
        if seconds and refs:
            ray.wait(refs, num_returns=1, timeout=seconds)
        for ref in ray.wait(refs, num_returns=len(refs), timeout=0)[0] if refs else ():
            if ref in self._runs:
                self._end_run(ref)
                continue
            actor = self._mail.pop(ref)
            try:
                messages: list[Message] = ray.get(ref)
            except ray.exceptions.RayError as error:
                self._lose(actor, reason_of(error))
                continue
            self._mail[self._fetch(actor)] = actor
            for message in messages:
                self._hear(actor, message, keys, watch)
        self._deal()

    def close(self) -> None:
        """End all actors and leave the cluster."""
        if self._connection is None:
            return
        for actor in self._actors.values():
            self._connection.ray.kill(actor.handle)
        self._actors.clear()
        self._mail.clear()
        self._runs.clear()
        self._connection.close()
        self._connection = None

    def _connect(self) -> None:
        connection = Connection(self._address)
        try:
            self._plan = make_plan(connection, self._orders, self._per_device, self._note)
        except BaseException:
            connection.close()
            raise
        self._nodes = list(self._plan.nodes)
        self._shares = Shares(self._plan.kinds)
        self._connection = connection
        self._worker = connection.ray.remote(concurrency_groups={"work": 1, "mail": 1}, max_restarts=0)(Worker)
        self._sent = connection.ray.put(dict(self._orders))

    def _man(self) -> None:
        """Start actors where there is something for them to do, and end those that stand in their way."""
        assert self._connection is not None
        for place in dict.fromkeys(kind.place for kind in self._plan.kinds.values()):
            wanted = self._shares.wanted(place)
            if not wanted:
                continue
            for key, actor in list(self._actors.items()):
                if key[1] != place and not actor.shares and not self._shares.wanted(key[1]):
                    self._dismiss(key)
            wanted -= sum(not actor.shares for actor in self._actors.values() if actor.place == place)
            for node in self._nodes:
                count, held = self._plan.room(node, place)
                for number in range(count):
                    if wanted > 0 and (node.id, place, number) not in self._actors:
                        self._start((node.id, place, number), node, held)
                        wanted -= 1

    def _start(
        self,
        key: tuple[str, Place, int],
        node: Node,
        held: Mapping[str, float],
        former: tuple[str, str] | None = None,
    ) -> None:
        assert self._connection is not None
        options = self._worker.options(scheduling_strategy=self._connection.on(node), **held)
        handle = options.remote(self._sent)
        actor = self._actors[key] = _Actor(handle, node, key[1], former)
        self._mail[self._fetch(actor)] = actor

    def _fetch(self, actor: _Actor) -> Any:
        return actor.handle.fetch.options(concurrency_group="mail").remote()

    def _dismiss(self, key: tuple[str, Place, int]) -> None:
        assert self._connection is not None
        actor = self._actors.pop(key)
        self._mail = {ref: other for ref, other in self._mail.items() if other is not actor}
        self._connection.ray.kill(actor.handle)

    def _deal(self) -> None:
        """Give shares to the actors that have few."""
        for actor in self._actors.values():
            while actor.is_up and len(actor.shares) < _SHARES_AHEAD and self._shares.wanted(actor.place):
                if any(len(rest) > self._plan.kinds[model].at_once for model, rest in actor.shares):
                    break
                peers = [other for other in self._actors.values() if other.place == actor.place]
                on = Counter(model for other in peers for model in {model for model, _ in other.shares})
                model, share = self._shares.take(actor.place, actor.loaded, on, len(peers))
                actor.loaded = model
                actor.shares.append((model, {request.key: request for request in share}))
                self._runs[actor.handle.run.options(concurrency_group="work").remote(model, share)] = model

    def _hear(self, actor: _Actor, message: Message, keys: Collection[str], watch: Watch | None) -> None:
        match message:
            case Completion(key=key):
                for _, rest in actor.shares:
                    rest.pop(key, None)
                # What an actor finished that was given up meanwhile nobody waits for.
                if key in self._asked:
                    self._left[self._asked.pop(key)] -= 1
                    self._found.append(message)
            case ("up",):
                actor.is_up = True
                if actor.former is not None:
                    # The node is there: it was the model.
                    self._blame(*actor.former)
                    actor.former = None
            case ("end",):
                share_model, rest = actor.shares.pop(0)
                actor.under_way = ()
                if rest and share_model not in self._broken:
                    self._break(share_model, f"{share_model}: the backend ended before all cases were answered")
            case ("begin", begun):
                actor.under_way = begun
                if watch is not None:
                    under_way = {key for each in self._actors.values() for key in each.under_way if key in self._asked}
                    watch.begin([key for key in under_way if key in keys])
            case ("step", tokens):
                if watch is not None and any(key in keys for key in actor.under_way):
                    watch.step(tokens)
            case ("broken", name, error):
                self._break(name, error)
            case (("note" | "warn") as way, line):
                if watch is not None and line not in self._lines:
                    self._lines.add(line)
                    getattr(watch, way)(line)

    def _end_run(self, ref: Any) -> None:
        """Look whether a share could be run at all: what happens in it comes as messages."""
        assert self._connection is not None
        model = self._runs.pop(ref)
        ray = self._connection.ray
        try:
            ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            self._break(model, f"{model}: its worker broke: {reason_of(error)}")
        except ray.exceptions.RayError:
            # The actor is lost, which its mail tells.
            return

    def _lose(self, actor: _Actor, reason: str) -> None:
        """Let others take up what an actor had when it died, and put another one in its place."""
        (key,) = (key for key, other in self._actors.items() if other is actor)
        del self._actors[key]
        model = actor.shares[0][0] if actor.shares else None
        for name, rest in actor.shares:
            if name not in self._broken:
                self._shares.add(name, rest.values())
        if actor.is_up:
            self._failures[actor.node.id] = 0
        else:
            self._failures[actor.node.id] += 1
        alive = {node.id for node in self._connection.nodes()} if self._connection else set()
        if actor.node.id not in alive or self._failures[actor.node.id] >= _ATTEMPTS:
            self._nodes = [node for node in self._nodes if node.id != actor.node.id]
            for name in list(self._left) if not self._nodes else ():
                self._break(name, f"{name}: no node of the Ray cluster is left; of the last: {reason}")
            return
        former = (model, reason) if actor.is_up and model is not None else actor.former
        self._start(key, actor.node, self._plan.room(actor.node, actor.place)[1], former)

    def _blame(self, model: str, reason: str) -> None:
        self._deaths[model] += 1
        if self._deaths[model] >= _ATTEMPTS:
            self._break(model, f"{model}: given up after {_ATTEMPTS} actors died of it; of the last: {reason}")

    def _break(self, model: str, error: str) -> None:
        """Give a model up."""
        self._broken.setdefault(model, error)
        self._shares.drop(model)
        self._left[model] = 0
        self._asked = {key: name for key, name in self._asked.items() if name != model}

    def _describe(self) -> str:
        busy = [actor for actor in self._actors.values() if actor.shares]
        if not busy:
            return f"{counted(len(self._actors), 'actor')} of Ray come up"
        models = len({model for actor in busy for model, _ in actor.shares})
        return f"{counted(len(busy), 'actor')} of Ray at work on {counted(models, 'model')}"
