"""What a person and a pull request read of a comparison: text and Markdown.

Names, ids and outputs come from results files, which anyone may have written.
"""

from __future__ import annotations

import math
import string
import textwrap
from typing import TYPE_CHECKING

from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.report.document import (
    WIDTH,
    Code,
    Folded,
    Heading,
    Listing,
    Note,
    Preformatted,
    Strong,
    Table,
    as_markdown,
    as_text,
)
from pytest_edgejson.report.figures import change_text, p_text, ratio_text, value_text
from pytest_edgejson.report.verdict import verdict
from pytest_edgejson.results.metrics import METRICS, compared
from pytest_edgejson.results.result import case_name
from pytest_edgejson.results.statistics import ALPHA, POWER
from pytest_edgejson.results.units import MEAN, PROPORTION
from pytest_edgejson.values.text import clean, columns
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_edgejson.report.document import Block, Inline
    from pytest_edgejson.results.compare.comparison import Comparison, ModelRun, Report
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.results.units import Unit
    from pytest_edgejson.suite.suites import Suite

SHOWN_DIFFS = 5

_LABEL_WIDTH = 28
# A comment on GitHub holds 65,536 characters.
MOST_MARKDOWN = 60_000


def statement(comparison: Comparison) -> Inline:
    """Return in words whether there is evidence of a difference in JSONExact."""
    exact = comparison.difference("json_exact")
    before, after = Code(comparison.baseline.label), Code(comparison.candidate.label)
    if comparison.is_same:
        return "No difference: ", before, " and ", after, f" gave the same {counted(exact.n, 'output')}."
    counts = f"{counted(exact.up, 'gain')} and {counted(exact.down, 'regression')}, p {p_text(exact.p_corrected)}"
    if exact.p_corrected <= ALPHA:
        unit = METRICS[exact.metric].unit
        change = f"{value_text(exact.candidate, unit)} instead of {value_text(exact.baseline, unit)}"
        word = "better" if exact.value > 0 else "worse"
        return after, f" is {word} than ", before, f": JSONExact {change} ({change_text(exact)}), {counts}."
    least = comparison.detectable.observed
    limit = (
        "no difference could be detected"
        if least is None
        else f"only differences of about ±{_points(least)} points or more would be detected"
    )
    cases = len({pair.baseline["case_id"] for pair in comparison.pairing.pairs})
    rest = f": JSONExact {counts}; with {counted(cases, 'case')} {limit}."
    return "No evidence of a difference between ", before, " and ", after, rest


def render_text(report: Report, *, diffs: int | None = SHOWN_DIFFS, width: int = WIDTH, color: bool = False) -> str:
    """Return a report for a terminal.

    Args:
        report: what was compared.
        diffs: regressions, and gains, of each comparison that are shown with their diff; None for all.
        width: columns to fit into.
        color: mark the diffs with ANSI colours.
    """

    def changes(comparison: Comparison) -> Iterator[Block]:
        for title, results in _changes(comparison):
            lines = [title]
            for position, result in enumerate(results):
                lines.append("  " + verdict(case_name(result), result, width=width - 2))
                if diffs is None or position < diffs:
                    diff = render_diff(result, width=width - 4, color=color)
                    lines += [textwrap.indent(diff, "    "), ""] if diff else []
            yield Preformatted("\n".join(lines).rstrip())

    return as_text(_blocks(report, changes, label_width=_LABEL_WIDTH), width)


def render_brief(report: Report, *, width: int = WIDTH, most: int = 20) -> str:
    """Return in a few lines whether there is a difference, how small a one would be seen, and which cases changed.

    Args:
        report: what was compared.
        width: columns to fit into.
        most: regressions, and gains, that are listed.
    """
    lines = []
    for comparison in report.comparisons:
        told = [statement(comparison)]
        if not comparison.is_same:
            # The details without their first line, the ratio.
            details = list(_details(comparison, _letters(report, comparison)))[1:]
            told += [*_secondary(comparison, report.suite), *details]
        lines.append(as_text([Listing(told, bullet="")], width))
        for title, results in _changes(comparison):
            lines += [title, *(f"  {verdict(case_name(result), result, width=width - 2)}" for result in results[:most])]
            lines += [f"  … and {len(results) - most} more"] * (len(results) > most)
    return "\n".join(lines)


def render_markdown(report: Report, *, diffs: int | None = SHOWN_DIFFS) -> str:
    """Return a report as Markdown, made for a comment on a pull request.

    Args:
        report: what was compared.
        diffs: see `render_text`. Fewer are shown where there is no room.
    """
    return as_markdown(comment(report, diffs, MOST_MARKDOWN)) + "\n"


def comment(report: Report, diffs: int | None, room: int) -> list[Block]:
    """Return a report for a comment; see `render_markdown`.

    Args:
        report: what was compared.
        diffs: see `render_text`. Fewer are shown where there is no room.
        room: characters of Markdown to fit into.
    """
    # What must be there comes first; the lists and diffs take the room that is left.
    room -= len(as_markdown(without_cases(report)))

    def changes(comparison: Comparison) -> Iterator[Block]:
        nonlocal room
        for title, results in _changes(comparison):
            folded = list_results(title, results, diffs, room)
            room -= len(as_markdown([folded])) + 2
            yield folded

    return list(_blocks(report, changes))


