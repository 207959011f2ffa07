"""What a person and a pull request read of a comparison: text and Markdown.

Names, ids and outputs come from results files: the text escapes what a terminal would act on, the Markdown keeps them
in code spans and fences that they cannot end.
"""

from __future__ import annotations

import math
import string
import textwrap
from typing import TYPE_CHECKING

from tabulate import tabulate

from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.report.figures import change_text, p_text, ratio_text, value_text
from pytest_edgejson.report.verdict import verdict
from pytest_edgejson.results.metrics import COMPARED, METRICS
from pytest_edgejson.results.result import case_name
from pytest_edgejson.results.statistics import ALPHA, POWER
from pytest_edgejson.results.units import MEAN, PROPORTION
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.values.markdown import cell, code, fenced, folded
from pytest_edgejson.values.text import clean, shorten
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_edgejson.results.compare.comparison import Comparison, ModelRun, Report
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.results.units import Unit

    Name = Callable[[str], str]

SHOWN_DIFFS = 5
WIDTH = 100

_LABEL_WIDTH = 28
_GROUPS = ("all", *COMPLEXITIES)
# A comment on GitHub holds 65,536 characters.
MOST_MARKDOWN = 60_000


def statement(comparison: Comparison, name: Name = clean) -> str:
    """Return in words whether there is evidence of a difference in JSONExact.

    Args:
        comparison: two models.
        name: makes a model's label safe where the sentence is shown.
    """
    exact = comparison.difference("json_exact")
    before, after = name(comparison.baseline.label), name(comparison.candidate.label)
    if comparison.is_same:
        return f"No difference: {before} and {after} gave the same {counted(exact.n, 'output')}."
    counts = f"{counted(exact.up, 'gain')} and {counted(exact.down, 'regression')}, p {p_text(exact.p_corrected)}"
    if exact.p_corrected <= ALPHA:
        unit = METRICS[exact.metric].unit
        change = f"{value_text(exact.candidate, unit)} instead of {value_text(exact.baseline, unit)}"
        word = "better" if exact.value > 0 else "worse"
        return f"{after} is {word} than {before}: JSONExact {change} ({change_text(exact)}), {counts}."
    least = comparison.detectable.observed
    limit = (
        "no difference could be detected"
        if least is None
        else f"only differences of about ±{_points(least)} points or more would be detected"
    )
    cases = len({pair.baseline["case_id"] for pair in comparison.pairing.pairs})
    return (
        f"No evidence of a difference between {before} and {after}: JSONExact {counts}; with {counted(cases, 'case')} "
        f"{limit}."
    )


def render_text(report: Report, *, diffs: int | None = SHOWN_DIFFS, width: int = WIDTH, color: bool = False) -> str:
    """Return a report for a terminal.

    Args:
        report: what was compared.
        diffs: regressions, and gains, of each comparison that are shown with their diff; None for all.
        width: columns to fit into.
        color: mark the diffs with ANSI colours.
    """

    def prose(text: str, indent: str = "") -> str:
        return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False)

    blocks = []
    for comparison in report.comparisons:
        blocks.append(prose(statement(comparison)))
        blocks.append("\n".join(prose(line, "  ") for line in _secondary(comparison)))
    blocks += [prose(f"Note: {note}.", "  ") for note in report.notes]
    blocks.append(_table(*_standings(report, lambda label: shorten(clean(label), _LABEL_WIDTH)), "simple"))
    blocks.append(
        "\n".join(
            prose(f"{_letter(place)}: {clean(model.label)}", "   ")
            for place, model in enumerate(report.models)
            if len(clean(model.label)) > _LABEL_WIDTH
        )
    )
    blocks.append("\n".join(prose(line, "  ") for line in _published_lines(report, clean)))
    for comparison in report.comparisons:
        letters = _letters(report, comparison)
        if comparison.is_same:
            continue
        blocks.append(f" {letters[1]} against {letters[0]} ".center(width, "="))
        blocks += [_table(*table, "simple") for table in _differences(comparison, letters)]
        blocks.append("\n".join(prose(line, "  ") for line in _details(comparison, letters)))
        for title, results in _changes(comparison):
            lines = [title]
            for position, result in enumerate(results):
                lines.append("  " + verdict(case_name(result), result, width=width - 2))
                if diffs is None or position < diffs:
                    diff = render_diff(result, width=width - 4, color=color)
                    lines += [textwrap.indent(diff, "    "), ""] if diff else []
            blocks.append("\n".join(lines).rstrip())
    blocks.append("\n".join(prose(line, "  ") for line in _multipliers(report, clean)))
    blocks.append("\n".join(prose(line, "  ") for line in _methods(report)))
    return "\n\n".join(filter(None, blocks))


