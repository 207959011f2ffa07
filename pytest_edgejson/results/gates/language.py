"""The language of gates: `METRIC[SLICE] COMPARISON BOUND`, such as `json_exact[simple]>=baseline-0.02`.

    gate       = (metric | function "(" metric ")") comparison bound
    metric     = NAME [ "[" slice "]" ]
    function   = "lower" | "upper" | "worst_schema" | "worst_slice" | "worst_complexity"
    comparison = ">=" | ">" | "<=" | "<" | "=="
    bound      = number | "baseline" [ ("+" | "-" | "*") number ]
    number     = digits [ "." digits ] [ "%" ]

What a slice may name depends on the suite, which is not known here; `slices.select` says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, cast, get_args

from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.results.units import COUNT, MONEY, TOKENS
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_edgejson.results.metric import Metric

Function: TypeAlias = Literal["lower", "upper", "worst_schema", "worst_slice", "worst_complexity"]
Comparison: TypeAlias = Literal[">=", ">", "<=", "<", "=="]

FUNCTIONS: tuple[Function, ...] = get_args(Function)

# Fractions such as 0.7 - 0.02 are not exact: what is nearer than this is equal.
_TOLERANCE = 1e-9

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_COMPARISON = re.compile(r">=|<=|==|>|<")
_SLIP = re.compile(r"=>|=<|!=|=")
_MEANT = {"=>": ">=", "=<": "<=", "=": "=="}


class GateError(ValueError):
    """A gate that cannot be understood. The message is what is wrong, the gate, and a caret under the place.

    Attributes:
        message: what is wrong, in one line.
        text: the gate.
        position: the 0-based character it is about.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        self.message = message
        self.text = text
        self.position = position
        # Character by character, so that the caret stays under its place.
        shown = "".join(character if character.isprintable() else "?" for character in text)
        super().__init__(f"{message}\n  {shown}\n  {' ' * position}^")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a metric is compared with: `factor` times the baseline's value, plus `offset`.

    Attributes:
        offset: a number in the metric's unit.
        factor: 0 where there is no baseline in it.
    """

    offset: float
    factor: float = 0.0

    def value(self, baseline: float) -> float:
        """Return the number to compare with, given the baseline's value."""
        return self.factor * baseline + self.offset


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition on one metric.

    Attributes:
        text: as typed.
        metric: what is measured.
        function: what is taken of it: an end of its interval, or its worst value over schemas or complexities.
        slice: the cases it is measured on, None for all.
        slice_position: where in the text the slice stands, for messages.
        comparison: how it is compared.
        bound: with what.
    """

    text: str
    metric: Metric
    function: Function | None
    slice: str | None
    slice_position: int
    comparison: Comparison
    bound: Bound

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares with a baseline."""
        return self.bound.factor != 0 or self.metric.of == "changes"

    @property
    def needs_same_repeats(self) -> bool:
        """Whether it compares sums, or cases whose answers all pass: more answers to a case alone change both."""
        return self.needs_baseline and (self.metric.of == "changes" or self.metric.unit in (COUNT, MONEY, TOKENS))

    def holds(self, value: float, bound: float) -> bool:
        """Compare; numbers nearer than 1e-9 are equal."""
        near = abs(value - bound) <= _TOLERANCE
        if self.comparison == "==":
            return near
        above = value > bound
        strict = above if self.comparison.startswith(">") else not above
        return (strict and not near) or (near and self.comparison.endswith("="))


