"""`--edgejson-assert`: what a case must reach to pass."""

from __future__ import annotations

import pytest
from helpers.projects import Project

ANSWERS = {
    "contact-001": '{"name": "Ada", "age": 37}',  # compliant, half right
    "contact-002": '{"name": "Grace", "age": "85"}',  # not compliant, a third right
}


@pytest.mark.parametrize(
    ("assertion", "failed"),
    [("exact", 2), ("schema", 1), ("field_f1>=0.5", 1), ("field_f1 >= 0.4", 0), ("field_f1>=1", 2)],
)
def test_assertion(project: Project, pytester: pytest.Pytester, assertion: str, failed: int) -> None:
    result = pytester.runpytest(f"--edgejson-model={project.record(ANSWERS)}", f"--edgejson-assert={assertion}")
    result.assert_outcomes(passed=6 - failed, failed=failed)


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_assert = schema\n")
    pytester.runpytest(f"--edgejson-model={project.record(ANSWERS)}").assert_outcomes(passed=5, failed=1)


def test_an_option_beats_the_ini_value(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_assert = schema\n")
    run = (f"--edgejson-model={project.record(ANSWERS)}", "--edgejson-assert=exact")
    pytester.runpytest(*run).assert_outcomes(passed=4, failed=2)
