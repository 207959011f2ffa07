"""What finished cases leave behind: their results on the controller, nothing else."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project

COUNT = """
import gc
import json
from pathlib import Path

import pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    from pytest_edgejson.backends.interface import Completion

    gc.collect()
    alive = gc.get_objects()
    # The annotations of the record have its keys too.
    dicts = [each for each in alive if type(each) is dict]
    results = sum(isinstance(each.get("case_id"), str) and "json_exact" in each for each in dicts)
    completions = sum(isinstance(each, Completion) for each in alive)
    place = getattr(session.config, "workerinput", {}).get("workerid", "controller")
    Path(f"{place}.json").write_text(json.dumps([results, completions]), encoding="utf-8")
"""


def left(project: Project, place: str) -> list[int]:
    counts: list[int] = json.loads((project.root / f"{place}.json").read_text(encoding="utf-8"))
    return counts


@pytest.mark.slow
def test_a_finished_case_leaves_one_result(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNT)
    model = project.record({"contact-001": "{}"})
    pytester.runpytest_subprocess(f"--edgejson-model={model}").assert_outcomes(passed=5, failed=1)
    assert left(project, "controller") == [6, 0]


@pytest.mark.slow
def test_a_worker_keeps_no_results(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNT)
    result = pytester.runpytest_subprocess(f"--edgejson-model={project.record()}", "-n2")
    result.assert_outcomes(passed=6)
    assert left(project, "controller") == [6, 0]
    assert left(project, "gw0") == left(project, "gw1") == [0, 0]
