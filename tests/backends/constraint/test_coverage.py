"""Coverage: expected outputs that grammars let through, those they exclude, schemas without a grammar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")

from pytest_edgejson.backends.constraint.coverage import check_grammars
from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.schemas import Schemas


def make(root: Path, schemas: dict[str, Any], outputs: list[tuple[str, dict[str, Any]]]) -> Path:
    for schema_id, schema in schemas.items():
        file = root / "schemas" / "simple" / f"{schema_id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"type": "object", **schema}), encoding="utf-8")
    rows = [
        {"id": f"c-{number}", "schema_id": schema_id, "prompt": json.dumps(output), "expected_output": output}
        for number, (schema_id, output) in enumerate(outputs, 1)
    ]
    file = root / "cases" / "cases.jsonl"
    file.parent.mkdir()
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_the_grammars_of_the_bundled_suite_exclude_nothing() -> None:
    schemas = Schemas(bundled.SCHEMAS)
    coverage = check_grammars([bundled.TEST_CASES.parent], lambda file: schemas)
    assert (coverage.schemas, coverage.declared, coverage.cases, coverage.empirical) == (25, 25, 787, 787)


def test_orders_of_keys_and_ways_to_write_numbers_exclude_nothing(tmp_path: Path) -> None:
    number = {"properties": {"a": {"type": "integer"}, "b": {"type": "string", "format": "date"}}}
    nested = {"properties": {"items": {"type": "array", "items": number}}, "required": ["items"]}
    outputs = [
        ("number", {"b": "soon", "a": 4.0}),
        ("number", {"a": 4, "b": "é😀\ud800\t/"}),
        ("number", {"zero": 1, "a": -0.0}),
        ("nested", {"other": None, "items": [{"b": "", "a": 1}, {"x": 1.5e300, "a": 1, "b": ""}]}),
    ]
    file = make(tmp_path, {"number": number, "nested": nested}, outputs)
    coverage = check_grammars([file], lambda file: Schemas(tmp_path / "schemas"))
    assert coverage.problems == ()


def test_the_command_names_what_is_excluded_and_what_has_no_grammar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schemas = {
        "unique": {"properties": {"tags": {"type": "array", "uniqueItems": True}}},
        "few": {"properties": {"kind": {"enum": ["a", "b"]}}, "additionalProperties": False},
    }
    file = make(tmp_path, schemas, [("unique", {"tags": ["x"]}), ("few", {"kind": "a"}), ("few", {"kind": "c"})])
    assert main(["suite", "check", "--constrain", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        f"{file}: no grammar of the schema 'unique': Unimplemented keys: [\"uniqueItems\"]",
        f'{file}:3: c-3: the grammar of its schema excludes the expected output after "{{\\"kind\\": \\""',
        "grammars: 1 of 2 schemas can be expressed, 1 of 3 expected outputs can be reached",
    ]
    assert main(["suite", "check", str(file)]) == 1
    assert "grammar" not in capsys.readouterr().out
