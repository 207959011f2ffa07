"""Controls: their answers are known beforehand. And the registry that finds a backend by its name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_edgejson.backends.interface import Backend, BackendError, GenerationSettings, Request
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.registry import BACKENDS, load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.rendering import render_prompt

EXPECTED = {"score": 4, "note": "\ud83d é", "tags": ["a", "b"], "author": {"name": "Zoë", "verified": True}}
CASE = Case("rating-001", "rating", "simple", "no prompt of the known form", EXPECTED)


def load(control: str) -> Backend:
    return load_backend(resolve_model(f"control:{control}", {}), GenerationSettings())


def answer(backend: Backend, case: Case = CASE) -> str:
    (completion,) = backend.generate([Request("k", backend.render(case), case)])
    assert (completion.key, completion.finish_reason, completion.error) == ("k", "stop", None)
    return completion.text


def test_gold_answers_what_is_expected() -> None:
    assert json.loads(answer(load("gold"))) == CASE.expected_output


def test_the_text_of_gold_changes_with_what_is_expected() -> None:
    # The store finds completions by it: a mended case must not get its old answer.
    mended = replace(CASE, expected_output={"score": 5})
    assert load("gold").render(CASE) != load("gold").render(mended)


def test_empty_answers_nothing() -> None:
    assert answer(load("empty")) == ""


def test_rules_parse_the_prompt() -> None:
    prompt = render_prompt(EXPECTED, "Rating", "rating")
    assert json.loads(answer(load("rules"), replace(CASE, prompt=prompt))) == EXPECTED


@pytest.mark.parametrize(
    "prompt", ["", CASE.prompt, "Rating\n\nScore\n\nPlease extract the rating information as JSON."]
)
def test_rules_answer_nothing_where_they_find_nothing(prompt: str) -> None:
    assert answer(load("rules"), replace(CASE, prompt=prompt)) == ""


def test_teachers_tell_what_is_expected_and_one_forgets_the_last_of_it() -> None:
    case = replace(CASE, expected_output={"score": 4, "author": {"name": "Zoë"}})
    assert answer(load("teller"), case) == "The score is 4. The author name is Zoë."
    assert answer(load("forgetful"), case) == "The score is 4."
    assert load("teller").render(case) != load("teller").render(CASE)


def test_controls_have_different_fingerprints() -> None:
    assert len({load(name).fingerprint for name in ("gold", "empty", "rules", "teller", "forgetful")}) == 5


def test_an_unknown_control() -> None:
    with pytest.raises(BackendError, match="unknown control 'silver': use one of gold, empty, rules"):
        load_backend(ModelSpec(name="x", backend="control", model="silver"), GenerationSettings())


def test_an_unknown_backend_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(BackendError, match="unknown backend 'transformer': did you mean 'transformers'") as caught:
        load_backend(ModelSpec(name="x", backend="transformer", model="org/x"), GenerationSettings())
    assert all(name in str(caught.value) for name in BACKENDS)