def without_cases(report: Report) -> list[Block]:
    """Return a report without the cases that came out otherwise."""
    return list(_blocks(report, lambda comparison: ()))


def _blocks(
    report: Report, changes: Callable[[Comparison], Iterable[Block]], *, label_width: int | None = None
) -> Iterator[Block]:
    """Yield a report.

    Args:
        report: what was compared.
        changes: returns what is shown of the cases that came out otherwise.
        label_width: columns that a model's label takes in a table; longer ones are listed below.
    """
    for comparison in report.comparisons:
        yield Strong(statement(comparison))
        yield Listing([*_secondary(comparison, report.suite)], bullet="")
    for note in report.notes:
        yield Note((Code(note), "."))
    yield _standings(report, label_width)
    if label_width is not None:
        labels = [(_letter(place), model.label) for place, model in enumerate(report.models)]
        yield Listing(
            [(f"{letter}: ", Code(label)) for letter, label in labels if columns(clean(label)) > label_width], bullet=""
        )
    yield Listing([*_published_lines(report)], bullet="")
    for comparison in report.comparisons:
        if not comparison.is_same:
            letters = _letters(report, comparison)
            yield Heading(4, f"{letters[1]} against {letters[0]}")
            yield from _differences(comparison, letters, report.suite)
            yield Listing([*_details(comparison, letters)], bullet="")
            yield from changes(comparison)
    yield Listing([*_multipliers(report)], bullet="")
    yield from _methods(report)


def list_results(title: Inline, results: Sequence[Result], diffs: int | None, room: int) -> Folded:
    """Return results as a folded list of their verdicts with diffs; what there is no room for is counted instead.

    Args:
        title: of the list.
        results: misses.
        diffs: how many are shown with their diff, None for all.
        room: characters of Markdown to fit into.
    """
    room -= 300  # the frame and what is said of what is left out
    lines: list[Inline] = [Code(verdict(case_name(result), result)) for result in results]
    room -= len(as_markdown([Listing(lines)]))
    while lines and room < 0:
        room += len(as_markdown([Listing([lines.pop()])])) + 1
    shown = [result for result in (results if diffs is None else results[:diffs]) if result["fields"]]
    blocks: list[Block] = []
    missing = len(shown)
    for result in shown:
        diff: list[Block] = [Code(case_name(result)), Preformatted(render_diff(result, width=WIDTH))]
        size = len(as_markdown(diff)) + 2
        if size > room:
            break
        blocks += diff
        room -= size
        missing -= 1
    left_out = [(len(results) - len(lines), "case"), (missing, "diff")]
    note = " and ".join(counted(number, noun) for number, noun in left_out if number)
    return Folded(title, [Listing(lines), *blocks, *([f"{note} left out: a comment holds no more."] if note else [])])


def _letters(report: Report, comparison: Comparison) -> tuple[str, str]:
    labels = [model.label for model in report.models]
    before, after = labels.index(comparison.baseline.label), labels.index(comparison.candidate.label)
    return _letter(before), _letter(after)


def _letter(place: int) -> str:
    letters = string.ascii_uppercase
    return letters[place] if place < len(letters) else f"M{place + 1}"


def _standings(report: Report, label_width: int | None) -> Table:
    """Return the models, smallest first: the capacity table where parameters are known."""
    standings = {standing.model.label: standing for standing in report.standings}
    order = sorted(
        enumerate(report.models), key=lambda item: (item[1].parameters is None, item[1].parameters or 0, item[0])
    )
    found = (name for standing in report.standings for name in standing.by_slice)
    slices = list(dict.fromkeys((*report.suite.slices.values, *found)))
    rows: list[list[Inline]] = []
    for place, model in order:
        standing = standings.get(model.label)
        groups = {"all": standing.json_exact, **standing.by_slice} if standing else {}
        rows.append(
            [
                _letter(place),
                Code(model.label, label_width),
                _parameters(model),
                *(value_text(groups[group], PROPORTION) if group in groups else "-" for group in ("all", *slices)),
                value_text(standing.field_f1, MEAN) if standing else "-",
            ]
        )
    headers = ["", "model", "size", "JSONExact", *slices, "FieldF1"]
    return Table(headers, rows, ["left", "left", *["right"] * (len(headers) - 2)])


def _parameters(model: ModelRun) -> str:
    size = model.parameters
    if size is None:
        return "-"
    number = f"{size / 1e9:.2f}B" if size >= 1e9 else f"{size / 1e6:.1f}M" if size >= 1e6 else f"{size:,}"
    return f"{number} {model.size_class}" if model.size_class else number


