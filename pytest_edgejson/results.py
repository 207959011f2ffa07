"""Results: a case, a model's completion and its score as one JSON line, and the file of a run.

The schema of both kinds of line is `results.schema.json` beside this module.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.backends import Completion
    from pytest_edgejson.cases import Case
    from pytest_edgejson.extraction import Policy
    from pytest_edgejson.options import Profile
    from pytest_edgejson.schemas import Schema

FORMAT = 1
"""Version of the results file; stands in the manifest's `edgejson`."""

SCHEMA_FILE = Path(__file__).with_name("results.schema.json")

Result: TypeAlias = dict[str, Any]
"""One result line as JSON builtins: what travels from xdist workers, is stored, and is reported."""


def make_result(case: Case, model: str, repeat: int, completion: Completion, schema: Schema, policy: Policy) -> Result:
    """Score a completion.

    Args:
        case: what was asked.
        model: the name in the node id.
        repeat: 1-based.
        completion: what the backend returned.
        schema: the case's.
        policy: how JSON is found in the output.
    """
    from pytest_edgejson.diagnosis import failure_kind, findings
    from pytest_edgejson.extraction import extract
    from pytest_edgejson.scoring import score
    from pytest_edgejson.v3 import score_v3

    extraction = extract(completion.text, policy, schema.is_valid)
    scored = score(case.expected_output, extraction, schema)
    published = score_v3(case.expected_output, completion.text)
    value = extraction.value
    return {
        "case_id": case.id,
        "schema_id": case.schema_id,
        "complexity": case.complexity,
        "states_complexity": case.states_complexity,
        "model": model,
        "repeat": repeat,
        "prompt": case.prompt,
        "expected_output": case.expected_output,
        "output": completion.text,
        "finish_reason": completion.finish_reason,
        "error": completion.error,
        "prompt_tokens": completion.prompt_tokens,
        "output_tokens": completion.output_tokens,
        "latency_s": completion.latency_s,
        "compute_s": completion.compute_s,
        "stored": completion.stored,
        "extraction": {"form": extraction.form, "policy": extraction.policy, "error": extraction.error},
        "value": value,
        "json_exact": scored.json_exact,
        "field_f1": scored.field_f1,
        "field_precision": scored.field_precision,
        "field_recall": scored.field_recall,
        "key_f1": scored.key_f1,
        "schema_compliant": scored.schema_compliant,
        "format_compliant": scored.format_compliant,
        "failure": failure_kind(completion.finish_reason, extraction, scored),
        "flags": list(extraction.flags),
        "leaves": scored.expected_leaves,
        "fields": []
        if value is None or scored.json_exact
        else [finding.as_dict() for finding in findings(case.expected_output, value, schema, case.prompt)],
        "violations": []
        if value is None
        else [{"path": item.path, "message": item.message} for item in schema.violations(value)],
        "v3": {
            "json_exact": published.json_exact,
            "field_f1": published.field_f1,
            "schema_compliance": published.schema_compliance,
            "crashed": published.crashed,
        },
    }


def scores(result: Mapping[str, Any], profile: Profile) -> tuple[bool, float, bool]:
    """Return JSONExact, FieldF1 and SchemaCompliance of a result, by the profile's scorer."""
    if profile == "v3":
        published = result["v3"]
        return published["json_exact"], published["field_f1"], published["schema_compliance"]
    return result["json_exact"], result["field_f1"], result["schema_compliant"]


def is_error(result: Mapping[str, Any]) -> bool:
    """Tell whether the case could not be run: such a result is no answer of the model and counts in no metric."""
    return result["finish_reason"] in ("error", "timeout")


def dumps(value: Mapping[str, Any]) -> str:
    """Return a value as one ASCII line; lone surrogates survive as escapes."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def make_manifest(models: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Describe a run before it starts.

    Args:
        models: fingerprint and description by model name.
        settings: what was asked for, as JSON builtins.
        root: pytest's root folder, whose git state is recorded.
    """
    versions = {}
    for name in ("pytest", "torch", "transformers", "peft", "jsonschema", "scipy", "deepdiff"):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "edgejson": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": models,
        "settings": settings,
        "versions": {"pytest-edgejson": __version__, "python": platform.python_version(), **versions},
        "machine": {"system": platform.system(), "processor": platform.machine(), "python": sys.implementation.name},
        "git": _git_state(root),
    }


def _git_state(root: Path) -> dict[str, Any] | None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


class ResultsError(ValueError):
    """A results file that cannot be written. The message names the file and the fix."""


class ResultsWriter:
    """Writes a results file line by line, beside its place, and moves it there when the run ends.

    A run that is killed leaves what it finished in `FILE.partial`, and an earlier FILE as it was.

    Raises:
        ResultsError: the file cannot be written.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")
        try:
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("w", encoding="utf-8")
        except OSError as error:
            raise ResultsError(f"cannot write {path}: {error.strerror}; name a writable file") from None
        self._write(manifest)

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(dumps(line) + "\n")
        self._file.flush()

    def add(self, result: Result) -> None:
        """Write a result at once."""
        self._write(result)

    def close(self) -> None:
        """Put the file in its place."""
        self._file.close()
        self._partial.replace(self.path)
