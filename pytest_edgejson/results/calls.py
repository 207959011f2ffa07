"""Function calls: whether the right functions were called with the right parameters.

By the rules of the Berkeley Function Calling Leaderboard (S. Patil et al., "The Berkeley Function Calling Leaderboard",
2024, `ast_checker`): the calls are as many as expected, in any order; each has the function's name, every parameter
that is expected and none that is not, each with an accepted value; strings are compared without case, spaces and the
characters `,./-_*^` and quotes; a parameter that may be left out has `""` among its accepted values. `[]` is no call.
Accepted values and comparators are those of the case and its suite, for the argument of one call, of any call
(`[].arguments.unit`) or a part of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_edgejson.results.result import rule_of
from pytest_edgejson.values.agreement import agree, counted, read_rule
from pytest_edgejson.values.jsonvalue import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.values.agreement import Rule

_MEANINGLESS = re.compile(r"[ ,./\-_*^'\"]")


def has_calls(results: Iterable[Result]) -> bool:
    """Tell whether results are of a suite that expects calls: arrays of objects with `name` and `arguments`."""
    return all(
        isinstance(result["expected_output"], list) and all(map(_is_call, result["expected_output"]))
        for result in results
    )


def _is_call(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("arguments"), dict)


def _normal(value: Any) -> Any:
    if isinstance(value, str):
        return _MEANINGLESS.sub("", value).lower()
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    return [_normal(item) for item in value] if isinstance(value, list) else value


def _as_it_is(value: Any) -> Any:
    return value


class _Expected:
    """An expected call.

    Attributes:
        name: of the function.
        arguments: by parameter.
    """

    def __init__(self, call: Mapping[str, Any], rules: Iterable[Rule | None]) -> None:
        self.name: str = call["name"]
        self.arguments: Mapping[str, Any] = call["arguments"]
        # By the letter, and without what means nothing.
        self._ways = list(zip(rules, (_as_it_is, _normal), strict=True))

    def takes(self, parameter: str, value: Any) -> bool:
        """Tell whether a parameter may have a value, or with `ABSENT` whether it may be left out."""
        for rule, read in self._ways:
            inner = rule and rule.at(parameter)
            expected = self.arguments.get(parameter, ABSENT)
            if inner is not None and inner.has("ignored"):
                return True
            one, two = (each if each is ABSENT or inner is None else counted(each, inner) for each in (expected, value))
            if agree(read(one), read(two), inner):
                return True
        return False

    def right(self, got: Any) -> int:
        """Count the parameters of a call that are right; one that need not be there counts in nothing."""
        if not _is_call(got) or got["name"] != self.name:
            return 0
        return sum(name in self.arguments and self.takes(name, value) for name, value in got["arguments"].items())

    def is_exact(self, got: Any) -> bool:
        if not _is_call(got) or got["name"] != self.name or got.keys() != {"name", "arguments"}:
            return False
        given = got["arguments"]
        return all(self.takes(name, given.get(name, ABSENT)) for name in {**self.arguments, **given})

    def free(self, got: Any) -> int:
        """Count the accepted parameters of a call that are not expected."""
        if not _is_call(got) or got["name"] != self.name:
            return 0
        return sum(name not in self.arguments and self.takes(name, value) for name, value in got["arguments"].items())


def _calls(result: Result) -> tuple[list[_Expected], list[Any] | None]:
    # An empty text says that a parameter may be left out, which one of meaningless characters does not.
    accept = {
        place: [_normal(value) or value for value in values] for place, values in result.get("accept", {}).items()
    }
    rules = rule_of(result), read_rule(result.get("comparators", {}), accept)
    expected = [
        _Expected(call, [rule and _arguments(rule, place) for rule in rules])
        for place, call in enumerate(result["expected_output"])
    ]
    value = result["value"]
    return expected, value if isinstance(value, list) else None


def _arguments(rule: Rule, place: int) -> Rule | None:
    call = rule.at(place)
    return call and call.at("arguments")


def _pairs(expected: list[_Expected], got: list[Any]) -> list[tuple[_Expected, Any]]:
    """Return which call is meant by which: as many exact ones as possible, then as many right parameters."""
    if not expected or not got:
        return []
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    worth = np.array([[1000 * one.is_exact(other) + one.right(other) for other in got] for one in expected])
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(expected[row], got[column]) for row, column in zip(rows, columns, strict=True)]


def is_exact(result: Result) -> float:
    """Tell whether all calls are right, and there is no other one."""
    expected, got = _calls(result)
    if got is None or len(got) != len(expected):
        return 0.0
    return float(all(one.is_exact(other) for one, other in _pairs(expected, got)))


def param_f1(result: Result) -> float:
    """Return the F1 of the parameters: 1 where no call is expected and none given, 0 where no array was found."""
    expected, got = _calls(result)
    if got is None:
        return 0.0
    if not expected and not got:
        return 1.0
    pairs = _pairs(expected, got)
    right = sum(one.right(other) for one, other in pairs)
    free = sum(one.free(other) for one, other in pairs)
    given = sum(len(call["arguments"]) for call in got if _is_call(call)) - free
    both = sum(len(one.arguments) for one in expected) + given
    # Functions without parameters.
    return 2 * right / both if both else is_exact(result)
