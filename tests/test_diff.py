from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.diff import clean, render_diff, render_failure, shorten, show, verdict

# Machines that run tests are busy with other things too.
settings.register_profile("edgejson", deadline=None)
settings.load_profile("edgejson")

HOSTILE = "\x1b[31mred\x07\x00\r\u202e\ud800\x9b2J\u2028"


def result(**changes):
    return {
        "output": '{"total": 385.0}',
        "finish_reason": "stop",
        "output_tokens": 9,
        "latency_s": 1.25,
        "error": None,
        "extraction": {"form": "bare", "policy": "lenient", "error": None},
        "value": {"total": 385.0},
        "json_exact": False,
        "field_f1": 0.5,
        "schema_compliant": True,
        "failure": "value_error",
        "flags": [],
        "leaves": 14,
        "fields": [],
        "violations": [],
        "v3": {"json_exact": False, "field_f1": 0.25, "schema_compliance": False, "crashed": None},
    } | changes


def field(path, kind="wrong_value", **sides):
    return {"path": path} | sides | {"kind": kind}


def without_json(failure, why, output, **changes):
    extraction = {"form": None, "policy": "lenient", "error": why}
    return result(failure=failure, output=output, extraction=extraction, value=None, **changes)


TOTAL = field("total_amount", expected=38.5, got=385.0)


# ---------------------------------------------------------------- verdict


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (result(fields=[TOTAL, field("date", expected="a", got=None)]),
         '2 of 14 fields wrong: total_amount 38.5 → 385.0, date "a" → null'),
        (result(fields=[TOTAL], failure="schema_invalid"),
         "1 of 14 fields wrong, schema violated: total_amount 38.5 → 385.0"),
        (result(fields=[field("a", "missing", expected=1), field("b", "extra", got="x")]),
         '1 of 14 fields wrong, 1 extra: a missing, b extra: "x"'),
        (result(fields=[field("b", "hallucinated", got=True)]), "1 extra field: b extra: true"),
        (result(fields=[field("a", "renamed", expected=1), field("b", "renamed", got=1)]),
         "1 of 14 fields wrong, 1 extra: a renamed to b"),
        (result(fields=[field(f"items[2].{key}", "array_length", expected=1) for key in "abc"]),
         "3 of 14 fields wrong: items[2] missing"),
        (result(fields=[field("items[2].a", "array_length", got=1), field("tags[0]", "array_length", got="x")]),
         "2 extra fields: items[2] extra, tags[0] extra"),
        (result(fields=[field("tags", "array_order", expected=[0, 1], got=[1, 0])]),
         "every field right, array items in another order: tags in another order"),
        (result(fields=[field("a", "missing", expected=1)], value={}, failure="schema_invalid"),
         "an empty object, schema violated"),
        (result(failure=None), "exact"),
        (without_json("empty", "empty", ""), "empty output"),
        (without_json("no_json", "no_json", "Sorry.\nNo."), 'no JSON in the output: "Sorry.\\nNo."'),
        (without_json("truncated", "malformed:unterminated", "{", output_tokens=2048), "truncated at 2048 tokens"),
        (without_json("truncated", "malformed:unterminated", "{", output_tokens=None), "truncated at the token limit"),
        (without_json("malformed", "malformed:trailing_comma", "{,}"), "malformed JSON: trailing comma"),
        (without_json("malformed", "malformed:python_literal", "{'"),
         "malformed JSON: single quotes or a Python literal"),
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
    line = verdict("a[b]", result(fields=fields, leaves=99))
    assert 120 < len(line) <= 160
    assert line.startswith("a[b]: 40 of 99 fields wrong: items[0].price 0 → 0.5, items[1].price 1 → 1.5, ")
    assert re.search(r"→ \d+\.5, …$", line)


def test_one_long_value_does_not_fill_the_verdict():
    line = verdict("a[b]", result(fields=[field("note", expected="x" * 500, got="y" * 500), TOTAL]))
    assert "xxx…" in line
    assert "→" in line
    assert "total_amount 38.5 → 385.0" in line
    assert len(line) <= 160


