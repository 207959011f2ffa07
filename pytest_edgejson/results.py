"""Results: a case, a model's completion and its score as one JSON line, and the file of a run.

The schema of both kinds of line is `results.schema.json` beside this module.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
        "schema_sha256": schema.fingerprint,
        "complexity": case.complexity,
        "states_complexity": case.states_complexity,
        "model": model,
        "repeat": repeat,
        "prompt": case.prompt,
        "expected_output": case.expected_output,
        "metadata": dict(case.metadata),
        "suspect": list(case.suspect),
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
        else [finding.as_dict() for finding in findings(case.expected_output, value, schema, case.prompt, scored)],
        "violations": [{"path": item.path, "message": item.message} for item in scored.violations],
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
    for name in ("pytest", "torch", "transformers", "peft", "jsonschema", "scipy"):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "edgejson": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": models,
        "settings": settings,
        "versions": {"pytest-edgejson": __version__, "python": platform.python_version(), **versions},
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": sys.implementation.name,
        },
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
    """A results file that cannot be written or read. The message names file, line and fix."""


class ResultsWriter:
    """Writes a results file line by line, beside its place, and moves it there when the run ends.

    Beside the manifest and the results it holds each schema once, before the first result that was validated with it.
    A run that is killed leaves what it finished in `FILE.partial`, and an earlier FILE as it was.

    Raises:
        ResultsError: the file cannot be written.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path = path
        self._manifest = manifest
        self._suite: set[str] = set()
        self._schemas: set[str] = set()
        self._partial = path.with_name(path.name + ".partial")
        try:
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("w+", encoding="utf-8")
        except OSError as error:
            raise ResultsError(f"cannot write {path}: {error.strerror}; name a writable file") from None
        self._write(manifest)

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(dumps(line) + "\n")
        self._file.flush()

    def add(self, result: Result, schema: Schema) -> None:
        """Write a result at once.

        Args:
            result: what came out.
            schema: the one it was validated with.
        """
        if result["schema_sha256"] not in self._schemas:
            self._schemas.add(result["schema_sha256"])
            document = {"id": schema.id, "complexity": schema.complexity, "sha256": schema.fingerprint}
            self._write({"schema": document | {"document": schema.document}})
        self._suite.add(case_fingerprint(result))
        self._write(result)

    def close(self, gates: Sequence[Mapping[str, Any]] = ()) -> None:
        """Put the file in its place, its manifest completed with what only the end of the run knows.

        Args:
            gates: what each gate said, as JSON builtins.
        """
        finished = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "cases": len(self._suite),
            "suite_sha256": suite_fingerprint(self._suite),
            "gates": list(gates),
        }
        whole = self.path.with_name(self.path.name + ".tmp")
        with whole.open("w", encoding="utf-8") as file:
            file.write(dumps({**self._manifest, **finished}) + "\n")
            self._file.seek(0)
            self._file.readline()
            shutil.copyfileobj(self._file, file)
        self._file.close()
        whole.replace(self.path)
        self._partial.unlink()


CASE_KEYS = {"prompt": "prompt", "expected_output": "expected output", "schema_sha256": "schema"}
"""What a case asks, by the key in a result, in words."""


def case_name(result: Mapping[str, Any]) -> str:
    """Return the id of a result's case, with the repeat where there are several: `invoice-007-r2`."""
    return str(result["case_id"]) + (f"-r{result['repeat']}" if result["repeat"] > 1 else "")


def case_fingerprint(result: Mapping[str, Any]) -> str:
    """Return a hash of what a case asks: its id, prompt, expected output and schema.

    Two results with the same one can be compared, whatever model and scorer they are of.
    """
    asked = [result[key] for key in ("case_id", *CASE_KEYS)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def suite_fingerprint(cases: Iterable[str]) -> str:
    """Return a hash of a set of cases, given as `case_fingerprint` makes them."""
    return hashlib.sha256("\n".join(sorted(set(cases))).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """What a results file holds.

    Attributes:
        path: the file.
        manifest: its first line.
        results: in the order of the file.
        schemas: the schemas that results were validated with, by `schema_sha256`.
    """

    path: Path
    manifest: Mapping[str, Any]
    results: tuple[Result, ...]
    schemas: Mapping[str, Schema]

    @property
    def models(self) -> list[str]:
        """The names of the models, in the order of the file."""
        return list(dict.fromkeys(result["model"] for result in self.results))


def read_run(path: Path) -> Run:
    """Read a results file, or what a killed run left of one in `FILE.partial`.

    Raises:
        ResultsError: the file cannot be read, or a line is not what `results.schema.json` says. A last line that was
            cut off when the run was killed is passed over.
    """
    from pytest_edgejson.cases import CaseError, decode_row
    from pytest_edgejson.schemas import SchemaError, make_schema

    manifest: dict[str, Any] | None = None
    results: list[Result] = []
    schemas: dict[str, Schema] = {}
    validate = _line_validator(path)
    try:
        with path.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                try:
                    line = decode_row(raw, path, number)
                except CaseError as error:
                    if raw.endswith(b"\n") or manifest is None:
                        raise ResultsError(f"{path}:{number}: {error.message}") from None
                    break
                if line is None:
                    continue
                if manifest is None:
                    validate("manifest", line, number)
                    manifest = line
                elif "schema" in line and "case_id" not in line:
                    validate("schema", line, number)
                    given = line["schema"]
                    name = f"{path}:{number}"
                    schemas[given["sha256"]] = make_schema(given["id"], given["complexity"], given["document"], name)
                else:
                    validate("result", line, number)
                    results.append(line)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
    except SchemaError as error:
        raise ResultsError(str(error)) from None
    if manifest is None or not results:
        raise ResultsError(f"{path}: holds no results; make some with pytest --edgejson-results=FILE.jsonl")
    return Run(path, manifest, tuple(results), schemas)


def _line_validator(path: Path) -> Callable[[str, Mapping[str, Any], int], None]:
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    document = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    names = {
        "manifest": "the first line of a results file is its manifest",
        "schema": "this line should hold a schema",
        "result": "this line should be a result",
    }
    validators = {
        name: Draft202012Validator({"$defs": document["$defs"], **document["$defs"][name]}, registry=REGISTRY)
        for name in names
    }

    def validate(name: str, line: Mapping[str, Any], number: int) -> None:
        error = next(validators[name].iter_errors(line), None)
        if error is not None:
            where = ".".join(map(str, error.absolute_path))
            what = f"{where}: " * bool(where) + error.message[:200]
            raise ResultsError(f"{path}:{number}: {names[name]}, but {what}")

    return validate
