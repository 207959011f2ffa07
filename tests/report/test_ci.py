"""What a CI service is told."""

from __future__ import annotations

import json

import pytest

from pytest_edgejson.report.ci import MOST_ANNOTATIONS, Annotation, badge, github_commands, write_step_summary
from pytest_edgejson.results.metrics import measure


def metrics(exact: int, n: int):
    return measure(
        [
            {
                "case_id": str(number),
                "repeat": 1,
                "finish_reason": "stop",
                "json_exact": number < exact,
                "field_f1": 0.5,
                "schema_compliant": True,
                "output_tokens": None,
                "compute_s": None,
                "latency_s": None,
            }
            for number in range(n)
        ]
    )


def test_an_annotation_is_one_line_that_nothing_in_it_can_end():
    hostile = Annotation("error", "a:b,c\n::error::x", "100 % of\n::set-output name=a::b\x1b[1m", "a,b:c.jsonl", 3)
    (command,) = github_commands([hostile])
    assert "\n" not in command
    assert "\x1b" not in command
    assert command == (
        "::error file=a%2Cb%3Ac.jsonl,line=3,title=a%3Ab%2Cc%0A%3A%3Aerror%3A%3Ax"
        "::100 %25 of%0A::set-output name=a::b\\x1b[1m"
    )


def test_ten_annotations_of_each_level_are_shown():
    many = [Annotation("error", "t", "m")] * 30 + [Annotation("warning", "t", "m")] * 3
    commands = list(github_commands(many))
    assert sum(command.startswith("::error ") for command in commands) == MOST_ANNOTATIONS
    assert sum(command.startswith("::warning ") for command in commands) == 3


@pytest.mark.parametrize(
    ("exact", "n", "message", "color"),
    [(0, 4, "0.0 % of 4", "red"), (3, 4, "75.0 % of 4", "green"), (4, 4, "100.0 % of 4", "brightgreen")],
)
def test_a_badge_is_what_shields_io_reads(exact, n, message, color):
    document = json.loads(badge("nano", metrics(exact, n)))
    assert document == {"schemaVersion": 1, "label": "JSONExact nano", "message": message, "color": color}


def test_a_badge_of_nothing_is_an_error():
    assert json.loads(badge("nano", metrics(0, 0)))["isError"] is True


def test_summaries_are_appended(tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write_step_summary("one")
    write_step_summary("two")
    assert summary.read_text(encoding="utf-8") == "one\ntwo\n"
    write_step_summary("x" * 2**20)
    assert summary.read_text(encoding="utf-8") == "one\ntwo\n"
