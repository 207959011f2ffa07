"""Recordings: scores outputs that were generated elsewhere or earlier. Needs no model library."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from pytest_edgejson.backends.finish_reasons import FINISH_REASONS, read_finish_reason
from pytest_edgejson.backends.interface import Backend, BackendError, Completion, Constrain
from pytest_edgejson.backends.references import split_file
from pytest_edgejson.suite.json_rows import CaseError, iter_rows
from pytest_edgejson.values.text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case

_HELD_TO: Mapping[str, Constrain] = {each: each for each in get_args(Constrain)}


@dataclass(frozen=True, slots=True)
class _Recording:
    """One recorded output, the line it stands in, and what it was held to when it was generated."""

    line: int
    model: str | None
    held_to: Constrain
    completion: Completion


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> ReplayBackend:
    """Read the recording that `spec.model` names: `FILE.jsonl`, or `FILE.jsonl#MODEL` where it holds several models.

    A line is an object with `case_id` and `output`, and perhaps `model`, `repeat` (1-based), `finish_reason` (or
    `stop_reason`, `finishReason`, `done_reason`, as vendors call it),
    `prompt_tokens`, `output_tokens`, `latency_s`, `compute_s` (seconds), `error`, `thought` and `constrain`;
    other keys are ignored. So a results file of this plugin is a recording too.

    Raises:
        BackendError: the file cannot be read, a line is wrong, an output is recorded twice, outputs of a model were
            held to different things, or the file holds several models and none of them is named.
    """
    return ReplayBackend(spec)


# What Anthropic, Google and Ollama call a finish reason; vLLM has what ended an answer under the first.
_REASONS_ELSEWHERE = ("stop_reason", "finishReason", "done_reason")


class ReplayBackend(Backend):
    """Answers a case with its recorded output."""

    def __init__(self, spec: ModelSpec) -> None:
        self._path, self._model = split_file(spec.model or "")
        # A named pipe would be waited for, and could not be read twice.
        if self._path.exists() and not self._path.is_file():
            raise BackendError(f"recording {self._path}: is no file")
        try:
            with self._path.open("rb") as file:
                self._digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._recordings = _read(self._path, self._model)
            self.case_ids = dict.fromkeys(case_id for case_id, _ in self._recordings)
            self.held_to = _held_to(self._path, list(self._recordings.values()))
        except CaseError as error:
            raise BackendError(f"recording {error}") from None
        except OSError as error:
            raise BackendError(f"recording {self._path}: cannot be read: {error.strerror or error}") from None

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the file's content and of the model chosen in it."""
        return hashlib.sha256(json.dumps(["replay", 1, self._digest, self._model]).encode()).hexdigest()

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records."""
        return {
            "backend": "replay",
            "file": self._path.name,
            "sha256": self._digest,
            "model": self._model,
            "outputs": len(self._recordings),
        }

    def render(self, case: Case) -> str:
        """Return the case's id: that alone decides which output is replayed."""
        return case.id

    def answer(self, request: Request) -> Completion:
        """Return the recorded output."""
        found = self._recordings.get((request.case.id, request.repeat))
        if found is None:
            which = f"{request.case.id}, repeat {request.repeat}" if request.repeat > 1 else request.case.id
            return Completion(request.key, "", "error", error=f"no recorded output for {which} in {self._path}")
        return replace(found.completion, key=request.key)

    def close(self) -> None:
        """Forget the outputs."""
        self._recordings = {}


