"""Drafts: guesses at how an answer goes on."""

from __future__ import annotations

import pytest
from helpers.watching import Witness
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local.drafts import Drafts
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.schemas import Schemas, complexity_of


def test_what_followed_the_same_tokens_is_guessed() -> None:
    trail = Drafts().follow([1, 2, 3, 4, 5, 6, 9])
    assert trail.guess(3) == []
    trail.extend([2])
    assert trail.guess(3) == [3, 4, 5]
    trail.extend([3])
    assert trail.guess(2) == [4, 5]
    trail.extend([7, 2, 3])
    # The longest n-gram counts, and of equal ones the latest.
    assert trail.guess(9) == [7, 2, 3]
    trail.extend([4])
    assert trail.guess(9) == [5, 6, 9, 2, 3, 7, 2, 3, 4]
    assert trail.guess(0) == []


def test_other_answers_are_looked_up_where_the_own_text_has_nothing() -> None:
    drafts = Drafts()
    first = drafts.follow([1, 2])
    first.extend([50, 51, 52, 53])
    assert drafts.follow([1, 2]).guess(3) == []
    first.share()
    other = drafts.follow([8, 1, 2])
    assert other.guess(3) == [50, 51, 52]
    # What the text itself has goes before what other answers have.
    assert drafts.follow([1, 2, 60, 1, 2]).guess(2) == [60, 1]
    # Prompts are not shared, answers are.
    assert drafts.follow([1]).guess(3) == []


def test_as_much_is_guessed_as_pays() -> None:
    drafts = Drafts()
    assert drafts.reach(1) == drafts.reach(16) == 0
    reaches = []
    for _ in range(1000):
        drafts.observe([7, 8], 7)
        reaches.append(drafts.reach(16))
    assert reaches == sorted(reaches)
    assert reaches[0] == 0
    assert reaches[-1] > 0
    # Where few rows are under way, a wrong guess costs less; a step of many rows has no room for guesses.
    assert drafts.reach(2) > drafts.reach(16) > drafts.reach(200) == 0
    for _ in range(1000):
        drafts.observe([], 7)
    assert drafts.reach(1) == 0


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 3), max_size=60), st.integers(0, 9))
def test_a_guess_is_something_that_was_there(prompt: list[int], answer: list[int], count: int) -> None:
    trail = Drafts().follow(prompt)
    trail.extend(answer)
    guess, known = trail.guess(count), [*prompt, *answer]
    assert len(guess) <= count
    assert any(known[start : start + len(guess)] == guess for start in range(len(known) + 1))
    if count and known and known[-1] in known[:-1]:
        assert guess


@pytest.mark.slow
def test_the_shipped_model_takes_fewer_steps_than_tokens() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from pytest_edgejson.backends.local.transformers import load

    cases = read_cases(bundled.TEST_CASES / "medium" / "shopping_cart.jsonl", complexity_of(Schemas(bundled.SCHEMAS)))
    spec = ModelSpec(name="nano", model=str(bundled.ROOT / "models" / "nano"), prompt="v3")
    backend = load(spec, GenerationSettings(), LoadOptions(batch_size=2))
    backend.watch = witness = Witness()
    steps = witness.steps
    # Alone, each token takes a step.
    answers = {}
    for alone in (True, False):
        steps.clear()
        requests = [Request(case.id, backend.render(case), case, alone=alone) for case in cases[:4]]
        answers[alone] = {each.key: (each.text, each.output_tokens) for each in backend.generate(requests)}
        tokens = sum(count or 0 for _, count in answers[alone].values())
        assert sum(steps) == tokens
        assert len(steps) == tokens if alone else len(steps) < tokens / 2
    assert answers[True] == answers[False]
