"""Breakdown of one model's results: which kinds of failure, which fields, and where the points went.

Everything is computed from result lines; nothing is rendered here. Cases that could not be run count in nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.alignment import equal, format_path, leaves
from pytest_edgejson.cases import COMPLEXITIES
from pytest_edgejson.decoding import MalformedError, decode
from pytest_edgejson.extraction import extract
from pytest_edgejson.metrics import Estimate, measure
from pytest_edgejson.results import is_error
from pytest_edgejson.statistics import proportion_interval
from pytest_edgejson.v3 import V3CrashError, extract_v3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_edgejson.results import Result
    from pytest_edgejson.schemas import Schema

LOSSES: Mapping[str, tuple[str, ...]] = {
    "no answer": ("empty", "no_json"),
    "formatting": ("malformed", "wrong_root"),
    "truncation": ("truncated",),
    "schema": ("schema_invalid",),
    "values": ("value_error",),
}
"""What a miss is put down to, by its failure kind."""

_STEP = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]')
_THOUGHT = "</think>"
# A brace that begins an object, unlike the one of "the set {x, y}".
_OBJECT = re.compile(r'\{\s*(?:"|\Z)')
# The depth of braces that the published regular expression matches.
_V3_DEPTH = 2
_ENUM = {"enum", "const"}
_RANGE = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """How often each kind occurs, by complexity and in `all`.

    Attributes:
        answers: answers that count.
        failures: by failure kind; `exact` is none.
        malformed: by what is malformed, see `decoding.MalformedError.kind`.
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
class Points:
    """JSONExact under one condition.

    Attributes:
        condition: `as it stands`, `strict`, `lenient`, `v3 extractor`, `finished` or `sound labels`.
        n: answers that count.
        right: exact ones of them.
        json_exact: the proportion with its Wilson interval, None without answers.
        gained: cases that are exact under this condition and not as it stands.
        lost: the other way round.
        left_out: answers that count as it stands and not under this condition.
    """

    condition: str
    n: int
    right: int
    json_exact: Estimate | None
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """One metric of one group by both scorers.

    Attributes:
        metric: `JSONExact`, `FieldF1` or `SchemaCompliance`.
        group: a complexity or `all`.
        n: answers that count.
        ours: by this project's scorer.
        v3: by the published one.
    """

    metric: str
    group: str
    n: int
    ours: Estimate | None
    v3: Estimate | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Cases on which the two scorers differ, for one reason.

    Attributes:
        metric: `JSONExact` or `SchemaCompliance`.
        ours: this project's verdict; the published scorer's is the opposite.
        reason: for a person.
        cases: their ids.
    """

    metric: str
    ours: bool
    reason: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What one model's results come to.

    Attributes:
        source: the results file.
        model: its name.
        errors: cases that could not be run.
        kinds: of failures and findings.
        fields: those with something wrong, worst first.
        points: where the points went; the first is JSONExact as it stands.
        losses: misses by what they are put down to, see `LOSSES`.
        suspect: answers to cases that an audit has marked.
        pairs: metrics by both scorers.
        differences: on which cases these differ, and why.
        unstated: answers that the published table leaves out, as their row does not state its complexity.
    """

    source: str
    model: str
    errors: int
    kinds: Kinds
    fields: tuple[FieldErrors, ...]
    points: tuple[Points, ...]
    losses: Mapping[str, int]
    suspect: int
    pairs: tuple[Pair, ...]
    differences: tuple[Difference, ...]
    unstated: int


def break_down(results: Sequence[Result], schemas: Mapping[str, Schema], source: str, model: str) -> Breakdown:
    """Compute the breakdown of one model's results.

    Args:
        results: of one model.
        schemas: by `schema_sha256`.
        source: the name of the results file.
        model: the name of the model.
    """
    answers = [result for result in results if not is_error(result)]
    failures = Counter(result["failure"] for result in answers)
    return Breakdown(
        source=source,
        model=model,
        errors=len(results) - len(answers),
        kinds=count_kinds(answers),
        fields=count_fields(answers),
        points=_points(answers),
        losses={cause: sum(failures[kind] for kind in kinds) for cause, kinds in LOSSES.items()},
        suspect=sum(bool(result["suspect"]) for result in answers),
        pairs=_pairs(answers),
        differences=_differences(answers, schemas),
        unstated=sum(not result["states_complexity"] for result in answers),
    )


