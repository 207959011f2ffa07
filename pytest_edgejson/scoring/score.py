"""Scoring: what was extracted from an output, compared with the expected output and the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.alignment import align, count_leaves, count_right, without_gaps
from pytest_edgejson.values.agreement import agree, counted
from pytest_edgejson.values.decoding import MAX_DEPTH
from pytest_edgejson.values.jsonvalue import is_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.scoring.alignment import Alignment
    from pytest_edgejson.scoring.extraction import Extraction
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.suite.violations import Violation
    from pytest_edgejson.values.agreement import Rule


@dataclass(frozen=True, slots=True)
class Score:
    """How good one output is. Without an object everything is 0 and false.

    Attributes:
        json_exact: typed deep equality, see `jsonvalue.equal`, or agreement by the rule.
        field_f1: 2 · right / (expected + predicted) leaves.
        field_precision: right / predicted leaves.
        field_recall: right / expected leaves.
        key_f1: the same as `field_f1`, values ignored: a leaf is right when its path is.
        schema_compliant: valid under the schema, `format` not asserted.
        format_compliant: valid under the schema, `format` asserted too.
        right_leaves: leaves that agree in path and value, arrays aligned.
        expected_leaves: leaves of the expected output.
        predicted_leaves: leaves of the object that was found.
        violations: what of the object the schema does not allow, see `schemas.Schema.violations`.
        alignment: of the expected output and the object; None where there is none, or it is exact.
    """

    json_exact: bool
    field_f1: float
    field_precision: float
    field_recall: float
    key_f1: float
    schema_compliant: bool
    format_compliant: bool
    right_leaves: int
    expected_leaves: int
    predicted_leaves: int
    violations: Sequence[Violation] = ()
    alignment: Alignment | None = None


def score(expected: Any, extraction: Extraction, schema: Schema, rule: Rule | None = None) -> Score:
    """Score what was extracted from an output.

    Args:
        expected: the case's expected output.
        extraction: what `extraction.extract` found.
        schema: the case's schema.
        rule: how the two are compared; None for exactly. What it takes for right counts as if it were expected.
    """
    value = extraction.value
    if rule is not None:
        expected = counted(expected, rule)
    if not extraction.is_found:
        return Score(False, 0.0, 0.0, 0.0, 0.0, False, False, 0, count_leaves(expected), 0)
    violations, format_compliant = schema.judge(value)
    compliant = not violations
    kept: dict[int, list[int]] = {}
    if rule is not None:
        value = counted(value, rule, kept)
    if agree(expected, value, rule):
        n = count_leaves(expected)
        return Score(True, 1.0, 1.0, 1.0, 1.0, compliant, format_compliant, n, n, n, violations)
    alignment = align(expected, value, rule, kept)
    if rule is not None:
        value = without_gaps(alignment.value)
    right, n_expected, n_predicted = alignment.right, count_leaves(expected), count_leaves(value)
    return Score(
        json_exact=False,
        field_f1=_f1(right, n_expected, n_predicted),
        field_precision=right / n_predicted,
        field_recall=right / n_expected,
        key_f1=_f1(count_right(_outline(expected), _outline(value)), n_expected, n_predicted),
        schema_compliant=compliant,
        format_compliant=format_compliant,
        right_leaves=right,
        expected_leaves=n_expected,
        predicted_leaves=n_predicted,
        violations=violations,
        alignment=alignment,
    )


def _f1(right: int, expected: int, predicted: int) -> float:
    return 2 * right / (expected + predicted)


def _outline(value: Any, depth: int = 0) -> Any:
    """Return a value with all leaves made alike, as deep as an object that was found can be."""
    if isinstance(value, dict) and value and depth <= MAX_DEPTH:
        return {key: _outline(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list) and value and depth <= MAX_DEPTH:
        return [_outline(item, depth + 1) for item in value]
    return None if is_leaf(value) else value
