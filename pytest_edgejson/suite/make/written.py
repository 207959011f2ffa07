"""Files of a suite that is made: cases and schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Complexity


def write_schema(out: Path, complexity: Complexity, schema_id: str, document: Mapping[str, Any]) -> None:
    """Write `OUT/schemas/<complexity>/<schema_id>.json`.

    Raises:
        OSError: it cannot be written.
    """
    file = out / "schemas" / complexity / f"{schema_id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")


def write_cases(
    cases: Path, split: str, complexity: Complexity, schema_id: str, rows: Iterable[Mapping[str, Any]]
) -> int:
    """Write `CASES/<split>/<complexity>/<schema_id>.jsonl`, its cases numbered; no file of no cases.

    Args:
        cases: the folder of cases.
        split: `test` or `train`.
        complexity: that of the schema.
        schema_id: its name.
        rows: the cases without id, schema and complexity.

    Returns:
        The number of cases.

    Raises:
        OSError: it cannot be written.
    """
    name = schema_id.replace("_", "-") + ("" if split == "test" else f"-{split}")
    lines = [
        {"id": f"{name}-{number:03d}", "schema_id": schema_id, "complexity": complexity, **row}
        for number, row in enumerate(rows, 1)
    ]
    if lines:
        file = cases / split / complexity / f"{schema_id}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="\n") as written:
            written.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return len(lines)
