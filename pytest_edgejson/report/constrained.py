"""What a grammar brings: the answers of a model that was run free and held to one, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Code, Table, join
from pytest_edgejson.report.figures import cell_text, change_text, p_text, value_text
from pytest_edgejson.results.compare.comparison import ModelRun
from pytest_edgejson.results.compare.pairing import ComparisonError
from pytest_edgejson.results.compare.pairs import compare_models, correct_p_values
from pytest_edgejson.results.metrics import METRICS, compared
from pytest_edgejson.results.result import case_name, constraint_of
from pytest_edgejson.results.statistics import ALPHA
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.report.document import Block, Inline, Span
    from pytest_edgejson.results.compare.comparison import Comparison
    from pytest_edgejson.results.result import Profile, Result
    from pytest_edgejson.suite.suites import Suite

_SHOWN_IDS = 5


def what_grammars_bring(
    by_model: Mapping[str, Sequence[Result]], profile: Profile, suite: Suite = EDGEJSON
) -> Iterator[Block]:
    """Yield a table for each model that was run both ways, on the cases that it answered both times.

    Args:
        by_model: the results of a run.
        profile: whose scorer decides.
        suite: whose metrics are compared.
    """
    pairs = []
    for name, results in by_model.items():
        constrain = constraint_of(results[0])
        free = name.removesuffix(f"+{constrain}")
        if constrain != "none" and free in by_model and constraint_of(by_model[free][0]) == "none":
            pairs.append((_run(free, by_model[free]), _run(name, results)))
    comparisons = []
    for free_run, held_run in pairs:
        try:
            comparisons.append(compare_models(free_run, held_run, profile, alpha=ALPHA, common=True, suite=suite))
        except ComparisonError:
            yield Code(held_run.model), ": no case was answered both free and held to the grammar"
    for comparison in correct_p_values(comparisons):
        yield _table(comparison, profile, suite)
        yield from _remarks(comparison)


def _run(name: str, results: Sequence[Result]) -> ModelRun:
    return ModelRun(name, Path("this run"), name, {}, tuple(results), ())


def _table(comparison: Comparison, profile: Profile, suite: Suite) -> Table:
    rows: list[list[Inline]] = []
    for metric in compared(suite):
        found = comparison.difference(metric.name)
        values = [value_text(value, metric.unit) for value in (found.baseline, found.candidate)]
        change = change_text(found, short=True)
        p = p_text(found.p_corrected).removeprefix("= ")
        rows.append([metric.label, *values, change, str(found.up), str(found.down), p])
    pairs = comparison.pairing.pairs
    sides = [[pair.baseline for pair in pairs], [pair.candidate for pair in pairs]]
    rows.append(["answers that ended", *(str(len(_ended(side))) for side in sides), *[""] * 4])
    rows.append(["compliant of those", *map(_compliant_of_ended, sides), *[""] * 4])
    speed = METRICS["tokens_per_s"]
    speeds = (cell_text(speed.measure(side, profile), speed.unit) for side in sides)
    rows.append([speed.label, *speeds, *[""] * 4])
    held = Code(comparison.candidate.label)
    return Table(
        [
            "what the grammar brings",
            Code(comparison.baseline.label),
            held,
            "difference",
            "gains",
            "regressions",
            "p",
        ],
        rows,
        ("left", "right", "right", "left", "right", "right", "left"),
        (held, f" against free, on {counted(len(pairs), 'answer')} each; p of the exact McNemar test for proportions"),
    )


def _remarks(comparison: Comparison) -> Iterator[Block]:
    """Yield which cases the grammar lost, and which answers it should not have let through."""
    held = Code(comparison.candidate.label)
    lost = [case_name(pair.candidate) for pair in comparison.regressions]
    if lost:
        yield held, f": {counted(len(lost), 'regression')}: ", *_ids(lost)
    let_through = [
        case_name(result)
        for result in _ended([pair.candidate for pair in comparison.pairing.pairs])
        if not result["schema_compliant"] and constraint_of(result) == "schema"
    ]
    if let_through:
        verb = plural(len(let_through), "is", "are")
        yield held, f": {counted(len(let_through), 'answer')} ended and {verb} not compliant: ", *_ids(let_through)


def _ids(names: Sequence[str]) -> tuple[Span, ...]:
    return join(", ", [*map(Code, names[:_SHOWN_IDS]), *["…"] * (len(names) > _SHOWN_IDS)])


def _ended(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result["finish_reason"] == "stop"]


def _compliant_of_ended(results: Sequence[Result]) -> Inline:
    metric = METRICS["schema_compliance"]
    return cell_text(metric.measure(_ended(results), "default"), metric.unit)
