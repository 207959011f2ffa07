"""Results files made in memory, for the tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.report.overview import Overview
from pytest_edgejson.results.compare.runs import model_runs
from pytest_edgejson.results.file import ResultsWriter, Run, read_run
from pytest_edgejson.results.manifest import make_manifest
from pytest_edgejson.results.result import Result, make_result
from pytest_edgejson.suite.cases import COMPLEXITIES, Case
from pytest_edgejson.suite.schemas import Schema, make_schema

# Six schemas, two of each complexity.
SCHEMAS: dict[str, Schema] = {
    f"{complexity}{number}": make_schema(
        f"{complexity}{number}",
        complexity,
        {
            "type": "object",
            "title": f"{complexity} {number}",
            "properties": {"value": {"type": "integer"}, "name": {"type": "string"}},
            "required": ["value"],
        },
        "memory",
    )
    for complexity in COMPLEXITIES
    for number in (1, 2)
}


def cases(count: int) -> list[Case]:
    """Return so many cases, by turns of the six schemas."""
    ids = list(SCHEMAS)
    return [
        Case(
            id=f"case-{number:03d}",
            schema_id=ids[number % len(ids)],
            complexity=SCHEMAS[ids[number % len(ids)]].complexity,
            prompt=f"Name: n{number}, value: {number}",
            expected_output={"value": number, "name": f"n{number}"},
        )
        for number in range(count)
    ]


def right(case: Case) -> str:
    return json.dumps(case.expected_output)


def wrong(case: Case) -> str:
    return json.dumps({**case.expected_output, "value": -1})


def result_of(case: Case, output: str | None, model: str = "m", repeat: int = 1) -> Result:
    """Return the result of an answer; None stands for a case that could not be run."""
    completion = Completion(
        key=case.id,
        text=output or "",
        finish_reason="error" if output is None else "stop",
        error="the backend broke" if output is None else None,
    )
    return make_result(case, model, repeat, completion, SCHEMAS[case.schema_id], "lenient")


def write_run(
    path: Path,
    results: Sequence[Result],
    descriptions: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Write a results file as a run does, and read it back."""
    models = {
        result["model"]: {"fingerprint": "f", **(descriptions or {}).get(result["model"], {})} for result in results
    }
    manifest = make_manifest(models, {"profile": "default", **(settings or {})}, path.parent)
    writer = ResultsWriter(path, manifest)
    for result in results:
        writer.add(result, SCHEMAS[result["schema_id"]])
    writer.close()
    return read_run(path)


def answers(count: int, misses: Sequence[int] = (), model: str = "m") -> list[Result]:
    """Return a model's results on so many cases, all right but those of the numbers given."""
    return [
        result_of(case, wrong(case) if number in misses else right(case), model)
        for number, case in enumerate(cases(count))
    ]


def overview_of(folder: Path, count: int, models: int) -> Overview:
    """Return the overview of so many results with long texts, of some models that answer alike; a third misses."""
    results: list[Any] = []
    for number, case in enumerate(cases(count // models)):
        text = f" of {number * 7919:x} {number * 104_729:x}" * 12
        asked = replace(case, prompt=case.prompt + text)
        output = right(asked) if number % 3 else wrong(asked) + text
        results.append(result_of(asked, output))
    named = [result | {"model": f"m{model}"} for model in range(models) for result in results]
    run = write_run(folder / "r.jsonl", results[:1])
    return Overview([run], model_runs([Run(run.path, run.manifest, tuple(named), {})], {}))
