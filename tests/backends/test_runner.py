"""The runner: what happens to the other cases when one ends the work."""

from __future__ import annotations

import pytest
from helpers.projects import Project

RESULTS = "--edgejson-results=results.jsonl"


@pytest.mark.slow
def test_what_came_before_a_backend_broke_counts(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pytest_edgejson.backends import control
        from pytest_edgejson.backends.interface import BackendError

        generate = control.ControlBackend.generate

        def breaking(self, requests):
            yield from generate(self, requests[-2:])
            raise BackendError("it broke")

        control.ControlBackend.generate = breaking
        """
    )
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", RESULTS)
    result.assert_outcomes(passed=2, errors=4)
    errors = {row["error"] for row in project.results()[1] if row["finish_reason"] == "error"}
    assert errors == {"it broke"}


@pytest.mark.slow
def test_what_a_model_finished_ahead_of_the_last_case_is_kept(project: Project, pytester: pytest.Pytester) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    pytester.makeconftest(
        """
        import time

        def pytest_edgejson_result(result):
            time.sleep(3)
        """
    )
    # All six are in one batch and end after three tokens at most; the first one, which misses, ends the run.
    run = ("--edgejson-model=nano", RESULTS, "--edgejson-max-new-tokens=3", "--edgejson-batch-size=6")
    pytester.runpytest_subprocess(*run, "-x").assert_outcomes(failed=1)
    (pytester.path / "conftest.py").unlink()
    pytester.runpytest_subprocess(*run).assert_outcomes(failed=6)
    assert all(row["stored"] for row in project.results()[1])


@pytest.mark.slow
def test_what_breaks_into_a_case_takes_no_other_with_it(project: Project, pytester: pytest.Pytester) -> None:
    # As a time limit of another plugin does, with what is no Exception, wherever the model is at the time.
    pytester.makeconftest(
        """
        import pytest
        from pytest_edgejson.backends import control

        answer = control.ControlBackend.answer

        def broken_into(self, request):
            if request.case.id == "bill-001":
                pytest.fail("time is up")
            return answer(self, request)

        control.ControlBackend.answer = broken_into
        """
    )
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", RESULTS)
    result.assert_outcomes(passed=5, errors=1)
    result.stdout.fnmatch_lines(["*bill.jsonl::bill-001*time is up*"])
    assert len(project.results()[1]) == 5
