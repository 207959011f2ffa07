"""`--junitxml`: cases, metrics and verdicts for other tools."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from helpers.projects import Project, run_pytest


@pytest.mark.parametrize("arguments", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_each_case_with_its_metrics(project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    model = project.record({"bill-002": '{"number": "\\u001b]0;<b>", "lines": []}\x1b\ud800'})
    run_pytest(pytester, f"--edgejson-model={model}", "--junitxml=junit.xml", *arguments)
    suite = ET.parse(project.root / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "1", "0")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    missed = cases["bill-002[replay:answers]"]
    failure = missed.find("failure")
    assert failure is not None
    assert "3 of 3 fields wrong" in str(failure.get("message"))
    assert "run it again: pytest" in str(failure.text)
    properties = {item.get("name"): item.get("value") for item in missed.iter("property")}
    assert properties == {
        "model": "replay:answers",
        "complexity": "medium",
        "json_exact": "False",
        "field_f1": "0.0",
        "schema_compliant": "True",
    }
