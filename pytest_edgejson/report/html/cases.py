"""The cases of a page: an index that a browser filters, and each case's prompt, expected output and answers.

Each case is rendered once, whatever the number of models, by the template that shows it without JavaScript too. Cases
lie in the page compressed, in chunks that are unpacked when one of them is looked at.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.report.answer import Excerpt, effort, excerpt, how_found, json_text, violation_lines
from pytest_edgejson.report.diff.rows import Row, make_diff
from pytest_edgejson.report.diff.words import excerpt as excerpt_words
from pytest_edgejson.report.html.environment import make_environment
from pytest_edgejson.report.verdict import describe
from pytest_edgejson.results.result import case_fingerprint, is_error
from pytest_edgejson.values.text import clean, shorten
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.results.compare.comparison import Comparison, ModelRun
    from pytest_edgejson.results.result import Result

Tone: TypeAlias = Literal["exact", "miss", "error"]

# Bytes of a page's cases, index included: with all else a page stays below 20 MB.
MOST_BYTES = 18_000_000
# Characters of what is shown without JavaScript.
_MOST_STATIC = 300_000
_CHUNK = 32
_MOST_CHARACTERS = 4_000
_MOST_PER_VALUE = 300
_MOST_PER_NAME = 120
_CHANGES = {-1: "regression", 0: "", 1: "gain"}


@dataclass(frozen=True, slots=True)
class Mark:
    """How an answer did, in a word or two."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class DiffView:
    """A field-level diff for a page: its rows, and what they leave out in words."""

    rows: Sequence[Row]
    rest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to a case, as a page shows it."""

    model: str
    kind: str
    tone: Tone
    change: str
    verdict: str
    diff: DiffView
    violations: Sequence[str]
    thought: Excerpt | None
    output: Excerpt
    how: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as a page shows it."""

    id: str
    where: str
    marks: Sequence[Mark]
    prompt: Excerpt
    expected: Excerpt
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Browser:
    """The cases of a page.

    Attributes:
        models: their labels.
        kinds: failure kinds that occur, and `exact`.
        schemas: of the cases.
        changes: whether there is something to compare with.
        note: what is said above the cases that are shown without JavaScript.
        first: those.
        index: all cases as a page's script reads them.
        chunks: what is shown of each case, as it reads that.
    """

    models: Sequence[str]
    kinds: Sequence[str]
    schemas: Sequence[str]
    changes: bool
    note: str
    first: Sequence[CaseView]
    index: str
    chunks: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A case, and each model's result with its place among the models and its change against the baseline."""

    results: Sequence[tuple[int, Result, int]]

    @property
    def case(self) -> Result:
        return self.results[0][1]

    @property
    def rank(self) -> tuple[bool, bool]:
        """What is looked at first: regressions, then misses."""
        return (
            all(change >= 0 for _, _, change in self.results),
            all(result["failure"] is None for _, result, _ in self.results),
        )


def make_browser(
    models: Sequence[ModelRun], comparisons: Sequence[Comparison], most_bytes: int = MOST_BYTES
) -> Browser:
    """Return the cases of models.

    Args:
        models: with their results.
        comparisons: which results are gains and regressions.
        most_bytes: what the cases may take; what is beyond, exact answers first, is named in the index alone.
    """
    asked = _asked(models, comparisons)
    kinds = list(dict.fromkeys(_kind(result) for each in asked for _, result, _ in each.results))
    kinds.sort(key=lambda kind: kind != "exact")
    schemas = sorted({(each.case["complexity"], each.case["schema_id"]) for each in asked}, key=lambda pair: pair[1])
    labels = [_name(model.label) for model in models]
    order = sorted(range(len(asked)), key=lambda number: asked[number].rank)
    room = most_bytes - len(_packed(_index(asked, kinds, schemas, {})))
    chunks: list[str] = []
    places: dict[int, tuple[int, int]] = {}
    for start in range(0, len(order), _CHUNK):
        numbers = order[start : start + _CHUNK]
        chunk = _packed([_rendered(view(asked[number].results, labels)) for number in numbers])
        room -= len(chunk)
        if room < 0:
            break
        places |= {number: (len(chunks), position) for position, number in enumerate(numbers)}
        chunks.append(chunk)
    first = _static([asked[number] for number in order], labels)
    note = f"{counted(len(asked), 'case')}."
    if len(first) < len(asked):
        note = f"{len(first)} of {note} The others need JavaScript, or: edgejson show {_file(models)} CASE_ID"
    return Browser(
        models=labels,
        kinds=[_name(kind) for kind in kinds],
        schemas=[_name(schema) for _, schema in schemas],
        changes=any(change for each in asked for _, _, change in each.results),
        note=note,
        first=first,
        index=_packed(_index(asked, kinds, schemas, places)),
        chunks=chunks,
    )


