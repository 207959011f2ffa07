"""The table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.confusion import confusion_table
from pytest_edgejson.report.constrained import what_grammars_bring
from pytest_edgejson.report.document import Code, Foreign, Table, as_text
from pytest_edgejson.report.figures import cell_text, estimate_text
from pytest_edgejson.results.batching import check_batching, describe_check
from pytest_edgejson.results.metrics import Grouping, Metrics, by_schema, by_slice, measure, shown
from pytest_edgejson.results.repeats import measure_repeats
from pytest_edgejson.results.result import by_model
from pytest_edgejson.results.units import PROPORTION
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.backends.spec import ModelSpec, Published
    from pytest_edgejson.report.document import Block, Inline
    from pytest_edgejson.results.repeats import Repeats
    from pytest_edgejson.results.result import Profile, Result
    from pytest_edgejson.suite.marks import Marks
    from pytest_edgejson.suite.suites import Suite

_SOUND = "all, sound labels"


def metrics_table(title: Inline, groups: Mapping[str, Metrics], caption: Inline = "", suite: Suite = EDGEJSON) -> Table:
    """Return the table of a model's metrics.

    Args:
        title: of the first column.
        groups: the metrics of each row, by its name.
        caption: of the table.
        suite: whose metrics are shown.
    """
    columns = shown(groups.values(), suite)
    rows = [
        [name, str(metrics.n), *(cell_text(metrics.get(metric.name), metric.unit) for metric in columns)]
        for name, metrics in groups.items()
    ]
    align = ("left" if metric.unit.has_interval else "right" for metric in columns)
    return Table([title, "n", *(metric.label for metric in columns)], rows, ("left", "right", *align), caption)


def side_by_side(groups: Mapping[str, Mapping[str, Metrics]], suite: Suite = EDGEJSON) -> Iterator[Table]:
    """Yield a table for each metric, a column for each model."""
    names = list(dict.fromkeys(name for by_name in groups.values() for name in by_name))
    # `all` comes last also where one model lacks a group.
    names.sort(key=lambda name: name in ("all", _SOUND))
    for metric in shown((group for by_name in groups.values() for group in by_name.values()), suite):
        rows = []
        for name in names:
            cells = [by_name.get(name) for by_name in groups.values()]
            n = "/".join(dict.fromkeys(str(cell.n if cell else 0) for cell in cells))
            rows.append([name, n, *(cell_text(cell.get(metric.name), metric.unit) if cell else "-" for cell in cells)])
        yield Table([metric.label, "n", *map(Code, groups)], rows, ("left", "right", *["left"] * len(groups)))


def _repeats(model: str, repeats: Repeats) -> Iterator[Block]:
    """Yield how far repeats of a run lie apart, and how often a case passes in some or all of them."""
    exact, f1 = repeats.json_exact, repeats.field_f1
    yield Table(
        ["", "mean", "deviation", "worst", "best"],
        [
            ["JSONExact", *(f"{100 * each:.1f} %" for each in (exact.mean, exact.deviation, exact.low, exact.high))],
            ["FieldF1", *(f"{each:.3f}" for each in (f1.mean, f1.deviation, f1.low, f1.high))],
        ],
        ("left", *["right"] * 4),
        (Code(model), f": {repeats.repeats} answers to each of {repeats.cases} cases"),
    )
    yield Table(
        ["k", "pass@k (some of k)", "pass^k (all k)"],
        [
            [str(k), estimate_text(repeats.pass_at[k], PROPORTION), estimate_text(repeats.pass_all[k], PROPORTION)]
            for k in repeats.pass_at
        ],
        ("right", "left", "left"),
    )
    same = f"all {repeats.repeats} answers are the same text in {repeats.identical} of {repeats.cases} cases"
    if repeats.left_out:
        same += f"; {repeats.left_out} cases without all their answers are left out here"
    yield same


def published_text(row: Published) -> str:
    """Return a row of published results in a line."""
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
    suite: Suite = EDGEJSON,
) -> str:
    """Return the tables of a run as plain text.

    Args:
        results: all of the run.
        specs: the models by name.
        profile: `v3` shows the published scorer's numbers.
        verbose: also a table by schema, kinds of failure, the worst fields, and what is published of the models.
        marks: of suspect labels; what is told of them. Cases that carry one are left out of a row beside `all`.
        suite: that of the results.
    """
    # Each part stands in lines of its own, as wide as it is: the terminal wraps what is wider.
    return as_text(_blocks(by_model(results), specs, profile, verbose, marks, suite), width=None)


def _blocks(
    by_model: Mapping[str, Sequence[Result]],
    specs: Mapping[str, ModelSpec],
    profile: Profile,
    verbose: bool,
    marks: Marks | None,
    suite: Suite,
) -> Iterator[Block]:
    results = [result for own in by_model.values() for result in own]
    groupings: list[Grouping] = [by_slice, by_schema] if verbose else [by_slice]
    for grouping in groupings:
        groups = {model: grouping(own, profile, suite) for model, own in by_model.items()}
        if grouping is by_slice and any(result["suspect"] for result in results):
            for model, own in by_model.items():
                groups[model][_SOUND] = measure([result for result in own if not result["suspect"]], profile, suite)
        if len(groups) == 1:
            for model, by_name in groups.items():
                yield metrics_table("", by_name, Code(model), suite)
        else:
            yield from side_by_side(groups, suite)
        if grouping is by_slice:
            yield from beside_the_table(by_model, groups, profile, suite)
    if marks is not None:
        yield Foreign(marks.describe(results))
    if verbose or profile == "v3":
        for model in by_model:
            for row in specs[model].published if model in specs else ():
                yield "published for ", Code(model), ": ", Foreign(published_text(row))
    if verbose:
        from pytest_edgejson.report.explain import kinds_and_fields

        for model, own in by_model.items():
            yield from confusion_table(model, own, suite)
            yield from kinds_and_fields(own, model, suite)
    stored = sum(result["stored"] for result in results)
    if stored:
        yield f"{stored} of {len(results)} completions are from the store, where earlier runs left them."
    yield footnote(results, profile)


def beside_the_table(
    by_model: Mapping[str, Sequence[Result]],
    groups: Mapping[str, Mapping[str, Metrics]],
    profile: Profile,
    suite: Suite = EDGEJSON,
) -> Iterator[Block]:
    """Yield what there is to say of models beside their metrics: repeats, grammars, cases not run, batching."""
    for model, own in by_model.items():
        repeats = measure_repeats(own, profile)
        if repeats is not None:
            yield from _repeats(model, repeats)
    yield from what_grammars_bring(by_model, profile, suite)
    for model, by_name in groups.items():
        if errors := by_name["all"].errors:
            verb = plural(errors, "counts", "count")
            yield Code(model), f": {counted(errors, 'case')} could not be run and {verb} in no metric"
    for model, own in by_model.items():
        check = check_batching(own)
        if check is not None:
            yield Code(model), ": ", Foreign(describe_check(check))


def footnote(results: Sequence[Result], profile: Profile = "default") -> str:
    """Return how to read the tables of a run."""
    if any(result["repeat"] > 1 for result in results):
        note = "Intervals are 95 %: bootstrap over cases, each with the mean of its answers; Wilson for 0 and 100 %."
    else:
        note = "Intervals are 95 %: Wilson for proportions, bootstrap for means."
    return note + (" Scored as EdgeJSON v3 was published: tok/s is 50 / mean latency." if profile == "v3" else "")
