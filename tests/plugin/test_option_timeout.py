"""`--edgejson-timeout`: a case that takes too long, or takes its process with it, is an error of that case alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.planted import plant
from helpers.projects import Project, completions_in

pytestmark = pytest.mark.usefixtures("model_environment")
RUN = ("--edgejson-model=planted", "--edgejson-results=results.jsonl", "--edgejson-store=store.sqlite")


@pytest.mark.slow
def test_the_rest_goes_on_and_a_rerun_tries_only_what_broke(
    planted: Path, project: Project, pytester: pytest.Pytester
) -> None:
    plant(project, planted, {"contact-002": "abort", "bill-001": "hang"})
    run = (*RUN, "--edgejson-timeout=6", "--edgejson-max-new-tokens=6", "--edgejson-report-only")
    for arguments in ((), ("-n2", "--edgejson-device=cpu,cpu")):
        result = pytester.runpytest_subprocess(*run, *arguments)
        # Errors are never forgiven, misses are.
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.assert_outcomes(failed=4, errors=2)
        result.stdout.no_fnmatch_line("*worker*crashed*")
        _, rows = project.results()
        found = {row["case_id"]: row for row in rows}
        assert len(found) == 6
        assert found["contact-002"]["failure"] == "runtime_error"
        assert found["contact-002"]["error"] == "the process that ran the model was ended by SIGABRT"
        assert found["bill-001"]["failure"] == "timeout"
        assert "--edgejson-timeout" in found["bill-001"]["error"]
        assert completions_in(project.root / "store.sqlite") == 4
        assert [row["stored"] for row in rows].count(True) == (4 if arguments else 0)


@pytest.mark.slow
def test_a_slow_model_ends_its_cases_itself_and_keeps_what_it_said(
    planted: Path, project: Project, pytester: pytest.Pytester
) -> None:
    plant(project, planted, {"tree-001": "slow"})
    result = pytester.runpytest_subprocess(*RUN, "--edgejson-timeout=2", "-k", "tree", "--edgejson-max-new-tokens=500")
    result.assert_outcomes(errors=1, deselected=5)
    (row,) = project.results()[1]
    assert (row["finish_reason"], row["failure"]) == ("timeout", "timeout")
    assert row["latency_s"] > 2
    assert 0 < row["output_tokens"] <= 6
    assert row["output"]
    assert row["error"].startswith(f"no end after 2 s and {row['output_tokens']} tokens: ")
    assert completions_in(project.root / "store.sqlite") == 0


def test_the_first_request_to_a_server_is_waited_for_no_longer(project: Project, pytester: pytest.Pytester) -> None:
    from helpers.servers import FakeServer, hang, running

    with running(FakeServer()) as server:
        server.answer = hang(20)
        run = ("--edgejson-model=openai:m", f"--edgejson-base-url={server.url}", "--edgejson-timeout=0.5")
        result = pytester.runpytest(*run)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.endswith("within 0.5 s (--edgejson-timeout): give it longer, perhaps it is loading the model")


def test_without_a_limit_the_store_answers_for_any(project: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=control:rules", "--edgejson-results=results.jsonl")
    pytester.runpytest(*run)
    pytester.runpytest(*run, "--edgejson-timeout=5", "--edgejson-deadline=60")
    assert all(row["stored"] for row in project.results()[1])


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf", ""])
def test_no_number_of_seconds(project: Project, pytester: pytest.Pytester, value: str) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", f"--edgejson-timeout={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--edgejson-timeout: {value!r} is no number of seconds above 0"])


def test_a_rerun_keeps_the_limit_of_a_case(project: Project, pytester: pytest.Pytester) -> None:
    model = project.record({"tree-001": json.dumps({})})
    result = pytester.runpytest(f"--edgejson-model={model}", "--edgejson-timeout=5", "--edgejson-deadline=60")
    (command,) = (line for line in result.outlines if line.startswith("run it again: "))
    assert "--edgejson-timeout=5" in command
    assert "--edgejson-deadline" not in command


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_timeout = never\n")
    result = pytester.runpytest("--edgejson-model=control:gold")
    result.stderr.fnmatch_lines(["ERROR: *tox.ini: edgejson_timeout: 'never' is no number of seconds above 0"])
