"""`edgejson rescore`: scores of a results file computed anew from its outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.runs import SCHEMAS, answers, cases, result_of, write_run

from pytest_edgejson.cli import main
from pytest_edgejson.report.rescore import render
from pytest_edgejson.results.file import ResultsError, read_run
from pytest_edgejson.results.rescore import rescore, write
from pytest_edgejson.suite.schemas import make_schema


def fenced_answers():
    """Return results on four cases: bare, in a fence, not run, cut off."""
    bare, fenced, broken, cut = cases(4)
    text = json.dumps(fenced.expected_output)
    return [
        result_of(bare, json.dumps(bare.expected_output)),
        result_of(fenced, f"```json\n{text}\n```"),
        result_of(broken, None),
        result_of(cut, '{"value": '),
    ]


def test_nothing_changes_where_the_scorer_is_the_same(tmp_path):
    run = write_run(tmp_path / "a.jsonl", answers(20, [3, 4]) + answers(20, [5], "other"))
    rescored = rescore(run)
    assert rescored.changes == ()
    assert rescored.results == run.results
    assert render(rescored) == f"{run.path}: 40 results scored anew, nothing changed"


def test_what_changed_is_told_with_old_and_new_and_why(tmp_path):
    results = fenced_answers()
    # As an earlier scorer might have had it.
    results[0] |= {"json_exact": False, "field_f1": 0.5, "failure": "value_error"}
    rescored = rescore(write_run(tmp_path / "a.jsonl", results))
    assert [(change.before["case_id"], change.keys) for change in rescored.changes] == [
        ("case-000", ("json_exact", "field_f1", "failure"))
    ]
    assert render(rescored).splitlines() == [
        "case-000[m]: json_exact false → true, field_f1 0.500 → 1.000, failure value_error → null",
        "",
        f"{tmp_path / 'a.jsonl'}: 1 of 4 results changed",
        "  json_exact: 1 (1 up, 0 down)",
        "  field_f1: 1 (1 up, 0 down)",
        "  failure: 1",
    ]


def test_another_extraction_changes_what_it_concerns_and_nothing_published(tmp_path):
    rescored = rescore(write_run(tmp_path / "a.jsonl", fenced_answers()), policy="strict")
    assert [result["extraction"]["policy"] for result in rescored.results] == ["strict"] * 4
    fenced = next(change for change in rescored.changes if change.before["case_id"] == "case-001")
    # A policy that was asked for is no change by itself.
    assert "case-000" not in [change.before["case_id"] for change in rescored.changes]
    assert fenced.after["json_exact"] is False
    assert {"json_exact", "extraction.form", "value"} <= set(fenced.keys)
    assert not any(key.startswith("v3") for change in rescored.changes for key in change.keys)
    assert [result["v3"] for result in rescored.results] == [result["v3"] for result in rescored.run.results]


def test_the_new_file_is_a_results_file_that_says_so(tmp_path):
    run = write_run(tmp_path / "a.jsonl", fenced_answers(), settings={"extraction": "lenient"})
    write(rescore(run, policy="strict"), tmp_path / "b.jsonl")
    again = read_run(tmp_path / "b.jsonl")
    assert again.manifest["rescored"]["pytest-edgejson"]
    assert again.manifest["settings"]["extraction"] == "strict"
    assert again.manifest["created"] == run.manifest["created"]
    assert again.manifest["suite_sha256"] == run.manifest["suite_sha256"]
    assert set(again.schemas) == set(run.schemas)
    assert rescore(again).changes == ()


def test_a_file_replaces_itself_only_where_asked(tmp_path, capsys):
    file = tmp_path / "a.jsonl"
    write_run(file, fenced_answers())
    before = file.read_bytes()
    assert main(["rescore", str(file), "--extraction", "strict"]) == 1
    assert file.read_bytes() == before
    assert main(["rescore", str(file), "--extraction", "strict", "--out", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {file}\n")
    assert {result["extraction"]["policy"] for result in read_run(file).results} == {"strict"}
    assert main(["rescore", str(file)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_what_is_left_of_a_run_stays_and_its_rescored_file_is_no_finished_one(tmp_path):
    left = tmp_path / "cut.jsonl.partial"
    write_run(left, fenced_answers())
    whole = left.read_text(encoding="utf-8").splitlines(keepends=True)
    manifest = json.loads(whole[0])
    del manifest["finished"]
    left.write_text("".join([json.dumps(manifest) + "\n", *whole[1:]]), encoding="utf-8")
    before = left.read_bytes()
    assert main(["rescore", str(left), "--out", str(tmp_path / "cut.jsonl")]) == 0
    assert left.read_bytes() == before
    again = read_run(tmp_path / "cut.jsonl")
    assert "finished" not in again.manifest
    assert len(again.results) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.jsonl", "cut.jsonl.partial"]


def test_other_schemas_can_be_given(tmp_path):
    run = write_run(tmp_path / "a.jsonl", answers(6))
    stricter = {
        name: make_schema(name, schema.complexity, {**schema.document, "maxProperties": 1}, "memory")
        for name, schema in SCHEMAS.items()
    }
    rescored = rescore(run, schemas=stricter)
    assert [result["schema_compliant"] for result in rescored.results] == [False] * 6
    assert {"schema_compliant", "schema_sha256", "violations"} <= set(rescored.changes[0].keys)
    with pytest.raises(ResultsError, match=r"case-000: the folder holds no schema simple1: name a folder that does"):
        rescore(run, schemas={})


def test_a_schema_that_is_missing_is_named(tmp_path, capsys):
    file = tmp_path / "a.jsonl"
    write_run(file, answers(6))
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if '"schema": ' not in line]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["rescore", str(file)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"edgejson: {file}: case-000: the file holds no schema simple1: name a folder that does with")
    folder = tmp_path / "schemas"
    for schema in SCHEMAS.values():
        target = folder / schema.complexity / f"{schema.id}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(schema.document), encoding="utf-8")
    assert main(["rescore", str(file), "--schemas", str(folder)]) == 0


def test_a_terminal_is_sent_no_control_characters(tmp_path, capsys):
    results = fenced_answers()
    results[1] |= {"case_id": "c\x1b[2J", "model": "m\x07", "failure": "\x1b[31m"}
    write_run(tmp_path / "a.jsonl", results)
    assert main(["rescore", str(tmp_path / "a.jsonl")]) == 1
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_a_run_of_pytest_is_rescored(project, pytester, capsys):
    model = project.record({"contact-001": 'Here: {"name": "Ada", "age": 36}', "bill-001": "no"})
    pytester.runpytest_inprocess(f"--edgejson-model={model}", "--edgejson-results=r.jsonl", "--edgejson-report-only")
    capsys.readouterr()
    file = Path(pytester.path / "r.jsonl")
    assert main(["rescore", str(file)]) == 0
    assert main(["rescore", str(file), "--extraction=strict"]) == 1
    assert "contact-001[replay:answers]: json_exact true → false" in capsys.readouterr().out
