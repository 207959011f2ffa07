"""What llama.cpp's grammars cost: milliseconds of a step of 16 cases, free and held to schemas, on the same prompts.

    python benchmarks/masks_llamacpp.py SmolLM2.gguf

Steps are timed from when all 16 answers have begun until the first one ends, so that prompts, and the grammars that
llama.cpp compiles for each answer, are left out, and each step is one of 16 tokens. Answers are to be long enough for
that: four cases of each of four schemas whose expected outputs have more than 300 characters, those with the shortest
prompts, and free answers do not end by themselves. The share is of the held step. `masks.py --llama.cpp` runs this in
a process of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from pytest_edgejson.backends.constraint.wanted import schema_constraint
from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.llamacpp.backend import load
from pytest_edgejson.backends.llamacpp.engine import Engine
from pytest_edgejson.backends.prompts import TEMPLATES
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case, read_cases
from pytest_edgejson.suite.schemas import Schemas, complexity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AT_ONCE, _SCHEMAS, _LONG = 16, 4, 300


def bundled_cases() -> tuple[list[list[Case]], dict[str, str]]:
    """Return the bundled test cases of each schema, and what answers to them are held to, by schema."""
    schemas = Schemas(bundled.SCHEMAS)
    files = [read_cases(file, complexity_of(schemas)) for file in sorted(bundled.TEST_CASES.rglob("*.jsonl"))]
    constraints = {
        own[0].schema_id: schema_constraint(schemas[own[0].schema_id].document, [case.expected_output for case in own])
        for own in files
    }
    return files, constraints


def by_turns(files: Sequence[Sequence[Case]]) -> list[Case]:
    """Return all cases, one of each schema after the other."""
    return [own[place] for place in range(max(map(len, files))) for own in files if place < len(own)]


def measure(way: str, file: Path, requests: list[Request], tokens: int) -> tuple[int, float]:
    """Let llama.cpp answer all requests at once; return the steps that were timed, and the milliseconds of one."""
    settings = GenerationSettings(
        tokens, stop_at_root=False, loops="keep", constrain="none" if way == "free" else "schema"
    )
    backend = load(ModelSpec("model", model=str(file)), settings, LoadOptions(device="cpu", batch_size=len(requests)))
    complete = Engine.complete
    # When each token of each answer came, by its number.
    arrivals: list[dict[int, float]] = []

    def noting(engine: Engine, asked: dict[str, Any], receive: Callable[[dict[str, Any]], bool]) -> None:
        times: dict[int, float] = {}
        arrivals.append(times)

        def note(part: dict[str, Any]) -> bool:
            if timings := part.get("timings"):
                times.setdefault(timings["predicted_n"], time.perf_counter())
            return receive(part)

        complete(engine, {**asked, "ignore_eos": way == "free"}, note)

    try:
        Engine.complete = noting  # type: ignore[method-assign, assignment]
        for completion in backend.generate(requests):
            if completion.error:
                raise SystemExit(f"{completion.key}: {completion.error}")
    finally:
        Engine.complete = complete  # type: ignore[method-assign]
        backend.close()
    start_s, end_s = max(min(times.values()) for times in arrivals), min(max(times.values()) for times in arrivals)
    made = sum(sum(start_s < each_s <= end_s for each_s in times.values()) for times in arrivals)
    if made < len(requests):
        raise SystemExit(f"{way}: an answer ended before all had begun: use more --tokens")
    steps = made / len(requests)
    return round(steps), 1000 * (end_s - start_s) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a .gguf file")
    parser.add_argument("--tokens", type=int, default=48, help="of an answer (default: 48)")
    options = parser.parse_args()
    files, constraints = bundled_cases()
    lasting = [own for own in files if len(json.dumps(own[0].expected_output)) > _LONG]
    chosen = by_turns(sorted(lasting, key=lambda own: len(own[0].prompt))[:_SCHEMAS])[:_AT_ONCE]
    free = [Request(case.id, TEMPLATES["v3"].fill(case.prompt, None), case) for case in chosen]
    held = [replace(each, constraint=constraints[each.case.schema_id]) for each in free]
    found = {way: measure(way, options.model, asked, options.tokens) for way, asked in (("free", free), ("held", held))}
    share = 100 * (1 - found["free"][1] / found["held"][1])
    rows = [
        [way, str(steps), f"{step_ms:.2f}", f"{share:.1f} %" if way == "held" else ""]
        for way, (steps, step_ms) in found.items()
    ]
    print(
        tabulate(
            rows, ["llama.cpp", "steps", "step ms", "share"], colalign=["left"] + ["right"] * 3, disable_numparse=True
        )
    )


if __name__ == "__main__":
    main()
