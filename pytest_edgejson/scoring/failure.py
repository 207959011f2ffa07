"""Failure: what kind of failure an output is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.scoring.kinds import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.scoring.extraction import Extraction
    from pytest_edgejson.scoring.kinds import FailureKind
    from pytest_edgejson.scoring.score import Score


def _says(error: str) -> Callable[[str, Extraction, Score], bool]:
    return lambda finish_reason, extraction, score: (extraction.error or "").partition(":")[0] == error


_HOLDS: Mapping[FailureKind, Callable[[str, Extraction, Score], bool]] = {
    "runtime_error": lambda finish_reason, extraction, score: finish_reason == "error",
    "timeout": lambda finish_reason, extraction, score: finish_reason == "timeout",
    "empty": _says("empty"),
    "no_json": _says("no_json"),
    "loop": lambda finish_reason, extraction, score: finish_reason == "loop" and not extraction.is_found,
    "truncated": lambda finish_reason, extraction, score: finish_reason == "length" and extraction.is_open,
    "malformed": _says("malformed"),
    "wrong_root": _says("wrong_root"),
    "schema_invalid": lambda finish_reason, extraction, score: not score.json_exact and not score.schema_compliant,
    "value_error": lambda finish_reason, extraction, score: not score.json_exact,
}


def failure_kind(finish_reason: str, extraction: Extraction, score: Score) -> FailureKind | None:
    """Return what kind of failure an output is, the first of `kinds.FAILURES` that holds, or None when it is exact.

    Args:
        finish_reason: the completion's: `stop`, `length`, `loop`, `timeout` or `error`. An output that the token limit
            cut off in a loop is of `loop` too.
        extraction: what was found in the output.
        score: how good that is.
    """
    return next((kind for kind in FAILURES if _HOLDS[kind](finish_reason, extraction, score)), None)