def parse_gate(text: str) -> Gate:
    """Read a gate.

    Raises:
        GateError: it is none.
    """
    return _Parser(text.strip()).gate()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        raise GateError(message, self.text, self.at if position is None else position)

    def skip(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def take(self, pattern: re.Pattern[str]) -> str | None:
        self.skip()
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def take_sign(self, signs: str) -> str | None:
        self.skip()
        sign = self.text[self.at : self.at + 1]
        if not sign or sign not in signs:
            return None
        self.at += 1
        return sign

    def gate(self) -> Gate:
        function, metric, name, position = self.measured()
        comparison = self.comparison()
        bound = self.bound(metric)
        self.skip()
        if self.at < len(self.text):
            self.fail("a gate ends after its bound: give each gate an option of its own")
        return Gate(self.text, metric, function, name, position, comparison, bound)

    def measured(self) -> tuple[Function | None, Metric, str | None, int]:
        self.skip()
        start = self.at
        word = self.name("a metric")
        function: Function | None = None
        if self.take_sign("("):
            if word in METRICS:
                self.fail(f"a slice stands in brackets: {word}[simple]", self.at - 1)
            if word not in FUNCTIONS:
                self.fail(_unknown("function", word, FUNCTIONS), start)
            function = word
            self.skip()
            start = self.at
            word = self.name("a metric")
        elif word in FUNCTIONS:
            self.fail(f"{word} is a function of a metric: {word}(json_exact)", start)
        if word not in METRICS:
            self.fail(_unknown("metric", word, METRICS), start)
        metric = METRICS[word]
        if function in ("lower", "upper") and not metric.unit.has_interval:
            self.fail(f"{word} has no interval: {function} takes a proportion or a mean, such as json_exact", start)
        name, position = self.slice()
        if function is not None and not self.take_sign(")"):
            self.fail("a closing ) is missing")
        return function, metric, name, position

    def name(self, what: str) -> str:
        word = self.take(_NAME)
        if word is None:
            self.fail(f"{what} is missing: {', '.join(METRICS)}")
        return word

    def slice(self) -> tuple[str | None, int]:
        if not self.take_sign("["):
            return None, self.at
        opened = self.at - 1
        end = self.text.find("]", self.at)
        if end < 0:
            self.fail("a closing ] is missing", opened)
        self.skip()
        position = self.at
        name = self.text[position:end].strip()
        if not name:
            self.fail("the slice is empty: name a complexity, a schema or KEY=VALUE of the metadata", position)
        self.at = end + 1
        return name, position

    def comparison(self) -> Comparison:
        found = self.take(_COMPARISON)
        if found is None:
            start = self.at
            slip = self.take(_SLIP)
            hint = f"; write {_MEANT[slip]} rather than {slip}" if slip in _MEANT else ""
            self.fail(f"a comparison is missing: >=, >, <=, < or =={hint}", start)
        return cast("Comparison", found)

    def bound(self, metric: Metric) -> Bound:
        self.skip()
        start = self.at
        word = self.take(_NAME)
        if word is None:
            return Bound(self.fraction(metric))
        if word != "baseline":
            self.fail(
                f"a bound is a number, a percentage, or baseline, baseline-0.02, baseline*0.95, not {word!r}", start
            )
        if metric.of == "changes":
            self.fail(f"{metric.name} is made of the baseline already: compare with a number", start)
        sign = self.take_sign("+-*")
        if sign is None:
            return Bound(0.0, 1.0)
        start = self.at
        if sign == "*":
            factor, _ = self.number()
            if factor == 0:
                self.fail("0 times the baseline compares with nothing of it: write 0", start)
            return Bound(0.0, factor)
        offset = self.fraction(metric)
        return Bound(offset if sign == "+" else -offset, 1.0)

    def fraction(self, metric: Metric) -> float:
        self.skip()
        start = self.at
        number, is_percentage = self.number()
        if metric.unit.is_fraction and number > 1:
            is_slip = metric.unit.has_interval and not is_percentage
            hint = f": write {number / 100:g} or {number:g}%" if is_slip else ""
            self.fail(f"{metric.name} lies between 0 and 1{hint}", start)
        if is_percentage and not metric.unit.has_interval:
            self.fail(f"{metric.name} is no proportion: write a number, or baseline*0.95", start)
        return number

    def number(self) -> tuple[float, bool]:
        digits = self.take(_NUMBER)
        if digits is None:
            self.fail("a number is missing: 0.55 or 55%, or baseline, baseline-0.02, baseline*0.95")
        is_percentage = self.take_sign("%") is not None
        return float(digits) / (100 if is_percentage else 1), is_percentage


def _unknown(kind: str, word: str, known: Iterable[str]) -> str:
    known = list(known)
    return f"unknown {kind} {word!r}: {did_you_mean(word, known)}there are: {', '.join(known)}"
