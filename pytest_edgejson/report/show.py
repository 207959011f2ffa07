"""`edgejson show`: one case, and what each model made of it."""

from __future__ import annotations

import difflib
import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_edgejson.report.answer import effort, how_found, json_text, render_text, render_violations
from pytest_edgejson.report.diff.render import LEAST_WIDTH, WIDTH, render_diff
from pytest_edgejson.report.verdict import describe
from pytest_edgejson.results.file import read_run
from pytest_edgejson.results.result import case_fingerprint, is_found, tolerated_in
from pytest_edgejson.scoring.kinds import LEAFLESS
from pytest_edgejson.values.jsonvalue import ABSENT, equal, format_path
from pytest_edgejson.values.text import clean, columns, common_prefix, pad, paint, shorten, show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import TextIO

    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.records import FindingRecord

_MOST_ROWS = 60
_MOST_CHARACTERS = 10_000
_LEAST_CELL = 14
_WIDEST_PATH = 30
# What is shown of a long string before the place where it differs.
_BEFORE = 6


class ShowError(ValueError):
    """There is nothing to show. The message names the fix."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A model's result under the name by which it is told from the others."""

    name: str
    result: Result


def show_case(
    files: Sequence[Path],
    case_id: str,
    *,
    models: Sequence[str] = (),
    whole: bool = False,
    width: int = WIDTH,
    color: bool = False,
) -> str:
    """Return a case and the answers of all models: prompt, expected output, a comparison, each answer in full.

    Args:
        files: results files.
        case_id: the case's.
        models: names of the models to show; all where there are none.
        whole: nothing shortened.
        width: columns to fit tables and diffs into, at least 60.
        color: paint with ANSI colours.

    Raises:
        ShowError: the files hold no such case, or no result of such a model.
        ResultsError: a file cannot be read.
    """
    width = max(width, LEAST_WIDTH)
    answers = _answers([read_run(file) for file in files], case_id, models)
    cases: dict[str, list[_Answer]] = {}
    for answer in answers:
        cases.setdefault(case_fingerprint(answer.result), []).append(answer)
    return "\n\n\n".join(_case(group, whole=whole, width=width, color=color) for group in cases.values())


def terminal_style(
    stream: TextIO, width: int | None = None, color: Literal["auto", "always", "never"] = "auto"
) -> tuple[int, bool]:
    """Return how many columns to fill on a stream, and whether to paint.

    Args:
        stream: where the text goes.
        width: what the user wants; None takes the terminal's, 80 where there is none.
        color: `auto` paints on a terminal, unless the variable NO_COLOR is set.
    """
    is_terminal = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return width or shutil.get_terminal_size((WIDTH, 0)).columns, color == "always" or (color == "auto" and is_terminal)


def _answers(runs: Sequence[Run], case_id: str, models: Sequence[str]) -> list[_Answer]:
    found = [(run, result) for run in runs for result in run.results if result["case_id"] == case_id]
    if not found:
        raise ShowError(_unknown("case", case_id, [each["case_id"] for run in runs for each in run.results]))
    known = list(dict.fromkeys(result["model"] for _, result in found))
    for model in models:
        if model not in known:
            raise ShowError(_unknown("model", model, known))
    if models:
        found = [(run, result) for run, result in found if result["model"] in models]
    names = [result["model"] for _, result in found]
    if len(set(names)) < len(names) and any(result["repeat"] > 1 for _, result in found):
        names = [f"{result['model']}-r{result['repeat']}" for _, result in found]
    if len(set(names)) < len(names):
        names = [f"{name} {run.path.stem}" for name, (run, _) in zip(names, found, strict=True)]
    return [_Answer(clean(name), result) for name, (_, result) in zip(names, found, strict=True)]


def _unknown(noun: str, name: str, known: Iterable[str]) -> str:
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:3]
    nearest = ", ".join(shorten(clean(each), 60) for each in near)
    return f"no result of {noun} {shorten(clean(name), 60)}; the nearest: {nearest}"


def _case(answers: Sequence[_Answer], *, whole: bool, width: int, color: bool) -> str:
    case = answers[0].result
    most = None if whole else _MOST_CHARACTERS
    leaves = counted(case["leaves"], "field")
    title = f"{clean(case['case_id'])}: {clean(case['schema_id'])}, {case['complexity']}, {leaves}"
    blocks = [
        paint(title, "bold", color),
        render_text("prompt", case["prompt"], most=most, more="--raw"),
        render_text("expected output", json_text(case["expected_output"]), most=most, more="--raw"),
    ]
    if case["suspect"]:
        blocks.append("suspect: " + "; ".join(map(clean, case["suspect"])))
    if len(answers) > 1:
        blocks.append(_overview(answers, width, color))
        blocks += _side_by_side(answers, width, color)
    blocks += [_answer(answer, whole=whole, width=width, color=color) for answer in answers]
    return "\n\n".join(blocks)


# ---------------------------------------------------------------- answers side by side


