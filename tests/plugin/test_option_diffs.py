"""`--edgejson-diffs`: how many failures are shown whole, so that the table is what one sees."""

from __future__ import annotations

import pytest
from helpers.projects import Project


def in_one_line(result: pytest.RunResult) -> int:
    return sum(line.startswith("MISS ") for line in result.outlines)


@pytest.mark.parametrize(("value", "whole"), [(None, 5), ("2", 2), ("none", 0), ("0", 0), ("all", 6)])
def test_number_of_diffs(project: Project, pytester: pytest.Pytester, value: str | None, whole: int) -> None:
    option = [] if value is None else [f"--edgejson-diffs={value}"]
    result = pytester.runpytest("--edgejson-model=control:empty", *option)
    assert sum(line.startswith("____") for line in result.outlines) == whole
    assert in_one_line(result) == 6
    more = f"{6 - whole} more misses are in one line each below*"
    if whole < 6:
        result.stdout.fnmatch_lines([more])
    else:
        result.stdout.no_fnmatch_line("*more misses*")
    result.assert_outcomes(failed=6)


def test_the_table_comes_last(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:empty")
    last_miss = max(index for index, line in enumerate(result.outlines) if line.startswith("MISS "))
    table = next(index for index, line in enumerate(result.outlines) if "JSONExact" in line)
    assert table > last_miss
    assert len(result.outlines) - table < 12


def test_failures_of_other_tests_are_always_shown(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="def test_own(): assert 1 == 2")
    result = pytester.runpytest("--edgejson-model=control:empty", "--edgejson-diffs=none", ".")
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_diffs = 1\n")
    result = pytester.runpytest("--edgejson-model=control:empty")
    result.stdout.fnmatch_lines(["5 more misses*"])
