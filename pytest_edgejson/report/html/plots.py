"""The plots of a page, drawn by matplotlib. Each shows what a table beside it tells in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.report.document import Figure
from pytest_edgejson.report.html.svg import INK, SERIES, as_svg
from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.results.result import is_error
from pytest_edgejson.scoring.kinds import FAILURES
from pytest_edgejson.values.text import clean, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes

    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.results.result import Result

# Inches, 72 units of the SVG each.
_WIDTH = 6.4
_NAME_WIDTH = 28
_MARKS = "osD^vPX*"
_PERCENT = ([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
KINDS = ("exact", *(name for name, kind in FAILURES.items() if not kind.is_error))
"""What becomes of answers, in the order of the plots; cases that could not be run have none."""


def _style() -> AbstractContextManager[None]:
    import matplotlib

    # A model's name may look like a formula.
    return matplotlib.rc_context({"text.parse_math": False, "axes.formatter.use_mathtext": False})


def _axes(height: float) -> tuple[Any, Axes]:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(_WIDTH, height), layout="constrained")
    axes = drawing.add_subplot()
    axes.tick_params(which="both", colors=INK["ink"], length=0, labelsize=10)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_axisbelow(True)
    return drawing, axes


def _name(model: str) -> str:
    return shorten(clean(model), _NAME_WIDTH)


def _figure(title: str, drawing: Any, axes: Axes, columns: int = 3) -> Figure:
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        drawing.legend(
            handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=INK["ink"], fontsize=10
        )
    return Figure(title, as_svg(drawing, title))


def plot_groups(title: str, groups: Mapping[str, Mapping[str, Metrics]], metric: str = "json_exact") -> Figure | None:
    """Draw a metric of each group of cases with its interval, the models beside each other.

    Args:
        title: what it shows.
        groups: metrics by group, by model.
        metric: a proportion.
    """
    models = list(groups)[:SERIES]
    names = list(dict.fromkeys(name for model in models for name in groups[model]))
    if not names:
        return None
    step = 0.8 / len(models)
    with _style():
        drawing, axes = _axes(0.7 + len(names) * max(0.26, 0.13 * len(models) + 0.1))
        for place, model in enumerate(models):
            found = [(row, groups[model][name].get(metric)) for row, name in enumerate(names) if name in groups[model]]
            points = [(row, each) for row, each in found if each is not None and each.interval is not None]
            axes.errorbar(
                [100 * each.value for _, each in points],
                [row + (place - (len(models) - 1) / 2) * step for row, _ in points],
                xerr=[
                    [100 * max(each.value - each.interval.low, 0) for _, each in points if each.interval],
                    [100 * max(each.interval.high - each.value, 0) for _, each in points if each.interval],
                ],
                fmt=_MARKS[place],
                color=INK[f"series-{place}"],
                elinewidth=1.6,
                markersize=5,
                label=_name(model),
            )
        axes.set_yticks(range(len(names)), [shorten(clean(name), _NAME_WIDTH) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.set_xticks(*_PERCENT)
        axes.grid(axis="x", color=INK["rule"], linewidth=1)
        return _figure(title, drawing, axes)


def plot_kinds(title: str, by_model: Mapping[str, Sequence[Result]]) -> Figure | None:
    """Draw what became of each model's answers, as shares."""
    models = {model: [result for result in own if not is_error(result)] for model, own in by_model.items()}
    models = {model: answers for model, answers in models.items() if answers}
    if not models:
        return None
    with _style():
        drawing, axes = _axes(1.1 + 0.32 * len(models))
        left = [0.0] * len(models)
        for number, kind in enumerate(KINDS):
            shares = [
                100 * sum((result["failure"] or "exact") == kind for result in answers) / len(answers)
                for answers in models.values()
            ]
            if any(shares):
                axes.barh(
                    range(len(models)),
                    shares,
                    left=left,
                    height=0.6,
                    color=INK[f"kind-{number}"],
                    label=kind.replace("_", " "),
                    edgecolor=INK["paper"],
                    linewidth=1,
                )
            left = [start + share for start, share in zip(left, shares, strict=True)]
        axes.set_yticks(range(len(models)), [_name(model) for model in models])
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.set_xticks(*_PERCENT)
        return _figure(title, drawing, axes, columns=4)


def plot_latency(title: str, by_model: Mapping[str, Sequence[Result]]) -> Figure | None:
    """Draw the share of each model's answers that came within a time; models without times are left out."""
    times = {
        model: sorted(result["latency_s"] for result in own if not is_error(result) and result["latency_s"])
        for model, own in list(by_model.items())[:SERIES]
    }
    if not any(times.values()):
        return None
    with _style():
        drawing, axes = _axes(3.0)
        for place, (model, seconds) in enumerate(times.items()):
            if seconds:
                shares = [100 * (number + 1) / len(seconds) for number in range(len(seconds))]
                axes.step(
                    seconds, shares, where="post", color=INK[f"series-{place}"], linewidth=1.8, label=_name(model)
                )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.set_ylim(0, 102)
        axes.set_yticks([0, 50, 95], ["0", "50 %", "95 %"])
        axes.grid(color=INK["rule"], linewidth=1)
        return _figure(title, drawing, axes)


def plot_sizes(points: Sequence[tuple[str, int, Metrics]]) -> Figure | None:
    """Draw JSONExact against the number of parameters.

    Args:
        points: name, parameters and metrics of each model.
    """
    shown = list(_with_interval(points))
    if len({size for _, size, *_ in shown}) < 2:
        return None
    with _style():
        drawing, axes = _axes(3.2)
        for place, (model, size, value, low, high) in enumerate(shown[:SERIES]):
            axes.errorbar(
                [size],
                [value],
                yerr=[[value - low], [high - value]],
                fmt=_MARKS[place],
                color=INK[f"series-{place}"],
                elinewidth=1.6,
                markersize=6,
                label=_name(model),
            )
        axes.set_xscale("log")
        axes.margins(x=0.12)
        ticks = [*_apart({size for _, size, *_ in shown})]
        axes.set_xticks(ticks, [_size(size) for size in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("parameters", color=INK["ink"])
        axes.set_ylim(-2, 102)
        axes.set_yticks(*_PERCENT)
        axes.grid(axis="y", color=INK["rule"], linewidth=1)
        return _figure("JSONExact by size, with 95 % intervals", drawing, axes)


def _with_interval(
    points: Sequence[tuple[str, int, Metrics]],
) -> Iterator[tuple[str, int, float, float, float]]:
    for model, size, metrics in points:
        found = metrics.get(METRICS["json_exact"].name)
        if found is not None and found.interval is not None:
            yield model, size, 100 * found.value, 100 * found.interval.low, 100 * found.interval.high


def _apart(sizes: Iterable[int]) -> Iterator[int]:
    """Yield sizes whose names have room beside each other."""
    last = 0.0
    for size in sorted(sizes):
        if size > 1.3 * last:
            yield size
            last = size


def _size(parameters: float) -> str:
    for limit, sign in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= limit:
            return f"{parameters / limit:.3g}{sign}"
    return f"{parameters:g}"
