"""The worker: what runs models in an actor of the cluster, one loaded at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson.backends.constraint.probe import probe
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.turns import Turns
from pytest_edgejson.backends.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.backends.cluster.orders import Order
    from pytest_edgejson.backends.interface import Completion, Request

Message: TypeAlias = "Completion | tuple[Any, ...]"
"""A completion, or one of `("up",)`, `("begin", keys)`, `("step", tokens)`, `("note", line)`, `("warn", line)`,
`("broken", model, error)` and `("end",)`, which is of a share."""

# An actor whose driver is gone is ended by Ray; whoever waits for mail still looks up now and then.
_WAIT_S = 5.0


class Mailbox(Watch):
    """Keeps what a worker has to say until it is fetched; what watches its backends."""

    def __init__(self) -> None:
        self._messages: list[Message] = [("up",)]
        self._changed = threading.Condition()

    def put(self, message: Message) -> None:
        """Leave a message."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify()

    def fetch(self) -> list[Message]:
        """Wait for messages and return all there are, if any."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages, _WAIT_S)
            messages, self._messages = self._messages, []
            return messages

    def begin(self, keys: Sequence[str]) -> None:
        """Tell which cases are under way."""
        self.put(("begin", list(keys)))

    def step(self, tokens: int) -> None:
        """Tell that there are more tokens."""
        self.put(("step", tokens))

    def note(self, line: str) -> None:
        """Tell a line for people."""
        self.put(("note", line))

    def warn(self, line: str) -> None:
        """Tell what may be a mistake."""
        self.put(("warn", line))


class Worker:
    """Answers the shares that it is given, one after the other; to be made an actor, with a thread for each method.

    Args:
        orders: the models that it may be asked for.
    """

    def __init__(self, orders: Mapping[str, Order]) -> None:
        self._mail = Mailbox()
        self._probed: set[str] = set()
        specs = {name: order.spec for name, order in orders.items()}
        self._turns = Turns(specs, lambda name: orders[name].load(isolate=True))

    def run(self, model: str, requests: Sequence[Request]) -> None:
        """Answer a share."""
        try:
            backend = self._turns.backend(model)
            backend.watch = self._mail
            held = next((request for request in requests if request.constraint is not None), None)
            if held is not None and model not in self._probed:
                probe(backend, model, held)
                self._probed.add(model)
            for completion in backend.generate(requests):
                self._mail.put(completion)
        except BackendError as error:
            self._mail.put(("broken", model, str(error)))
        self._mail.put(("end",))

    def fetch(self) -> list[Message]:
        """Wait for what there is to say and return it."""
        return self._mail.fetch()
