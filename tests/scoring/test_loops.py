"""Loops: outputs that repeat themselves, and right answers, which are none."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.scoring.loops import (
    CHARACTERS,
    LONGEST_BLOCK,
    REPEATS,
    LoopScanner,
    ends_in_loop,
)
from pytest_edgejson.suite import bundled

V3 = Path(__file__).resolve().parents[3] / "shared" / "edgejson-v3"
FORMS: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 4}, {"indent": "\t"}]


def loop_at(text: str, expected: dict[str, Any], step: int = 3) -> int | None:
    """Return after how many characters an output is ended, None where it is not."""
    scanner = LoopScanner(expected)
    return next((end for end in range(step, len(text) + step, step) if scanner.feed(text[end - step : end])), None)


@pytest.mark.parametrize(
    ("before", "block"),
    [
        ('{"tags": [', '"new", '),
        ('{"zeros": 0.', "0"),
        ('{"lines": [', '{"text": "tea", "price": 2.5}, '),
        ('{"a": {"b": ', '{"a": {"b": '),
        ("Here you are:\n", "\n"),
        ("<think>", "But wait. Let me look at the text once more.\n\n"),
        ('{"text": "', "é字😀 "),
        ("", " ".join(map(str, range(99)))[:LONGEST_BLOCK]),
    ],
)
def test_a_block_again_and_again_is_a_loop(before: str, block: str) -> None:
    text = before + block * 3000
    found = loop_at(text, {"a": 1})
    assert found is not None
    least = max(CHARACTERS, REPEATS * len(block))
    assert least <= found - len(before) <= least + 100
    assert ends_in_loop(text, {"a": 1})
    assert ends_in_loop(text[:found], {"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        "",
        json.dumps({"tags": ["new"] * 20}),
        '{"lines": [' + "".join(f'{{"number": {number}, "text": "tea"}}, ' for number in range(500)),
        '{"lines": [' + '{"text": "tea", "price": 2.5}, ' * (REPEATS - 1),
        '{"tags": [' + '"new", ' * 200 + '"old"',
    ],
)
def test_what_goes_on_otherwise_is_none(text: str) -> None:
    assert not ends_in_loop(text, {"a": 1})


@pytest.mark.parametrize("expected", [{"zeros": [0] * 500}, {"line": "=" * 3000}, {"rows": [{"a": 1, "b": None}] * 99}])
@pytest.mark.parametrize("form", FORMS)
def test_a_right_answer_is_never_a_loop(expected: dict[str, Any], form: dict[str, Any]) -> None:
    right = json.dumps(expected, **form)
    assert loop_at(right, {"other": 1}) is not None
    assert loop_at(right, expected) is None


def rows() -> list[tuple[str, dict[str, Any]]]:
    files = [*(bundled.ROOT / "cases").rglob("*.jsonl"), *V3.glob("train.jsonl")]
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [(row["prompt"], row["expected_output"]) for row in lines]


def test_no_expected_output_of_the_suites_is_one() -> None:
    found = rows()
    assert len(found) >= 158 + 629
    for _, expected in found:
        for form in ({}, {"indent": 2}):
            # Not even where nothing was known of it.
            assert loop_at(json.dumps(expected, **form), {}, step=64) is None


VALUES = st.recursive(
    st.none() | st.integers(0, 1) | st.text("a=", max_size=80),
    lambda each: st.lists(each, max_size=8) | st.dictionaries(st.text("ab", max_size=2), each, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(FORMS))
@settings(max_examples=50, deadline=None)
def test_no_right_answer_whatsoever_is_one(value: Any, form: dict[str, Any]) -> None:
    expected = {"value": value, "again": [value] * 30}
    assert loop_at(json.dumps(expected, **form), expected, step=40) is None


def test_an_output_of_any_length_costs_little() -> None:
    started = time.perf_counter()
    scanner = LoopScanner({})
    for number in range(5_000):
        scanner.feed(f"{number} is no repetition, ")
    # Some 0.2 ms for each of 2,000 looks.
    assert time.perf_counter() - started < 8
