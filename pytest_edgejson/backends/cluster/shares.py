"""Shares: which requests of which model an actor gets next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_edgejson.backends.interface import Request

Place: TypeAlias = Literal["gpu", "cpus", "cpu"]
"""What an actor holds of its node: a GPU, or a part of one; all CPUs, or a part of them; one CPU."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides which actors a model goes to.

    Attributes:
        place: what an actor that runs it holds.
        base: what the model is made of: those of the same base share its weights.
        at_once: cases that it answers at once, at most.
    """

    place: Place
    base: object
    at_once: int


class Shares:
    """The requests that wait, by model, those with the longest prompts first.

    A share is half of what would be even (guided self-scheduling, Polychronopoulos and Kuck 1987): the first ones are
    large, the last ones small, so that all actors end at about the same time; and never less than what the model
    answers at once.

    Args:
        kinds: of the models by name, in their order.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._waiting: dict[str, list[Request]] = {model: [] for model in kinds}

    def add(self, model: str, requests: Iterable[Request]) -> None:
        """Let requests of a model wait."""
        waiting = self._waiting[model]
        waiting += requests
        # Taken from the end. Those that are to be generated alone come last.
        waiting.sort(key=lambda request: (not request.alone, len(request.text)))

    def drop(self, model: str) -> None:
        """Take all of a model away."""
        self._waiting[model] = []

    def wanted(self, place: Place) -> int:
        """Return how many actors of a place could be given something."""
        return sum(-(-len(self._waiting[model]) // self._kinds[model].at_once) for model in self._open(place))

    def take(self, place: Place, loaded: str | None, on: Mapping[str, int], actors: int) -> tuple[str, list[Request]]:
        """Take a share for an actor; there must be something that waits for its place.

        An actor goes on with the model that it has loaded. Then it begins with one that no other has begun with, of the
        base that it has loaded, else of the base that the fewest others have. Then it helps where most is left.

        Args:
            place: what the actor holds.
            loaded: the model that it has loaded, if any.
            on: how many actors are on each model.
            actors: how many there are of this place.
        """
        open_models = self._open(place)
        if loaded in open_models:
            model = loaded
        else:
            base = self._kinds[loaded].base if loaded is not None else None
            bases = Counter({self._kinds[each].base: count for each, count in on.items() if count})
            fresh = [each for each in open_models if not on.get(each)]
            if fresh:
                model = min(fresh, key=lambda each: (self._kinds[each].base != base, bases[self._kinds[each].base]))
            else:
                model = max(open_models, key=lambda each: self._work(each) / (on.get(each, 0) + 1))
        waiting = self._waiting[model]
        helpers = max(1.0, actors / len(open_models))
        goal = self._work(model) / (2 * helpers) if actors > 1 else float("inf")
        share: list[Request] = []
        work = 0
        while waiting and (len(share) < self._kinds[model].at_once or work < goal):
            share.append(waiting.pop())
            work += len(share[-1].text)
        return model, share

    def _open(self, place: Place) -> list[str]:
        return [model for model, waiting in self._waiting.items() if waiting and self._kinds[model].place == place]

    def _work(self, model: str) -> int:
        return sum(len(request.text) for request in self._waiting[model])
