"""Rescore: the scores of a results file computed anew from the outputs in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from pytest_edgejson import __version__
from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.results.file import ResultsError, ResultsWriter, Run
from pytest_edgejson.results.metric import get
from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.results.result import Result, constraint_of, dumps, make_result, own_marks
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_edgejson.scoring.kinds import Policy
    from pytest_edgejson.suite.schemas import Schema

SCORES = tuple(metric.key for metric in METRICS.values() if metric.key)
# Why a score changed: what was found in the output, how, and what was thought of it.
_REASONS = ("extraction.form", "extraction.error", "failure", "flags", "v3.crashed")
WHOLE = ("complexity", "schema_sha256", "comparators", "value", "leaves", "fields", "violations")
# Of which a result may have none.
_OPTIONAL = {"comparators"}
KEYS = (*SCORES, *_REASONS, *WHOLE)
"""What can change."""


@dataclass(frozen=True, slots=True)
class Change:
    """A result that comes out otherwise than it stands in the file.

    Attributes:
        before: the result as it stands.
        after: as it comes out.
        keys: what changed: the keys of scores and reasons, those of `v3` and `extraction` with a dot.
    """

    before: Result
    after: Result
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rescored:
    """A run whose results were scored anew.

    Attributes:
        run: as it was read.
        results: the new ones, in the same order.
        schemas: what each was validated with, in the same order.
        changes: the results that changed.
        policy: how JSON was found, None where as each result says.
    """

    run: Run
    results: tuple[Result, ...]
    schemas: tuple[Schema, ...]
    changes: tuple[Change, ...]
    policy: Policy | None


def rescore(run: Run, *, policy: Policy | None = None, schemas: Mapping[str, Schema] | None = None) -> Rescored:
    """Score every result of a run anew, from its output and with the scorer of this version.

    Args:
        run: as `results.read_run` gives it.
        policy: how JSON is found in the outputs, where not as each result says.
        schemas: by schema id, where not those in the file.

    Raises:
        ResultsError: a schema is missing.
    """
    results, used = [], []
    own = _SchemasOf(run)
    for result in run.results:
        schema = own.of(result) if schemas is None else schemas.get(result["schema_id"])
        if schema is None:
            where = "the file" if schemas is None else "the folder"
            raise ResultsError(
                f"{run.path}: {clean(result['case_id'])}: {where} holds no schema {clean(result['schema_id'])}: "
                "name a folder that does with --schemas DIR"
            )
        how = policy or result["extraction"]["policy"]
        # Keys that a later version adds to results beside scores are kept.
        kept = cast("Result", {key: value for key, value in result.items() if key != "comparators"})
        rescored: Result = {**kept, **_score(result, schema, how)}
        if "alone" in result:
            alone = result["alone"]
            rescored["alone"] = {**alone, "json_exact": _score({**result, **alone}, schema, how)["json_exact"]}
        results.append(rescored)
        used.append(schema)
    changes = [
        Change(before, after, keys)
        for before, after in zip(run.results, results, strict=True)
        if (keys := tuple(_changed(before, after)))
    ]
    return Rescored(run, tuple(results), tuple(used), tuple(changes), policy)


class _SchemasOf:
    """The schemas of a run, each with the comparators that a result names."""

    def __init__(self, run: Run) -> None:
        self._schemas = run.schemas
        self._known: dict[tuple[str, str], Schema] = {}

    def of(self, result: Result) -> Schema | None:
        """Return the schema that a result was scored with."""
        schema, comparators = self._schemas.get(result["schema_sha256"]), result.get("comparators")
        if schema is None or not comparators:
            return schema
        which = result["schema_sha256"], dumps(comparators)
        if which not in self._known:
            self._known[which] = replace(schema, comparators=comparators)
        return self._known[which]


def _score(result: Result, schema: Schema, policy: Policy) -> Result:
    case = Case(
        id=result["case_id"],
        schema_id=result["schema_id"],
        complexity=schema.complexity,
        prompt=result["prompt"],
        expected_output=result["expected_output"],
        states_complexity=result["states_complexity"],
        metadata=result["metadata"],
        suspect=tuple(result["suspect"]),
        accept=result.get("accept", {}),
    )
    completion = Completion(
        key=case.id,
        text=result["output"],
        finish_reason=result["finish_reason"],
        prompt_tokens=result["prompt_tokens"],
        output_tokens=result["output_tokens"],
        latency_s=result["latency_s"],
        compute_s=result["compute_s"],
        error=result["error"],
        stored=result["stored"],
        thought=result.get("thought"),
        thought_tokens=result.get("thought_tokens"),
        cached_tokens=result.get("cached_tokens"),
    )
    return make_result(
        case, result["model"], result["repeat"], completion, schema, policy, constraint_of(result), own_marks(result)
    )


def _changed(before: Result, after: Result) -> Iterable[str]:
    return (key for key in KEYS if _at(before, key) != _at(after, key))


def _at(result: Result, key: str) -> Any:
    return result.get(key) if key in _OPTIONAL else get(result, key)


def write(rescored: Rescored, path: Path) -> None:
    """Write the new results; the manifest says when and by which version they were scored.

    The file appears whole or not at all, also where it replaces the one that was read. That of a run that was cut off
    stays one.

    Raises:
        ResultsError: the file cannot be written.
    """
    now = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "pytest-edgejson": __version__}
    manifest = {**rescored.run.manifest, "rescored": now}
    if rescored.policy is not None:
        manifest["settings"] = {**manifest["settings"], "extraction": rescored.policy}
    # What is read may be the `.partial` of the very file.
    writer = ResultsWriter(path, manifest, suffix=".rescored")
    for result, schema in zip(rescored.results, rescored.schemas, strict=True):
        writer.add(result, schema)
    writer.close(is_finished="finished" in manifest)
