"""Local models held to a grammar: random weights can only write what the schema allows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from helpers.constraints import BOUNDED, ENDLESS  # noqa: E402
from helpers.models import make_model, make_scripted, prompts, requests  # noqa: E402

from pytest_edgejson.backends.interface import Completion, GenerationSettings, LoadOptions  # noqa: E402
from pytest_edgejson.backends.local import transformers  # noqa: E402
from pytest_edgejson.backends.spec import ModelSpec  # noqa: E402
from pytest_edgejson.scoring.extraction import extract  # noqa: E402
from pytest_edgejson.suite.schemas import make_schema  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
SETTINGS = GenerationSettings(max_new_tokens=150, constrain="schema")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "random")


def answers(
    model: Path,
    schema: dict[str, Any],
    settings: GenerationSettings = SETTINGS,
    count: int = 6,
    **changes: Any,
) -> Sequence[Completion]:
    backend = transformers.load(
        ModelSpec("m", model=str(model), prompt="{prompt}"), settings, LoadOptions(device="cpu")
    )
    asked = [
        replace(request, constraint=json.dumps(schema), repeat=number + 1, **changes)
        for number, request in enumerate(requests(prompts(count, longest=8)))
    ]
    found = {completion.key: completion for completion in backend.generate(asked)}
    return [found[request.key] for request in asked]


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        replace(SETTINGS, temperature=1.0, top_p=0.9),
        replace(SETTINGS, repetition_penalty=1.3),
        replace(SETTINGS, stop_at_root=False),
    ],
    ids=["greedy", "drawn", "penalised", "not stopped at the root"],
)
def test_every_answer_that_ends_is_valid(model: Path, settings: GenerationSettings) -> None:
    schema = make_schema("s", "simple", BOUNDED, "memory")
    completions = answers(model, BOUNDED, settings, count=12)
    ended = [json.loads(completion.text) for completion in completions if completion.finish_reason == "stop"]
    assert len(ended) >= 3
    assert [schema.violations(value) for value in ended] == [[]] * len(ended)
    assert len({json.dumps(value) for value in ended}) > 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_slots_guesses_and_batches_answer_alike(model: Path, temperature: float) -> None:
    settings = replace(SETTINGS, temperature=temperature)
    together = answers(model, BOUNDED, settings)
    alone = answers(model, BOUNDED, settings, alone=True)
    assert [each.text for each in together] == [each.text for each in alone]


def test_a_model_that_keeps_to_the_schema_by_itself_says_the_same(tmp_path: Path) -> None:
    script = ' {"kind": "receipt", "total": 12, "buyer": {"name": "é"}}'
    model = make_scripted(tmp_path, script)
    request = replace(requests(["x"])[0], constraint=json.dumps(BOUNDED))
    spec = ModelSpec("m", model=str(model), prompt="{prompt}")
    (completion,) = transformers.load(spec, SETTINGS, LoadOptions(device="cpu")).generate([request])
    assert completion.text == script
    assert completion.finish_reason == "stop"


def test_a_runaway_within_the_grammar_is_truncated(model: Path) -> None:
    (completion,) = answers(model, ENDLESS, count=1)
    assert completion.finish_reason == "length"
    assert extract(completion.text, "lenient", lambda value: True).value is None


def test_a_schema_without_grammar_is_an_error_of_its_cases_alone(model: Path) -> None:
    backend = transformers.load(
        ModelSpec("m", model=str(model), prompt="{prompt}"), SETTINGS, LoadOptions(device="cpu")
    )
    good, bad = requests(["total", "date"])
    schemas = [BOUNDED, {"type": "object", "not": {"required": ["x"]}}]
    asked = [replace(each, constraint=json.dumps(schema)) for each, schema in zip((good, bad), schemas, strict=True)]
    found = {completion.key: completion for completion in backend.generate(asked)}
    assert found[good.key].error is None
    assert found[bad.key].error == "no grammar of the schema 'rating': Unimplemented keys: [\"not\"]"
