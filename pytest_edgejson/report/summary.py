"""The table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabulate import tabulate

from pytest_edgejson.report.figures import cell_text, estimate_text
from pytest_edgejson.results.batching import check_batching, describe_check
from pytest_edgejson.results.metrics import HEADLINE, Grouping, Metrics, by_complexity, by_schema, measure
from pytest_edgejson.results.repeats import measure_repeats
from pytest_edgejson.results.units import PROPORTION
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.backends.spec import ModelSpec, Published
    from pytest_edgejson.results.repeats import Repeats
    from pytest_edgejson.results.result import Profile, Result
    from pytest_edgejson.suite.marks import Marks

_SOUND = "all, sound labels"


HEADS = tuple(metric.label for metric in HEADLINE)
ALIGNMENT = tuple("left" if metric.unit.has_interval else "right" for metric in HEADLINE)


def headline_cells(metrics: Metrics) -> list[str]:
    """Return the headline metrics of a group as the cells of a row, under `HEADS`."""
    return [cell_text(metrics.get(metric.name), metric.unit) for metric in HEADLINE]


def _one_model(groups: Mapping[str, Metrics]) -> str:
    rows = [[name, metrics.n, *headline_cells(metrics)] for name, metrics in groups.items()]
    align = ("left", "right", *ALIGNMENT)
    return tabulate(rows, headers=["", "n", *HEADS], tablefmt="simple", colalign=align, disable_numparse=True)


def _side_by_side(groups: Mapping[str, Mapping[str, Metrics]]) -> str:
    """Return a table for each metric, a column for each model."""
    names = list(dict.fromkeys(name for by_name in groups.values() for name in by_name))
    # `all` comes last also where one model lacks a group.
    names.sort(key=lambda name: name in ("all", _SOUND))
    tables = []
    for metric in HEADLINE:
        rows = []
        for name in names:
            cells = [by_name.get(name) for by_name in groups.values()]
            n = "/".join(dict.fromkeys(str(cell.n if cell else 0) for cell in cells))
            rows.append([name, n, *(cell_text(cell.get(metric.name), metric.unit) if cell else "-" for cell in cells)])
        align = ("left", "right", *["left"] * len(groups))
        headers = [metric.label, "n", *groups]
        tables.append(tabulate(rows, headers=headers, tablefmt="simple", colalign=align, disable_numparse=True))
    return "\n\n".join(tables)


def _repeats(model: str, repeats: Repeats) -> str:
    """Return how far repeats of a run lie apart, and how often a case passes in some or all of them."""
    exact, f1 = repeats.json_exact, repeats.field_f1
    spread = tabulate(
        [
            ["JSONExact", *(f"{100 * each:.1f} %" for each in (exact.mean, exact.deviation, exact.low, exact.high))],
            ["FieldF1", *(f"{each:.3f}" for each in (f1.mean, f1.deviation, f1.low, f1.high))],
        ],
        headers=["", "mean", "deviation", "worst", "best"],
        tablefmt="simple",
        colalign=("left", *["right"] * 4),
        disable_numparse=True,
    )
    passes = tabulate(
        [
            [str(k), estimate_text(repeats.pass_at[k], PROPORTION), estimate_text(repeats.pass_all[k], PROPORTION)]
            for k in repeats.pass_at
        ],
        headers=["k", "pass@k (some of k)", "pass^k (all k)"],
        tablefmt="simple",
        colalign=("right", "left", "left"),
        disable_numparse=True,
    )
    same = f"all {repeats.repeats} answers are the same text in {repeats.identical} of {repeats.cases} cases"
    if repeats.left_out:
        same += f"; {repeats.left_out} cases without all their answers are left out here"
    return f"{model}: {repeats.repeats} answers to each of {repeats.cases} cases\n{spread}\n\n{passes}\n\n{same}"


def _cases_not_run(errors: int) -> str:
    return f"{counted(errors, 'case')} could not be run and {plural(errors, 'counts', 'count')} in no metric"


def _published(row: Published) -> str:
    parts = []
    if row.json_exact is not None:
        parts.append(f"JSONExact {100 * row.json_exact:.1f} %")
    split = [(name, getattr(row, name)) for name in ("simple", "medium", "complex")]
    if any(value is not None for _, value in split):
        shown = " / ".join("-" if value is None else f"{100 * value:.1f}" for _, value in split)
        parts.append(f"simple/medium/complex {shown} %")
    if row.field_f1 is not None:
        parts.append(f"FieldF1 {row.field_f1:.3f}")
    if row.schema_compliance is not None:
        parts.append(f"compliance {100 * row.schema_compliance:.1f} %")
    return f"{', '.join(parts)} ({row.source})"


def render_summary(
    results: Sequence[Result],
    specs: Mapping[str, ModelSpec],
    *,
    profile: Profile = "default",
    verbose: bool = False,
    marks: Marks | None = None,
) -> str:
    """Return the tables of a run as plain text.

    Args:
        results: all of the run.
        specs: the models by name.
        profile: `v3` shows the published scorer's numbers.
        verbose: also a table by schema, kinds of failure, the worst fields, and what is published of the models.
        marks: of suspect labels; what is told of them. Cases that carry one are left out of a row beside `all`.
    """
    models = list(dict.fromkeys(result["model"] for result in results))
    parts = []
    groupings: list[Grouping] = [by_complexity, by_schema] if verbose else [by_complexity]
    for grouping in groupings:
        groups = {
            model: grouping([result for result in results if result["model"] == model], profile) for model in models
        }
        if grouping is by_complexity and any(result["suspect"] for result in results):
            for model in models:
                sound = [result for result in results if result["model"] == model and not result["suspect"]]
                groups[model][_SOUND] = measure(sound, profile)
        if len(models) == 1:
            parts.append(f"{models[0]}\n{_one_model(groups[models[0]])}")
        else:
            parts.append(_side_by_side(groups))
        if grouping is by_complexity:
            parts += [
                _repeats(model, repeats)
                for model in models
                for repeats in [measure_repeats([result for result in results if result["model"] == model], profile)]
                if repeats is not None
            ]
            parts += [
                f"{model}: {_cases_not_run(by_name['all'].errors)}"
                for model, by_name in groups.items()
                if by_name["all"].errors
            ]
            parts += [
                f"{model}: {describe_check(check)}"
                for model in models
                for check in [check_batching(result for result in results if result["model"] == model)]
                if check is not None
            ]
    if marks is not None:
        parts.append(marks.describe(results))
    if verbose or profile == "v3":
        parts += [
            f"published for {model}: {_published(row)}"
            for model in models
            if model in specs
            for row in specs[model].published
        ]
    if verbose:
        from pytest_edgejson.report.explain import render_kinds_and_fields

        for model in models:
            text = render_kinds_and_fields([result for result in results if result["model"] == model], model)
            parts += [text] if text else []
    stored = sum(result["stored"] for result in results)
    if stored:
        parts.append(f"{stored} of {len(results)} completions are from the store, where earlier runs left them.")
    parts.append(footnote(results, profile))
    return "\n\n".join(parts)


def footnote(results: Sequence[Result], profile: Profile = "default") -> str:
    """Return how to read the tables of a run."""
    if any(result["repeat"] > 1 for result in results):
        note = "Intervals are 95 %: bootstrap over cases, each with the mean of its answers."
    else:
        note = "Intervals are 95 %: Wilson for proportions, bootstrap for means."
    return note + (" Scored as EdgeJSON v3 was published: tok/s is 50 / mean latency." if profile == "v3" else "")
