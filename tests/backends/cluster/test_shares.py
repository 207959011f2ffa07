"""Shares: which requests of which model an actor gets next."""

from __future__ import annotations

from pytest_edgejson.backends.cluster.shares import Kind, Shares
from pytest_edgejson.backends.interface import Request
from pytest_edgejson.suite.cases import Case


def requests(model: str, *lengths: int, alone: bool = False) -> list[Request]:
    case = Case("case", "schema", "simple", "", {})
    return [Request(f"{model} {number}", "x" * length, case, alone=alone) for number, length in enumerate(lengths)]


def lengths(share: list[Request]) -> list[int]:
    return [len(request.text) for request in share]


def test_a_single_actor_gets_all_of_a_model_the_longest_first_and_those_alone_last() -> None:
    shares = Shares({"a": Kind("cpus", "base", 4)})
    shares.add("a", requests("a", 3, 9, 5))
    shares.add("a", requests("alone", 20, alone=True))
    assert shares.wanted("cpus") == 1
    model, share = shares.take("cpus", None, {}, 1)
    assert (model, lengths(share)) == ("a", [9, 5, 3, 20])
    assert shares.wanted("cpus") == 0


def test_shares_of_several_actors_shrink_to_what_is_answered_at_once() -> None:
    shares = Shares({"a": Kind("cpu", "base", 3)})
    shares.add("a", requests("a", *[10] * 100))
    sizes = []
    while shares.wanted("cpu"):
        sizes.append(len(shares.take("cpu", "a", {"a": 4}, 4)[1]))
    assert sum(sizes) == 100
    assert sizes == sorted(sizes, reverse=True)
    # An eighth: half of what is even among four.
    assert sizes[0] == 13
    assert sizes[-2] == 3


def test_an_actor_goes_on_with_its_model_then_with_its_base_then_with_a_base_that_nobody_has() -> None:
    bases = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}
    shares = Shares({model: Kind("gpu", base, 1) for model, base in bases.items()})
    for model in bases:
        shares.add(model, requests(model, 10))
    assert shares.take("gpu", "a1", {"a1": 1}, 2)[0] == "a1"
    assert shares.take("gpu", "a1", {"a1": 1}, 2)[0] == "a2"
    assert shares.take("gpu", None, {"a2": 1}, 2)[0] == "b1"
    assert shares.take("gpu", "b1", {"a2": 1}, 2)[0] == "a3"


def test_where_all_models_are_begun_with_an_actor_helps_where_most_is_left_for_each() -> None:
    shares = Shares({model: Kind("cpu", model, 1) for model in ("a", "b", "c")})
    shares.add("a", requests("a", 60))
    shares.add("b", requests("b", 50))
    assert shares.take("cpu", "c", {"a": 2, "b": 1}, 4)[0] == "b"


def test_what_waits_for_another_place_or_was_dropped_is_not_dealt_out() -> None:
    shares = Shares({"a": Kind("gpu", "a", 1), "b": Kind("cpu", "b", 1)})
    shares.add("a", requests("a", 1, 2))
    assert (shares.wanted("gpu"), shares.wanted("cpu")) == (2, 0)
    shares.drop("a")
    assert shares.wanted("gpu") == 0