def _name(text: str) -> str:
    return shorten(clean(text[:_MOST_PER_VALUE]), _MOST_PER_NAME)


def _file(models: Sequence[ModelRun]) -> str:
    return models[0].path.name if models[0].path.suffix else "RESULTS.jsonl"


def _asked(models: Sequence[ModelRun], comparisons: Sequence[Comparison]) -> list[_Asked]:
    changes = {id(pair.candidate): -1 for each in comparisons for pair in each.regressions}
    changes |= {id(pair.candidate): 1 for each in comparisons for pair in each.gains}
    by_case: dict[str, list[tuple[int, Result, int]]] = {}
    for place, model in enumerate(models):
        for result in model.results:
            found = place, result, changes.get(id(result), 0)
            by_case.setdefault(case_fingerprint(result), []).append(found)
    return [_Asked(results) for results in by_case.values()]


def _kind(result: Result) -> str:
    return result["failure"] or "exact"


def _tone(result: Result) -> Tone:
    return "error" if is_error(result) else "exact" if result["failure"] is None else "miss"


def _index(
    asked: Sequence[_Asked],
    kinds: Sequence[str],
    schemas: Sequence[tuple[str, str]],
    places: Mapping[int, tuple[int, int]],
) -> dict[str, Any]:
    rank = {kind: place for place, kind in enumerate(kinds)}
    place_of = {schema: place for place, schema in enumerate(schemas)}
    return {
        "complexities": [complexity for complexity, _ in schemas],
        "tones": {str(rank[_kind(result)]): _tone(result) for each in asked for _, result, _ in each.results},
        "cases": [
            [
                _name(each.case["case_id"]),
                place_of[each.case["complexity"], each.case["schema_id"]],
                places.get(number),
                [
                    [model, rank[_kind(result)], change, result["repeat"], describe(result)]
                    for model, result, change in each.results
                ],
            ]
            for number, each in enumerate(asked)
        ],
    }


def _packed(value: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(value, separators=(",", ":")).encode(), 9, mtime=0)).decode()


def _rendered(each: CaseView) -> str:
    case: str = make_environment().get_template("case.html.j2").module.case(each)  # type: ignore[attr-defined]
    return str(case)


def _static(asked: Sequence[_Asked], labels: Sequence[str]) -> list[CaseView]:
    """Return cases as long as there is room without JavaScript, the first in any case."""
    shown: list[CaseView] = []
    room = _MOST_STATIC
    for each in asked:
        case = view(each.results, labels)
        room -= len(_rendered(case))
        if shown and room < 0:
            break
        shown.append(case)
    return shown


def view(results: Sequence[tuple[int, Result, int]], labels: Sequence[str]) -> CaseView:
    """Return a case as a page shows it.

    Args:
        results: of the case: the model's place among the labels, the result, and -1 for a regression, 1 for a gain.
        labels: of the models.
    """
    case = results[0][1]
    answers = [_answer(labels[place], result, change) for place, result, change in results]
    return CaseView(
        id=_name(case["case_id"]),
        where=f"{case['complexity']} · {_name(case['schema_id'])}",
        marks=[Mark(each.kind if len(labels) == 1 else f"{each.model}: {each.kind}", each.tone) for each in answers],
        prompt=excerpt(case["prompt"], _MOST_CHARACTERS),
        expected=excerpt(json_text(case["expected_output"]), _MOST_CHARACTERS),
        answers=answers,
    )


def _answer(model: str, result: Result, change: int) -> Answer:
    return Answer(
        model=model + (f" · repeat {result['repeat']}" if result["repeat"] > 1 else ""),
        kind=_kind(result).replace("_", " "),
        tone=_tone(result),
        change=_CHANGES[change],
        verdict=describe(result),
        diff=_diff(result),
        violations=[shorten(line, _MOST_PER_VALUE) for line in violation_lines(result["violations"])],
        thought=excerpt(result["thought"], _MOST_CHARACTERS) if "thought" in result else None,
        output=excerpt(result["output"], _MOST_CHARACTERS),
        how=f"{how_found(result)}. {effort(result)}.",
    )


def _diff(result: Result) -> DiffView:
    found = make_diff(result)
    rest = ""
    if found.left_out > 0:
        rest = f"… and {found.left_out:,} more"
    elif found.others > 0:
        rest = f"… {counted(found.others, 'other field')} right"
    return DiffView([*_rows(found.rows)], rest)


def _rows(rows: Sequence[Row]) -> Iterator[Row]:
    def cut(text: str) -> str:
        return shorten(text, _MOST_PER_VALUE)

    for row in rows:
        expected, got = (side if side is None else cut(side) for side in (row.expected, row.got))
        words = tuple(excerpt_words(row.words))
        yield replace(
            row, name=cut(row.name), what=cut(row.what), note=cut(row.note), expected=expected, got=got, words=words
        )