# ---------------------------------------------------------------- kinds and fields


def _by_complexity(counted: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Count pairs of a kind and a complexity; the most frequent kind comes first."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, complexity in counted:
        counts[kind][complexity] += 1
        counts[kind]["all"] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1]["all"], item[0]))
    return {kind: dict(by_complexity) for kind, by_complexity in ordered}


def _once(fields: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return findings without the other halves of what was renamed."""
    return [field for field in fields if field["kind"] != "renamed" or "expected" in field]


def count_kinds(results: Iterable[Result]) -> Kinds:
    """Count failure kinds, flags and findings of results, errors left out."""
    answers = [result for result in results if not is_error(result)]
    found = [(result, field) for result in answers for field in _once(result["fields"])]
    by_leaf: Counter[str] = Counter()
    for result in answers:
        if result["value"] is not None:
            by_leaf.update(dict.fromkeys((result["complexity"], "all"), result["leaves"]))
    groups = [*(name for name in COMPLEXITIES if any(result["complexity"] == name for result in answers)), "all"]
    return Kinds(
        answers={name: sum(name in (result["complexity"], "all") for result in answers) for name in groups},
        failures=_by_complexity((result["failure"] or "exact", result["complexity"]) for result in answers),
        malformed=_by_complexity(
            (str(result["extraction"]["error"]).partition(":")[2], result["complexity"])
            for result in answers
            if result["failure"] == "malformed"
        ),
        flags=_by_complexity((flag, result["complexity"]) for result in answers for flag in result["flags"]),
        leaves={name: by_leaf[name] for name in groups},
        findings=_by_complexity((field["kind"], result["complexity"]) for result, field in found),
        details=_by_complexity((field["detail"], result["complexity"]) for result, field in found if "detail" in field),
    )


def _collapsed(path: str) -> str:
    """Return a path with the items of each array taken together; a key that looks like an index stays."""
    return _STEP.sub(lambda step: "[]" if step.group()[1] != '"' else step.group(), path)


def count_fields(results: Iterable[Result]) -> tuple[FieldErrors, ...]:
    """Return what went wrong with each field over all schemas, those with most wrong and extra leaves first."""
    expected: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        if is_error(result) or result["value"] is None:
            continue

        def name(path: str, schema_id: str = result["schema_id"]) -> str:
            collapsed = _collapsed(path)
            return schema_id + ("" if not collapsed or collapsed.startswith("[") else ".") + collapsed

        expected.update(name(format_path(path)) for path in leaves(result["expected_output"]))
        for field in _once(result["fields"]):
            path = name(field["path"])
            kinds[path][field["kind"]] += 1
            if field["kind"] != "array_order":
                (wrong if "expected" in field else extra)[path] += 1
    found = [
        FieldErrors(path, wrong[path], expected[path], extra[path], dict(count.most_common()))
        for path, count in kinds.items()
    ]
    return tuple(sorted(found, key=lambda field: (-field.wrong - field.extra, -field.wrong, field.path)))


# ---------------------------------------------------------------- where the points went


def _name(result: Result) -> str:
    return str(result["case_id"]) + (f" (repeat {result['repeat']})" if result["repeat"] > 1 else "")


def _points(answers: Sequence[Result]) -> tuple[Points, ...]:
    policies = {result["extraction"]["policy"] for result in answers}
    conditions: dict[str, Callable[[Result], bool]] = {"strict": lambda result: _is_exact_under(result, strict=True)}
    if "strict" in policies:
        conditions["lenient"] = lambda result: _is_exact_under(result, strict=False)
    conditions["v3 extractor"] = _is_exact_in_v3
    conditions["finished"] = lambda result: result["json_exact"] or could_be_exact(result)
    first = _points_of("as it stands", answers, lambda result: result["json_exact"])
    sound = [result for result in answers if not result["suspect"]]
    last = _points_of("sound labels", sound, lambda result: result["json_exact"])
    return (
        first,
        *(_points_of(name, answers, holds) for name, holds in conditions.items()),
        Points(
            last.condition,
            last.n,
            last.right,
            last.json_exact,
            left_out=tuple(_name(result) for result in answers if result["suspect"]),
        ),
    )


def _points_of(condition: str, answers: Sequence[Result], holds: Callable[[Result], bool]) -> Points:
    verdicts = [(result, bool(holds(result))) for result in answers]
    right = sum(verdict for _, verdict in verdicts)
    interval = proportion_interval(right, len(answers))
    return Points(
        condition,
        len(answers),
        right,
        None if interval is None else Estimate(right / len(answers), interval),
        gained=tuple(_name(result) for result, verdict in verdicts if verdict and not result["json_exact"]),
        lost=tuple(_name(result) for result, verdict in verdicts if not verdict and result["json_exact"]),
    )


def _is_exact_under(result: Result, *, strict: bool) -> bool:
    found = extract(result["output"], "strict" if strict else "lenient").value
    return found is not None and equal(result["expected_output"], found)


def _v3_object(output: str) -> Any:
    """Return what the published code finds, None where it crashes too."""
    try:
        return extract_v3(output)
    except V3CrashError:
        return None


def _is_exact_in_v3(result: Result) -> bool:
    return equal(result["expected_output"], _v3_object(result["output"]))


def could_be_exact(result: Result) -> bool:
    """Tell whether an answer that was cut off agrees with the expected output as far as it goes.

    Every complete member must be right and in its place, every array that had closed must be whole. The scalar that was
    being written when the limit came is not looked at, so that this is an upper bound.
    """
    if result["finish_reason"] != "length":
        return False
    output = result["output"].rpartition(_THOUGHT)[2]
    position = 0
    while match := _OBJECT.search(output, position):
        try:
            _, position = decode(output, match.start())
        except MalformedError as error:
            # What is malformed otherwise stays so, however it would have ended.
            return isinstance(error.partial, dict) and _agrees(
                result["expected_output"], error.partial, error.open_path
            )
    # Cut off before an object began, as inside a thought: nothing speaks against it.
    return bool(result["failure"] == "truncated")


def _agrees(expected: Any, partial: Any, open_path: tuple[str | int, ...]) -> bool:
    for step in (*open_path, None):
        if type(expected) is not type(partial) or len(partial) > len(expected):
            return False
        steps = partial.keys() if isinstance(partial, dict) else range(len(partial))
        if isinstance(partial, dict) and not steps <= expected.keys():
            return False
        if not all(each == step or equal(expected[each], partial[each]) for each in steps):
            return False
        if step is not None:
            expected, partial = expected[step], partial[step]
    return True


# ---------------------------------------------------------------- the published scorer beside ours


def _pairs(answers: Sequence[Result]) -> tuple[Pair, ...]:
    by_complexity = {name: [result for result in answers if result["complexity"] == name] for name in COMPLEXITIES}
    groups: dict[str, Sequence[Result]] = {name: group for name, group in by_complexity.items() if group}
    groups["all"] = answers
    measured = {name: (len(group), measure(group), measure(group, "v3")) for name, group in groups.items()}
    metrics = {"JSONExact": "json_exact", "FieldF1": "field_f1", "SchemaCompliance": "schema_compliance"}
    return tuple(
        Pair(metric, name, n, getattr(ours, key), getattr(v3, key))
        for metric, key in metrics.items()
        for name, (n, ours, v3) in measured.items()
    )


def _differences(answers: Sequence[Result], schemas: Mapping[str, Schema]) -> tuple[Difference, ...]:
    cases: defaultdict[tuple[str, bool, str], list[str]] = defaultdict(list)
    for result in answers:
        if result["json_exact"] != result["v3"]["json_exact"]:
            cases["JSONExact", result["json_exact"], _why_exact_differs(result)].append(_name(result))
        if result["schema_compliant"] != result["v3"]["schema_compliance"]:
            reason = _why_compliance_differs(result, schemas[result["schema_sha256"]])
            cases["SchemaCompliance", result["schema_compliant"], reason].append(_name(result))
    ordered = sorted(cases.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][2]))
    return tuple(Difference(*key, tuple(names)) for key, names in ordered)


def _why_exact_differs(result: Result) -> str:
    found = _v3_object(result["output"])
    if not result["json_exact"] and found == result["expected_output"] and not equal(found, result["expected_output"]):
        return "Python's == calls true equal to 1, and false to 0"
    return _why_objects_differ(result, found) or "another reason"


def _why_objects_differ(result: Result, found: Any) -> str | None:
    """Say why the published code judges another object than this project, None if it judges the same."""
    value, error = result["value"], str(result["extraction"]["error"] or "")
    if result["v3"]["crashed"]:
        return "the published scorer crashes on the output"
    if value is None:
        if found is None:
            return None
        if error in ("malformed:duplicate_key", "malformed:nan", "malformed:number", "malformed:nesting"):
            return f"json.loads takes what is no valid object ({error.partition(':')[2].replace('_', ' ')})"
        if result["extraction"]["policy"] == "strict" and extract(result["output"]).value is not None:
            return "there is text around the object, which strict extraction does not take"
        return "v3 takes a part of an object that is malformed or cut off"
    if found is None:
        if _braces(value) > _V3_DEPTH:
            return "v3 finds nothing: there is text around the object, nested deeper than its regular expression sees"
        return "v3 finds nothing in the text around the object"
    if equal(value, found):
        return None
    if any(equal(found, inner) for inner in _objects_in(value)):
        return "v3 takes an object inside the answer for the answer"
    return "v3 takes another object of the output"


def _braces(value: Any) -> int:
    """Return how many braces deep a value is nested."""
    deepest, pending = 0, [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, dict):
            depth += 1
            deepest = max(deepest, depth)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        pending.extend((child, depth) for child in children)
    return deepest


def _objects_in(value: Any) -> Iterable[Any]:
    pending = [value]
    while pending:
        item = pending.pop()
        children = list(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        yield from (child for child in children if isinstance(child, dict))
        pending.extend(children)


def _why_compliance_differs(result: Result, schema: Schema) -> str:
    found, value = _v3_object(result["output"]), result["value"]
    other_object = _why_objects_differ(result, found)
    if other_object is not None or value is None:
        return other_object or "another reason"
    return _why_v3_objects(result) if result["schema_compliant"] else _why_v3_is_content(schema, value)


def _why_v3_is_content(schema: Schema, value: Any) -> str:
    violations = schema.violations(value)
    keywords = {violation.keyword for violation in violations}
    if keywords & _ENUM:
        return "a value that the schema does not list (enum)"
    if keywords & _RANGE:
        return "a value out of the schema's range (limits, lengths, patterns)"
    if "type" in keywords:
        types = [violation for violation in violations if violation.keyword == "type"]
        if any(violation.message.endswith("a number that is no integer") for violation in types):
            return "a fraction where the schema asks for an integer"
        return "a wrong type that v3 does not look at (below the top level, or of a key not expected)"
    if "required" in keywords:
        return "a required key is missing that v3 does not look for (below the top level, or not expected)"
    if "additionalProperties" in keywords:
        return "a key that the schema does not have"
    return "another rule of the schema"


def _why_v3_objects(result: Result) -> str:
    value, expected = result["value"], result["expected_output"]
    if not value:
        return "v3 takes no empty object, which the schema allows"
    if expected.keys() - value.keys():
        return "an optional key is left out, which the schema allows"
    return "a value has another type than the expected one, which the schema allows"