def _published_lines(report: Report) -> Iterator[Inline]:
    for model in report.models:
        rows = [value_text(row.json_exact, PROPORTION) for row in model.published if row.json_exact is not None]
        if rows:
            exact = " or ".join(dict.fromkeys(rows))
            yield "published JSONExact of ", Code(model.label), f", by the v3 scorer: {exact}"


def _differences(comparison: Comparison, letters: tuple[str, str], suite: Suite) -> Iterator[Table]:
    """Yield a table for each metric."""
    for metric in compared(suite):
        own = {each.group: each for each in comparison.differences if each.metric == metric.name}
        rows = [
            [
                group,
                str(own[group].n),
                value_text(own[group].baseline, metric.unit),
                value_text(own[group].candidate, metric.unit),
                change_text(own[group], short=True),
                str(own[group].up),
                str(own[group].down),
                p_text(own[group].p_corrected).removeprefix("= "),
            ]
            for group in sorted(own, key="all".__eq__)
        ]
        unit = f",{metric.unit.after_change}" if metric.unit.after_change else ""
        headers = [metric.label, "n", *letters, f"{letters[1]} - {letters[0]}{unit}", "up", "down", "p"]
        yield Table(headers, rows, ["left", "right", "right", "right", "left", "right", "right", "right"])


def _secondary(comparison: Comparison, suite: Suite) -> Iterator[str]:
    """Yield a line for each metric that the verdict does not rest on."""
    if comparison.is_same:
        return
    for metric in compared(suite)[1:]:
        difference = comparison.difference(metric.name)
        word = "no evidence of a difference"
        if difference.p_corrected <= ALPHA:
            word = "higher" if difference.value > 0 else "lower"
        before, after = (value_text(value, metric.unit) for value in (difference.baseline, difference.candidate))
        change, p = change_text(difference), p_text(difference.p_corrected)
        yield f"{metric.label}: {word}, {before} → {after} ({change}), p {p}"


def _details(comparison: Comparison, letters: tuple[str, str]) -> Iterator[str]:
    exact, found = comparison.difference("json_exact"), comparison.detectable
    yield f"JSONExact ratio {letters[1]} / {letters[0]}: {ratio_text(comparison.ratio)}"
    if found.observed is not None:
        share = 100 * (exact.up + exact.down) / exact.n
        more = (
            "" if found.conservative is None else f"; ±{_points(found.conservative)} at that share's upper 95 % limit"
        )
        yield (
            f"detectable with {100 * POWER:.0f} % power: ±{_points(found.observed)} points where the models disagree "
            f"on {share:.1f} % of the cases, as here{more}"
        )
    yield f"{comparison.same_outputs} of {counted(exact.n, 'output')} the same, {counted(comparison.schemas, 'schema')}"


def _changes(comparison: Comparison) -> Iterable[tuple[str, list[Result]]]:
    """Yield the title and the results that show what was or is wrong, of the regressions and of the gains."""
    for word, hint, results in (
        ("regression", "exact before, a miss now", [pair.candidate for pair in comparison.regressions]),
        ("gain", "a miss before, which is shown, exact now", [pair.baseline for pair in comparison.gains]),
    ):
        if results:
            yield f"{counted(len(results), word)} ({hint})", results


def _multipliers(report: Report) -> Iterator[Inline]:
    for each in report.multipliers:
        trained, base = Code(each.trained.label), Code(each.base.label)
        yield "Training multiplier of ", trained, " over ", base, f": JSONExact × {ratio_text(each.ratio)}"


def _methods(report: Report) -> Iterator[str]:
    number, slices = len(report.comparisons), len(report.suite.slices.values)
    repeated = any(pair.baseline["repeat"] > 1 for each in report.comparisons for pair in each.pairing.pairs)
    proportions = "bootstrap over cases, which were repeated" if repeated else "exact McNemar test"
    family = f" and corrected for the {number} comparisons" if number > 1 else ""
    yield (
        f"p: {proportions} ({_labels(PROPORTION, report.suite)}), bootstrap over schemas "
        f"({_labels(MEAN, report.suite)}){family}; by {report.suite.slices.words} "
        f"exploratory, corrected for {counted(number * slices, 'test')}; Benjamini-Hochberg. "
        f"The verdict is about JSONExact over all cases, at p ≤ {ALPHA}."
    )
    yield (
        "Intervals are 95 %, of the difference: "
        + ("bootstrap over cases" if repeated else "Newcombe's method 10")
        + f", bootstrap over schemas for {_labels(MEAN, report.suite)}; of a ratio: Bonett and Price."
        + (" Scored as EdgeJSON v3 was published." if report.profile == "v3" else "")
    )


def _labels(unit: Unit, suite: Suite) -> str:
    return ", ".join(metric.label for metric in compared(suite) if metric.unit is unit)


def _points(fraction: float) -> str:
    # Rounded up: a smaller one would not be found as often as is said.
    points = 100 * fraction
    return f"{math.ceil(points * 10 - 1e-9) / 10:.1f}" if points < 10 else f"{math.ceil(points - 1e-9)}"