def test_a_path_of_any_length_is_cut():
    line = verdict("a[b]", result(fields=[field("k" * 5_000, expected=1, got=2)]))
    assert len(line) <= 160
    assert "1 of 14 fields wrong" in line


def test_the_v3_profile_says_where_the_published_scorer_differs():
    exact = result(failure=None, json_exact=True)
    assert verdict("a", exact, profile="v3") == "a: exact, but not by the published scorer, whose FieldF1 is 0.25"
    crashed = result(v3={"json_exact": False, "field_f1": 0.0, "schema_compliance": False, "crashed": "RecursionError"})
    assert "crashes on this output: RecursionError" in verdict("a", crashed, profile="v3")
    assert "crashes" not in verdict("a", crashed)
    assert verdict("a", result(fields=[TOTAL]), profile="v3") == verdict("a", result(fields=[TOTAL]))


# ---------------------------------------------------------------- diff


def test_fields_stand_in_columns_grouped_by_kind():
    made = result(
        fields=[
            TOTAL,
            field("date", "missing", expected="2024-01-05"),
            field("items[0].quantity", expected=3, got=30),
            field("vat", "extra", got=7),
            field("tags", "array_order", expected=[0, 1, 2], got=[2, 0, 1]),
        ]
    )
    assert render_diff(made).splitlines() == [
        "  field              expected      got",
        "wrong value:",
        "  total_amount       38.5          385.0",
        "  items[0].quantity  3             30",
        "missing:",
        '  date               "2024-01-05"  –',
        "extra (not in the expected output):",
        "  vat                –             7",
        "array order (items in another order):",
        "  tags               0, 1, …       2, 0, 1",
    ]


def test_nothing_wrong_shows_nothing():
    assert render_diff(result()) == ""


def test_values_that_do_not_fit_stand_on_their_own_lines():
    made = result(fields=[field("note", expected="x" * 90, got="x" * 60 + "y"), TOTAL])
    lines = render_diff(made).splitlines()
    assert "  note" in lines
    assert '    - "' + "x" * 72 + "…" in lines
    assert '    + "' + "x" * 60 + 'y"' in lines
    assert "  total_amount  38.5      385.0" in lines
    whole = render_diff(made, verbose=True)
    assert "x" * 90 + '"' in whole


@given(
    st.lists(
        st.tuples(st.text(max_size=90), st.text(max_size=90) | st.integers() | st.none(), st.text(max_size=90)),
        max_size=8,
    ),
    st.sampled_from([60, 80, 120]),
)
def test_no_line_is_wider_than_the_screen(rows, width):
    made = result(fields=[field(path, expected=expected, got=got) for path, expected, got in rows])
    for line in render_diff(made, width=width).splitlines():
        assert len(line) <= width
        assert line.isprintable()


def test_many_findings_are_counted_rather_than_shown():
    made = result(fields=[field(f"f{number}", expected=1, got=2) for number in range(100)])
    assert "… and 40 more" in render_diff(made)
    assert "f59 " in render_diff(made)
    assert "f60 " not in render_diff(made)
    assert "f99 " in render_diff(made, verbose=True)


def test_colour_is_only_paint():
    made = result(fields=[TOTAL, field("note", expected="x" * 90, got="y" * 90)])
    colored = render_diff(made, color=True)
    assert "\x1b[31m38.5\x1b[0m" in colored
    assert "\x1b[32m385.0\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == render_diff(made)


# ---------------------------------------------------------------- the whole failure


