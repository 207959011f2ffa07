from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.scoring.records import V3Record
from pytest_edgejson.scoring.v3 import MAX_NEW_TOKENS, PROMPT, V3CrashError, extract_v3, score_v3

V3 = Path(__file__).resolve().parents[3] / "shared" / "edgejson-v3"


def record(json_exact, field_f1, schema_compliance, crashed=None):
    return V3Record(json_exact=json_exact, field_f1=field_f1, schema_compliance=schema_compliance, crashed=crashed)


NOTHING = record(json_exact=False, field_f1=0.0, schema_compliance=False)
PERFECT = record(json_exact=True, field_f1=1.0, schema_compliance=True)


@pytest.mark.skipif(not V3.is_dir(), reason="the upstream data is not beside the project")
def test_every_published_score_is_reproduced():
    rows = {row["id"]: row for row in map(json.loads, (V3 / "train.jsonl").read_text().splitlines())}
    vectors = [json.loads(line) for line in (V3 / "score-vectors.jsonl").read_text().splitlines()]
    assert len(vectors) == 760
    for vector in vectors:
        wanted = vector["v3"]
        assert score_v3(rows[vector["case_id"]]["expected_output"], vector["output"]) == record(
            json_exact=wanted["json_exact"],
            field_f1=wanted["field_f1"],
            schema_compliance=wanted["schema_compliance"],
            crashed=wanted.get("reference_crashed"),
        ), vector["kind"]


def test_the_prompt_is_the_published_one():
    prompt = PROMPT.format(prompt="Name: {x}")
    assert prompt == ("Extract the structured JSON data from the following text.\n\nInput: Name: {x}\n\nOutput:")
    assert MAX_NEW_TOKENS == 512


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", [1]),
        ("7", 7),
        ("null", None),
        ('x {"a": {"b": 1}, "c": {}} y', {"a": {"b": 1}, "c": {}}),
        ('x {"a": {"b": {"c": 1}}} y', {"b": {"c": 1}}),  # three levels are too many for the expression
        ('x {"a": "}"} y', None),
        ('{nope} {"a": 1} {"b": 2}', {"a": 1}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("\ufeff{}", {}),
        ("nothing", None),
    ],
)
def test_what_the_published_extraction_finds(text, found):
    assert extract_v3(text) == found


@pytest.mark.parametrize(
    ("expected", "text", "exact", "f1", "compliant"),
    [
        ({"a": True}, '{"a": 1}', True, 1.0, False),
        ({"a": 1}, '{"a": 1.0}', True, 1.0, True),
        ({"a": 1}, '{"a": true}', True, 1.0, False),
        ({"a": 1}, '{"a": "1"}', False, 0.0, False),
        ({"a": 1, "b": 2}, '{"a": 1}', False, 2 / 3, False),
        ({"a": 1}, '{"a": 1, "b": 2}', False, 2 / 3, True),
        ({"a": {"x": 1}}, '{"a": {"x": 2}}', False, 0.0, True),
        ({"a": None}, '{"a": null}', True, 1.0, True),
        ({}, "{}", True, 1.0, False),
        ({}, '{"a": 1}', False, 0.0, True),
        ({"a": 1}, "{}", False, 0.0, False),
        ({"a": 1}, "[1]", False, 0.0, False),
    ],
)
def test_how_the_published_scorer_counts(expected, text, exact, f1, compliant):
    assert score_v3(expected, text) == record(exact, pytest.approx(f1), compliant)


@pytest.mark.parametrize(
    ("text", "crashed"),
    [
        ("[" * 100_000, "RecursionError"),
        ('{"a":' * 100_000, "RecursionError"),
        ("Answer: {" + '"a": ' + "[" * 5_000 + "}", "RecursionError"),
        ('{"a": ' + "9" * 4_301 + "}", "ValueError"),
        ('{"a": -' + "9" * 1_000_000 + "}", "ValueError"),
        ('x {"a": ' + "9" * 4_301 + "}", "ValueError"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_where_the_published_code_crashes_the_case_is_a_failure_that_says_so(text, crashed):
    assert score_v3({"a": 1}, text) == record(False, 0.0, False, crashed)
    with pytest.raises(V3CrashError, match=crashed):
        extract_v3(text)


@pytest.mark.parametrize(
    "text",
    [
        "[1 2" + "[" * 5_000,  # fails before it gets deep
        '"' + "[" * 5_000 + '"',
        "nothing" + "[" * 5_000,
        "{" * 5_000,
        "[]" * 5_000,
        "[" * 500 + "]" * 500 + "[" * 5_000,
        '{"a": ' + "9" * 4_300,
        '{"a": 1e999, "b": NaN}',
    ],
    ids=range(8),
)
def test_where_it_does_not_crash_neither_do_we(text):
    assert score_v3({"a": 1}, text)["crashed"] is None


def test_numbers_it_still_takes():
    assert score_v3({"a": 10**4_299}, '{"a": 1' + "0" * 4_299 + "}") == PERFECT


@pytest.mark.parametrize(
    "text",
    [
        "{" * 200_000,
        "{" + "{}" * 100_000,
        "{" + "{xx}yy" * 50_000,
        ("{" + "{x}" * 500) * 200,
        "{x{y}" * 50_000,
        "{" + "x" * 300_000,
        "{" * 100_000 + "}" * 100_000,
    ],
    ids=range(7),
)
def test_the_expression_cannot_be_made_to_hang(text):
    assert score_v3({"a": 1}, text) == NOTHING


def balanced(text):
    """What the published expression matches, read off the braces: at most two levels, left to right."""
    found = []
    start = 0
    while (start := text.find("{", start)) >= 0:
        depth, end = 0, None
        for index in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[index], 0)
            if depth == 3:
                break
            if depth == 0:
                end = index + 1
                break
        if end is not None:
            found.append(text[start:end])
        start = start + 1 if end is None else end
    return found


@given(st.text("{}x", max_size=24))
def test_the_expression_matches_what_its_braces_say(text):
    from pytest_edgejson.scoring import v3

    published = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", re.DOTALL)
    assert [match.group() for match in v3._OBJECT.finditer(text)] == published.findall(text) == balanced(text)


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=2), st.integers() | st.text(max_size=2), max_size=3))
def test_any_output_has_a_score(text, expected):
    result = score_v3(expected, text)
    assert 0 <= result["field_f1"] <= 1
    assert score_v3(expected, json.dumps(expected))["json_exact"]
