"""What large inputs cost: `python benchmarks/large_inputs.py`, the table of docs/hostile-input.md.

Each stage runs once in a process of its own: its processor time, and by how much the peak of memory rises. Below, the
median time of a validation of each bundled case, by this project's validators, which can be told to stop, and by plain
jsonschema.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jsonschema.validators import validator_for

from pytest_edgejson.scoring.changes import compare
from pytest_edgejson.scoring.diagnosis import findings
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.score import score
from pytest_edgejson.scoring.v3 import score_v3
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.schemas import Schema, Schemas, complexity_of

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000
FREE = Schema("free", "simple", {"type": "object"}, "free.json")


def string() -> str:
    return json.dumps({"a": "x" * (50 * MB)})


def prose() -> str:
    return "the set {x} " * (50 * MB // 12)


def open_array() -> str:
    return '{"a": [' + '{"b": 1}, ' * (50 * MB // 10)


def keys() -> str:
    return json.dumps({f"key{number}": number for number in range(1_000_000)})


def objects(first: int) -> str:
    return json.dumps({"items": [{"id": first + n, "name": f"item {first + n}", "ok": True} for n in range(5_000)]})


OUTPUTS: dict[str, Callable[[], str]] = {
    "50 MB, one string": string,
    "50 MB, prose full of `{x}`": prose,
    "50 MB, an array that is never closed": open_array,
    "a million keys": keys,
    "arrays of 5,000 objects, all different": lambda: objects(0),
}


def stage(name: str, stage: str) -> Callable[[], object]:
    text = OUTPUTS[name]()
    expected = json.loads(objects(5_000) if "5,000" in name else '{"a": "y"}')
    if stage == "extraction":
        return lambda: extract(text)
    if stage == "published scorer":
        return lambda: score_v3(expected, text)
    found = extract(text)
    if stage == "score":
        return lambda: score(expected, found, FREE)
    scored = score(expected, found, FREE)
    if stage == "deepdiff":
        return lambda: compare(scored.alignment)
    diff = compare(scored.alignment)
    return lambda: findings(scored, diff, FREE, "a text")


def reading(name: str) -> Callable[[], object]:
    file = Path(tempfile.mkdtemp()) / "cases.jsonl"
    many = 1 if "one line" in name else 100_000
    row = {"schema_id": "free", "prompt": "x" * (100 * MB // many), "expected_output": {"a": 1}}
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"id": f"case-{number}", **row}) + "\n" for number in range(many))
    return lambda: read_cases(file, {"free": "simple"})


OBJECTS = ("50 MB, one string", "a million keys", "arrays of 5,000 objects, all different")
FILES = ("a file of cases of one line of 100 MB", "100,000 cases, 100 MB")


def peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def measure(name: str, what: str) -> tuple[float, float]:
    """Return a stage's processor seconds, and gigabytes by which the peak of memory rose."""
    run = reading(name) if what == "reading" else stage(name, what)
    before = peak()
    start = time.process_time()
    run()
    return time.process_time() - start, peak() - before


def validation_ms(make: Callable[[Schema], Callable[[object], object]]) -> float:
    schemas = Schemas(bundled.SCHEMAS)
    times = []
    for file in sorted((bundled.ROOT / "cases").glob("*/*/*.jsonl")):
        for case in read_cases(file, complexity_of(schemas)):
            validate = make(schemas[case.schema_id])
            validate(case.expected_output)
            start = time.perf_counter()
            validate(case.expected_output)
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    print("| input | stage | processor time | more memory |\n| --- | --- | --- | --- |")
    context = multiprocessing.get_context("spawn")
    for name in (*OUTPUTS, *FILES):
        # What is never closed is no object: there is nothing to score.
        whole = ["extraction", "published scorer"] + ["score", "deepdiff", "findings"] * (name in OBJECTS)
        for what in ["reading"] if name in FILES else whole:
            with context.Pool(1) as pool:
                seconds, gigabytes = pool.apply(measure, (name, what))
            print(f"| {name} | {what} | {seconds:.1f} s | {gigabytes:.1f} GB |", flush=True)
    ours = validation_ms(lambda schema: schema.is_valid)
    plain = validation_ms(lambda schema: validator_for(schema.document)(schema.document).is_valid)
    print(f"\nvalidation of a bundled case, median: {ours:.3f} ms; by plain jsonschema: {plain:.3f} ms")


if __name__ == "__main__":
    main()