def _overview(answers: Sequence[_Answer], width: int, color: bool) -> str:
    rows = [["", "FieldF1", "schema", "tokens", "seconds", "verdict"]]
    for answer in answers:
        result = answer.result
        seconds = _seconds(result)
        rows.append(
            [
                shorten(answer.name, width // 4),
                f"{result['field_f1']:.3f}",
                _yes(result["schema_compliant"]),
                _or_dash(result["output_tokens"]),
                "–" if seconds is None else f"{seconds:.2f}",
                describe(result),
            ]
        )
    return _table(rows, width, color)


def _side_by_side(answers: Sequence[_Answer], width: int, color: bool) -> list[str]:
    """Return tables of the fields that any answer has wrong, as many models in each as the width allows."""
    given = [answer for answer in answers if is_found(answer.result)]
    wrong = [
        {field["path"]: field for field in answer.result["fields"] if field["kind"] not in LEAFLESS} for answer in given
    ]
    paths = list(dict.fromkeys(path for fields in wrong for path in fields))
    if not paths:
        return []
    shown = paths[:_MOST_ROWS]
    path_width = min(max(columns(clean(path)) for path in shown), _WIDEST_PATH)
    at_once = max((width - path_width - _LEAST_CELL - 4) // (_LEAST_CELL + 2), 1)
    tables = []
    for start in range(0, len(given), at_once):
        some = range(start, min(start + at_once, len(given)))
        cell = (width - path_width - 2) // (len(some) + 1) - 2
        rows = [["wrong in any", "expected", *(given[number].name for number in some)]]
        rows += [
            [shorten(clean(path) or "(root)", path_width), *_cells([wrong[number].get(path) for number in some], cell)]
            for path in shown
        ]
        tables.append(_table([[shorten(text, max(cell, path_width)) for text in row] for row in rows], width, color))
    if len(shown) < len(paths):
        tables.append(f"… and {len(paths) - len(shown):,} more fields")
    if len(given) < len(answers):
        names = ", ".join(answer.name for answer in answers if not is_found(answer.result))
        tables.append(f"no object to compare: {names}")
    return tables


def _cells(fields: Sequence[FindingRecord | None], width: int) -> list[str]:
    """Return a row's cells: the expected value, and each answer's, `=` where it is right.

    Strings too long for a cell begin where they differ.
    """
    expected = [field["expected"] for field in fields if field and "expected" in field][:1]
    values = [*expected, *(field["got"] for field in fields if field and "got" in field)]
    start = 0
    if expected and all(isinstance(value, str) for value in values) and len(show(expected[0], width + 1)) > width:
        start = min((common_prefix(expected[0], value) for value in values[1:]), default=0)
        start = start - _BEFORE if start > width // 2 else 0

    def cell(value: Any) -> str:
        return f'"…{show(value[start:], width - 1)[1:]}' if start else show(value, width)

    cells = [cell(expected[0]) if expected else "–"]
    for field in fields:
        kind = clean(field["kind"]).replace("array_length", "missing") if field else ""
        cells.append("=" if field is None else cell(field["got"]) if "got" in field else kind)
    return cells


def _table(rows: Sequence[Sequence[str]], width: int, color: bool) -> str:
    """Return rows in columns, the first one as their heads; the last column takes what is left of the width."""
    widths = [max(columns(row[number]) for row in rows) for number in range(len(rows[0]) - 1)]
    lines = []
    for number, row in enumerate(rows):
        start = "  ".join(pad(cell, room) for cell, room in zip(row, widths, strict=False))
        line = f"{start}  {shorten(row[-1], width - columns(start) - 2)}".rstrip()
        lines.append(paint(line, "bold", color and number == 0))
    return "\n".join(lines)


# ---------------------------------------------------------------- one answer


def _answer(answer: _Answer, *, whole: bool, width: int, color: bool) -> str:
    result = answer.result
    most = None if whole else _MOST_CHARACTERS
    head = f"{answer.name}: {describe(result, width=max(width - columns(answer.name) - 2, 40))}"
    blocks = [
        f"{paint('-' * width, 'faint', color)}\n{paint(head, 'bold', color)}\n"
        f"{textwrap.fill(_metrics(result), width)}\n{textwrap.fill(effort(result), width)}",
        render_diff(result, width=width, color=color, verbose=whole),
        _tolerated(result, width, color),
        render_violations(result["violations"], verbose=whole),
        textwrap.fill(how_found(result), width),
    ]
    if is_found(result):
        as_found = render_text("value", json_text(result["value"]), most=most, more="--raw")
        blocks.append("value: as expected" if equal(result["value"], result["expected_output"]) else as_found)
    if "thought" in result:
        blocks.append(render_text("thought", result["thought"], most=most, more="--raw"))
    blocks.append(render_text("output", result["output"], most=most, more="--raw"))
    return "\n\n".join(filter(None, blocks))


def _tolerated(result: Result, width: int, color: bool) -> str:
    """Return the differences that count as none, a dim line for each."""
    lines = ["counts as expected:"]
    for each in (found := tolerated_in(result))[:_MOST_ROWS]:
        sides = ["–" if side is ABSENT else show(side, width // 3) for side in (each.expected, each.got)]
        name = clean(format_path(each.path)) or "(root)"
        lines.append(shorten(f"  {name}  {' → '.join(sides)}  accepted: {each.by}", width))
    lines += [f"  … and {len(found) - _MOST_ROWS:,} more"] * (len(found) > _MOST_ROWS)
    return "\n".join(paint(line, "faint", color) for line in lines) if found else ""


def _metrics(result: Result) -> str:
    flags = f", flags {', '.join(map(clean, result['flags']))}" if result["flags"] else ""
    failure = f", failure {clean(result['failure'])}" if result["failure"] else ""
    return (
        f"exact {_yes(result['json_exact'])}, FieldF1 {result['field_f1']:.3f} (precision "
        f"{result['field_precision']:.3f}, recall {result['field_recall']:.3f}), KeyF1 {result['key_f1']:.3f}, schema "
        f"{_yes(result['schema_compliant'])}, format {_yes(result['format_compliant'])}{failure}{flags}"
    )


def _seconds(result: Result) -> float | None:
    return result["latency_s"] if result["compute_s"] is None else result["compute_s"]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _or_dash(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
