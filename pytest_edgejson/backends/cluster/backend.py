"""A model in the actors of a cluster, as a backend."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from pytest_edgejson.backends.cluster.orders import Facts
from pytest_edgejson.backends.interface import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from pytest_edgejson.backends.cluster.orders import Order
    from pytest_edgejson.backends.interface import Completion, Constrain, Prompt, Request
    from pytest_edgejson.backends.prompt_tokens import PromptTokens
    from pytest_edgejson.backends.watch import Watch
    from pytest_edgejson.suite.cases import Case

# How long one look at what comes in may take: a deadline or Ctrl-C is heeded in between.
_LOOK_S = 0.5


class _Fleet(Protocol):
    """What a backend needs of its fleet."""

    @property
    def is_local(self) -> bool: ...

    def facts(self, model: str) -> Facts: ...

    def foresee(self, model: str, requests: Sequence[Request]) -> None: ...

    def is_done(self, model: str) -> bool: ...

    def look(self, seconds: float, keys: Collection[str] = (), watch: Watch | None = None) -> None: ...

    def taken(self) -> Iterator[Completion]: ...


class RemoteBackend(Backend):
    """Renders prompts here, and has them answered by a fleet.

    Args:
        order: the model.
        fleet: what runs it.
    """

    def __init__(self, order: Order, fleet: _Fleet) -> None:
        self._order = order
        self._fleet = fleet
        self._loaded: Backend | None = None
        self._known: Facts | None = None

    @property
    def fingerprint(self) -> str:
        """The model's where it runs."""
        return self._facts.fingerprint

    @property
    def description(self) -> Mapping[str, Any]:
        """The model's where it runs."""
        return self._facts.description

    @property
    def generates_together(self) -> bool:  # type: ignore[override]
        """Whether cases are computed together."""
        return self._facts.generates_together

    @property
    def limits_each(self) -> bool:  # type: ignore[override]
        """Whether it heeds each request's limit."""
        return self._facts.limits_each

    @property
    def constrains(self) -> bool:  # type: ignore[override]
        """Whether it holds answers to constraints."""
        return self._facts.constrains

    @property
    def case_ids(self) -> Collection[str] | None:  # type: ignore[override]
        """The cases that have answers, where no other ever does."""
        return self._here.case_ids

    @property
    def held_to(self) -> Constrain | None:  # type: ignore[override]
        """What its answers were held to when they were made, where that is over."""
        return self._here.held_to

    def render(self, case: Case) -> Prompt:
        """Return the whole of what the model is given for a case."""
        return self._here.render(case)

    def tokenize(self, prompt: Prompt) -> PromptTokens | None:
        """Return the tokens that the model is given for a prompt."""
        return self._here.tokenize(prompt)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as an answer."""
        return self._here.count_tokens(text)

    def check(self, is_needed: Callable[[], bool]) -> None:
        """Look at the cluster, where any case will be asked.

        Raises:
            BackendError: it cannot be used, or a node cannot run the model.
        """
        if not self._fleet.is_local or is_needed():
            self._fleet.facts(self._order.name)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as they come from actors: of the requests, and of what was foreseen of other models.

        Closing the iterator stops nothing; closing the fleet does.

        Raises:
            BackendError: the model cannot be loaded, its actors keep dying, or the cluster is gone.
        """
        name = self._order.name
        self._fleet.foresee(name, requests)
        keys = {request.key for request in requests}
        while not self._fleet.is_done(name):
            left_s = self.deadline - time.monotonic()
            self._fleet.look(max(0.0, min(left_s, _LOOK_S)), keys, self.watch)
            yield from self._fleet.taken()
            if self.is_over:
                return

    def close(self) -> None:
        """Free what rendering took; what runs goes on."""
        self._loaded = None

    @property
    def _here(self) -> Backend:
        """The backend in this process, which is never asked."""
        if self._loaded is None:
            self._loaded = self._order.load()
        return self._loaded

    @property
    def _facts(self) -> Facts:
        # A cluster of this machine is started only when something is asked.
        if self._known is None:
            is_local = self._fleet.is_local
            self._known = Facts.of(self._here) if is_local else self._fleet.facts(self._order.name)
        return self._known
