"""`--edgejson-cases`, `--edgejson-schemas`: which suite is run against which schemas."""

from __future__ import annotations

import json
import shutil

import pytest
from helpers.projects import Project

GOLD = "--edgejson-model=control:gold"


def test_a_suite_elsewhere_brings_its_own_schemas(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "elsewhere").mkdir()
    for folder in ("cases", "schemas"):
        shutil.move(project.root / folder, project.root / "elsewhere" / folder)
    for path in ("elsewhere/cases", "elsewhere/cases/test", "elsewhere"):
        pytester.runpytest(GOLD, f"--edgejson-cases={path}").assert_outcomes(passed=6)
    pytester.runpytest(GOLD, "--edgejson-cases=elsewhere/cases/test/medium/bill.jsonl").assert_outcomes(passed=2)


def test_one_file_with_all_schemas_mixed(project: Project, pytester: pytest.Pytester) -> None:
    rows = [
        json.loads(line)
        for file in (project.root / "cases").rglob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    project.write_cases("mixed.jsonl", rows)
    pytester.runpytest(GOLD, "mixed.jsonl").assert_outcomes(passed=6)


def test_other_schemas(project: Project, pytester: pytest.Pytester) -> None:
    shutil.copytree(project.root / "schemas", project.root / "strict")
    schema = project.root / "strict/simple/contact.json"
    document = json.loads(schema.read_text(encoding="utf-8"))
    document["properties"]["age"]["maximum"] = 50
    schema.write_text(json.dumps(document), encoding="utf-8")
    run = (GOLD, "--edgejson-assert=schema")
    pytester.runpytest(*run).assert_outcomes(passed=6)
    result = pytester.runpytest(*run, "--edgejson-schemas=strict")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["*age*50*"])


def test_a_schema_that_is_none_is_a_collection_error(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "schemas/simple/contact.json").write_text("{", encoding="utf-8")
    result = pytester.runpytest(GOLD)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*contact.json*"])
    assert "Traceback" not in result.stdout.str()


def test_ini_paths_are_relative_to_the_configuration_file(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_schemas = theirs\nedgejson_cases = their_cases\n")
    shutil.move(project.root / "schemas", project.root / "theirs")
    shutil.move(project.root / "cases", project.root / "their_cases")
    pytester.runpytest(GOLD).assert_outcomes(passed=6)
