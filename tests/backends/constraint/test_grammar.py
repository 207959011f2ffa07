"""Grammars: what they let through, what they keep out, and which schemas have none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")
pytest.importorskip("torch")
pytest.importorskip("transformers")

from helpers.models import make_tokenizer

from pytest_edgejson.backends.constraint.grammar import GrammarError, Vocabulary
from pytest_edgejson.backends.constraint.wanted import ANY_OBJECT

NAMED = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    tokenizer = make_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    return Vocabulary.of(tokenizer, len(tokenizer) + 7, [tokenizer.eos_token_id])


def is_answer(vocabulary: Vocabulary, schema: dict[str, Any], text: str) -> bool:
    matcher, tokens = vocabulary.matcher(json.dumps(schema)), vocabulary.tokens(text)
    if matcher.allowed(tokens) < len(tokens):
        return False
    for token in tokens:
        matcher.take(token)
    return matcher.may_end


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"Zoë","age":7}',
        '{"name": "Zo\\u00eb"}',
        ' {"name": "\\ud83d\\ude00"}',
        '\n{\n  "name": "x",\n  "age": 7\n}',
        '\t{"name" : "x"}',
    ],
)
def test_an_answer_may_be_laid_out_as_models_do(vocabulary: Vocabulary, text: str) -> None:
    assert is_answer(vocabulary, NAMED, text)


@pytest.mark.parametrize(
    "text",
    ['{"age":7}', '{"name":7}', '{"name":"x","b":1}', "[]", '{"name":"x"} {', " " * 9 + '{"name":"x"}', '{"name":"x"'],
)
def test_what_is_no_answer_is_kept_out(vocabulary: Vocabulary, text: str) -> None:
    assert not is_answer(vocabulary, NAMED, text)


def test_json_mode_takes_any_object_and_nothing_else(vocabulary: Vocabulary) -> None:
    schema = json.loads(ANY_OBJECT)
    assert is_answer(vocabulary, schema, '{"a": [1, {"b": null}], "c": -1.5e3}')
    assert not is_answer(vocabulary, schema, '["a"]')


def test_the_mask_is_as_wide_as_the_model_and_says_what_may_come(vocabulary: Vocabulary) -> None:
    matcher = vocabulary.matcher(json.dumps(NAMED))
    for token in vocabulary.tokens('{"name":"x"'):
        matcher.take(token)
    mask = matcher.mask()
    (close,), (digit,) = vocabulary.tokens("}"), vocabulary.tokens("7")
    assert mask.shape == (vocabulary.size,)
    assert mask[close]
    assert not mask[digit]
    assert not matcher.is_complete
    matcher.take(close)
    assert matcher.is_complete
    assert matcher.fresh().mask().sum() < vocabulary.size


def test_a_token_that_may_not_come_is_an_error(vocabulary: Vocabulary) -> None:
    matcher = vocabulary.matcher(ANY_OBJECT)
    with pytest.raises(GrammarError, match="gave up"):
        matcher.take(vocabulary.tokens("7")[0])


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"not": {"required": ["a"]}}, '"not"'),
        ({"properties": {"a": {"type": "array", "uniqueItems": True}}}, '"uniqueItems"'),
        ({"if": {}, "then": {}}, '"if", "then"'),
        ({"properties": {"a": {"type": "string", "pattern": "(?=a)"}}}, "regex"),
        ({"properties": {"a": {"oneOf": [{"type": "number"}, {"type": "integer"}]}}}, "oneOf"),
    ],
)
def test_a_schema_without_grammar_is_named_and_not_loosened(
    vocabulary: Vocabulary, schema: dict[str, Any], keyword: str
) -> None:
    with pytest.raises(GrammarError) as error:
        vocabulary.matcher(json.dumps({"type": "object", **schema}))
    assert keyword in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    with pytest.raises(GrammarError, match="tokenizer"):
        Vocabulary.of(Path("nothing"), 10)
