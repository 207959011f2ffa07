"""Drawing tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from scipy.stats import chisquare  # noqa: E402

from pytest_edgejson.backends.interface import GenerationSettings, Request  # noqa: E402
from pytest_edgejson.backends.local.sampling import Sampler  # noqa: E402
from pytest_edgejson.suite.cases import Case  # noqa: E402

CASE = Case("c-1", "s", "simple", "text", {})
SCORES = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0])
SETTINGS = GenerationSettings(temperature=1.0, seed=3)


def drawn(settings, count, *, text="text", repeat=1, prompt=(0,)):
    sampler = Sampler(settings, Request("k", text, CASE, repeat), prompt)
    return [sampler.choose(SCORES) for _ in range(count)]


def counts(tokens):
    return torch.bincount(torch.tensor(tokens), minlength=len(SCORES)).numpy()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_their_probability_says(temperature):
    tokens = drawn(replace(SETTINGS, temperature=temperature), 4000)
    expected = (SCORES / temperature).softmax(-1).double().numpy() * len(tokens)
    assert chisquare(counts(tokens), expected * len(tokens) / expected.sum()).pvalue > 0.001


def test_top_p_keeps_the_likeliest_tokens_that_reach_it():
    # The first two have 0.57 + 0.21 of the probability.
    assert set(drawn(replace(SETTINGS, top_p=0.7), 500)) == {0, 1}
    assert set(drawn(replace(SETTINGS, top_p=0.5), 500)) == {0}


def test_seed_text_and_repeat_decide_what_is_drawn_and_nothing_else():
    one = drawn(SETTINGS, 50)
    assert one == drawn(SETTINGS, 50)
    assert one != drawn(replace(SETTINGS, seed=4), 50)
    assert one != drawn(SETTINGS, 50, repeat=2)
    assert one != drawn(SETTINGS, 50, text="other")


def test_the_repetition_penalty_counts_the_prompt_and_what_was_chosen():
    greedy = GenerationSettings(repetition_penalty=10.0)
    assert drawn(greedy, 3, prompt=(4,)) == [0, 1, 2]
    assert drawn(greedy, 1, prompt=(0,)) == [1]


def test_scores_are_left_as_they_are():
    before = SCORES.clone()
    drawn(replace(SETTINGS, top_p=0.5, repetition_penalty=2.0, temperature=0.3), 5)
    assert torch.equal(SCORES, before)


def test_what_is_greedy():
    assert GenerationSettings().is_plain_greedy
    assert not SETTINGS.is_plain_greedy
    assert not GenerationSettings(repetition_penalty=1.1).is_plain_greedy
