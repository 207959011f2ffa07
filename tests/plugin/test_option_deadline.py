"""`--edgejson-deadline`: when the run's time is up, nothing is generated any more and what is finished counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.planted import plant
from helpers.projects import Project

RESULTS = "--edgejson-results=results.jsonl"
# A control that takes two seconds for a case.
SLOW = """
    import time
    from pytest_edgejson.backends import control

    answer = control.ControlBackend.answer

    def slowly(self, request):
        time.sleep(2)
        return answer(self, request)

    control.ControlBackend.answer = slowly
"""


@pytest.mark.slow
def test_what_is_finished_counts_and_a_rerun_goes_on(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SLOW)
    run = ("--edgejson-model=control:gold", RESULTS)
    result = pytester.runpytest_subprocess(*run, "--edgejson-deadline=5", "--edgejson-report-only")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    _, rows = project.results()
    late = [row for row in rows if row["finish_reason"] == "timeout"]
    assert len(rows) == 6
    assert 3 <= len(late) < 6
    assert {row["error"] for row in late} == {"no answer before the run's deadline of 5 s (--edgejson-deadline)"}
    assert {row["output"] for row in late} == {""}
    result.assert_outcomes(passed=6 - len(late), errors=len(late))
    (project.root / "conftest.py").unlink()
    pytester.runpytest_subprocess(*run).assert_outcomes(passed=6)
    _, rows = project.results()
    assert [row["stored"] for row in rows].count(True) == 6 - len(late)


@pytest.mark.slow
def test_the_store_still_answers_after_it(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--edgejson-model=control:empty")
    pytester.makeconftest(SLOW)
    models = ("--edgejson-model=control:gold", "--edgejson-model=control:empty")
    pytester.runpytest_subprocess(*models, RESULTS, "--edgejson-deadline=0.2")
    found = {(row["model"], row["finish_reason"], row["stored"]) for row in project.results()[1]}
    assert ("control:empty", "stop", True) in found
    assert ("control:empty", "timeout", False) not in found
    assert ("control:gold", "timeout", False) in found


@pytest.mark.slow
@pytest.mark.usefixtures("model_environment")
def test_it_ends_a_local_model_whatever_it_does(
    project: Project, pytester: pytest.Pytester, planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_ON_LOAD", "hang")
    plant(project, planted, {})
    for arguments in ((), ("-n2", "--edgejson-device=cpu,cpu")):
        result = pytester.runpytest_subprocess(
            "--edgejson-model=planted", "--edgejson-deadline=1", RESULTS, *arguments, timeout=120
        )
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.assert_outcomes(errors=6)
        assert {row["failure"] for row in project.results()[1]} == {"timeout"}


def test_no_number_of_seconds(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-deadline=1h")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--edgejson-deadline: '1h' is no number of seconds above 0"])


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_deadline = 0.000001\n")
    pytester.runpytest("--edgejson-model=control:gold").assert_outcomes(errors=6)
