"""Beside other plugins of pytest a number stays the number. They are optional: CI installs them."""

from __future__ import annotations

import pytest
from helpers.projects import Project, run_pytest


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_a_case_that_is_rerun_counts_once(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytest.importorskip("pytest_rerunfailures")
    model = f"--edgejson-model={project.record({'contact-001': '{}', 'tree-001': 'none'})}"
    result = run_pytest(pytester, model, "--reruns=2", "--edgejson-results=results.jsonl", *workers)
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"], outcomes["rerun"]) == (4, 2, 4)
    result.stdout.fnmatch_lines(["all *6 *66.7 %*"])
    assert len(project.results()[1]) == 6
