"""Turns: the models of a run one after the other, one loaded at a time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.backends.interface import Backend
    from pytest_edgejson.backends.spec import ModelSpec


class Turns:
    """Has the backend of the model whose turn it is.

    Args:
        specs: the models by name, in their order.
        load: makes the backend of a model, by its name.

    Attributes:
        model: whose turn it is; None before the first one.
        current: its backend; None before the first one.
    """

    def __init__(self, specs: Mapping[str, ModelSpec], load: Callable[[str], Backend]) -> None:
        self.model: str | None = None
        self.current: Backend | None = None
        self._specs = specs
        self._load = load
        self._ahead: dict[str, Backend] = {}

    def backend(self, model: str) -> Backend:
        """Return the backend of a model, made when first asked for; that of another model is closed.

        Raises:
            BackendError: the model cannot be had.
        """
        if model != self.model:
            former, self.model, self.current = self.current, None, None
            try:
                self.current = self._ahead.pop(model, None) or self._load(model)
                self.model = model
                self.current.take_turn(former, self._following(model))
            finally:
                if former is not None:
                    former.close()
        assert self.current is not None
        return self.current

    def _following(self, model: str) -> Backend | None:
        """Return the backend of the model whose turn comes after this one, if it is of the same kind."""
        names = iter(self._specs)
        following = next((next(names, None) for name in names if name == model), None)
        if following is None or self._specs[following].backend != self._specs[model].backend:
            return None
        # If it cannot be had, that is told in its turn.
        with suppress(BackendError):
            self._ahead = {following: self._load(following)}
        return self._ahead.get(following)

    def close(self) -> None:
        """Free the model."""
        backend, self.model, self.current = self.current, None, None
        if backend is not None:
            backend.close()
