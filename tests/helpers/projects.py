"""A small project with a suite and recorded answers, for the tests of the plugin."""

from __future__ import annotations

import contextlib
import copy
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CONTACT = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "vip": {"type": "boolean"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
BILL = {
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"text": {"type": "string"}, "price": {"type": "number"}}},
        },
    },
    "required": ["number", "lines"],
}
TREE = {"type": "object", "properties": {"root": {"type": "object"}}, "required": ["root"]}

CASES: dict[str, list[dict[str, Any]]] = {
    "simple/contact": [
        {"name": "Ada", "age": 36},
        {"name": "Grace", "age": 85, "vip": True},
        {"name": "Zoë", "age": 7},
    ],
    "medium/bill": [
        {"number": "B-1", "lines": [{"text": "tea", "price": 2.5}, {"text": "cake", "price": 4.0}]},
        {"number": "B-2", "lines": [{"text": "ink", "price": 9.99}]},
    ],
    "complex/tree": [{"root": {"left": {"leaf": 1}, "right": {"leaf": 2}}}],
}


class Project:
    """A project with a suite of six cases in it: three simple, two medium, one complex."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.expected: dict[str, dict[str, Any]] = {}
        schemas = {"simple/contact": CONTACT, "medium/bill": BILL, "complex/tree": TREE}
        # A copy of its own: tests change what they expect.
        for place, rows in copy.deepcopy(CASES).items():
            complexity, schema_id = place.split("/")
            schema_file = root / "schemas" / f"{place}.json"
            schema_file.parent.mkdir(parents=True)
            schema_file.write_text(json.dumps(schemas[place]), encoding="utf-8")
            lines = []
            for number, expected in enumerate(rows, 1):
                case_id = f"{schema_id}-{number:03d}"
                self.expected[case_id] = expected
                lines.append(
                    {
                        "id": case_id,
                        "schema_id": schema_id,
                        "complexity": complexity,
                        "prompt": f"Text of {case_id}: {json.dumps(expected)}",
                        "expected_output": expected,
                    }
                )
            self.write_cases(f"cases/test/{place}.jsonl", lines)

    def write_cases(self, path: str, rows: list[dict[str, Any]]) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return file

    def record(self, changes: Mapping[str, str] | None = None, name: str = "answers.jsonl") -> str:
        """Write a recording in which all answers are exact but those given, and return the name of its model."""
        outputs = {case_id: json.dumps(expected) for case_id, expected in self.expected.items()} | dict(changes or {})
        lines = [json.dumps({"case_id": case_id, "output": output}) for case_id, output in outputs.items()]
        (self.root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return f"replay:{name}"

    def results(self, name: str = "results.jsonl") -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Read a results file: the manifest and the results, without the schemas between them."""
        manifest, *rows = [json.loads(line) for line in (self.root / name).read_text(encoding="utf-8").splitlines()]
        return manifest, [row for row in rows if "schema" not in row]


def run_pytest(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process, which has imported most of it, or in one of its own where workers are asked for."""
    start = pytester.runpytest_subprocess if "-n2" in arguments else pytester.runpytest
    return start(*arguments)


def completions_in(store: Path) -> int:
    """Count the completions that a store holds."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        count: int = connection.execute("SELECT count(*) FROM completions").fetchone()[0]
    return count
