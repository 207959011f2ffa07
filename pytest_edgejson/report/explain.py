"""What a breakdown looks like: as text for a terminal, as Markdown for a page, as JSON for programs.

Ids, paths, names and kinds come from models, cases and schemas.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_edgejson.report.document import (
    Block,
    Code,
    Heading,
    Inline,
    Listing,
    Table,
    as_markdown,
    as_text,
    join,
)
from pytest_edgejson.report.figures import estimate_text, share_text
from pytest_edgejson.results.breakdown import (
    Breakdown,
    FieldErrors,
    Kinds,
    ToleratedField,
    break_down,
    count_fields,
    count_kinds,
)
from pytest_edgejson.results.file import ResultsError, read_run
from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.results.result import by_model
from pytest_edgejson.results.units import PROPORTION
from pytest_edgejson.scoring.kinds import LOSSES, kinds_of
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.suites import Suite

Format: TypeAlias = Literal["text", "markdown", "json"]

_FIELDS_ON_TERMINAL, _FIELDS, _CASES = 10, 20, 3
_PATH_WIDTH, _KINDS_WIDTH = 46, 28

_CONDITIONS = {
    "as it stands": "as it stands",
    "strict": "with strict extraction",
    "lenient": "with lenient extraction",
    "v3 extractor": "with the v3 extractor",
    "finished": "had answers that were cut off finished (at most)",
    "sound labels": "on cases whose labels are sound",
}


def explain(paths: Sequence[Path], models: Sequence[str] = (), fmt: Format = "text", *, verbose: bool = False) -> str:
    """Return the breakdown of each model of each results file.

    Args:
        paths: results files.
        models: names of models, all of them if there are none.
        fmt: `text` fits 100 columns, `markdown` is safe to publish, `json` holds everything.
        verbose: all fields and all case ids.

    Raises:
        ResultsError: a file cannot be read, or no file holds results of a model.
    """
    runs = [read_run(path) for path in paths]
    known = list(dict.fromkeys(model for run in runs for model in run.models))
    for model in models:
        if model not in known:
            raise ResultsError(f"no results of model {model!r}; there are results of {clean(', '.join(known))}")
    breakdowns = [
        break_down(own, run.schemas, str(run.path), model, run.suite)
        for run in runs
        for model, own in by_model(run.results).items()
        if not models or model in models
    ]
    if fmt == "json":
        return json.dumps({"models": [asdict(breakdown) for breakdown in breakdowns]}, indent=2, allow_nan=False)
    render = as_text if fmt == "text" else as_markdown
    return render([block for breakdown in breakdowns for block in _blocks(breakdown, verbose=verbose)])


def kinds_and_fields(results: Sequence[Result], model: str, suite: Suite = EDGEJSON) -> list[Block]:
    """Return what `pytest -v` shows of a model beside its metrics: kinds by slice, and the worst fields.

    Nothing where all answers are exact.
    """
    kinds = count_kinds(results, suite.slices)
    if kinds.answers["all"] == kinds.failures.get("exact", {}).get("all", 0):
        return []
    rest = (Code("edgejson explain"), " of the results lists them")
    fields = _fields(count_fields(results), _FIELDS_ON_TERMINAL, rest)
    return [Heading(2, Code(model)), *_kinds(kinds, suite.slices.words), *fields]


def _blocks(breakdown: Breakdown, *, verbose: bool) -> list[Block]:
    n = breakdown.points[0].n
    head = f"{breakdown.model} ({breakdown.source})"
    errors = breakdown.errors
    not_run = f"{counted(errors, 'case')} could not be run and {plural(errors, 'counts', 'count')} in nothing."
    return [
        Heading(2, Code(head)),
        *([not_run] if errors else []),
        *(
            [
                *_points(breakdown),
                *_losses(breakdown, n),
                *_kinds(breakdown.kinds, breakdown.slices),
                *_beside_v3(breakdown),
                *_differences(breakdown, verbose=verbose),
                *_fields(breakdown.fields, len(breakdown.fields) if verbose else _FIELDS, "--verbose lists them"),
                *_tolerated(breakdown.tolerated, len(breakdown.tolerated) if verbose else _FIELDS),
            ]
            if n
            else ["There is no answer to explain."]
        ),
    ]


# ---------------------------------------------------------------- sections


def _points(breakdown: Breakdown) -> list[Block]:
    rows = []
    for number, points in enumerate(breakdown.points):
        change = f"+{len(points.gained)} -{len(points.lost)}" if number else ""
        if points.left_out:
            change = f"{len(points.left_out)} left out"
        label = _CONDITIONS[points.condition]
        rows.append([label, str(points.n), str(points.right), change, estimate_text(points.json_exact, PROPORTION)])
    blocks: list[Block] = [
        Heading(3, "Where the points went"),
        Table(["", "n", "exact", "cases", "JSONExact"], rows, ("left", "right", "right", "right", "left")),
    ]
    if not breakdown.suspect:
        blocks.append(
            (
                "No case of this run is marked as suspect, so that the last line says nothing. ",
                Code("edgejson suite audit"),
                " finds cases whose labels are not sound; a run with ",
                Code("--edgejson-audit=FILE"),
                " marks them.",
            )
        )
    return blocks


def _losses(breakdown: Breakdown, n: int) -> list[Block]:
    misses = sum(breakdown.losses.values())
    if not misses:
        return [f"All {n} answers are exact."]
    rows = [
        [loss, LOSSES[loss], ", ".join(kinds_of(loss)), str(count), share_text(count, n)]
        for loss, count in breakdown.losses.items()
    ]
    return [
        f"{misses} of {n} answers are not exact. By failure kind they are put down to:",
        Table(["", "that is", "failure kinds", "misses", "of all"], rows, ("left", "left", "left", "right", "right")),
    ]


def _kinds(kinds: Kinds, slices: str) -> list[Block]:
    names = list(kinds.answers)
    n = kinds.answers["all"]
    rows = [["answers", *_cells(kinds.answers, names), ""]]
    for kind, counts in kinds.failures.items():
        rows.append([kind, *_cells(counts, names), share_text(counts["all"], n)])
        if kind == "malformed":
            rows += [[f"malformed: {what}", *_cells(each, names), ""] for what, each in kinds.malformed.items()]
    rows += [[f"flag: {flag}", *_cells(each, names), share_text(each["all"], n)] for flag, each in kinds.flags.items()]
    right = ["left", *["right"] * (len(names) + 1)]
    blocks: list[Block] = [
        Heading(3, f"Failure kinds by {slices}"),
        Table(["", *names, "of all"], _named(rows), right),
    ]
    if kinds.findings:
        rows = [["expected in answers with an object", *_cells(kinds.leaves, names)]]
        for kind, counts in kinds.findings.items():
            rows.append([kind, *_cells(counts, names)])
            if kind == "near":
                rows += [[f"near: {detail}", *_cells(each, names)] for detail, each in kinds.details.items()]
        blocks += [
            Heading(3, f"What is wrong with the fields, by {slices}"),
            Table(["leaves", *names], _named(rows), right[:-1]),
        ]
    return blocks


def _cells(counts: Mapping[str, int], names: Iterable[str]) -> list[str]:
    return [str(counts.get(name, 0)) for name in names]


def _named(rows: Iterable[Sequence[str]]) -> list[list[Inline]]:
    """Return rows whose labels, but that of the first, are names."""
    return [[Code(row[0]) if number else row[0], *row[1:]] for number, row in enumerate(rows)]


def _fields(fields: Sequence[FieldErrors], most: int, rest: Inline) -> list[Block]:
    if not fields:
        return []
    rows: list[list[Inline]] = [
        [
            Code(_middle(clean(field.path), _PATH_WIDTH)),
            f"{field.wrong} of {field.expected}" if field.expected else "",
            str(field.extra or ""),
            Code(_how(field.kinds)),
        ]
        for field in fields[:most]
    ]
    blocks: list[Block] = [
        Heading(3, "Worst fields"),
        Table(["field", "wrong", "extra", "how"], rows, ("left", "right", "right", "left")),
    ]
    if len(fields) > most:
        blocks.append(join("", [f"{len(fields) - most} more have something wrong; ", rest, "."]))
    return blocks


def _tolerated(fields: Sequence[ToleratedField], most: int) -> list[Block]:
    if not fields:
        return []
    rows: list[list[Inline]] = [
        [Code(_middle(clean(field.path), _PATH_WIDTH)), str(field.count), Code(field.by)] for field in fields[:most]
    ]
    blocks: list[Block] = [
        Heading(3, "Differences that count as none"),
        Table(["field", "times", "accepted by"], rows, ("left", "right", "left")),
    ]
    if len(fields) > most:
        blocks.append(f"{len(fields) - most} more fields have some; --verbose lists them.")
    return blocks


def _how(kinds: Mapping[str, int]) -> str:
    """Return kinds with their numbers, as many as there is room for."""
    text = ""
    for kind, count in kinds.items():
        addition = f"{', ' if text else ''}{clean(kind)} {count}"
        if len(text + addition) > _KINDS_WIDTH - 3:
            return f"{text}, …" if text else f"{addition[: _KINDS_WIDTH - 1]}…"
        text += addition
    return text


def _middle(text: str, width: int) -> str:
    """Return a text of at most `width` characters, its middle replaced by `…` where it is longer."""
    head = width // 3
    return text if len(text) <= width else f"{text[:head]}…{text[head + 1 - width :]}"


def _beside_v3(breakdown: Breakdown) -> list[Block]:
    units = {metric.label: metric.unit for metric in METRICS.values()}
    rows = []
    last = ""
    for pair in breakdown.pairs:
        unit = units[pair.metric]
        metric = "" if pair.metric == last else pair.metric
        rows.append([metric, pair.group, str(pair.n), estimate_text(pair.ours, unit), estimate_text(pair.v3, unit)])
        last = pair.metric
    blocks: list[Block] = [
        Heading(3, "The published EdgeJSON v3 scorer beside ours"),
        Table(["", "", "n", "ours", "v3"], rows, ("left", "left", "right", "left", "left")),
    ]
    if breakdown.unstated:
        blocks.append(
            f"The published table leaves out {breakdown.unstated} of these answers by complexity, as their rows do not "
            "state it."
        )
    return blocks


def _differences(breakdown: Breakdown, *, verbose: bool) -> list[Block]:
    if not breakdown.differences:
        return ["On JSONExact and SchemaCompliance they agree in every case."]
    groups: dict[str, list[Inline]] = {}
    for each in breakdown.differences:
        yes, no = ("exact", "wrong") if each.metric == "JSONExact" else ("compliant", "not compliant")
        ours, v3 = (yes, no) if each.ours else (no, yes)
        shown = each.cases if verbose else each.cases[:_CASES]
        names: list[Inline] = [Code(case) for case in shown]
        if len(shown) < len(each.cases):
            names.append(f"… {len(each.cases) - len(shown)} more")
        item = join("", [f"{len(each.cases)}: {each.reason}: ", join(", ", names)])
        groups.setdefault(f"{each.metric}: {ours} by ours, {v3} by v3", []).append(item)
    blocks: list[Block] = [Heading(3, "Cases on which they differ, and why")]
    for title, items in groups.items():
        blocks += [title, Listing(items)]
    for metric in ("JSONExact", "SchemaCompliance"):
        if all(each.metric != metric for each in breakdown.differences):
            blocks.append(f"On {metric} they agree in every case.")
    return blocks
