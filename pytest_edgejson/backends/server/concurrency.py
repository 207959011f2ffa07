"""Concurrency: how many requests a server gets at once, which follows from what it says to them."""

from __future__ import annotations


class Concurrency:
    """A number that begins at its largest, is halved where the server has too much to do, and grows again.

    Args:
        most: at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(most)
        self._halved_at = 0.0

    @property
    def size(self) -> int:
        """How many requests may be under way."""
        return int(self._size)

    @property
    def is_reduced(self) -> bool:
        """Whether it is less than it was."""
        return self.size < self._most

    def shrink(self, began_s: float, now_s: float) -> None:
        """Halve it, for a request that began then and was refused now.

        Those that were under way together are refused together, which is one refusal.
        """
        if began_s >= self._halved_at:
            self._size = max(1.0, self.size / 2)
            self._halved_at = now_s

    def grow(self) -> None:
        """Let it grow by one for as many answers as there are requests at once."""
        self._size = min(self._most, self._size + 1 / self._size)
