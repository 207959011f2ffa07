"""The page of a leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.html import plots
from pytest_edgejson.report.html.page import render_page, write_page
from pytest_edgejson.report.leaderboard import sections
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.results.leaderboard import Leaderboard


def write_leaderboard_page(path: Path, board: Leaderboard) -> None:
    """Write a leaderboard as one HTML file; see `page.write_page`."""

    def render() -> str:
        ranked = {place.model.label: place.metrics["all"] for place in board.places}
        sizes = [
            (place.model.label, place.model.parameters, place.metrics["all"])
            for place in board.places
            if place.model.parameters
        ]
        figures = [
            plots.plot_groups("JSONExact, with 95 % intervals", {"": ranked}),
            plots.plot_sizes(sizes),
        ]
        cases = board.places[0].metrics["all"]
        about = [counted(len(board.places), "model"), f"{counted(cases.n + cases.errors, 'answer')} of each"]
        return render_page("Leaderboard", about, sections(board, [figure for figure in figures if figure is not None]))

    write_page(path, render)
