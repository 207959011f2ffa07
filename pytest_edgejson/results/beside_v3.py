"""The published EdgeJSON v3 scorer beside ours: both metrics, the cases on which they differ, and why."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.results.metrics import HEADLINE, measure
from pytest_edgejson.results.result import is_found, roots_of
from pytest_edgejson.results.slices import group_by_slice
from pytest_edgejson.scoring.diagnosis import ENUM_KEYWORDS, RANGE_KEYWORDS
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.kinds import MALFORMED
from pytest_edgejson.scoring.v3 import V3CrashError, extract_v3
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.jsonvalue import equal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_edgejson.results.metric import Estimate
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.suite.suites import Suite

# The depth of braces that the published regular expression matches.
_V3_DEPTH = 2
_RANGE = RANGE_KEYWORDS | {"minItems", "maxItems", "uniqueItems"}


@dataclass(frozen=True, slots=True)
class BothScorers:
    """One metric of one group by both scorers.

    Attributes:
        metric: its label.
        group: a slice of the suite or `all`.
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
class Disagreement:
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


def told(result: Result) -> str:
    """Return how a case is named to a person, with its repeat."""
    return str(result["case_id"]) + (f" (repeat {result['repeat']})" if result["repeat"] > 1 else "")


def v3_object(output: str) -> Any:
    """Return what the published code finds, None where it crashes too."""
    try:
        return extract_v3(output)
    except V3CrashError:
        return None


def compare_scorers(answers: Sequence[Result], suite: Suite = EDGEJSON) -> tuple[BothScorers, ...]:
    """Return each metric by both scorers, by slice and over all."""
    groups = group_by_slice(answers, suite.slices) | {"all": list(answers)}
    measured = {name: (len(group), measure(group), measure(group, "v3")) for name, group in groups.items()}
    return tuple(
        BothScorers(metric.label, name, n, ours.estimate(metric.name), v3.estimate(metric.name))
        for metric in HEADLINE
        if metric.published
        for name, (n, ours, v3) in measured.items()
    )


def explain_differences(answers: Sequence[Result], schemas: Mapping[str, Schema]) -> tuple[Disagreement, ...]:
    """Return on which answers the scorers differ and why, the reason of most cases first.

    Args:
        answers: results without errors.
        schemas: by `schema_sha256`.
    """
    cases: defaultdict[tuple[str, bool, str], list[str]] = defaultdict(list)
    for result in answers:
        if result["json_exact"] != result["v3"]["json_exact"]:
            cases["JSONExact", result["json_exact"], _why_exact_differs(result)].append(told(result))
        if result["schema_compliant"] != result["v3"]["schema_compliance"]:
            reason = _why_compliance_differs(result, schemas[result["schema_sha256"]])
            cases["SchemaCompliance", result["schema_compliant"], reason].append(told(result))
    ordered = sorted(cases.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][2]))
    return tuple(Disagreement(*key, tuple(names)) for key, names in ordered)


def _why_exact_differs(result: Result) -> str:
    found = v3_object(result["output"])
    if result["json_exact"] and not equal(result["value"], result["expected_output"]):
        return "the case's comparators take values for right that are not equal"
    if not result["json_exact"] and found == result["expected_output"] and not equal(found, result["expected_output"]):
        return "Python's == calls true equal to 1, and false to 0"
    return _why_objects_differ(result, found) or "another reason"


def _why_objects_differ(result: Result, found: Any) -> str | None:
    """Say why the published code judges another object than this project, None if it judges the same."""
    value, error = result["value"], result["extraction"]["error"] or ""
    if result["v3"]["crashed"]:
        return "the published scorer crashes on the output"
    if not is_found(result):
        if found is None:
            return None
        malformed = error.partition(":")[2]
        if malformed in MALFORMED and MALFORMED[malformed].is_loaded:
            return f"json.loads takes what is no valid object ({malformed.replace('_', ' ')})"
        if result["extraction"]["policy"] == "strict" and extract(result["output"], roots=roots_of(result)).is_found:
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
    found, value = v3_object(result["output"]), result["value"]
    other_object = _why_objects_differ(result, found)
    if other_object is not None or value is None:
        return other_object or "another reason"
    return _why_v3_objects(result) if result["schema_compliant"] else _why_v3_is_content(schema, value)


def _why_v3_is_content(schema: Schema, value: Any) -> str:
    violations = schema.violations(value)
    keywords = {violation.keyword for violation in violations}
    if keywords & ENUM_KEYWORDS:
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
    if not isinstance(value, dict) or not isinstance(expected, dict):
        return "v3 takes objects alone, and the schema asks for something else"
    if not value:
        return "v3 takes no empty object, which the schema allows"
    if expected.keys() - value.keys():
        return "an optional key is left out, which the schema allows"
    return "a value has another type than the expected one, which the schema allows"