def _read(path: Path, chosen: str | None) -> dict[tuple[str, int], _Recording]:
    recordings: dict[tuple[str, int], _Recording] = {}
    models: dict[str | None, None] = {}
    twice: CaseError | None = None
    first = True
    for line, row in iter_rows(path, nan_as_null=True):
        is_manifest, first = first and "edgejson" in row, False
        # Lines of a results file that are no results.
        if "case_id" not in row and (is_manifest or "schema" in row):
            continue
        (case_id, repeat), recording = _parse(path, line, row)
        models.setdefault(recording.model)
        if chosen is not None and recording.model != chosen:
            continue
        other = recordings.setdefault((case_id, repeat), recording)
        if other is not recording and twice is None:
            which = f"{case_id!r}, repeat {repeat}," if repeat > 1 else repr(case_id)
            twice = CaseError(
                path, line, f"the output of {which} stands already in line {other.line}; keep one of them"
            )
    names = sorted(model for model in models if model is not None)
    if chosen is not None and chosen not in models:
        raise CaseError(path, 0, f"holds no outputs of {chosen!r}; its models: {', '.join(names) or 'none are named'}")
    # Two models answer the same cases: say that, not that a case occurs twice.
    if chosen is None and len(models) > 1:
        unnamed = " (and rows that name none)" if None in models else ""
        raise CaseError(
            path,
            0,
            f"holds the outputs of several models{unnamed}: choose one with replay:{path.name}#{names[0]}"
            + (f"; others: {', '.join(names[1:])}" if len(names) > 1 else ""),
        )
    if twice is not None:
        raise twice
    if not recordings:
        raise CaseError(path, 0, "holds no recorded output: each line is an object with 'case_id' and 'output'")
    return recordings


def _held_to(path: Path, recordings: list[_Recording]) -> Constrain:
    """Return what all outputs were held to when they were generated."""
    first = recordings[0]
    for each in recordings:
        if each.held_to != first.held_to:
            what = f"'constrain' is {each.held_to} here and {first.held_to} in line {first.line}"
            raise CaseError(path, each.line, f"{what}: give the two a 'model' of their own")
    return first.held_to


def _parse(path: Path, line: int, row: Mapping[str, Any]) -> tuple[tuple[str, int], _Recording]:
    def wrong(key: str, what: str) -> CaseError:
        found = f"got {shorten(json.dumps(row[key]), 60)}" if key in row else "it is missing"
        return CaseError(path, line, f"{key!r} must be {what}, {found}")

    case_id = row.get("case_id")
    if not isinstance(case_id, str):
        raise wrong("case_id", "the id of a case")
    for key in ("model", "error", "thought"):
        if not isinstance(row.get(key), str | None):
            raise wrong(key, "a string")
    repeat = 1 if row.get("repeat") is None else row["repeat"]
    if not _is_count(repeat) or repeat < 1:
        raise wrong("repeat", "a whole number from 1 on")
    others = [row[key] for key in _REASONS_ELSEWHERE if isinstance(row.get(key), str) and read_finish_reason(row[key])]
    reason = read_finish_reason(str(row.get("finish_reason") or (others or ["stop"])[0]))
    if reason is None:
        raise wrong("finish_reason", f"one of {', '.join(FINISH_REASONS)}")
    output = row.get("output")
    # A case that broke in the recorded run has no output to show, nor has one that was refused: an empty answer.
    if output is None and ("output" in row or reason in {"error", "timeout"}):
        output = ""
    if not isinstance(output, str):
        raise wrong("output", "the model's text")
    for key in ("prompt_tokens", "output_tokens"):
        if row.get(key) is not None and not _is_count(row[key]):
            raise wrong(key, "a whole number")
    for key in ("latency_s", "compute_s"):
        seconds = row.get(key)
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0):
            raise wrong(key, "a number of seconds")
    held_to = _HELD_TO.get(str(row.get("constrain") or "none"))
    if held_to is None:
        raise wrong("constrain", f"one of {', '.join(_HELD_TO)}")
    error = row.get("error")
    if error is None and reason == "error":
        error = "the recorded run broke on this case"
    counts = [None if row.get(key) is None else int(row[key]) for key in ("prompt_tokens", "output_tokens")]
    completion = Completion(
        key=case_id,
        text=output,
        finish_reason=reason,
        prompt_tokens=counts[0],
        output_tokens=counts[1],
        latency_s=row.get("latency_s"),
        compute_s=row.get("compute_s"),
        error=error,
        thought=row.get("thought") or None,
    )
    return (case_id, int(repeat)), _Recording(line, row.get("model"), held_to, completion)


def _is_count(value: object) -> bool:
    """Tell whether a value is a whole number; a table has it as 12.0 where others in its column are not there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= 0 and int(value) == value
