"""Beside other plugins of pytest a number stays the number. They are optional: CI installs them (group `beside`)."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import Any

import pytest
from helpers.projects import Project

pytestmark = pytest.mark.slow

# What each of them is asked to do, by the name that it is loaded under.
PLUGINS = {
    "allure_pytest": ("--alluredir=allure",),
    "flaky": ("--force-flaky", "--max-runs=3"),
    "html": ("--html=report.html", "--self-contained-html"),
    "pytest_cov": ("--cov=.", "--cov-report=term"),
    "randomly": ("-p", "randomly"),
    "repeat": ("--count=3",),
    "rerunfailures": ("--reruns=2",),
    "sugar": ("--force-sugar",),
    "timeout": ("--timeout=60",),
}
# A model that notes what it is asked, answers nothing, and hangs at the case that it is named after.
COUNTING = """
import time
from pathlib import Path

from pytest_edgejson.backends.interface import Backend, BackendType, Completion


class Counting(Backend):
    fingerprint = "1"
    description = {}

    def __init__(self, spec, settings, options):
        self.slow = spec.model

    def render(self, case):
        return case.prompt

    def answer(self, request):
        with Path("asked.txt").open("a") as file:
            print(request.case.id, file=file)
        if request.case.id == self.slow:
            time.sleep(60)
        return Completion(request.key, "", "stop")


def pytest_edgejson_backends(config):
    return {"counting": BackendType(Counting)}
"""
ANSWERS = {"contact-001": "{}", "bill-002": '{"number": "B-2", "lines": []}', "tree-001": "none"}
WORKERS = pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])


def alone_with(name: str) -> list[str]:
    """Return options that leave out all of the plugins but one."""
    others = [*PLUGINS, "cacheprovider"]
    return [word for other in others if other != name for word in ("-p", f"no:{other}")]


def run(pytester: pytest.Pytester, project: Project, *arguments: str, beside: str = "") -> tuple[int, dict[str, Any]]:
    """Run the cases beside one of the plugins or none, and return exit code and all that is measured."""
    model = f"--edgejson-model={project.record(ANSWERS)}"
    written = ("--edgejson-results=results.jsonl", "--edgejson-report=report.md", "--edgejson-badge=badge.json")
    gates = ("--edgejson-gate=json_exact>=0.5", "--edgejson-gate=json_exact[medium]>=0.9", "--edgejson-diffs=all")
    result = pytester.runpytest_subprocess(
        *alone_with(beside), *PLUGINS.get(beside, ()), model, *written, *gates, *arguments
    )
    manifest, results = project.results()
    table = [line for line in result.outlines if line.startswith(("simple ", "medium ", "complex ", "all "))]
    assert len(table) == 4
    return int(result.ret), {
        "results": sorted(results, key=lambda row: row["case_id"]),
        "cases": (manifest["cases"], manifest["suite_sha256"], manifest["gates"]),
        "table": table,
        # Misses stand in it in the order in which they came.
        "report": sorted((project.root / "report.md").read_text(encoding="utf-8").splitlines()),
        "badge": json.loads((project.root / "badge.json").read_text(encoding="utf-8")),
    }


def need(name: str) -> None:
    if not entry_points(group="pytest11", name=name):
        pytest.skip(f"the plugin {name} of pytest is not installed: pip install --group beside")


@WORKERS
@pytest.mark.parametrize("name", PLUGINS)
def test_numbers_results_gates_and_reports_are_the_same(
    project: Project, pytester: pytest.Pytester, name: str, workers: tuple[str, ...]
) -> None:
    need(name)
    assert run(pytester, project, *workers, beside=name) == run(pytester, project, *workers)


def test_a_rerun_is_answered_from_the_store(project: Project, pytester: pytest.Pytester) -> None:
    need("rerunfailures")
    pytester.makeconftest(COUNTING)
    drawn = ("--edgejson-model=counting:x", "--edgejson-temperature=1")
    result = pytester.runpytest_subprocess(*alone_with("rerunfailures"), *drawn, "--reruns=2")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["rerun"]) == (6, 12)
    assert sorted((project.root / "asked.txt").read_text(encoding="utf-8").split()) == sorted(project.expected)
    result.stdout.no_fnmatch_line("*from the store*")


def test_a_case_that_runs_out_of_time_takes_no_other_with_it(project: Project, pytester: pytest.Pytester) -> None:
    need("timeout")
    pytester.makeconftest(COUNTING)
    result = pytester.runpytest_subprocess(*alone_with("timeout"), "--edgejson-model=counting:bill-001", "--timeout=8")
    assert result.parseoutcomes() == {"failed": 5, "errors": 1}
    result.stdout.fnmatch_lines(["*bill-001*", "*Timeout (>8.0s)*", "all *5 *"])