def render_brief(report: Report, *, width: int = WIDTH, most: int = 20) -> str:
    """Return in a few lines whether there is a difference, how small a one would be seen, and which cases changed.

    Args:
        report: what was compared.
        width: columns to fit into.
        most: regressions, and gains, that are listed.
    """
    lines = []
    for comparison in report.comparisons:
        # The details without their first line, the ratio.
        details = list(_details(comparison, _letters(report, comparison)))[1:]
        told = [statement(comparison), *_secondary(comparison), *details]
        lines += [
            textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False)
            for line in told[: 1 if comparison.is_same else None]
        ]
        for title, results in _changes(comparison):
            lines += [title, *(f"  {verdict(case_name(result), result, width=width - 2)}" for result in results[:most])]
            lines += [f"  … and {len(results) - most} more"] * (len(results) > most)
    return "\n".join(lines)


def render_markdown(report: Report, *, diffs: int | None = SHOWN_DIFFS, room: int = MOST_MARKDOWN) -> str:
    """Return a report as Markdown, made for a comment on a pull request.

    Args:
        report: what was compared.
        diffs: see `render_text`. Fewer are shown where there is no room.
        room: characters to fit into.
    """
    opening = []
    for comparison in report.comparisons:
        opening.append(f"**{statement(comparison, code)}**")
        opening.append("\n".join(f"- {line}" for line in _secondary(comparison)))
    opening += [f"> **Note:** {code(note)}" for note in report.notes]
    opening.append(_table(*_standings(report, cell), "pipe"))
    opening.append("\n".join(f"- {line}" for line in _published_lines(report, code)))
    tables = []
    for comparison in report.comparisons:
        if comparison.is_same:
            tables.append("")
            continue
        letters = _letters(report, comparison)
        parts = [f"#### {letters[1]} against {letters[0]}"]
        parts += [_table(*table, "pipe") for table in _differences(comparison, letters)]
        parts.append("\n".join(f"- {line}" for line in _details(comparison, letters)))
        tables.append("\n\n".join(parts))
    closing = ["\n".join(f"- {line}" for line in _multipliers(report, code)), *_methods(report)]
    # What must be there comes first; the lists and diffs take the room that is left.
    room -= len("\n\n".join([*opening, *tables, *closing]))
    blocks = opening
    for comparison, table in zip(report.comparisons, tables, strict=True):
        blocks.append(table)
        for title, results in _changes(comparison):
            blocks.append(list_results(title, results, diffs, room))
            room -= len(blocks[-1]) + 2
    return "\n\n".join(filter(None, [*blocks, *closing])) + "\n"


def list_results(title: str, results: Sequence[Result], diffs: int | None, room: int) -> str:
    """Return results as a folded list of their verdicts with diffs; what there is no room for is counted instead.

    Args:
        title: safe as Markdown.
        results: misses.
        diffs: how many are shown with their diff, None for all.
        room: characters to fit into.
    """
    room -= 300  # the frame and what is said of what is left out
    lines: list[str] = []
    blocks: list[str] = []
    for result in results:
        lines.append(f"- {code(verdict(case_name(result), result))}")
        room -= len(lines[-1]) + 1
    while lines and room < 0:
        room += len(lines.pop()) + 1
    shown = results if diffs is None else results[:diffs]
    for result in shown:
        block = f"{code(case_name(result))}\n\n{fenced(render_diff(result, width=WIDTH))}" if result["fields"] else ""
        if len(block) + 2 > room:
            break
        blocks.append(block)
        room -= len(block) + 2
    missing = [(len(results) - len(lines), "case"), (len(shown) - len(blocks), "diff")]
    left_out = " and ".join(counted(number, noun) for number, noun in missing if number)
    note = f"{left_out} left out: a comment holds no more." if left_out else ""
    body = "\n\n".join(filter(None, ["\n".join(lines), *blocks, note]))
    return folded(title, body)


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str], align: Sequence[str], style: str) -> str:
    return tabulate(rows, headers=headers, tablefmt=style, colalign=align, disable_numparse=True)


def _letters(report: Report, comparison: Comparison) -> tuple[str, str]:
    labels = [model.label for model in report.models]
    before, after = labels.index(comparison.baseline.label), labels.index(comparison.candidate.label)
    return _letter(before), _letter(after)


def _letter(place: int) -> str:
    letters = string.ascii_uppercase
    return letters[place] if place < len(letters) else f"M{place + 1}"


