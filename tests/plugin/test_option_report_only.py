"""`--edgejson-report-only`: misses do not fail the run, everything else does."""

from __future__ import annotations

import pytest
from helpers.projects import Project, run_pytest

RUN = ("--edgejson-model=control:empty", "--edgejson-report-only")


def test_misses_are_forgiven(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(*RUN)
    result.assert_outcomes(failed=6)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "extra",
    [
        ("-p", "no:terminal"),
        *(pytest.param(extra, marks=pytest.mark.slow) for extra in [("-n2",), ("-n2", "-p", "no:cacheprovider")]),
    ],
)
def test_the_same_without_terminal_and_with_xdist(
    project: Project, pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    assert run_pytest(pytester, *RUN, *extra).ret == pytest.ExitCode.OK


def test_other_failures_are_not(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="def test_own(): assert False")
    result = pytester.runpytest(*RUN, ".")
    result.assert_outcomes(failed=7)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_collection_errors_are_not(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "cases/test/simple/contact.jsonl").write_text("{broken\n", encoding="utf-8")
    assert pytester.runpytest(*RUN).ret == pytest.ExitCode.INTERRUPTED
    assert pytester.runpytest(*RUN, "--continue-on-collection-errors").ret == pytest.ExitCode.TESTS_FAILED


def test_no_case_is_still_no_tests_collected(project: Project, pytester: pytest.Pytester) -> None:
    assert pytester.runpytest(*RUN, "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_stopping_early_keeps_its_exit_code(project: Project, pytester: pytest.Pytester) -> None:
    assert pytester.runpytest(*RUN, "-x").ret == pytest.ExitCode.TESTS_FAILED


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_report_only = true\n")
    assert pytester.runpytest("--edgejson-model=control:empty").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("has_file", [True, False])
def test_a_wrong_value_in_the_configuration_names_the_key(
    project: Project, pytester: pytest.Pytester, has_file: bool
) -> None:
    if has_file:
        pytester.makeini("[pytest]\n")
    result = pytester.runpytest("--edgejson-model=control:gold", "-o", "edgejson_report_only=maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    place = f"{project.root / 'tox.ini'}: " if has_file else ""
    result.stderr.fnmatch_lines([f"ERROR: {place}edgejson_report_only: invalid truth value 'maybe'"])
