"""What `edgejson measure` does with its arguments."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.choices import LOOPS
from pytest_edgejson.backends.examples import read_examples
from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions
from pytest_edgejson.backends.measuring.energy import Meter
from pytest_edgejson.backends.measuring.measurement import MeasurementError
from pytest_edgejson.backends.measuring.passes import Job, measure
from pytest_edgejson.backends.models import known_models, resolve_model
from pytest_edgejson.backends.prompts import asking_for
from pytest_edgejson.backends.registry import backend_type
from pytest_edgejson.report.asking import cases_at, place_of
from pytest_edgejson.report.document import as_markdown, as_text
from pytest_edgejson.report.measured import as_documents, blocks
from pytest_edgejson.suite.suites import SchemaFinder, suite_at

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_edgejson.backends.measuring.measurement import Measurement
    from pytest_edgejson.suite.files import CaseRow

# Tokens of an answer at most, where neither the command nor an entry says.
_MAX_NEW_TOKENS = 512


def run(arguments: argparse.Namespace) -> str:
    """Measure models as the arguments say; return what came of it, and write it after each where that is asked for.

    Raises:
        ValueError: a model is unknown or cannot be run, there are no cases, or a meter's records do not do.
        OSError: a file cannot be read or written.
    """
    if arguments.energy_csv is not None:
        # Said now: a file that cannot be read is found out after all passes otherwise.
        Meter(arguments.energy_csv)
    rows = _rows(arguments)
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="edgejson-measure-") as cache:
        jobs = [_job(arguments, name, rows, Path(cache)) for name in arguments.models]
        if arguments.out is not None:
            # Said now, too: whether it can be written.
            arguments.out.open("a", encoding="utf-8").close()
        for job in jobs:
            sys.stderr.write(f"measure: {job.spec.name}\n")
            found.append(measure(job, rows, arguments.energy_csv))
            if arguments.out is not None:
                arguments.out.write_text(_as_json(found) + "\n", encoding="utf-8")
    if arguments.format == "json":
        return _as_json(found)
    return (as_markdown if arguments.format == "markdown" else as_text)([*blocks(found)])


def _as_json(found: Sequence[Measurement]) -> str:
    return json.dumps(as_documents(found), indent=1, allow_nan=False)


def _rows(arguments: argparse.Namespace) -> Sequence[CaseRow]:
    """Return the cases: as many as are asked for, from the whole length of the suite."""
    place = place_of(arguments)
    rows = [*cases_at(place)]
    if not rows:
        raise MeasurementError(f"{place}: no cases: name another place with --cases")
    count = min(arguments.n, len(rows))
    return [rows[number * len(rows) // count] for number in range(count)]


def _job(arguments: argparse.Namespace, name: str, rows: Sequence[CaseRow], cache: Path) -> Job:
    spec = resolve_model(f"browser:{name}" if arguments.browser else name, known_models())
    try:
        asks = backend_type(spec).asks
    except BackendError as error:
        raise MeasurementError(str(error)) from None
    if not asks:
        raise MeasurementError(f"{name} asks no model, and so costs nothing: name a model such as nano")
    spec = replace(spec, prompt=asking_for(spec.prompt, suite_at(rows[0].path).prompt))
    examples = read_examples([row.path for row in rows], None, 0, SchemaFinder()) if spec.shots else {}
    settings = GenerationSettings(
        max_new_tokens=arguments.max_new_tokens or spec.max_new_tokens or _MAX_NEW_TOKENS,
        loops="keep" if spec.loops == LOOPS[1] else "end",
        thoughts=spec.thoughts,
    )
    options = LoadOptions(
        device=arguments.device,
        schema_documents={row.schema.id: dict(row.schema.document) for row in rows},
        examples=examples,
        cache=cache,
    )
    return Job(
        spec=spec,
        settings=settings,
        options=options,
        cases=[row.case for row in rows],
        passes=arguments.passes,
        warm_up=arguments.warm_up,
    )
