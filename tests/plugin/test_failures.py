"""The text under a failed case, and how pytest writes it."""

from __future__ import annotations

import json

import pytest
from helpers.answers import HOSTILE, field, made_up, without_json
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.plugin.failures import render_failure

TOTAL = field("total_amount", expected=38.5, got=385.0)


def test_a_failure_says_all_there_is_to_say():
    made = made_up(
        fields=[TOTAL],
        expected_output={"total_amount": 38.5, **dict.fromkeys("abcdefghijklm", 1)},
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
        "  total_amount  wrong  38.5 → 385.0",
        "  … 13 other fields right",
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
        (made_up(flags=["run_on"]), "followed by more"),
    ],
)
def test_a_failure_says_how_json_was_looked_for(made, words):
    assert words in render_failure("a", made, rerun="pytest x")


def test_a_long_output_is_shortened_in_the_middle_unless_all_is_asked_for():
    output = "first line\n" + "middle\n" * 2_000 + "last line"
    short = render_failure("a", made_up(output=output), rerun="pytest x")
    assert len(short) < 4_000
    assert "| first line\n" in short
    assert "| last line\n" in short
    assert "characters left out" in short
    assert f"output ({len(output):,} characters)" in short
    whole = render_failure("a", made_up(output=output), rerun="pytest x", verbose=True)
    assert whole.count("| middle\n") == 2_000


def test_many_violations_are_counted_rather_than_shown():
    made = made_up(violations=[{"path": f"v{number}", "message": "is missing"} for number in range(50)])
    assert "… and 30 more" in render_failure("a", made, rerun="pytest x")


def test_nothing_a_terminal_acts_on_comes_out_of_a_model():
    made = made_up(
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


@given(st.text(max_size=300), st.text(max_size=30), st.booleans())
def test_any_output_can_be_shown(output, key, verbose):
    made = made_up(output=output, fields=[field(key, expected=key, got=output)])
    text = render_failure("a", made, rerun="pytest x", verbose=verbose)
    assert text.replace("\n", "").isprintable()


# ---------------------------------------------------------------- as pytest shows it

LONG = "tea from the hills in the north, picked by hand and dried in the sun"


@pytest.fixture
def missed(project):
    """A model with one miss: a long text that differs in one word."""
    expected = project.expected["bill-001"]
    expected["lines"][0]["text"] = LONG
    expected["lines"][1]["text"] = LONG + " again"
    project.write_cases(
        "cases/test/medium/bill.jsonl",
        [{"id": "bill-001", "schema_id": "bill", "complexity": "medium", "prompt": "x", "expected_output": expected}],
    )
    answer = {"number": "B-1", "lines": [{"text": LONG.replace("hand", "hands")}, expected["lines"][1]]}
    return project.record({"bill-001": json.dumps(answer)})


def diff_lines(lines):
    start = next(number for number, line in enumerate(lines) if line.lstrip().startswith("lines[0]"))
    return lines[start : lines.index("", start)]


def test_a_diff_fills_the_terminal(missed, pytester, monkeypatch):
    widths = []
    for width in (70, 150):
        monkeypatch.setenv("COLUMNS", str(width))
        result = pytester.runpytest(f"--edgejson-model={missed}", "-k", "bill-001")
        widths.append(max(map(len, diff_lines(result.outlines))))
    assert widths[0] <= 70 < widths[1] <= 150


@pytest.mark.parametrize(("option", "variable", "is_painted"), [
    ("--color=yes", None, True), ("--color=no", None, False), ("--color=auto", "FORCE_COLOR", True),
    ("--color=auto", "NO_COLOR", False),
])  # fmt: skip
def test_colours_are_pytests_to_decide(missed, pytester, monkeypatch, option, variable, is_painted):
    for name in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    result = pytester.runpytest(f"--edgejson-model={missed}", "-k", "bill-001", option)
    assert ("\x1b[31m[-hand-]\x1b[0m" in result.stdout.str()) is is_painted
    assert "[-hand-]" in result.stdout.str()


def test_a_terminal_without_our_signs_gets_others(missed, pytester, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    result = pytester.runpytest_subprocess(f"--edgejson-model={missed}", "-k", "bill-001")
    text = "\n".join(diff_lines(result.outlines))
    assert "... " in text
    assert "[-hand-]{+hands+}" in text
    assert "\\u2026" not in text


def test_the_junit_file_holds_the_diff(missed, pytester):
    pytester.runpytest(f"--edgejson-model={missed}", "-k", "bill-001", "--junitxml=junit.xml", "--color=yes")
    text = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert "[-hand-]{+hands+}" in text
    assert "\x1b" not in text
    assert "#x1B" not in text
