"""Units: what the numbers of metrics are, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number is.

    Attributes:
        name: for the documentation.
        is_fraction: whether it lies between 0 and 1.
        has_interval: whether a 95 % interval comes with it.
        factor: what it is multiplied by where it is shown.
        decimals: how many are shown, None for as many as there are.
        before: what is written before it.
        after: what is written after it.
        after_change: what is written after a difference of two.
    """

    name: str
    is_fraction: bool = False
    has_interval: bool = False
    factor: int = 1
    decimals: int | None = None
    before: str = ""
    after: str = ""
    after_change: str = ""


PROPORTION = Unit(
    "proportion, Wilson interval",
    is_fraction=True,
    has_interval=True,
    factor=100,
    decimals=1,
    after=" %",
    after_change=" points",
)
MEAN = Unit("mean between 0 and 1, bootstrap interval", is_fraction=True, has_interval=True, decimals=3)
TOKENS_PER_S = Unit("tokens per second", decimals=1, after=" tok/s", after_change=" tok/s")
SECONDS = Unit("seconds", decimals=3, after=" s", after_change=" s")
COUNT = Unit("number")
TOKENS = Unit("tokens", decimals=0)
MONEY = Unit("money, in the currency of the prices", decimals=4)
P_VALUE = Unit("probability", is_fraction=True, decimals=3, before="p ")
