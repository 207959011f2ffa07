"""Comparators: when a value counts as the expected one, field by field.

A field without a comparator is compared by `jsonvalue.equal`. A comparator takes values of some JSON types, and never
refuses what is equal; values of other types stay exact. Several on one field work together: `case` and `whitespace` say
what both sides are read as, and `similar`, `number` and `date` look at that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.dates import moments, moments_in, same_day

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ComparatorError(ValueError):
    """A comparator that cannot be used. The message says why and how to mend it, the caller where it stands."""


@dataclass(frozen=True, slots=True)
class Comparator:
    """One way to compare.

    Attributes:
        meaning: what counts as the expected value, for the documentation.
        types: the JSON types of the values that it compares.
        bounds: its parameters, with the least and the largest value of each.
        stands_alone: whether it can only be a field's single comparator.
        normal: what a value is read as; None where it is read as it is.
        takes: tells whether a value counts as the expected one, which it may not equal, given the parameters; None
            where only equal values do.
        stands_in: the same of what stands somewhere in a text.
    """

    meaning: str
    types: frozenset[str]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    stands_alone: bool = False
    normal: Callable[[str], str] | None = None
    takes: Callable[[Any, Any, Mapping[str, float]], bool] | None = None
    stands_in: Callable[[Any, str, Mapping[str, float]], bool] | None = None


def _is_within(expected: float, got: float, parameters: Mapping[str, float]) -> bool:
    # By what their texts say: as doubles, 1.01 is more than 0.01 away from 1.
    one, two = Decimal(repr(expected)), Decimal(repr(got))
    absolute, relative = (Decimal(repr(parameters.get(name, 0))) for name in ("absolute", "relative"))
    return abs(one - two) <= max(absolute, relative * abs(one))


def _is_same_day(expected: str, got: str, parameters: Mapping[str, float]) -> bool:
    return any(same_day(one, two) for one in moments(expected) for two in moments(got))


def _day_stands_in(expected: str, text: str, parameters: Mapping[str, float]) -> bool:
    return any(same_day(one, two) for one in moments(expected) for two in moments_in(text))


def _fuzz() -> Any:
    try:
        from rapidfuzz import fuzz
    except ImportError:
        raise ComparatorError("similar needs the package rapidfuzz: pip install 'pytest-edgejson[similar]'") from None
    return fuzz


def _is_similar(expected: str, got: str, parameters: Mapping[str, float]) -> bool:
    least = 100 * parameters["threshold"]
    return bool(_fuzz().ratio(expected, got, score_cutoff=least) >= least)


def _similar_stands_in(expected: str, text: str, parameters: Mapping[str, float]) -> bool:
    least = 100 * parameters["threshold"]
    return bool(_fuzz().partial_ratio(expected, text, score_cutoff=least) >= least)


_STRING, _NUMBER, _ARRAY = frozenset({"string"}), frozenset({"number"}), frozenset({"array"})
_ANY = frozenset({"object", "array", "string", "number", "boolean", "null"})

COMPARATORS: Mapping[str, Comparator] = {
    "exact": Comparator("equal values alone, the default", _ANY, stands_alone=True),
    "case": Comparator("the same text in upper or lower case", _STRING, normal=str.casefold),
    "whitespace": Comparator(
        "the same text, any run of whitespace taken for one space, none at its ends",
        _STRING,
        normal=lambda text: " ".join(text.split()),
    ),
    "number": Comparator(
        "a number at most `absolute`, or `relative` times the expected number, away from it, whichever is more",
        _NUMBER,
        {"absolute": (0, float("inf")), "relative": (0, float("inf"))},
        takes=_is_within,
    ),
    "date": Comparator(
        "a text that names the same day, whatever the writing and the time of day; of 03/07/2005 either reading",
        _STRING,
        takes=_is_same_day,
        stands_in=_day_stands_in,
    ),
    "similar": Comparator(
        "a text whose similarity to the expected one is `threshold` or more: twice the length of their longest common "
        "subsequence over the length of both (`rapidfuzz.fuzz.ratio` / 100)",
        _STRING,
        {"threshold": (0, 1)},
        takes=_is_similar,
        stands_in=_similar_stands_in,
    ),
    "unordered": Comparator("an array with the same items in any order", _ARRAY),
    "set": Comparator("an array with the same items in any order, any of them any number of times", _ARRAY),
    "ignored": Comparator("any value, and none: the field counts in no score", _ANY, stands_alone=True),
}
"""All comparators, in the order in which they are written down."""


@dataclass(frozen=True, slots=True)
class Use:
    """A comparator with its parameters, as a field has it."""

    name: str
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def comparator(self) -> Comparator:
        """What is used."""
        return COMPARATORS[self.name]

    def as_json(self) -> str | dict[str, dict[str, float]]:
        """Return what `read_uses` reads."""
        return {self.name: dict(self.parameters)} if self.parameters else self.name


def read_uses(given: Any) -> tuple[Use, ...]:
    """Return the comparators that a field is given: `"case"`, `{"number": {"absolute": 0.01}}`, or a list of such.

    Raises:
        ComparatorError: there is none of that name, its parameters are wrong, or it cannot stand beside another one.
    """
    uses: dict[str, Use] = {}
    for each in given if isinstance(given, list) else [given]:
        if not isinstance(each, str | dict):
            raise ComparatorError(f'{each!r} is no comparator: name one, such as "case" or {{"similar": 0.9}}')
        for name, parameters in {each: {}}.items() if isinstance(each, str) else each.items():
            if name not in COMPARATORS:
                raise ComparatorError(f"there is no comparator {name!r}: name one of {', '.join(COMPARATORS)}")
            use = Use(name, _read_parameters(name, parameters))
            if uses.setdefault(name, use) != use:
                raise ComparatorError(f"{name} is given twice, with different parameters: leave one out")
    for name in uses:
        if COMPARATORS[name].stands_alone and len(uses) > 1:
            raise ComparatorError(f"{name} cannot stand beside {', '.join(uses.keys() - {name})}: leave one out")
    if {"unordered", "set"} <= uses.keys():
        raise ComparatorError("a set has no order: leave unordered out")
    if "similar" in uses:
        _fuzz()
    return tuple(uses[name] for name in COMPARATORS if name in uses)


def _read_parameters(name: str, given: Any) -> tuple[tuple[str, float], ...]:
    bounds = COMPARATORS[name].bounds
    if isinstance(given, int | float) and not isinstance(given, bool) and len(bounds) == 1:
        given = {next(iter(bounds)): given}
    if not isinstance(given, dict):
        raise ComparatorError(f"the parameters of {name} are an object, such as {_example(name)}")
    if bool(bounds) != bool(given):
        what = f"needs {' or '.join(bounds)}" if bounds else "has no parameters"
        raise ComparatorError(f"{name} {what}: write {_example(name)}")
    for parameter, value in given.items():
        if parameter not in bounds:
            raise ComparatorError(f"{name} has no parameter {parameter!r}: write {_example(name)}")
        least, most = bounds[parameter]
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            between = f"between {least:g} and {most:g}" if most < float("inf") else f"of {least:g} or more"
            raise ComparatorError(f"{parameter} of {name} is {value!r}: write a number {between}")
    return tuple((parameter, given[parameter]) for parameter in bounds if parameter in given)


def _example(name: str) -> str:
    bounds = COMPARATORS[name].bounds
    return f'{{"{name}": {{"{next(iter(bounds))}": {0.9 if name == "similar" else 0.01}}}}}' if bounds else f'"{name}"'
