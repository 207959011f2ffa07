"""Answers that are arrays or scalars: extraction, and where generation stops."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.scanner import RootScanner

ARRAY, NUMBER, STRING = frozenset({"array"}), frozenset({"number"}), frozenset({"string"})
NAME, FLAG = frozenset({"string", "null"}), frozenset({"boolean"})


@pytest.mark.parametrize(
    ("roots", "text", "value", "form"),
    [
        (ARRAY, ' [{"a": 1}] ', [{"a": 1}], "bare"),
        (ARRAY, "[]", [], "bare"),
        (ARRAY, 'Sure: ["a", {"b": [1]}] and so on', ["a", {"b": [1]}], "embedded"),
        (ARRAY, "none at all: []", [], "embedded"),
        (ARRAY, '[] is wrong, ["a"] is right', ["a"], "embedded"),
        (ARRAY, "```json\n[1]\n```", [1], "fenced"),
        (ARRAY, 'thinking of ["x"]</think>["a"]', ["a"], "bare"),
        (ARRAY, "see [below] and [x, y]: [true, null]", [True, None], "embedded"),
        (NUMBER, "42", 42, "bare"),
        (NUMBER, "It is 42.", 42, "embedded"),
        (NUMBER, "Of 1,000 and 007 and 3rd: -1.5e3, I think", -1500.0, "embedded"),
        (NUMBER, 'He said "5 of them", so $6', 6, "embedded"),
        (NUMBER, "The final answer is 7, not 8", 7, "embedded"),
        (STRING, 'The city is "Rome".', "Rome", "embedded"),
        (NAME, "null", None, "bare"),
        (NAME, "It says null there", None, "embedded"),
        (FLAG, "Yes, that is true.", True, "embedded"),
    ],
)
def test_what_is_found(roots: frozenset[str], text: str, value: Any, form: str) -> None:
    found = extract(text, roots=roots)
    assert (found.value, found.form, found.error) == (value, form, None)
    assert found.is_found
    assert found.roots == roots


@pytest.mark.parametrize(
    ("roots", "text", "error", "is_open"),
    [
        (ARRAY, '{"a": [1]}', "wrong_root", False),
        (ARRAY, 'Here: {"a": [1]}', "wrong_root", False),
        (ARRAY, "42", "wrong_root", False),
        (ARRAY, '[{"a": 1}, {"b"', "malformed:unterminated", True),
        (ARRAY, '["a",]', "malformed:trailing_comma", False),
        (ARRAY, "nothing", "no_json", False),
        (NUMBER, '["1"]', "wrong_root", False),
        (NUMBER, '{"n": 1}', "wrong_root", False),
        (NUMBER, "about 1,000 or 12th", "no_json", False),
        (STRING, "Rome", "no_json", False),
        (STRING, '"Rome', "no_json", False),
        (frozenset({"object"}), '[{"a": 1}]', "wrong_root", False),
    ],
)
def test_why_there_is_none(roots: frozenset[str], text: str, error: str, is_open: bool) -> None:
    found = extract(text, roots=roots)
    assert (found.value, found.form, found.error, found.is_open) == (None, None, error, is_open)
    assert not found.is_found


def test_the_first_valid_one_counts() -> None:
    text = 'Drafts [1] and ["a"]: [2]'
    assert extract(text, roots=ARRAY, is_valid=lambda value: value == ["a"]).value == ["a"]
    assert extract(text, "last", roots=ARRAY).value == [2]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("roots", "text", "closed"),
    [
        (ARRAY, '[{"a": "]"}, [1]] and more', 17),
        (ARRAY, "[] more", 2),
        (ARRAY, 'See [1]: ["a"] more', 14),
        (ARRAY, "```\n[1]\n``` more", 7),
        (ARRAY, '{"a": ["b"]} more', None),
        (ARRAY, '[{"a": 1}', None),
        (NUMBER, "42 more", None),
        (frozenset({"object"}), '[{"a": 1}] more', None),
        (frozenset({"array", "object"}), '{"a": 1} more', 8),
    ],
)
def test_generation_stops_where_the_answer_closes(
    roots: frozenset[str], text: str, closed: int | None, size: int
) -> None:
    scanner = RootScanner(roots=roots)
    for start in range(0, len(text), size):
        if scanner.feed(text[start : start + size]):
            break
    assert scanner.closed_at == closed
