"""Results to show, made by scoring an answer, or made up where no scorer would make them."""

from __future__ import annotations

import json
import re
from typing import Any

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.results.result import Result, make_result
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.schemas import make_schema

HOSTILE = "\x1b[31mred\x07\x00\r\u202e\ud800\x9b2J\u2028"


def scored(expected: dict[str, Any], answer: Any, prompt: str | None = None, **properties: Any) -> Result:
    """Score an answer, a value or a text; the prompt is the expected output unless there is one."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    schema = make_schema("any", "simple", {"type": "object", "properties": properties}, "any.json")
    case = Case("any-1", "any", "simple", json.dumps(expected) if prompt is None else prompt, expected)
    return make_result(case, "nano", 1, Completion("k", text, "stop", 7, 9, 1.25, 0.5), schema, "lenient")


def made_up(**changes: Any) -> Result:
    """A result with 14 leaves, none of its numbers true."""
    return scored({"total": 38.5}, {"total": 385.0}) | {"leaves": 14, "fields": [], "violations": []} | changes


def without_json(failure: str, why: str, output: str, **changes: Any) -> Result:
    extraction = {"form": None, "policy": "lenient", "error": why}
    return made_up(failure=failure, output=output, extraction=extraction, value=None, **changes)


def field(path: str, kind: str = "wrong_value", **sides: Any) -> dict[str, Any]:
    """A finding at a path of plain keys and indices: `lines[1].price`."""
    loc = [int(index) if index else key for index, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
    return {"path": path, "loc": loc} | sides | {"kind": kind}