def _standings(report: Report, name: Name) -> tuple[list[list[str]], list[str], list[str]]:
    """Return the models, smallest first: the capacity table where parameters are known."""
    standings = {standing.model.label: standing for standing in report.standings}
    order = sorted(
        enumerate(report.models), key=lambda item: (item[1].parameters is None, item[1].parameters or 0, item[0])
    )
    rows = []
    for place, model in order:
        standing = standings.get(model.label)
        groups = {"all": standing.json_exact, **standing.by_complexity} if standing else {}
        rows.append(
            [
                _letter(place),
                name(model.label),
                _parameters(model),
                *(value_text(groups[group], PROPORTION) if group in groups else "-" for group in _GROUPS),
                value_text(standing.field_f1, MEAN) if standing else "-",
            ]
        )
    headers = ["", "model", "size", "JSONExact", *COMPLEXITIES, "FieldF1"]
    return rows, headers, ["left", "left", *["right"] * (len(headers) - 2)]


def _parameters(model: ModelRun) -> str:
    size = model.parameters
    if size is None:
        return "-"
    number = f"{size / 1e9:.2f}B" if size >= 1e9 else f"{size / 1e6:.1f}M" if size >= 1e6 else f"{size:,}"
    return f"{number} {model.size_class}" if model.size_class else number


def _published_lines(report: Report, name: Name) -> Iterable[str]:
    for model in report.models:
        exact = [value_text(row.json_exact, PROPORTION) for row in model.published if row.json_exact is not None]
        if exact:
            yield f"published JSONExact of {name(model.label)}, by the v3 scorer: {' or '.join(dict.fromkeys(exact))}"


def _differences(
    comparison: Comparison, letters: tuple[str, str]
) -> Iterable[tuple[list[list[str]], list[str], list[str]]]:
    """Yield a table for each metric."""
    for metric in COMPARED:
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
            for group in (*COMPLEXITIES, "all")
            if group in own
        ]
        unit = f",{metric.unit.after_change}" if metric.unit.after_change else ""
        headers = [metric.label, "n", *letters, f"{letters[1]} - {letters[0]}{unit}", "up", "down", "p"]
        yield rows, headers, ["left", "right", "right", "right", "left", "right", "right", "right"]


def _secondary(comparison: Comparison) -> Iterable[str]:
    """Yield a line for each metric that the verdict does not rest on."""
    if comparison.is_same:
        return
    for metric in COMPARED[1:]:
        difference = comparison.difference(metric.name)
        word = "no evidence of a difference"
        if difference.p_corrected <= ALPHA:
            word = "higher" if difference.value > 0 else "lower"
        before, after = (value_text(value, metric.unit) for value in (difference.baseline, difference.candidate))
        change, p = change_text(difference), p_text(difference.p_corrected)
        yield f"{metric.label}: {word}, {before} → {after} ({change}), p {p}"


def _details(comparison: Comparison, letters: tuple[str, str]) -> Iterable[str]:
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


def _multipliers(report: Report, name: Name) -> Iterable[str]:
    for each in report.multipliers:
        yield (
            f"Training multiplier of {name(each.trained.label)} over {name(each.base.label)}: "
            f"JSONExact × {ratio_text(each.ratio)}"
        )


def _methods(report: Report) -> Iterable[str]:
    compared = len(report.comparisons)
    repeated = any(pair.baseline["repeat"] > 1 for each in report.comparisons for pair in each.pairing.pairs)
    proportions = "bootstrap over cases, which were repeated" if repeated else "exact McNemar test"
    family = f" and corrected for the {compared} comparisons" if compared > 1 else ""
    yield (
        f"p: {proportions} ({_labels(PROPORTION)}), bootstrap over schemas ({_labels(MEAN)}){family}; by complexity "
        f"exploratory, corrected for {counted(compared * len(COMPLEXITIES), 'test')}; Benjamini-Hochberg. "
        f"The verdict is about JSONExact over all cases, at p ≤ {ALPHA}."
    )
    yield (
        "Intervals are 95 %, of the difference: "
        + ("bootstrap over cases" if repeated else "Newcombe's method 10")
        + f", bootstrap over schemas for {_labels(MEAN)}; of a ratio: Bonett and Price."
        + (" Scored as EdgeJSON v3 was published." if report.profile == "v3" else "")
    )


def _labels(unit: Unit) -> str:
    return ", ".join(metric.label for metric in COMPARED if metric.unit is unit)


def _points(fraction: float) -> str:
    # Rounded up: a smaller one would not be found as often as is said.
    points = 100 * fraction
    return f"{math.ceil(points * 10 - 1e-9) / 10:.1f}" if points < 10 else f"{math.ceil(points - 1e-9)}"
