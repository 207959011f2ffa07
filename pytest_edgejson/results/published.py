"""What each part of the published EdgeJSON v3 evaluation makes of the same answers, one part added after the other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pytest_edgejson.results.metrics import measure
from pytest_edgejson.results.result import is_found
from pytest_edgejson.results.slices import group_by_slice
from pytest_edgejson.scoring.v3 import score_v3
from pytest_edgejson.suite.suites import EDGEJSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.results.result import Result

RUNS_ON = "\n\nInput: "
"""What a model goes on with that has learned the published training texts, which end without an end of sequence."""


@dataclass(frozen=True, slots=True)
class Part:
    """The answers as they are scored with all parts up to this one.

    Attributes:
        name: what is the published evaluation's now.
        metrics: by slice, and of `all`.
    """

    name: str
    metrics: Mapping[str, Metrics]


def part_by_part(answers: Sequence[Result], cut: Callable[[str], str]) -> tuple[Part, ...]:
    """Return the metrics of answers as scored here, and with each part of the published evaluation added.

    Args:
        answers: of one model, without errors.
        cut: returns the first `v3.MAX_NEW_TOKENS` tokens of a text.
    """
    outputs = [result["output"] for result in answers]
    found = [json.dumps(result["value"]) if is_found(result) else "" for result in answers]
    short = [cut(output) for output in outputs]
    endless = [
        text + RUNS_ON if text == output and result["finish_reason"] == "stop" else text
        for result, output, text in zip(answers, outputs, short, strict=True)
    ]
    parts = (
        ("its metrics, on the object found here", found),
        ("and its search for the object", outputs),
        ("and its limit of 512 tokens", short),
        ("and no end of sequence learned", endless),
    )
    return (
        Part("as scored here", _by_slice(answers)),
        *(Part(name, _by_slice(_scored(answers, texts), published=True)) for name, texts in parts),
    )


def perfect(answers: Sequence[Result]) -> list[Result]:
    """Return the results of a model whose answer to each of the same cases is the expected output and nothing else."""
    return [
        cast(
            "Result",
            {
                **result,
                "output": json.dumps(result["expected_output"], ensure_ascii=False),
                "finish_reason": "stop",
                "value": result["expected_output"],
                "extraction": {**result["extraction"], "form": "bare", "error": None},
                "json_exact": True,
                "field_f1": 1.0,
                "schema_compliant": True,
            },
        )
        for result in answers
    ]


def _scored(answers: Sequence[Result], texts: Sequence[str]) -> list[Result]:
    return [
        cast("Result", {**result, "v3": score_v3(result["expected_output"], text)})
        for result, text in zip(answers, texts, strict=True)
    ]


def _by_slice(answers: Sequence[Result], *, published: bool = False) -> dict[str, Metrics]:
    groups = group_by_slice(answers, EDGEJSON.slices) | {"all": list(answers)}
    return {name: measure(group, "v3" if published else "default") for name, group in groups.items()}
