"""`--edgejson-loops`: answers that repeat themselves without end."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project

# A model that streams the answer to the first case for ever, and knows all others.
BACKEND = """
import json

import pytest

from pytest_edgejson.backends.ending import EndScanner
from pytest_edgejson.backends.interface import Backend, BackendType, Completion

class Streaming(Backend):
    fingerprint = "streaming"
    description = {"backend": "streaming"}

    def __init__(self, spec, settings, options):
        self.settings = settings

    def render(self, case):
        return case.prompt

    def answer(self, request):
        scanner = EndScanner(self.settings, request)
        loops = request.case.id == "contact-001"
        piece = '{"name": "Ada", ' if loops else json.dumps(request.case.expected_output)
        text = ""
        for number in range(1, self.settings.max_new_tokens + 1):
            text += piece
            if reason := scanner.feed(piece):
                return Completion(request.key, text, reason, output_tokens=number)
        return Completion(request.key, text, "length", output_tokens=number)

@pytest.hookimpl(optionalhook=True)
def pytest_edgejson_backends(config):
    return {"streaming": BackendType(Streaming)}
"""
RESULTS = "--edgejson-results=results.jsonl"


@pytest.fixture
def project(project: Project, pytester: pytest.Pytester) -> Project:
    pytester.makeconftest(BACKEND)
    return project


def test_an_answer_in_a_loop_ends_early_as_a_kind_of_its_own(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=streaming:m", RESULTS)
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*contact-001[[]streaming:m]: repeats itself without end, ended at * tokens",
            "*generation was ended in a loop (--edgejson-loops=keep lets it run on)*",
        ]
    )
    rows = {row["case_id"]: row for row in project.results()[1]}
    looped = rows["contact-001"]
    assert (looped["finish_reason"], looped["failure"]) == ("loop", "loop")
    assert looped["output_tokens"] < 40
    assert {row["failure"] for row in rows.values()} == {"loop", None}
    again = pytester.runpytest("--edgejson-model=streaming:m", RESULTS, "-k", "contact-001")
    again.assert_outcomes(failed=1)
    assert project.results()[1][0]["stored"]


def test_one_that_the_limit_cut_off_is_a_loop_too(project: Project, pytester: pytest.Pytester) -> None:
    keep = ("--edgejson-loops=keep", RESULTS, "--edgejson-max-new-tokens=100", "-k", "contact-001")
    result = pytester.runpytest("--edgejson-model=streaming:m", *keep)
    result.stdout.fnmatch_lines(["*repeats itself without end at 100 tokens"])
    (row,) = project.results()[1]
    assert (row["finish_reason"], row["failure"], row["output_tokens"]) == ("length", "loop", 100)
    # A recording tells the same of itself; one that ended by itself is none.
    (project.root / "answers.jsonl").write_text(
        json.dumps({"case_id": "contact-001", "output": row["output"], "finish_reason": "max_tokens"})
        + "\n"
        + json.dumps({"case_id": "contact-002", "output": row["output"], "finish_reason": "stop"})
    )
    pytester.runpytest("--edgejson-model=replay:answers.jsonl", RESULTS, "-k", "contact-001 or contact-002")
    assert [each["failure"] for each in project.results()[1]] == ["loop", "malformed"]


@pytest.mark.parametrize(
    ("entry", "options", "loops"),
    [
        ("", [], "end"),
        ('loops = "keep"', [], "keep"),
        ('loops = "keep"', ["--edgejson-loops=end"], "end"),
        ("", ["--edgejson-profile=v3"], "keep"),
        ("", ["--edgejson-profile=v3", "--edgejson-loops=end"], "end"),
        # What is drawn may leave any repetition again.
        ("", ["--edgejson-temperature=0.5", "--edgejson-loops=end"], "keep"),
    ],
)
def test_who_decides(project: Project, pytester: pytest.Pytester, entry: str, options: list[str], loops: str) -> None:
    (project.root / "models.toml").write_text(f'[models.m]\nbackend = "streaming"\nmodel = "m"\n{entry}\n')
    pytester.runpytest("--edgejson-model=m", RESULTS, "-k", "contact-001", "--edgejson-max-new-tokens=99", *options)
    manifest, (row,) = project.results()
    assert manifest["settings"]["generation"]["m"]["loops"] == loops
    assert row["finish_reason"] == ("loop" if loops == "end" else "length")


def test_a_wrong_word_in_an_entry(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "models.toml").write_text('[models.m]\nbackend = "streaming"\nmodel = "m"\nloops = "stop"\n')
    result = pytester.runpytest("--edgejson-model=m")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*models.m: 'loops' must be one of end, keep, got 'stop'"])
