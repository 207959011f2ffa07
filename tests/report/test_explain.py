"""`edgejson explain`, and what `pytest -v` shows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.projects import Project

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.cli import main
from pytest_edgejson.report.document import WIDTH
from pytest_edgejson.report.explain import explain, kinds_and_fields
from pytest_edgejson.results.file import ResultsWriter, read_run
from pytest_edgejson.results.manifest import make_manifest
from pytest_edgejson.results.result import make_result
from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.schemas import Schemas, complexity_of


@pytest.fixture
def results(project: Project):
    """Write a results file: all answers of the project's six cases exact but those given, by model."""

    def write(answers: Mapping[str, Mapping[str, str]], name: str = "results.jsonl") -> Path:
        schemas = Schemas(project.root / "schemas")
        files = sorted((project.root / "cases").rglob("*.jsonl"))
        cases = [case for file in files for case in read_cases(file, complexity_of(schemas))]
        manifest = make_manifest({model: {"fingerprint": "f"} for model in answers}, {}, project.root)
        writer = ResultsWriter(project.root / name, manifest)
        for model, changes in answers.items():
            for case in cases:
                completion = Completion("key", changes.get(case.id, json.dumps(case.expected_output)), "stop")
                schema = schemas[case.schema_id]
                writer.add(make_result(case, model, 1, completion, schema, "lenient"), schema)
        writer.close()
        return project.root / name

    return write


