"""Waiting for what other processes and threads do: no longer than it takes, and as long as a slow machine takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until a condition holds; fail where it does not after so many seconds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not so after {seconds:g} s"
        time.sleep(0.02)
