"""GGUF files held to a grammar by llama.cpp: random weights can only write what the schema allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")
pytest.importorskip("xllamacpp", reason="xllamacpp is not installed (extra `gguf`)")
pytest.importorskip("torch")

from helpers.constraints import BOUNDED, ENDLESS  # noqa: E402
from helpers.gguf_models import make_gguf  # noqa: E402
from helpers.models import make_model, prompts, requests  # noqa: E402

from pytest_edgejson.backends.constraint import grammar  # noqa: E402
from pytest_edgejson.backends.constraint.probe import probe  # noqa: E402
from pytest_edgejson.backends.constraint.wanted import ANY_OBJECT, in_order, schema_constraint  # noqa: E402
from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions  # noqa: E402
from pytest_edgejson.backends.registry import load_backend  # noqa: E402
from pytest_edgejson.backends.spec import ModelSpec  # noqa: E402
from pytest_edgejson.scoring.extraction import extract  # noqa: E402
from pytest_edgejson.suite import bundled  # noqa: E402
from pytest_edgejson.suite.cases import read_cases  # noqa: E402
from pytest_edgejson.suite.schemas import Schemas, complexity_of, make_schema  # noqa: E402

SETTINGS = GenerationSettings(max_new_tokens=150, constrain="schema")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return make_gguf(make_model(folder / "random"), folder / "random.gguf")


def load(file: Path, settings: GenerationSettings = SETTINGS) -> Any:
    spec = ModelSpec("tested", "llama.cpp", str(file), prompt="{prompt}")
    return load_backend(spec, settings, LoadOptions(batch_size=4))


def answers(
    file: Path, schemas: Sequence[str], settings: GenerationSettings = SETTINGS, **changes: Any
) -> list[Completion]:
    backend = load(file, settings)
    asked = [
        replace(request, constraint=schema, repeat=number + 1, **changes)
        for number, (request, schema) in enumerate(
            zip(requests(prompts(len(schemas), longest=8)), schemas, strict=True)
        )
    ]
    found = {completion.key: completion for completion in backend.generate(asked)}
    backend.close()
    return [found[request.key] for request in asked]


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, temperature=1.0, top_p=0.9),
        replace(SETTINGS, repetition_penalty=1.3),
        replace(SETTINGS, repetition_penalty=1.3, stop_at_root=False),
    ],
    # Greedy ones write space until they are ended: see below.
    ids=["drawn", "penalised", "not stopped at the root"],
)
def test_every_answer_that_ends_is_valid(file: Path, settings: GenerationSettings) -> None:
    schema = make_schema("s", "simple", BOUNDED, "memory")
    completions = answers(file, [json.dumps(BOUNDED)] * 12, settings)
    assert [completion.error for completion in completions] == [None] * 12
    ended = [json.loads(completion.text) for completion in completions if completion.finish_reason == "stop"]
    assert len(ended) >= 3
    assert [schema.violations(value) for value in ended] == [[]] * len(ended)
    assert len({json.dumps(value) for value in ended}) > 1
    assert all([key for key in value if key != "tags"] == ["kind", "total", "buyer"] for value in ended)


def test_the_mode_json_lets_through_objects(file: Path) -> None:
    for completion in answers(file, [ANY_OBJECT] * 4, replace(SETTINGS, constrain="json", max_new_tokens=40)):
        assert completion.error is None
        assert completion.text.lstrip().startswith("{")


def test_a_runaway_within_the_grammar_is_truncated(file: Path) -> None:
    (completion,) = answers(file, [json.dumps(ENDLESS)], max_new_tokens=60)
    assert completion.finish_reason == "length"
    assert extract(completion.text, "lenient", lambda value: True).value is None


def test_greedy_answers_of_random_weights_are_held_too(file: Path) -> None:
    for completion in answers(file, [json.dumps(BOUNDED)] * 4):
        assert completion.error is None
        assert completion.text.split()[0] == "{"


def test_the_probe_finds_it_in_force(file: Path) -> None:
    backend = load(file)
    probe(backend, "tested", requests(["total"])[0])
    backend.close()


def test_a_schema_without_grammar_is_an_error_of_its_cases_alone(file: Path) -> None:
    bad = {"type": "object", "not": {"required": ["x"]}}
    first, second = answers(file, [json.dumps(BOUNDED), json.dumps(bad)])
    assert first.error is None
    assert second.error == "no grammar of the schema 'rating': Unimplemented keys: [\"not\"]"


def test_a_grammar_that_llamacpp_leaves_out_is_noticed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It only logs that it cannot compile a grammar, this one for an option that its llguidance does not know.
    def unknown(constraint: str) -> str:
        return grammar.for_llamacpp(constraint).replace("whitespace_pattern", "whitespaces")

    monkeypatch.setattr("pytest_edgejson.backends.llamacpp.answers.for_llamacpp", unknown)
    (completion,) = answers(file, [json.dumps(BOUNDED)])
    assert completion.finish_reason == "error"
    assert completion.error == "llama.cpp did not hold the answer to its schema: it has no grammar of it"
    backend = load(file)
    with pytest.raises(BackendError, match=r"^tested: the constraint could not be tried out: llama\.cpp did not hold"):
        probe(backend, "tested", requests(["total"])[0])
    backend.close()


def _bundled() -> Iterator[tuple[str, list[Any]]]:
    """Yield the constraint of each bundled file of cases, and its expected outputs."""
    schemas = Schemas(bundled.SCHEMAS)
    for path in sorted(bundled.TEST_CASES.rglob("*.jsonl")):
        own = read_cases(path, complexity_of(schemas))
        outputs = [case.expected_output for case in own]
        yield schema_constraint(schemas[own[0].schema_id].document, outputs), outputs


def test_llamacpp_has_a_grammar_of_each_bundled_schema(file: Path) -> None:
    constraints = [constraint for constraint, _ in _bundled()]
    completions = answers(file, constraints, max_new_tokens=12)
    assert [completion.error for completion in completions] == [None] * len(constraints)
    assert all(completion.text.lstrip().startswith("{") for completion in completions)


def test_what_llamacpp_is_given_lets_every_expected_output_through() -> None:
    tokenizer = llguidance.LLTokenizer("byte")
    for constraint, outputs in _bundled():
        grammar_text = llguidance.LLMatcher.grammar_from_lark(grammar.lark(constraint, any_escape=False))
        for output in outputs:
            text = json.dumps(in_order(json.loads(constraint), output), ensure_ascii=False)
            matcher = llguidance.LLMatcher(tokenizer, grammar_text)
            assert matcher.consume_tokens(tokenizer.tokenize_str(text)), text
            assert matcher.is_accepting(), text