def test_a_failure_says_all_there_is_to_say():
    made = result(
        fields=[TOTAL],
        failure="schema_invalid",
        extraction={"form": "fenced", "policy": "lenient", "error": None},
        flags=["fenced", "prose"],
        output='Sure:\n```json\n{"total_amount": 385.0}\n```',
        violations=[
            {"path": "total_amount", "message": "must be at most 100, is 385.0"},
            {"path": "", "message": "is x"},
        ],
    )
    assert render_failure("a-1[nano]", made, rerun='pytest "cases.jsonl::a-1[nano]"').splitlines() == [
        "a-1[nano]: 1 of 14 fields wrong, schema violated: total_amount 38.5 → 385.0",
        "",
        "  field         expected  got",
        "wrong value:",
        "  total_amount  38.5      385.0",
        "",
        "the schema does not allow:",
        "  total_amount must be at most 100, is 385.0",
        "  (root) is x",
        "",
        "lenient extraction: an object, in a code fence, with prose around it",
        "",
        "output (41 characters):",
        "  | Sure:",
        "  | ```json",
        '  | {"total_amount": 385.0}',
        "  | ```",
        "",
        'run it again: pytest "cases.jsonl::a-1[nano]"',
    ]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (without_json("no_json", "no_json", "x"), "lenient extraction: no JSON object"),
        (without_json("empty", "empty", ""), "output: none"),
        (without_json("wrong_root", "wrong_root", "[]"), "lenient extraction: JSON, but no object"),
        (without_json("malformed", "malformed:duplicate_key", "x"), "malformed JSON, duplicate key"),
        (without_json("truncated", "malformed:unterminated", "x", finish_reason="length"), "ended at the token limit"),
        (result(flags=["run_on"]), "followed by more"),
    ],
)
def test_a_failure_says_how_json_was_looked_for(made, words):
    assert words in render_failure("a", made, rerun="pytest x")


def test_a_long_output_is_shortened_in_the_middle_unless_all_is_asked_for():
    output = "first line\n" + "middle\n" * 2_000 + "last line"
    short = render_failure("a", result(output=output), rerun="pytest x")
    assert len(short) < 4_000
    assert "| first line\n" in short
    assert "| last line\n" in short
    assert "characters left out" in short
    assert f"output ({len(output):,} characters)" in short
    whole = render_failure("a", result(output=output), rerun="pytest x", verbose=True)
    assert whole.count("| middle\n") == 2_000


def test_many_violations_are_counted_rather_than_shown():
    made = result(violations=[{"path": f"v{number}", "message": "is missing"} for number in range(50)])
    assert "… and 30 more" in render_failure("a", made, rerun="pytest x")


def test_nothing_a_terminal_acts_on_comes_out_of_a_model():
    made = result(
        output=HOSTILE + "\nnext",
        fields=[field(HOSTILE, expected=HOSTILE, got=HOSTILE), field("b", "extra", got=HOSTILE * 50)],
        violations=[{"path": HOSTILE, "message": HOSTILE}],
        flags=[],
    )
    for verbose in (False, True):
        text = render_failure(HOSTILE, made, rerun="pytest " + HOSTILE, verbose=verbose)
        assert text.replace("\n", "").isprintable()
        text.encode()
    assert "| \\x1b[31mred\\x07\\x00\\r\\u202e\\ud800\\x9b2J\\u2028\n  | next" in text
    error = without_json("runtime_error", "empty", HOSTILE, error=HOSTILE)
    assert verdict("a", error).isprintable()
    assert verdict("a", without_json("no_json", "no_json", HOSTILE)).isprintable()


@given(st.text(max_size=300), st.text(max_size=30), st.booleans())
def test_any_output_can_be_shown(output, key, verbose):
    made = result(output=output, fields=[field(key, expected=key, got=output)])
    text = render_failure("a", made, rerun="pytest x", verbose=verbose)
    assert text.replace("\n", "").isprintable()
    assert verdict("a", made).isprintable()


def test_clean_shorten_show():
    assert clean("a\tb\x1b\U000e0001", keep="\t") == "a\tb\\x1b\\U000e0001"
    assert clean("größe → 日本") == "größe → 日本"
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
    assert show("a\nb") == '"a\\nb"'
    assert show({"a": [1, None]}) == '{"a": [1, null]}'
    assert show("x" * 10_000_000, 10) == '"xxxxxxxx…'