def rewrite(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if "case_id" in line:
            change(line)
    file.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")


def bill(project: Project, **changes: object) -> str:
    return json.dumps(project.expected["bill-001"] | changes)


def test_where_the_points_went(project, results, capsys):
    answers = {
        "contact-001": "Sure: " + json.dumps(project.expected["contact-001"]),
        "bill-001": bill(project, number="B-9"),
        "tree-001": json.dumps(project.expected["tree-001"]) + " Done.",
    }
    assert main(["explain", str(results({"m": answers}))]) == 0
    out = capsys.readouterr().out
    lines = [re.sub(r"  +", " | ", line) for line in out.splitlines()]
    assert "as it stands | 6 | 5 | 83.3 % [43.6, 97.0]" in lines
    assert "with strict extraction | 6 | 3 | +0 -2 | 50.0 % [18.8, 81.2]" in lines
    assert "with the v3 extractor | 6 | 4 | +0 -1 | 66.7 % [30.0, 90.3]" in lines
    assert "had answers that were cut off finished (at most) | 6 | 5 | +0 -0 | 83.3 % [43.6, 97.0]" in lines
    assert "on cases whose labels are sound | 6 | 5 | +0 -0 | 83.3 % [43.6, 97.0]" in lines
    assert "No case of this run is marked as suspect" in out
    assert "--edgejson-audit=FILE" in out
    assert "1 of 6 answers are not exact." in out
    assert "values | allowed by the schema, and not right | value_error | 1 | 16.7 %" in lines
    assert "bill.number | 1 of 2 | hallucinated 1" in lines
    assert "JSONExact: exact by ours, wrong by v3" in out
    assert "- 1: v3 takes an object inside the answer for the answer: tree-001" in lines


def test_a_model_that_is_always_right(results, capsys):
    assert main(["explain", str(results({"gold": {}}))]) == 0
    out = capsys.readouterr().out
    assert "All 6 answers are exact." in out
    assert "they agree in every case" in out
    assert "Worst fields" not in out


def test_suspect_cases_are_left_out_of_the_last_line(project, results, capsys):
    file = results({"m": {"bill-001": bill(project, number="B-9")}})
    rewrite(
        file,
        lambda line: line.update(suspect=["text_differs"] if line["case_id"] in ("bill-001", "contact-001") else []),
    )
    main(["explain", str(file)])
    out = capsys.readouterr().out
    assert re.search(r"on cases whose labels are sound +4 +4 +2 left out +100.0 %", out)
    assert "No case of this run is marked" not in out


def test_several_files_and_models(project, results, capsys):
    one = results({"gold": {}, "empty": {"bill-001": ""}})
    two = results({"gold": {}}, "two.jsonl")
    assert main(["explain", str(one), str(two)]) == 0
    titles = re.findall(r"^(?:gold|empty) \(.*$", capsys.readouterr().out, re.MULTILINE)
    assert titles == [f"gold ({one})", f"empty ({one})", f"gold ({two})"]
    assert main(["explain", str(one), str(two), "--model", "empty"]) == 0
    titles = re.findall(r"^(?:gold|empty) \(.*$", capsys.readouterr().out, re.MULTILINE)
    assert titles == [f"empty ({one})"]


def test_errors_name_what_exists(results, capsys):
    file = results({"gold": {}, "empty": {"bill-001": ""}})
    assert main(["explain", str(file), "--model", "nano"]) == 2
    assert capsys.readouterr().err == ("edgejson: no results of model 'nano'; there are results of gold, empty\n")
    assert main(["explain", "nothing.jsonl"]) == 2
    assert capsys.readouterr().err == "edgejson: nothing.jsonl: cannot be read: No such file or directory\n"
    with pytest.raises(SystemExit) as stopped:
        main(["explain", str(file), "--format", "html"])
    assert stopped.value.code == 2


def test_a_run_under_the_v3_profile(project, pytester, capsys):
    model = project.record({"contact-002": json.dumps(project.expected["contact-002"] | {"vip": 1})})
    run = (f"--edgejson-model={model}", "--edgejson-report-only", "--edgejson-results=r.jsonl")
    pytester.runpytest(*run, "--edgejson-profile=v3")
    assert main(["explain", "r.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "JSONExact: wrong by ours, exact by v3" in out
    assert "1: Python's == calls true equal to 1, and false to 0" in out


def test_cases_that_could_not_be_run(project, results, capsys):
    file = results({"gold": {}})
    rewrite(file, lambda line: line.update(finish_reason="error" if line["schema_id"] == "bill" else "stop"))
    main(["explain", str(file)])
    out = capsys.readouterr().out
    assert "2 cases could not be run and count in nothing." in out
    assert re.search(r"as it stands +4 +4 ", out)
    rewrite(file, lambda line: line.update(finish_reason="error"))
    assert main(["explain", str(file)]) == 0
    assert "There is no answer to explain." in capsys.readouterr().out


def test_verbose_lists_all_fields_and_cases(project, results):
    answers = {case_id: json.dumps(value) + " Done. {" for case_id, value in project.expected.items()}
    answers |= {f"contact-00{n}": json.dumps({f"key{k}": "new" for k in range(25)} | {"name": str(n)}) for n in (1, 2)}
    file = results({"m": answers})
    short, long = explain([file]), explain([file], verbose=True)
    assert "more have something wrong; --verbose lists them" in short
    assert long.count("contact.key") == 25
    assert short.count("contact.key") < 20
    assert "--verbose" not in long
    assert "… " not in long


def test_the_text_fits_the_width(project, results):
    long = "k" * 300
    answers = {
        "contact-001": json.dumps({long: {long: 1}}),
        "bill-001": json.dumps({"number": "B-1", "lines": [{"text": {"a": [{"b": [{long: 3}]}]}, "price": True}] * 30}),
        "tree-001": json.dumps(project.expected["tree-001"]) + " Done.",
    }
    text = explain([results({"m": answers, "empty": dict.fromkeys(project.expected, "")})])
    assert max(map(len, (line for line in text.splitlines() if not line.endswith(".jsonl)")))) <= WIDTH


HOSTILE = "\x1b[31m|`a`<b>\n[x](http://y)\u202e](#"


def test_the_terminal_gets_no_control_characters(project, results):
    file = results({HOSTILE: {"contact-001": json.dumps({HOSTILE: HOSTILE, "name": HOSTILE})}})
    for text in (explain([file]), explain([file], verbose=True)):
        assert text.replace("\n", "").isprintable()
        assert r"\u001b" in text


def test_markdown_is_safe_to_publish(project, results):
    file = results({HOSTILE: {"contact-001": json.dumps({HOSTILE: HOSTILE}), "bill-001": "```"}})
    text = explain([file], fmt="markdown", verbose=True)
    assert text.replace("\n", "").isprintable()
    # A code span ends at a run of as many backticks as began it; what is left is ours.
    ours = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "CODE", text)
    assert "`" not in ours
    assert "<" not in ours
    assert "](" not in ours
    tables = [line for line in ours.splitlines() if line.startswith("|")]
    assert len(tables) > 20
    for block in re.split(r"\n\n", ours):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_markdown_has_the_same_tables_as_text(project, results):
    file = results({"m": {"bill-001": bill(project, number="B-9")}})
    text, markdown = explain([file]), explain([file], fmt="markdown")
    assert markdown.startswith("## `m (")
    assert "| `bill.number` |" in markdown
    assert markdown.count("\n### ") == text.count("\n---") - len(re.findall(r"\n-+  -", text))


def test_json_is_plain_and_whole(project, results, capsys):
    file = results({"m": {"bill-001": bill(project, number="B-9")}, "empty": dict.fromkeys(project.expected, "")})
    assert main(["explain", str(file), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    one, two = document["models"]
    assert (one["model"], two["model"]) == ("m", "empty")
    assert one["points"][0]["right"] == 5
    assert one["points"][0]["json_exact"]["interval"]["low"] < 5 / 6
    assert one["fields"][0]["path"] == "bill.number"
    assert two["losses"]["no answer"] == 6


def test_nothing_is_shown_of_kinds_when_all_is_exact(results):
    assert kinds_and_fields(read_run(results({"gold": {}})).results, "gold") == []


def test_verbose_pytest_shows_kinds_and_the_ten_worst_fields(project, pytester):
    wrong = json.dumps({f"key{k}": "new" for k in range(15)})
    model = project.record({"contact-001": wrong, "bill-002": '{"number": "b-2"'})
    run = ("--edgejson-report-only", "--edgejson-diffs=none")
    shown = pytester.runpytest(f"--edgejson-model={model}", *run, "-v")
    shown.stdout.fnmatch_lines(
        [
            "Failure kinds by complexity",
            "malformed *1 *",
            "schema_invalid *1 *",
            "Worst fields",
            "contact.name *1 of 3 *",
        ]
    )
    shown.stdout.fnmatch_lines(["7 more have something wrong; edgejson explain of the results lists them."])
    assert shown.stdout.str().count("contact.key") == 8
    pytester.runpytest(f"--edgejson-model={model}", *run).stdout.no_fnmatch_line("Worst fields")
