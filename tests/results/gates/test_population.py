"""The population: the whole that a gate speaks about."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.projects import Project

from pytest_edgejson.results.gates.population import collected_files, read_population, suite_of
from pytest_edgejson.suite.schemas import SchemaError, Schemas


@pytest.mark.parametrize(
    ("path", "suite"),
    [
        ("cases/test", "cases/test"),
        ("cases/test/medium", "cases/test"),
        ("cases/test/medium/bill.jsonl", "cases/test"),
        ("cases/train", "cases/train"),
        ("cases/train/simple", "cases/train"),
        ("cases/train/simple/contact.jsonl", "cases/train"),
        ("cases", "cases"),
        ("flat/one.jsonl", "flat"),
        (".", "."),
    ],
)
def test_the_suite_of_a_path(project: Project, path: str, suite: str) -> None:
    for extra in ("cases/train/simple/contact.jsonl", "flat/one.jsonl"):
        project.write_cases(extra, [])
    default = project.root / "cases" / "test"
    assert suite_of(project.root / path, default) == (project.root / suite).resolve()


def test_a_default_suite_that_is_a_file_or_nested_deeply(project: Project) -> None:
    file = project.write_cases("flat/one.jsonl", [])
    assert suite_of(file, file) == file.resolve()
    deep = project.write_cases("mine/a/simple/b.jsonl", [])
    assert suite_of(deep, project.root / "mine") == (project.root / "mine").resolve()


def test_files_as_pytest_finds_them(project: Project) -> None:
    (project.root / "cases/test/notes.jsonl").write_text('{"text": "no case"}\n', encoding="utf-8")
    project.write_cases("cases/test/.hidden/x.jsonl", [{"prompt": "a"}])
    found = collected_files(project.root / "cases", [".*"])
    assert [file.relative_to(project.root).as_posix() for file in found] == [
        "cases/test/complex/tree.jsonl",
        "cases/test/medium/bill.jsonl",
        "cases/test/simple/contact.jsonl",
    ]


def test_cases_are_read_with_their_metadata(project: Project) -> None:
    row = {"id": "x", "schema_id": "contact", "prompt": "p", "expected_output": {"name": "n", "age": 1}, "lang": "de"}
    file = project.write_cases("more/x.jsonl", [row])
    schemas = Schemas(project.root / "schemas")
    population = read_population([file, file], lambda _: schemas)
    (case,) = population.cases.values()
    assert (case["case_id"], case["metadata"], case["states_complexity"]) == ("x", {"lang": "de"}, False)
    assert case["schema_sha256"] == schemas["contact"].fingerprint


def test_what_cannot_be_read_is_a_problem_and_no_exception(project: Project) -> None:
    schemas = Schemas(project.root / "schemas")
    broken = project.root / "cases/test/simple/contact.jsonl"
    broken.write_text("{broken\n", encoding="utf-8")
    assert read_population([broken], lambda _: schemas).problem.startswith(f"{broken}:1: not JSON")
    assert read_population([project.root / "gone.jsonl"], lambda _: schemas).problem
    assert read_population([], lambda _: schemas).problem == "the paths given hold no case"

    def no_schemas(file: Path) -> dict:
        raise SchemaError("no schemas")

    assert read_population([project.root / "cases/test/medium/bill.jsonl"], no_schemas).problem == "no schemas"
