"""Breakdown of one model's results: which kinds of failure, which fields, and where the points went.

Everything is computed from result lines; nothing is rendered here. Cases that could not be run count in nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.results.beside_v3 import compare_scorers, explain_differences
from pytest_edgejson.results.points import measure_points
from pytest_edgejson.results.result import expected_of, is_error, is_found, tolerated_in
from pytest_edgejson.results.slices import group_by_slice, slices_of
from pytest_edgejson.scoring.kinds import LEAFLESS, LOSSES, kinds_of
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.jsonvalue import format_path, leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_edgejson.results.beside_v3 import BothScorers, Disagreement
    from pytest_edgejson.results.points import Points
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.scoring.kinds import Loss
    from pytest_edgejson.scoring.records import FindingRecord
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.suite.suites import Slices, Suite

_STEP = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]')


@dataclass(frozen=True, slots=True)
class Kinds:
    """How often each kind occurs, by slice of the suite and in `all`.

    Attributes:
        answers: answers that count.
        failures: by failure kind; `exact` is none.
        malformed: by what is malformed, see `kinds.MALFORMED`.
        flags: by flag, over all answers with an object.
        leaves: expected leaves of the answers with an object.
        findings: by kind of finding, one renamed leaf counted once.
        details: by detail of the `near` ones.
    """

    answers: Mapping[str, int]
    failures: Mapping[str, Mapping[str, int]]
    malformed: Mapping[str, Mapping[str, int]]
    flags: Mapping[str, Mapping[str, int]]
    leaves: Mapping[str, int]
    findings: Mapping[str, Mapping[str, int]]
    details: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class FieldErrors:
    """What went wrong with one field over all answers that had an object.

    Attributes:
        path: schema and field, array items taken together: `invoice.line_items[].total`.
        wrong: expected leaves of it that are wrong.
        expected: expected leaves of it, in the answers that had an object.
        extra: leaves of it that were given and not expected.
        kinds: findings by kind.
    """

    path: str
    wrong: int
    expected: int
    extra: int
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ToleratedField:
    """What of one field comparators or accepted values took for right though it is not what is expected.

    Attributes:
        path: schema and field, as in `FieldErrors`.
        by: why, see `tolerated.Tolerated`.
        count: how often.
    """

    path: str
    by: str
    count: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What one model's results come to.

    Attributes:
        source: the results file.
        model: its name.
        slices: what the slices of its suite are, in words.
        errors: cases that could not be run.
        kinds: of failures and findings.
        fields: those with something wrong, worst first.
        tolerated: differences that count as none, most frequent first.
        points: where the points went; the first is JSONExact as it stands.
        losses: misses by what they are put down to, see `kinds.LOSSES`.
        suspect: answers to cases that an audit has marked.
        pairs: metrics by both scorers.
        differences: on which cases these differ, and why.
        unstated: answers that the published table leaves out, as their row does not state its complexity.
    """

    source: str
    model: str
    slices: str
    errors: int
    kinds: Kinds
    fields: tuple[FieldErrors, ...]
    tolerated: tuple[ToleratedField, ...]
    points: tuple[Points, ...]
    losses: Mapping[Loss, int]
    suspect: int
    pairs: tuple[BothScorers, ...]
    differences: tuple[Disagreement, ...]
    unstated: int


def break_down(
    results: Sequence[Result], schemas: Mapping[str, Schema], source: str, model: str, suite: Suite = EDGEJSON
) -> Breakdown:
    """Compute the breakdown of one model's results.

    Args:
        results: of one model.
        schemas: by `schema_sha256`.
        source: the name of the results file.
        model: the name of the model.
        suite: that of the results.
    """
    answers = [result for result in results if not is_error(result)]
    failures = Counter(result["failure"] for result in answers)
    return Breakdown(
        source=source,
        model=model,
        slices=suite.slices.words,
        errors=len(results) - len(answers),
        kinds=count_kinds(answers, suite.slices),
        fields=count_fields(answers),
        tolerated=_count_tolerated(answers),
        points=measure_points(answers),
        losses={loss: sum(failures[kind] for kind in kinds_of(loss)) for loss in LOSSES},
        suspect=sum(bool(result["suspect"]) for result in answers),
        pairs=compare_scorers(answers, suite),
        differences=explain_differences(answers, schemas),
        unstated=sum(not result["states_complexity"] for result in answers),
    )


def _by_slice(counted: Iterable[tuple[str, Result]], slices: Slices) -> dict[str, dict[str, int]]:
    """Count kinds by the slices of the results that they are of; the most frequent kind comes first."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, result in counted:
        counts[kind].update((*slices_of(result, slices.key), "all"))
    ordered = sorted(counts.items(), key=lambda item: (-item[1]["all"], item[0]))
    return {kind: dict(by_slice) for kind, by_slice in ordered}


def _once(fields: Iterable[FindingRecord]) -> list[FindingRecord]:
    """Return findings without the other halves of what was renamed."""
    return [field for field in fields if field["kind"] != "renamed" or "expected" in field]


def count_kinds(results: Iterable[Result], slices: Slices = EDGEJSON.slices) -> Kinds:
    """Count failure kinds, flags and findings of results, errors left out, by slice of their suite."""
    answers = [result for result in results if not is_error(result)]
    found = [(result, field) for result in answers for field in _once(result["fields"])]
    groups = group_by_slice(answers, slices) | {"all": answers}
    return Kinds(
        answers={name: len(group) for name, group in groups.items()},
        failures=_by_slice(((result["failure"] or "exact", result) for result in answers), slices),
        malformed=_by_slice(
            (
                (str(result["extraction"]["error"]).partition(":")[2], result)
                for result in answers
                if result["failure"] == "malformed"
            ),
            slices,
        ),
        flags=_by_slice(((flag, result) for result in answers for flag in result["flags"]), slices),
        leaves={name: sum(result["leaves"] for result in group if is_found(result)) for name, group in groups.items()},
        findings=_by_slice(((field["kind"], result) for result, field in found), slices),
        details=_by_slice(((field["detail"], result) for result, field in found if "detail" in field), slices),
    )


def _collapsed(path: str) -> str:
    """Return a path with the items of each array taken together; a key that looks like an index stays."""
    return _STEP.sub(lambda step: "[]" if step.group()[1] != '"' else step.group(), path)


def _field_name(result: Result, path: str) -> str:
    collapsed = _collapsed(path)
    return result["schema_id"] + ("" if not collapsed or collapsed.startswith("[") else ".") + collapsed


def _count_tolerated(answers: Iterable[Result]) -> tuple[ToleratedField, ...]:
    counts = Counter(
        (_field_name(result, format_path(each.path)), each.by) for result in answers for each in tolerated_in(result)
    )
    return tuple(ToleratedField(path, by, count) for (path, by), count in counts.most_common())


def count_fields(results: Iterable[Result]) -> tuple[FieldErrors, ...]:
    """Return what went wrong with each field over all schemas, those with most wrong and extra leaves first."""
    expected: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        if is_error(result) or not is_found(result):
            continue

        expected.update(_field_name(result, format_path(path)) for path in leaves(expected_of(result)))
        for field in _once(result["fields"]):
            path = _field_name(result, field["path"])
            kinds[path][field["kind"]] += 1
            if field["kind"] not in LEAFLESS:
                (wrong if "expected" in field else extra)[path] += 1
    found = [
        FieldErrors(path, wrong[path], expected[path], extra[path], dict(count.most_common()))
        for path, count in kinds.items()
    ]
    return tuple(sorted(found, key=lambda field: (-field.wrong - field.extra, -field.wrong, field.path)))
