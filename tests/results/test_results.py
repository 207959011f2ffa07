"""Reading results files back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_edgejson.results.file import ResultsError, Run, read_run
from pytest_edgejson.results.result import case_fingerprint, suite_fingerprint


@pytest.fixture
def written(project, pytester) -> Path:
    model = project.record({"contact-001": '{"name": "Ada", "age": -1}'})
    pytester.runpytest_inprocess(f"--edgejson-model={model}", "--edgejson-results=results.jsonl")
    return project.root / "results.jsonl"


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def test_a_run_is_read_back_whole(written, project):
    run = read_run(written)
    assert isinstance(run, Run)
    assert run.models == ["replay:answers"]
    assert {result["case_id"] for result in run.results} == set(project.expected)
    assert run.manifest["cases"] == 6
    assert run.manifest["suite_sha256"] == suite_fingerprint(map(case_fingerprint, run.results))
    bad = next(result for result in run.results if result["case_id"] == "contact-001")
    schema = run.schemas[bad["schema_sha256"]]
    assert (schema.id, schema.complexity) == ("contact", "simple")
    assert [each.path for each in schema.violations(bad["value"])] == ["age"]


def test_each_schema_stands_once_and_before_its_results(written):
    seen: set[str] = set()
    for line in map(json.loads, lines(written)[1:]):
        if "schema" in line:
            assert line["schema"]["sha256"] not in seen
            seen.add(line["schema"]["sha256"])
        else:
            assert line["schema_sha256"] in seen
    assert len(seen) == 3


def test_what_a_case_asks_decides_its_fingerprint_and_nothing_else(written):
    one = read_run(written).results[0]
    assert case_fingerprint({**one, "output": "other", "model": "m"}) == case_fingerprint(one)
    for key in ("case_id", "prompt", "schema_sha256"):
        assert case_fingerprint({**one, key: "other"}) != case_fingerprint(one)
    assert case_fingerprint({**one, "expected_output": {}}) != case_fingerprint(one)


def test_what_a_killed_run_left_is_read(written, tmp_path):
    whole = lines(written)
    left = tmp_path / "left.jsonl.partial"
    left.write_text("".join(whole[:-1]) + whole[-1][:40], encoding="utf-8")
    assert len(read_run(left).results) == len(read_run(written).results) - 1


def test_a_recording_is_made_of_a_results_file(written, pytester):
    again = pytester.runpytest_inprocess(f"--edgejson-model=replay:{written}")
    again.assert_outcomes(passed=5, failed=1)


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        (
            1,
            lambda row: row.pop("models"),
            "1: the first line of a results file is its manifest, but 'models'",
        ),
        (
            1,
            lambda row: row.update(edgejson=2),
            "1: the first line of a results file is its manifest, but edgejson: 1",
        ),
        (
            2,
            lambda row: row["schema"].pop("document"),
            "2: this line should hold a schema, but schema: 'document'",
        ),
        (2, lambda row: row["schema"]["document"].update(type=7), "2: no valid schema"),
        (
            3,
            lambda row: row.update(field_f1=1.5),
            "3: this line should be a result, but field_f1: 1.5 is",
        ),
        (3, lambda row: row.pop("v3"), "3: this line should be a result, but 'v3' is a required property"),
    ],
)
def test_a_wrong_line_is_named(written, number, change, message):
    whole = lines(written)
    line = json.loads(whole[number - 1])
    change(line)
    whole[number - 1] = json.dumps(line) + "\n"
    written.write_text("".join(whole), encoding="utf-8")
    with pytest.raises(ResultsError) as caught:
        read_run(written)
    assert str(caught.value).startswith(f"{written}:{message}")


def test_files_that_are_no_results(written, tmp_path):
    with pytest.raises(ResultsError, match=r"nowhere\.jsonl: cannot be read: No such file"):
        read_run(tmp_path / "nowhere.jsonl")
    written.write_text(lines(written)[0], encoding="utf-8")
    with pytest.raises(ResultsError, match="holds no results; make some with"):
        read_run(written)
    written.write_text('{"edgejson"\n{}', encoding="utf-8")
    with pytest.raises(ResultsError, match=r"results\.jsonl:1: not JSON"):
        read_run(written)
