"""The verdict: one line for any outcome."""

from __future__ import annotations

import re

import pytest
from helpers.answers import HOSTILE, field, made_up, without_json
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.report.verdict import verdict
from pytest_edgejson.values.text import columns

TOTAL = field("total_amount", expected=38.5, got=385.0)
V3 = {"json_exact": False, "field_f1": 0.25, "schema_compliance": False, "crashed": None}


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (made_up(fields=[TOTAL, field("date", expected="a", got=None)]),
         '2 of 14 fields wrong: total_amount 38.5 → 385.0, date "a" → null'),
        (made_up(fields=[TOTAL], failure="schema_invalid"),
         "1 of 14 fields wrong, schema violated: total_amount 38.5 → 385.0"),
        (made_up(fields=[field("a", "missing", expected=1), field("b", "extra", got="x")]),
         '1 of 14 fields wrong, 1 extra: a missing, b extra: "x"'),
        (made_up(fields=[field("b", "hallucinated", got=True)]), "1 extra field: b extra: true"),
        (made_up(fields=[field("a", "renamed", expected=1), field("b", "renamed", got=1)]),
         "1 of 14 fields wrong, 1 extra: a renamed to b"),
        (made_up(fields=[field(f"items[2].{key}", "array_length", expected=1) for key in "abc"]),
         "3 of 14 fields wrong: items[2] missing"),
        (made_up(fields=[field("items[2].a", "array_length", got=1), field("tags[0]", "array_length", got="x")]),
         "2 extra fields: items[2] extra, tags[0] extra"),
        (made_up(fields=[field("tags", "array_order", expected=[0, 1], got=[1, 0])]),
         "every field right, array items in another order: tags in another order"),
        (made_up(fields=[field("a", "missing", expected=1)], value={}, failure="schema_invalid"),
         "an empty object, schema violated"),
        (made_up(failure=None), "exact"),
        (without_json("empty", "empty", ""), "empty output"),
        (without_json("no_json", "no_json", "Sorry.\nNo."), 'no JSON in the output: "Sorry.\\nNo."'),
        (without_json("truncated", "malformed:unterminated", "{", output_tokens=2048), "truncated at 2048 tokens"),
        (without_json("truncated", "malformed:unterminated", "{", output_tokens=None), "truncated at the token limit"),
        (without_json("malformed", "malformed:trailing_comma", "{,}"), "malformed JSON: trailing comma"),
        (without_json("malformed", "malformed:python_literal", "{'"),
         "malformed JSON: single quotes or a Python literal"),
        (without_json("malformed", "malformed:syntax", 'So: {"a": 1, // net\n"b": 2}'),
         'malformed JSON: a syntax error at "// net\\n\\"b\\": 2}"'),
        (without_json("malformed", "malformed:syntax", "{“a”: 1}"),
         "malformed JSON: a syntax error at U+201C LEFT DOUBLE QUOTATION MARK"),
        (without_json("malformed", "malformed:unescaped_character", '{"a": "b\nc"}'),
         "malformed JSON: unescaped character at U+000A"),
        (without_json("wrong_root", "wrong_root", "[]"), "the output is JSON, but not an object"),
        (without_json("timeout", "empty", ""), "timed out after 1.2 s"),
        (without_json("timeout", "empty", "", latency_s=None), "timed out"),
        (without_json("runtime_error", "empty", "", error="out of memory\nat 0x1"),
         "could not be run: out of memory\\nat 0x1"),
    ],
)  # fmt: skip
def test_the_verdict_says_in_a_line_how_it_did(made, line):
    assert verdict("invoice-007[nano]", made) == f"invoice-007[nano]: {line}"


def test_a_long_verdict_is_cut_between_fields():
    fields = [field(f"items[{number}].price", expected=number, got=number + 0.5) for number in range(40)]
    line = verdict("a[b]", made_up(fields=fields, leaves=99))
    assert 120 < len(line) <= 160
    assert line.startswith("a[b]: 40 of 99 fields wrong: items[0].price 0 → 0.5, items[1].price 1 → 1.5, ")
    assert re.search(r"→ \d+\.5, …$", line)


def test_one_long_value_does_not_fill_the_verdict():
    line = verdict("a[b]", made_up(fields=[field("note", expected="x" * 500, got="y" * 500), TOTAL]))
    assert "xxx…" in line
    assert "→" in line
    assert "total_amount 38.5 → 385.0" in line
    assert len(line) <= 160


def test_a_path_of_any_length_is_cut():
    line = verdict("a[b]", made_up(fields=[field("k" * 5_000, expected=1, got=2)]))
    assert len(line) <= 160
    assert "1 of 14 fields wrong" in line


def test_the_v3_profile_says_where_the_published_scorer_differs():
    exact = made_up(failure=None, json_exact=True, v3=V3)
    assert verdict("a", exact, profile="v3") == "a: exact, but not by the published scorer, whose FieldF1 is 0.25"
    crashed = made_up(v3=V3 | {"field_f1": 0.0, "crashed": "RecursionError"})
    assert "crashes on this output: RecursionError" in verdict("a", crashed, profile="v3")
    assert "crashes" not in verdict("a", crashed)
    assert verdict("a", made_up(fields=[TOTAL]), profile="v3") == verdict("a", made_up(fields=[TOTAL]))


def test_wide_characters_count_twice():
    line = verdict("a", made_up(fields=[field("名前", expected="山" * 60, got="川" * 60), TOTAL]))
    assert columns(line) <= 160
    assert "total_amount" in line


@given(st.text(max_size=300), st.sampled_from(["no_json", "runtime_error", "malformed"]))
def test_no_output_gets_onto_the_terminal_raw(text, failure):
    made = without_json(failure, f"malformed:{text}", text, error=text)
    line = verdict(text, made)
    assert line.isprintable()
    assert verdict("a", made_up(fields=[field(text, expected=text, got=text)], flags=[])).isprintable()


def test_a_terminal_acts_on_nothing_in_a_verdict():
    assert verdict(HOSTILE, without_json("no_json", "no_json", HOSTILE)).isprintable()
