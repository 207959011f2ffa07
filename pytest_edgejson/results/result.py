"""Results: a case, a model's completion and its score as one JSON line."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, TypedDict, cast

from pytest_edgejson.backends.interface import Constrain, FinishReason
from pytest_edgejson.scoring.kinds import FailureKind, Flag
from pytest_edgejson.scoring.records import ExtractionRecord, FindingRecord, V3Record, ViolationRecord
from pytest_edgejson.scoring.search import OBJECT
from pytest_edgejson.suite.cases import Complexity
from pytest_edgejson.values.agreement import agree, counted, read_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_edgejson.backends.interface import Completion
    from pytest_edgejson.scoring.kinds import Policy
    from pytest_edgejson.scoring.search import Roots
    from pytest_edgejson.scoring.thoughts import Pairs
    from pytest_edgejson.scoring.tolerated import Tolerated
    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schema
    from pytest_edgejson.values.agreement import Rule


Profile: TypeAlias = Literal["default", "v3"]
"""Whose prompt, limits, scorer and tables count: this project's, or those of EdgeJSON v3 as published."""


class CaseRecord(TypedDict):
    """What a result line says of its case; see `cases.Case`."""

    case_id: str
    schema_id: str
    schema_sha256: str
    complexity: Complexity
    states_complexity: bool
    prompt: str
    expected_output: Any
    comparators: NotRequired[dict[str, Any]]
    accept: NotRequired[dict[str, list[Any]]]
    metadata: dict[str, Any]


class AloneRecord(TypedDict):
    """The completion that a model gives to a case alone, and whether it is exact."""

    output: str
    thought: NotRequired[str]
    finish_reason: FinishReason
    error: str | None
    json_exact: bool


class Result(CaseRecord):
    """One result line as JSON builtins: what travels from xdist workers, is stored, and is reported.

    `results.schema.json` beside this module describes each key.
    """

    model: str
    repeat: int
    constrain: NotRequired[Constrain]
    shots: NotRequired[list[str]]
    max_new_tokens: NotRequired[int]
    suspect: list[str]
    output: str
    finish_reason: FinishReason
    error: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    latency_s: float | None
    compute_s: float | None
    stored: bool
    extraction: ExtractionRecord
    value: Any
    json_exact: bool
    field_f1: float
    field_precision: float
    field_recall: float
    key_f1: float
    schema_compliant: bool
    format_compliant: bool
    failure: FailureKind | None
    flags: list[Flag]
    leaves: int
    fields: list[FindingRecord]
    deepdiff: NotRequired[dict[str, Any]]
    violations: list[ViolationRecord]
    v3: V3Record
    alone: NotRequired[AloneRecord]
    thought: NotRequired[str]
    thought_tokens: NotRequired[int]
    cached_tokens: NotRequired[int]
    cost: NotRequired[float]


def make_result(
    case: Case,
    model: str,
    repeat: int,
    completion: Completion,
    schema: Schema,
    policy: Policy,
    constrain: Constrain = "none",
    thoughts: Pairs = (),
) -> Result:
    """Score a completion.

    Args:
        case: what was asked.
        model: the name in the node id.
        repeat: 1-based.
        completion: what the backend returned.
        schema: the case's.
        policy: how JSON is found in the output.
        constrain: what the output was held to while it was generated.
        thoughts: the model's own marks of thoughts.
    """
    from pytest_edgejson.scoring.changes import as_json, compare
    from pytest_edgejson.scoring.diagnosis import findings
    from pytest_edgejson.scoring.extraction import extract
    from pytest_edgejson.scoring.failure import failure_kind
    from pytest_edgejson.scoring.loops import ends_in_loop
    from pytest_edgejson.scoring.score import score
    from pytest_edgejson.scoring.thoughts import Marks
    from pytest_edgejson.scoring.v3 import score_v3

    extraction = extract(
        completion.text, policy, schema.may_be_answer, Marks(thoughts), schema.roots(case.expected_output)
    )
    if completion.thought and extraction.error == "empty":
        # The thought was told apart. Inline, it would have been one that never ends.
        extraction = replace(extraction, error="malformed:open_thought", is_open=True)
    record = extraction.as_dict()
    if thoughts:
        record["thoughts"] = [list(pair) for pair in thoughts]
    rule = schema.rule_of(case)
    scored = score(case.expected_output, extraction, schema, rule)
    value = extraction.value
    diff = None if scored.alignment is None else compare(scored.alignment)
    found = findings(scored, diff, schema, case.prompt)
    said = completion.text or completion.thought or ""
    is_loop = completion.finish_reason == "length" and ends_in_loop(said, case.expected_output)
    result: Result = {
        "case_id": case.id,
        "schema_id": case.schema_id,
        "schema_sha256": schema.fingerprint,
        "complexity": case.complexity,
        "states_complexity": case.states_complexity,
        "model": model,
        "repeat": repeat,
        "constrain": constrain,
        "prompt": case.prompt,
        "expected_output": case.expected_output,
        "metadata": dict(case.metadata),
        "suspect": list(case.suspect),
        "output": completion.text,
        "finish_reason": completion.finish_reason,
        "error": completion.error,
        "prompt_tokens": completion.prompt_tokens,
        "output_tokens": completion.output_tokens,
        "latency_s": completion.latency_s,
        "compute_s": completion.compute_s,
        "stored": completion.stored,
        "extraction": record,
        "value": value,
        "json_exact": scored.json_exact,
        "field_f1": scored.field_f1,
        "field_precision": scored.field_precision,
        "field_recall": scored.field_recall,
        "key_f1": scored.key_f1,
        "schema_compliant": scored.schema_compliant,
        "format_compliant": scored.format_compliant,
        "failure": failure_kind("loop" if is_loop else completion.finish_reason, extraction, scored),
        "flags": list(extraction.flags),
        "leaves": scored.expected_leaves,
        "fields": [finding.as_dict() for finding in found],
        "deepdiff": {} if diff is None else as_json(diff),
        "violations": [{"path": item.path, "message": item.message} for item in scored.violations],
        "v3": score_v3(case.expected_output, completion.text),
    }
    if completion.thought is not None:
        result["thought"] = completion.thought
    if completion.thought_tokens is not None:
        result["thought_tokens"] = completion.thought_tokens
    if completion.cached_tokens is not None:
        result["cached_tokens"] = completion.cached_tokens
    return cast("Result", {**result, **compared_by(case, schema)})


