"""Where the points of a run went: JSONExact as it stands, and under other conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.results.beside_v3 import told, v3_object
from pytest_edgejson.results.metric import Estimate
from pytest_edgejson.results.result import expected_of, is_right, own_marks, roots_of, rule_of
from pytest_edgejson.results.statistics import proportion_interval
from pytest_edgejson.scoring.extraction import extract, without_thoughts
from pytest_edgejson.scoring.search import OBJECT
from pytest_edgejson.scoring.thoughts import Marks
from pytest_edgejson.values.agreement import agree, counted
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import ABSENT, equal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.kinds import Policy
    from pytest_edgejson.values.agreement import Rule

# A brace that begins an object, unlike the one of "the set {x, y}".
_OBJECT = re.compile(r'\{\s*(?:"|\Z)')
_VALUE = re.compile(r'[\[{]\s*(?:["\[{\d]|\Z)')


@dataclass(frozen=True, slots=True)
class Points:
    """JSONExact under one condition.

    Attributes:
        condition: `as it stands`, `strict`, `lenient`, `v3 extractor`, `finished` or `sound labels`.
        n: answers that count.
        right: exact ones of them.
        json_exact: the proportion with its Wilson interval, None without answers.
        gained: cases that are exact under this condition and not as it stands.
        lost: the other way round.
        left_out: answers that count as it stands and not under this condition.
    """

    condition: str
    n: int
    right: int
    json_exact: Estimate | None
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def measure_points(answers: Sequence[Result]) -> tuple[Points, ...]:
    """Return where the points went: the first is JSONExact as it stands, the last on the cases that no audit marks."""
    policies = {result["extraction"]["policy"] for result in answers}
    conditions: dict[str, Callable[[Result], bool]] = {"strict": lambda result: _is_exact_under(result, "strict")}
    if "strict" in policies:
        conditions["lenient"] = lambda result: _is_exact_under(result, "lenient")
    conditions["v3 extractor"] = _is_exact_in_v3
    conditions["finished"] = lambda result: result["json_exact"] or could_be_exact(result)
    first = _points_of("as it stands", answers, lambda result: result["json_exact"])
    sound = [result for result in answers if not result["suspect"]]
    last = _points_of("sound labels", sound, lambda result: result["json_exact"])
    return (
        first,
        *(_points_of(name, answers, holds) for name, holds in conditions.items()),
        replace(last, left_out=tuple(told(result) for result in answers if result["suspect"])),
    )


def _points_of(condition: str, answers: Sequence[Result], holds: Callable[[Result], bool]) -> Points:
    verdicts = [(result, bool(holds(result))) for result in answers]
    right = sum(verdict for _, verdict in verdicts)
    interval = proportion_interval(right, len(answers))
    return Points(
        condition,
        len(answers),
        right,
        None if interval is None else Estimate(right / len(answers), interval),
        gained=tuple(told(result) for result, verdict in verdicts if verdict and not result["json_exact"]),
        lost=tuple(told(result) for result, verdict in verdicts if not verdict and result["json_exact"]),
    )


def _is_exact_under(result: Result, policy: Policy) -> bool:
    found = extract(result["output"], policy, thoughts=Marks(own_marks(result)), roots=roots_of(result))
    return found.is_found and is_right(result, found.value)


def _is_exact_in_v3(result: Result) -> bool:
    found = v3_object(result["output"])
    return found is not None and is_right(result, found)


def could_be_exact(result: Result) -> bool:
    """Tell whether an answer that was cut off agrees with the expected output as far as it goes.

    Every complete member must be right and in its place, every array that had closed must be whole. The scalar that was
    being written when the limit came is not looked at, so that this is an upper bound.
    """
    if result["finish_reason"] != "length" or result["failure"] == "loop":
        return False
    output, _ = without_thoughts(result["output"], Marks(own_marks(result)))
    position = 0
    begins = _OBJECT if roots_of(result) == OBJECT else _VALUE
    while match := begins.search(output, position):
        try:
            _, position = decode(output, match.start())
        except MalformedError as error:
            # What is malformed otherwise stays so, however it would have ended.
            return isinstance(error.partial, dict | list) and _agrees(
                expected_of(result), error.partial, error.open_path, rule_of(result)
            )
    # Cut off before an object began, as inside a thought: nothing speaks against it.
    return bool(result["failure"] == "truncated")


def _agrees(expected: Any, partial: Any, open_path: tuple[str | int, ...], rule: Rule | None) -> bool:
    for step in (*open_path, None):
        # Where the rest could make up for what is there, nothing speaks against it.
        if rule is not None and (rule.has("ignored") or rule.accepted):
            return True
        may_repeat = rule is not None and rule.has("set") and bool(expected)
        is_longer = isinstance(partial, list) and type(expected) is list and len(partial) > len(expected)
        if type(expected) is not type(partial) or (is_longer and not may_repeat):
            return False
        if rule is not None and rule.is_unordered:
            return True
        for each in partial if isinstance(partial, dict) else range(len(partial)):
            inner = rule and rule.at(each)
            if each != step and not _is_right(_at(expected, each), partial[each], inner):
                return False
        if step is not None:
            expected, partial, rule = _at(expected, step), partial[step], rule and rule.at(step)
    return True


def _at(value: Any, step: Any) -> Any:
    return value[step] if isinstance(value, list) else value.get(step, ABSENT)


def _is_right(expected: Any, got: Any, rule: Rule | None) -> bool:
    if rule is None:
        return equal(expected, got)
    return rule.has("ignored") or agree(expected, counted(got, rule), rule)
