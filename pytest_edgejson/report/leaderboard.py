"""The leaderboard for reading: text, Markdown, a page, and CSV for programs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Code, Foreign, Section, Table
from pytest_edgejson.report.figures import cell_text, value_text
from pytest_edgejson.report.measured import CSV_HEADERS, HEADERS, columns, machine_of, values
from pytest_edgejson.results.metrics import METRICS, headline, shown
from pytest_edgejson.results.statistics import ALPHA
from pytest_edgejson.results.units import PROPORTION
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import counted, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.report.document import Block, Figure, Inline
    from pytest_edgejson.results.leaderboard import Leaderboard, Place
    from pytest_edgejson.results.metric import Metric
    from pytest_edgejson.results.metrics import Metrics

# What a spreadsheet takes for a formula begins with one of these.
_FORMULA = ("=", "+", "-", "@")


def sections(board: Leaderboard, figures: Sequence[Figure] = ()) -> list[Section]:
    """Return a leaderboard.

    Args:
        board: the ranked models.
        figures: plots of it.
    """
    return [
        Section("ranking", "Ranking", [_ranking(board), *figures, *_how_to_read(board)]),
        Section("complexity", f"JSONExact by {board.suite.slices.words}", [_by_slice(board)]),
    ]


def _columns(board: Leaderboard) -> list[Metric]:
    return [metric for metric in headline(board.suite) if metric.unit.is_fraction]


def _slices(board: Leaderboard) -> list[str]:
    found = (name for place in board.places for name in place.metrics if name != "all")
    return list(dict.fromkeys((*board.suite.slices.values, *found)))


def _ranking(board: Leaderboard) -> Table:
    metrics = shown((place.metrics["all"] for place in board.places), board.suite)
    published = any(place.model.published for place in board.places)
    errors = any(place.metrics["all"].errors for place in board.places)
    measured = HEADERS if any(place.measured for place in board.places) else ()
    rows: list[list[Inline]] = []
    for place in board.places:
        whole = place.metrics["all"]
        rows.append(
            [
                _rank(place),
                place.group,
                Code(place.model.label),
                place.constrain,
                *(cell_text(whole.get(metric.name), metric.unit) for metric in metrics),
                _count(place.model.parameters),
                _size(place.bytes),
                *(columns(place.measured) if measured else []),
                *([str(whole.errors or "")] if errors else []),
                *([_published(place)] if published else []),
            ]
        )
    headers = ["rank", "group", "model", "constraint", *(metric.label for metric in metrics), "parameters", "bytes"]
    headers += [*measured] + ["not run"] * errors + ["published JSONExact"] * published
    align = ["left"] * 4 + ["left" if metric.unit.has_interval else "right" for metric in metrics] + ["right"] * 2
    align += ["right"] * len(measured)
    align += ["right"] * errors + ["left"] * published
    return Table(headers, rows, align)


def _rank(place: Place) -> str:
    return str(place.first) if place.first == place.last else f"{place.first}-{place.last}"


def _count(parameters: int | None) -> str:
    return "-" if parameters is None else f"{parameters:,}"


def _size(size: int | None) -> str:
    return "-" if size is None else megabytes(size)


def _published(place: Place) -> Inline:
    rows = [value_text(row.json_exact, PROPORTION) for row in place.model.published if row.json_exact is not None]
    return Foreign(" or ".join(dict.fromkeys(rows)) or "-")


def _how_to_read(board: Leaderboard) -> Iterator[Block]:
    cases = board.places[0].metrics["all"]
    yield (
        f"Ranked by JSONExact on {counted(cases.n + cases.errors, 'answer')} of each model, with 95 % intervals. The "
        "first rank counts the models with evidence of being better, the last leaves out those with evidence of being "
        "worse. Models that share a letter cannot be told apart: exact McNemar test on the same cases, p corrected for "
        f"{counted(board.tests, 'pair')} (Benjamini-Hochberg), at {ALPHA}."
    )
    machines = dict.fromkeys(machine_of(place.measured) for place in board.places if place.measured is not None)
    for machine in machines:
        yield Foreign(f"Measured one case at a time on: {machine}.")
    if any(place.model.published for place in board.places):
        yield "Published figures are by the published scorer, on another suite."


def _by_slice(board: Leaderboard) -> Table:
    names = [*_slices(board), "all"]
    names = [name for name in names if any(name in place.metrics for place in board.places)]
    exact = METRICS["json_exact"]
    rows: list[list[Inline]] = [
        [
            Code(place.model.label),
            *(
                cell_text(place.metrics[name].get(exact.name), exact.unit) if name in place.metrics else "-"
                for name in names
            ),
        ]
        for place in board.places
    ]
    return Table(["model", *names], rows, ["left"] * (len(names) + 1))


def as_csv(board: Leaderboard) -> str:
    """Return a leaderboard as CSV, a line for each model, numbers as they are."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    intervals = [
        name for metric in _columns(board) for name in (metric.name, f"{metric.name}_low", f"{metric.name}_high")
    ]
    groups = [f"json_exact_{name}" for name in _slices(board)]
    head = ["rank_first", "rank_last", "group", "model", "file", "constrain", "n", "errors", *intervals, *groups]
    costs = CSV_HEADERS if any(place.measured for place in board.places) else ()
    writer.writerow([*head, "tokens_per_s", "parameters", "bytes", *costs])
    for place in board.places:
        whole = place.metrics["all"]
        numbers: list[float | None] = []
        for metric in _columns(board):
            numbers += _value_and_interval(whole, metric.name)
        for name in _slices(board):
            numbers += _value_and_interval(place.metrics[name], "json_exact")[:1] if name in place.metrics else [None]
        numbers += _value_and_interval(whole, "tokens_per_s")[:1]
        writer.writerow(
            [
                place.first,
                place.last,
                place.group,
                _text(place.model.model),
                _text(str(place.model.path)),
                place.constrain,
                whole.n,
                whole.errors,
                *("" if number is None else f"{number:.6g}" for number in numbers),
                place.model.parameters or "",
                place.bytes or "",
                *(("" if cost is None else f"{cost:.6g}" for cost in values(place.measured)) if costs else ()),
            ]
        )
    return file.getvalue()


def _value_and_interval(metrics: Metrics, name: str) -> list[float | None]:
    found = metrics.get(name)
    if found is None:
        return [None] * 3
    return [found.value, *((found.interval.low, found.interval.high) if found.interval else (None, None))]


def _text(text: str) -> str:
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
