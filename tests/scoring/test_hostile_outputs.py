"""Hostile outputs, from a recording to the terminal, the JUnit file and the results file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.projects import Project

HOSTILE: dict[str, tuple[str, str]] = {
    "nesting of 100,000 arrays": ('{"name": ' + "[" * 100_000 + "]" * 100_000 + "}", "malformed"),
    "nesting of 100,000 objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, "malformed"),
    "nesting of 100,000, never closed": ('{"a":' * 100_000, "malformed"),
    "an integer of a million digits": ('{"name": "Ada", "age": ' + "9" * 1_000_000 + "}", "malformed"),
    "1e999999": ('{"name": "Ada", "age": 1e999999}', "malformed"),
    "-1e999999": ('{"name": "Ada", "age": -1e999999}', "malformed"),
    "1e-999999": ('{"name": "Ada", "age": 1e-999999}', "value_error"),
    "NaN": ('{"name": "Ada", "age": NaN}', "malformed"),
    "lone surrogates": ('{"name": "\\ud800", "\\udfff": "\ud83d"}', "schema_invalid"),
    "NUL bytes": ("\x00" * 1_000, "no_json"),
    "a NUL in a string": ('{"name": "A\x00da", "age": 36}', "malformed"),
    "a NUL, escaped": ('{"name": "A\\u0000da", "age": 36}', "value_error"),
    "ANSI escapes": ("\x1b[2J\x1b[31mI am not JSON\x1b]0;owned\x07\x9b1m", "no_json"),
    "ANSI escapes in a value": ('{"name": "\\u001b[2J\\u009b31m", "age": 36}', "value_error"),
    "ANSI escapes in a key": ('{"name": "Ada", "age": 36, "\\u001b[2J": 1}', "schema_invalid"),
    "marks that turn the direction of writing": ('{"name": "\u202eadA", "age": 36}', "value_error"),
    "duplicate keys": ('{"name": "Ada", "age": 36, "age": 36}', "malformed"),
    "a carriage return": ('{"name": "passed\\rAda", "age": 36}', "value_error"),
    "HTML": ('{"name": "</td></script><script>alert(1)</script>]]>&", "age": 36}', "value_error"),
    "Markdown": ('{"name": "|`**\\n```\\n# x", "age": 36}', "value_error"),
    "HTML amid prose": ("]]></failure></testsuite><!-- ```", "no_json"),
    "braces": ("{" * 200_000, "malformed"),
    "thousands of keys": (json.dumps({f"key{i}": i for i in range(20_000)}), "schema_invalid"),
}
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]")


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_an_ordinary_failure_of_its_case(project: Project, pytester: pytest.Pytester, name: str) -> None:
    output, kind = HOSTILE[name]
    model = project.record({"contact-001": output})
    run = pytester.runpytest(
        f"--edgejson-model={model}", "--edgejson-results=results.jsonl", "--junitxml=junit.xml", "--color=no", "-vv"
        if len(output) < 10_000 else "-v"
    )  # fmt: skip
    run.assert_outcomes(failed=1, passed=5)
    assert not RAW.search(run.stdout.str() + run.stderr.str())
    _, results = project.results()
    by_case = {result["case_id"]: result for result in results}
    hostile = by_case.pop("contact-001")
    assert hostile["failure"] == kind
    assert hostile["output"] == output
    assert all(result["json_exact"] for result in by_case.values())
    cases = list(ElementTree.parse(project.root / "junit.xml").iter("testcase"))
    assert len(cases) == 6
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["contact-001[replay:answers]"]


@pytest.mark.slow
def test_50_megabytes(project: Project, pytester: pytest.Pytester) -> None:
    hostile = {
        "contact-001": json.dumps({"name": "x" * 50_000_000, "age": 36}),
        "contact-002": "word {x} " * 5_500_000,
        "contact-003": '{"name": "' + "\\u001b" * 8_300_000,
    }
    assert all(len(output) > 49_000_000 for output in hostile.values())
    model = project.record(hostile)
    run = pytester.runpytest(
        f"--edgejson-model={model}",
        "--edgejson-results=results.jsonl",
        "--junitxml=junit.xml",
        "-p",
        "no:cacheprovider",
    )
    run.assert_outcomes(failed=3, passed=3)
    assert len(run.stdout.str()) < 30_000
    assert not RAW.search(run.stdout.str())
    kinds = {result["case_id"]: result["failure"] for result in project.results()[1]}
    assert [kinds[case_id] for case_id in hostile] == ["value_error", "no_json", "malformed"]
    assert (project.root / "junit.xml").stat().st_size < 100_000


@pytest.mark.parametrize("same", [True, False], ids=["in another order", "all different"])
def test_arrays_of_5000_objects(project: Project, pytester: pytest.Pytester, same: bool) -> None:
    lines = [{"text": f"item {i}", "price": i} for i in range(5_000)]
    expected = {"number": "B-9", "lines": lines}
    got = {
        "number": "B-9",
        "lines": lines[::-1] if same else [{"text": f"?{i}", "price": i + 0.5} for i in range(5_000)],
    }
    row = {"id": "bill-big", "schema_id": "bill", "prompt": "Many.", "expected_output": expected}
    file = project.write_cases("cases/big.jsonl", [row])
    model = project.record({"bill-big": json.dumps(got)})
    run = pytester.runpytest(str(file), f"--edgejson-model={model}", "--edgejson-results=results.jsonl")
    run.assert_outcomes(failed=1)
    assert len(run.stdout.str()) < 20_000
    [result] = project.results()[1]
    assert result["failure"] == "value_error"
    assert (result["field_f1"] == 1) is same


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_a_recording_that_is_no_file(project: Project, pytester: pytest.Pytester) -> None:
    run = pytester.runpytest("--edgejson-model=replay:/dev/zero")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["ERROR: recording /dev/zero: is no file*"])
