"""The picture of a training's course."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def plot_loss(file: Path, loss: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]] = ()) -> None:
    """Draw the loss over the steps, on a logarithmic axis, and validation JSONExact beside it, as an SVG.

    The same numbers give the same bytes.

    Args:
        file: to write.
        loss: step and mean loss in nats per answer token.
        validation: step and JSONExact, between 0 and 1.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (nats per answer token)", yscale="log")
    axes.plot(*_columns(loss), color="tab:blue", linewidth=1)
    axes.grid(alpha=0.3)
    if validation:
        right = axes.twinx()
        right.plot(*_columns(validation), color="tab:orange", marker="o", markersize=4)
        right.set_ylim(0, 1)
        right.set_ylabel("validation JSONExact", color="tab:orange")
    with matplotlib.rc_context({"svg.hashsalt": "edgejson", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [value for _, value in points]