def dumps(value: Mapping[str, Any]) -> str:
    """Return a value as one ASCII line; lone surrogates survive as escapes."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


class ComparedBy(TypedDict):
    """How a case's answers are compared, as its results say it; without a key, exactly."""

    comparators: NotRequired[dict[str, Any]]
    accept: NotRequired[dict[str, list[Any]]]


def compared_by(case: Case, schema: Schema) -> ComparedBy:
    """Return how a case's answers are compared, as its results say it."""
    said: ComparedBy = {}
    if schema.comparators:
        said["comparators"] = dict(schema.comparators)
    if case.accept:
        said["accept"] = dict(case.accept)
    return said


def rule_of(result: CaseRecord) -> Rule | None:
    """Return how a result's answer was compared; None for exactly."""
    return read_rule(result.get("comparators", {}), result.get("accept"))


def expected_of(result: CaseRecord) -> Any:
    """Return what of a result's expected output is compared."""
    rule = rule_of(result)
    return result["expected_output"] if rule is None else counted(result["expected_output"], rule)


def is_right(result: CaseRecord, value: Any) -> bool:
    """Tell whether a value is exact as the answer to a result's case."""
    rule = rule_of(result)
    return agree(expected_of(result), value if rule is None else counted(value, rule), rule)


def tolerated_in(result: Result) -> list[Tolerated]:
    """Return the differences between a result's answer and what is expected that count as none."""
    from pytest_edgejson.scoring.tolerated import tolerated

    return list(tolerated(result["expected_output"], result["value"], rule_of(result))) if is_found(result) else []


_ASKED = {"prompt": "prompt", "expected_output": "expected output", "schema_sha256": "schema"}
_COMPARED = {"comparators": "comparators", "accept": "accepted values"}


def changes_of(before: CaseRecord, now: CaseRecord) -> tuple[str, ...]:
    """Return what of a case changed, in words; of how it is compared, also the first field and how."""
    changes = [words for key, words in _ASKED.items() if before.get(key) != now.get(key)]
    for key, words in _COMPARED.items():
        one, two = (cast("dict[str, Any]", case.get(key, {})) for case in (before, now))
        field = next((name for name in {**one, **two} if one.get(name) != two.get(name)), None)
        if field is not None:
            ways = [json.dumps(each[field]) if field in each else "exact" for each in (one, two)]
            changes.append(f"{words} of {field or 'the root'} from {ways[0]} to {ways[1]}")
    return tuple(changes)


def by_model(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Return the results of each model, in the order in which models occur."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result["model"]].append(result)
    return groups


def own_marks(result: Result) -> Pairs:
    """Return the marks of thoughts that a result's model has of its own."""
    return tuple((opening, closing) for opening, closing in result["extraction"].get("thoughts", ()))


def is_found(result: Result) -> bool:
    """Tell whether there is a value in an output, which may be null."""
    return result["extraction"]["form"] is not None


def roots_of(result: Result) -> Roots:
    """Return the JSON types that a result's answer could have as a whole."""
    return frozenset(result["extraction"].get("roots", OBJECT))


def constraint_of(result: Result) -> Constrain:
    """Return what an output was held to while it was generated; results of earlier versions, to nothing."""
    return result.get("constrain", "none")


def is_error(result: Result) -> bool:
    """Tell whether the case could not be run: such a result is no answer of the model and counts in no metric."""
    return result["finish_reason"] in ("error", "timeout")


def case_name(result: Result) -> str:
    """Return the id of a result's case, with the repeat where there are several: `invoice-007-r2`."""
    return result["case_id"] + (f"-r{result['repeat']}" if result["repeat"] > 1 else "")


def case_fingerprint(case: CaseRecord) -> str:
    """Return a hash of what a case asks: its id, prompt, expected output, schema, and how answers are compared.

    Two results with the same one can be compared, whatever model and scorer they are of.
    """
    record = cast("Mapping[str, Any]", case)
    asked = [case["case_id"], *(record[key] for key in _ASKED), *(record[key] for key in _COMPARED if key in record)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def suite_fingerprint(cases: Iterable[str]) -> str:
    """Return a hash of a set of cases, given as `case_fingerprint` makes them."""
    return hashlib.sha256("\n".join(sorted(set(cases))).encode("ascii")).hexdigest()
