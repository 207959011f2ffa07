"""`--edgejson-max-new-tokens`: a number, or a limit that follows from the expected outputs."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project

# A model that writes one character a token, `x` for ever, and counts what it is allowed.
BACKEND = """
import pytest

from pytest_edgejson.backends.interface import Backend, BackendType, Completion

class Writing(Backend):
    fingerprint = "writing"
    description = {"backend": "writing"}
    limits_each = True

    def __init__(self, spec, settings, options):
        self.settings = settings

    def render(self, case):
        return case.prompt

    def count_tokens(self, text):
        return len(text)

    def answer(self, request):
        limit = request.max_new_tokens or self.settings.max_new_tokens
        return Completion(request.key, "x" * limit, "length", output_tokens=limit)

class Fixed(Writing):
    limits_each = False

@pytest.hookimpl(optionalhook=True)
def pytest_edgejson_backends(config):
    return {"writing": BackendType(Writing), "fixed": BackendType(Fixed)}
"""
RUN = ("--edgejson-results=results.jsonl", "--edgejson-loops=keep")


@pytest.fixture
def project(project: Project, pytester: pytest.Pytester) -> Project:
    pytester.makeconftest(BACKEND)
    return project


def limits(project: Project) -> dict[str, int]:
    return {row["case_id"]: row["output_tokens"] for row in project.results()[1]}


def test_auto_follows_the_longest_expected_output_of_the_schema(project: Project, pytester: pytest.Pytester) -> None:
    auto = ("--edgejson-model=writing:m", "--edgejson-max-new-tokens=auto", *RUN)
    pytester.runpytest(*auto)
    longest: dict[str, int] = {}
    for case_id, expected in project.expected.items():
        schema_id = case_id.rpartition("-")[0]
        longest[schema_id] = max(longest.get(schema_id, 0), len(json.dumps(expected, indent=2, ensure_ascii=False)))
    wanted = {case_id: int(1.5 * longest[case_id.rpartition("-")[0]]) + 32 for case_id in project.expected}
    assert limits(project) == wanted
    manifest, rows = project.results()
    assert manifest["settings"]["generation"]["writing:m"]["max_new_tokens"] == "auto"
    assert {row["case_id"]: row["max_new_tokens"] for row in rows} == wanted
    # A case alone has the same limit, and so its answer from the store; as has one for which that is the number.
    for option in ("auto", str(wanted["contact-001"])):
        pytester.runpytest(
            "cases/test/simple/contact.jsonl::contact-001[writing:m]", f"--edgejson-max-new-tokens={option}", *RUN
        )
        (row,) = project.results()[1]
        assert row["stored"]
        assert ("max_new_tokens" in row) == (option == "auto")


def test_a_backend_with_one_limit_for_all(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=fixed:m", "--edgejson-max-new-tokens=auto")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*fixed:m: its backend 'fixed' has one token limit for all cases: give a number*"])
    # What asks no model has none.
    pytester.runpytest("--edgejson-model=control:gold", "--edgejson-max-new-tokens=auto").assert_outcomes(passed=6)


def test_a_backend_that_there_is_not(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "models.toml").write_text('[models.x]\nbackend = "acme"\nmodel = "m"\n', encoding="utf-8")
    result = pytester.runpytest("--edgejson-model=x", "--edgejson-max-new-tokens=auto")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: x: unknown backend 'acme': known: transformers, *"])
    result.stdout.no_fnmatch_line("*KeyError*")


@pytest.mark.parametrize("limit", ["0", "many", "-1"])
def test_what_is_no_limit(project: Project, pytester: pytest.Pytester, limit: str) -> None:
    result = pytester.runpytest("--edgejson-model=writing:m", f"--edgejson-max-new-tokens={limit}")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*is no whole number of at least 1"])
