"""Metrics of suites of intents, and of function calls."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pytest_edgejson.results.calls import is_exact, param_f1
from pytest_edgejson.results.intents import confusions
from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.values.jsonvalue import ABSENT


def result(expected: Any, value: Any, case_id: str = "a", **more: Any) -> Any:
    return {
        "case_id": case_id,
        "repeat": 1,
        "finish_reason": "stop",
        "expected_output": expected,
        "value": value,
        **more,
    }


def intent(name: str, **slots: Any) -> dict[str, Any]:
    return {"intent": name, "slots": slots}


ANSWERS = [
    result(expected, value, str(number))
    for number, (expected, value) in enumerate(
        [
            (intent("play", song="Misty"), intent("play", song="Misty")),
            (intent("play", song="Creep", artist="Radiohead"), intent("play", song="Creep", artist="Prince")),
            (intent("stop"), intent("play", song="Misty")),
            (intent("out_of_scope"), intent("out_of_scope")),
            (intent("out_of_scope"), intent("stop")),
            (intent("call", person="Ingrid"), None),
            (intent("call", person="Kenji"), {"intent": ["call"], "slots": "Kenji"}),
        ]
    )
]


def measured(name: str, answers: list[Any]) -> float:
    found = METRICS[name].measure(answers, "default")
    assert found is not None
    assert found.interval is not None
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1
    return found.value


def f1_of(name: str) -> float:
    """F1 of an intent, by the book."""
    pairs = [(each["expected_output"]["intent"], (each["value"] or {}).get("intent")) for each in ANSWERS]
    right = sum(one == other == name for one, other in pairs)
    return 2 * right / (sum(one == name for one, _ in pairs) + sum(other == name for _, other in pairs))


def test_intents_are_measured_as_defined() -> None:
    assert measured("intent_accuracy", ANSWERS) == 3 / 7
    assert measured("oos_recall", ANSWERS) == 1 / 2
    assert METRICS["oos_recall"].measure(ANSWERS, "default").n == 2  # type: ignore[union-attr]
    names = ("play", "stop", "out_of_scope", "call")
    assert measured("macro_f1", ANSWERS) == pytest.approx(sum(map(f1_of, names)) / len(names))
    # Of five expected and four given slots two are right.
    assert measured("slot_f1", ANSWERS) == pytest.approx(2 * 2 / (5 + 4))


def test_what_was_taken_for_what() -> None:
    found = confusions(ANSWERS, "intent")
    assert Counter(found) == {
        ("call", ""): 1,
        ("call", "['call']"): 1,
        ("out_of_scope", "stop"): 1,
        ("stop", "play"): 1,
    }


@pytest.mark.parametrize("name", ["intent_accuracy", "macro_f1", "oos_recall", "slot_f1", "function_exact", "param_f1"])
def test_other_suites_have_no_such_metrics(name: str) -> None:
    assert METRICS[name].measure([result({"name": "Ada"}, {"name": "Ada"})], "default") is None


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


LIGHT, HEAT = call("light", room="hall", state="on"), call("heat", room="study", degrees=20)


@pytest.mark.parametrize(
    ("expected", "value", "exact", "f1"),
    [
        ([LIGHT], [LIGHT], 1, 1),
        ([LIGHT, HEAT], [HEAT, LIGHT], 1, 1),
        ([LIGHT], [call("light", room=" Hall.", state="ON")], 1, 1),
        ([HEAT], [call("heat", room="study", degrees=20.0)], 1, 1),
        ([HEAT], [call("heat", room="study", degrees="20")], 0, 0.5),
        ([LIGHT], [call("lights", room="hall", state="on")], 0, 0),
        ([LIGHT], [call("light", room="hall")], 0, 2 / 3),
        ([LIGHT], [call("light", room="hall", state="on", color="red")], 0, 4 / 5),
        ([LIGHT], [LIGHT, HEAT], 0, 2 * 2 / (2 + 4)),
        ([LIGHT, HEAT], [LIGHT], 0, 2 * 2 / (4 + 2)),
        ([LIGHT, LIGHT], [LIGHT, HEAT], 0, 1 / 2),
        ([], [], 1, 1),
        ([], [LIGHT], 0, 0),
        ([LIGHT], [], 0, 0),
        ([], None, 0, 0),
        ([LIGHT], LIGHT, 0, 0),
        ([LIGHT], ["light", {"name": "light"}, 3], 0, 0),
        ([call("stop")], [call("stop")], 1, 1),
        ([call("stop")], [call("start")], 0, 0),
    ],
)
def test_calls_by_the_rules_of_bfcl(expected: Any, value: Any, exact: float, f1: float) -> None:
    answer = result(expected, value)
    assert is_exact(answer) == exact
    assert param_f1(answer) == pytest.approx(f1)


def test_accepted_values_count_and_may_be_left_out() -> None:
    accept = {"[0].arguments.unit": ["celsius"], "[0].arguments.room": ["corridor", ""]}
    for value, exact, f1 in (
        (call("heat", room="hall", degrees=20), 1, 1),
        (call("heat", room="hall", degrees=20, unit="celsius"), 1, 1),
        (call("heat", room="corridor", degrees=20), 1, 1),
        (call("heat", degrees=20), 1, 2 / 3),
        (call("heat", room="hall", degrees=20, unit="kelvin"), 0, 4 / 5),
    ):
        answer = result([call("heat", room="hall", degrees=20)], [value], accept=accept)
        assert is_exact(answer) == exact, value
        assert param_f1(answer) == pytest.approx(f1), value


@pytest.mark.parametrize(
    ("said", "argument", "exact"),
    [
        ({"accept": {"[].arguments.room": ["corridor"]}}, {"room": "Corridor."}, True),
        ({"accept": {"[1].arguments.room": ["corridor"]}}, {"room": "corridor"}, True),
        ({"accept": {"[0].arguments.room": ["corridor"]}}, {"room": "corridor"}, False),
        ({"accept": {'[].arguments["room"]': [""]}}, {}, True),
        # A text of which nothing is left is none that lets a parameter out.
        ({"accept": {"[].arguments.room": ["-"]}}, {}, False),
        ({"accept": {"[].arguments.when.day": ["Monday"]}}, {"when": {"day": "monday"}}, True),
        ({"accept": {"[].arguments.when.day": ["Monday"]}}, {"when": {"day": "friday"}}, False),
        ({"comparators": {"[].arguments.degrees": [{"number": {"absolute": 1}}]}}, {"degrees": 21}, True),
        ({"comparators": {"[].arguments.degrees": ["ignored"]}}, {"degrees": ABSENT}, True),
        ({}, {"degrees": 21}, False),
    ],
)
def test_accepted_values_and_comparators_of_parallel_calls(said: Any, argument: dict[str, Any], exact: bool) -> None:
    second = {"room": "hall", "degrees": 20, "when": {"day": "sunday"}}
    given = {**second, **argument} if argument else {"degrees": 20, "when": {"day": "sunday"}}
    given = {name: value for name, value in given.items() if value is not ABSENT}
    answer = result([LIGHT, call("heat", **second)], [LIGHT, call("heat", **given)], **said)
    assert is_exact(answer) == exact
    assert (param_f1(answer) == 1) == (exact and given.keys() == second.keys())
