"""The text of tokens: special ones have none, but for marks of thoughts."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.gguf_models import NANO

from pytest_edgejson.backends.ending import EndScanner
from pytest_edgejson.backends.interface import GenerationSettings, Request
from pytest_edgejson.backends.local.pieces import Pieces
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.thoughts import Marks, Pairs
from pytest_edgejson.suite.cases import Case

transformers = pytest.importorskip("transformers")
OWN = (("<|plan|>", "<|/plan|>"),)


@pytest.fixture
def tokenizer() -> Any:
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(NANO / "tokenizer.json"))
    marks = ["[THINK]", "[/THINK]", "<|channel>", "<channel|>", *OWN[0]]
    tokenizer.add_special_tokens({"extra_special_tokens": [*marks, "<|turn|>"]})
    return tokenizer


@pytest.mark.parametrize(
    ("said", "thoughts"),
    [
        ('[THINK]Maybe {"total": 10}? No, it is 12.[/THINK]{"total": 12}', ()),
        ('<|channel>thought\nMaybe {"total": 10}? No.<channel|>{"total": 12}', ()),
        ('<|plan|>Maybe {"total": 10}? No.<|/plan|>{"total": 12}', OWN),
    ],
)
def test_a_draft_between_marks_that_are_special_tokens_is_no_answer(tokenizer: Any, said: str, thoughts: Pairs) -> None:
    pieces = Pieces(tokenizer, thoughts)
    ids = tokenizer.encode(f"<|turn|>{said} and more", add_special_tokens=False)
    case = Case("c", "s", "simple", "p", {"total": 12})
    ending = EndScanner(GenerationSettings(thoughts=thoughts), Request("k", "p", case))
    count = next(count for count, token in enumerate(ids, 1) if ending.feed(pieces.piece(token)))
    text = pieces.decode(ids[:count])
    assert text == said
    assert extract(text, thoughts=Marks(thoughts)).value == {"total": 12}


def test_other_special_tokens_have_no_text(tokenizer: Any) -> None:
    ids = tokenizer.encode("<|turn|>a<|plan|> b", add_special_tokens=False)
    assert Pieces(tokenizer).decode(ids) == "a b"
