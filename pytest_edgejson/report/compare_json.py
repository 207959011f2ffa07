"""What a program reads of a comparison: a JSON document, described in `docs/compare.md`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_edgejson.report.compare import statement
from pytest_edgejson.report.document import plain
from pytest_edgejson.results.statistics import ALPHA, POWER

if TYPE_CHECKING:
    from pytest_edgejson.backends.spec import Published
    from pytest_edgejson.results.compare.comparison import Comparison, Ratio, Report
    from pytest_edgejson.results.compare.pairing import Pair
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.results.statistics import Interval

FORMAT = 1
"""Version of the document; stands in its `edgejson_comparison`."""


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON builtins; `docs/compare.md` describes the document."""
    standings = {standing.model.label: standing for standing in report.standings}
    return {
        "edgejson_comparison": FORMAT,
        "suite": report.suite.name,
        "profile": report.profile,
        "alpha": ALPHA,
        "power": POWER,
        "correction": "Benjamini-Hochberg",
        "models": [
            {
                "label": model.label,
                "file": str(model.path),
                "model": model.model,
                "fingerprint": model.description.get("fingerprint"),
                "parameters": model.parameters,
                "size_class": model.size_class,
                "n": standing.n if standing else 0,
                "json_exact": standing.json_exact if standing else None,
                f"json_exact_by_{report.suite.slices.key}": dict(standing.by_slice) if standing else {},
                "field_f1": standing.field_f1 if standing else None,
                "published": [_published(row) for row in model.published],
            }
            for model, standing in ((model, standings.get(model.label)) for model in report.models)
        ],
        "comparisons": [_comparison_json(comparison) for comparison in report.comparisons],
        "multipliers": [
            {"base": each.base.label, "trained": each.trained.label, **_ratio_json(each.ratio)}
            for each in report.multipliers
        ],
        "notes": list(report.notes),
    }


def _published(row: Published) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__ if getattr(row, name) is not None}


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    pairing = comparison.pairing
    return {
        "baseline": comparison.baseline.label,
        "candidate": comparison.candidate.label,
        "statement": plain(statement(comparison)),
        "cases": {
            "paired": len(pairing.pairs),
            "errors": pairing.errors,
            "changed": {name: list(keys) for name, keys in pairing.changed.items()},
            "only_baseline": list(pairing.only_baseline),
            "only_candidate": list(pairing.only_candidate),
        },
        "schemas": comparison.schemas,
        "same_outputs": comparison.same_outputs,
        "differences": [
            {
                "metric": each.metric,
                "group": each.group,
                "n": each.n,
                "baseline": each.baseline,
                "candidate": each.candidate,
                "difference": each.value,
                "interval": _interval_json(each.interval),
                "up": each.up,
                "down": each.down,
                "p": each.p,
                "p_corrected": each.p_corrected,
            }
            for each in comparison.differences
        ],
        "ratio": _ratio_json(comparison.ratio),
        "detectable": {
            "observed": comparison.detectable.observed,
            "conservative": comparison.detectable.conservative,
        },
        "regressions": [_pair_json(pair, pair.candidate) for pair in comparison.regressions],
        "gains": [_pair_json(pair, pair.baseline) for pair in comparison.gains],
    }


def _pair_json(pair: Pair, miss: Result) -> dict[str, Any]:
    return {
        "case_id": miss["case_id"],
        "repeat": miss["repeat"],
        "failure": miss["failure"],
        "fields": miss["fields"],
        "field_f1": {"baseline": pair.baseline["field_f1"], "candidate": pair.candidate["field_f1"]},
    }


def _ratio_json(ratio: Ratio) -> dict[str, Any]:
    return {"value": ratio.value, "interval": _interval_json(ratio.interval)}


def _interval_json(interval: Interval | None) -> list[float | None] | None:
    # JSON has no infinity.
    return None if interval is None else [end if math.isfinite(end) else None for end in (interval.low, interval.high)]
