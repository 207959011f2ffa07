"""What holds for any input, however hostile: checked by `test_properties.py` and, for as long as one likes, by
`benchmarks/fuzz.py`."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
from hypothesis import strategies as st
from jsonschema_specifications import REGISTRY
from markdown_it import MarkdownIt

from helpers.strategies import (
    DRAFTS,
    any_text,
    case_files,
    compared,
    keys,
    objects,
    outputs,
    pairs,
    schemas,
    texts,
    values,
)
from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.plugin.failures import render_failure
from pytest_edgejson.report.run import render_report
from pytest_edgejson.report.summary import render_summary
from pytest_edgejson.report.verdict import verdict
from pytest_edgejson.results.file import SCHEMA_FILE
from pytest_edgejson.results.result import dumps, is_found, is_right, make_result
from pytest_edgejson.scoring.alignment import align
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.scanner import RootScanner
from pytest_edgejson.scoring.score import score
from pytest_edgejson.scoring.v3 import score_v3
from pytest_edgejson.suite.cases import Case, CaseError, read_cases
from pytest_edgejson.suite.drafts import validator_of
from pytest_edgejson.suite.schemas import Schema, SchemaError, make_schema
from pytest_edgejson.suite.validators import has_format, time_limit
from pytest_edgejson.values.agreement import agree, counted, describe, read_rule
from pytest_edgejson.values.decoding import MAX_DEPTH, MalformedError, decode, read_number
from pytest_edgejson.values.jsonvalue import equal, leaves

FREE = Schema("free", "simple", {"type": "object"}, "free.json")
_COLOUR = re.compile(r"\x1b\[\d*m")
_MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
_TAG = re.compile(r"<([a-z0-9]+)")
# What a report is made of; whatever else there is, an output made.
_OUR_TAGS = {"h2", "p", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "details", "summary"}


def check_decoding(text: str) -> None:
    """The decoder takes what Python's does, made strict, within its limits."""

    def constant(name: str) -> Any:
        raise ValueError(name)

    def unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) != len(items):
            raise ValueError
        return dict(items)

    text = text.strip(" \t\n\r")
    try:
        value, end = decode(text)
    except MalformedError as error:
        if error.kind in ("nesting", "number"):
            return
        value, end = None, -1
    try:
        known = json.loads(text, parse_constant=constant, object_pairs_hook=unique, parse_float=read_number)
    except (ValueError, OverflowError):
        assert end != len(text)
    else:
        assert end == len(text)
        assert repr(value) == repr(known)


def check_extraction(text: str, policy: Any) -> None:
    """There is an object that stands in the text, or a reason."""
    extraction = extract(text, policy)
    value = extraction.value
    assert (value is None) == (extraction.form is None) == (extraction.error is not None)
    assert set(extraction.flags) <= {"fenced", "prose", "run_on", "several_objects"}
    assert not extraction.is_open or value is None
    if value is None:
        return
    json.dumps(value, allow_nan=False)
    assert max((len(path) for path in leaves(value)), default=0) <= MAX_DEPTH
    # Where thoughts are left out, an object can have one in the middle.
    if "think>" not in text:
        assert any(_decodes_to(value, text, brace.start()) for brace in re.finditer(r"\{", text))


def _decodes_to(value: Any, text: str, start: int) -> bool:
    try:
        return bool(equal(decode(text, start)[0], value))
    except MalformedError:
        return False


def check_scanner(text: str, cuts: list[int]) -> None:
    """Generation stops at the same place whatever the pieces, and an answer ends there."""
    whole = RootScanner()
    whole.feed(text)
    pieces = RootScanner()
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    for start, end in zip([0, *ends], ends, strict=False):
        pieces.feed(text[start:end])
    assert pieces.closed_at == whole.closed_at
    if whole.closed_at is not None:
        # It does not stop at an empty object in a fence, which is an answer where nothing better follows.
        assert extract(text[: whole.closed_at]).value is not None


# What jsonschema has otherwise: regular expressions are Python's, multiples are of doubles, and items are sorted before
# they are compared, so that [[1], [true], [1]] are different ones.
_OTHERWISE = re.compile('"(pattern|patternProperties|unevaluatedProperties|multipleOf|uniqueItems)":')

# Half of a surrogate pair, which Rust has no strings with.
_HALF = re.compile("[\ud800-\udfff]")


def check_validation(document: dict[str, Any], value: Any, draft: str) -> None:
    """jsonschema's own validators, where they end, say the same, and jsonschema-rs agrees on what is valid."""
    document = {"$schema": draft, **document}
    try:
        schema = make_schema("it", "simple", document, "it.json")
    except SchemaError:
        return
    found = schema.violations(value)
    schema.format_violations(value)
    if any(violation.keyword in ("$schema", "$ref") for violation in found):
        return
    assert bool(found) != schema.is_valid(value)
    for formats in (None, has_format):
        with time_limit(60), contextlib.suppress(RecursionError):
            error = next(validator_of(document, format_checker=formats).iter_errors(value), None)
            assert (error is None) == schema.is_valid(value, with_formats=formats is not None)
    # It looks up references in keywords, too, that the draft does not have.
    text = json.dumps([document, value], ensure_ascii=False)
    if not _HALF.search(text) and "http://example.org" not in text:
        other = jsonschema_rs.validator_for(document, validate_formats=False, offline=True)
        assert other.is_valid(value) != bool(found)
    if _OTHERWISE.search(json.dumps(document)):
        return
    try:
        known = list(jsonschema.validators.validator_for(document)(document, registry=REGISTRY).iter_errors(value))
    except BaseException as error:
        # It goes on in branches that are known to fail; a panic is of the library that holds the references.
        if isinstance(error, RecursionError) or type(error).__name__ == "PanicException":
            return
        raise
    with time_limit(60):
        errors = list(validator_of(document).iter_errors(value))
    # Keys that are not allowed are named in the message there, in the path here.
    assert {
        (tuple(error.absolute_path)[: -1 if error.validator == "additionalProperties" else None], error.validator)
        for error in errors
    } == {(tuple(error.absolute_path), error.validator) for error in known}


def check_scoring(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Scores are bounded, symmetric and consistent with one another and with the findings."""
    expected, got = pair
    # Escaped, two halves of a surrogate pair would become one character.
    result = _result(expected, json.dumps(got, ensure_ascii=False))
    back = score(got, extract(json.dumps(expected, ensure_ascii=False)), FREE)
    exact, right = result["json_exact"], round(result["field_recall"] * result["leaves"])
    assert equal(result["value"], got)
    assert exact == back.json_exact == equal(expected, got)
    assert 0 <= result["field_f1"] <= result["key_f1"] <= 1
    assert (result["field_f1"], result["key_f1"]) == (back.field_f1, back.key_f1)
    assert (result["field_precision"], result["field_recall"]) == (back.field_recall, back.field_precision)
    assert right == align(expected, got).right <= min(len(leaves(expected)), len(leaves(got)))
    findings = [field for field in result["fields"] if field["kind"] != "array_order"]
    assert not exact or (result["field_f1"] == 1 and not result["fields"] and result["failure"] is None)
    assert sum("expected" in field for field in findings) == result["leaves"] - right
    assert sum("got" in field for field in findings) == len(leaves(got)) - right
    assert exact or result["fields"]


def check_comparing(
    given: tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, list[Any]]],
) -> None:
    """Comparators never refuse what is equal, and all scores and findings follow them alike."""
    expected, got, comparators, accept = given
    schema = Schema("free", "simple", {"type": "object"}, "free.json", comparators)
    itself = _result(expected, json.dumps(expected, ensure_ascii=False), schema, accept=accept)
    assert itself["json_exact"]
    assert itself["field_f1"] == itself["key_f1"] == 1
    result = _result(expected, json.dumps(got, ensure_ascii=False), schema, accept=accept)
    exactly = _result(expected, json.dumps(got, ensure_ascii=False))
    rule = read_rule(comparators, accept)
    again = read_rule({} if rule is None else describe(rule), accept)
    assert result["json_exact"] >= exactly["json_exact"]
    assert result["json_exact"] == is_right(result, got)
    assert result["json_exact"] == agree(
        *(each if again is None else counted(each, again) for each in given[:2]), again
    )
    assert 0 <= result["field_f1"] <= result["key_f1"] <= 1
    in_order = all(field["kind"] != "array_order" for field in result["fields"])
    assert result["json_exact"] == (result["field_f1"] == 1 and in_order)
    assert result["json_exact"] == (not result["fields"]) == (result["failure"] is None)
    findings = [field for field in result["fields"] if field["kind"] != "array_order"]
    assert sum("expected" in field for field in findings) == round((1 - result["field_recall"]) * result["leaves"])


def _result(
    expected: dict[str, Any],
    output: str,
    schema: Schema = FREE,
    prompt: str = "",
    finish: Any = "stop",
    accept: dict[str, list[Any]] | None = None,
) -> dict[str, Any]:
    case = Case("case-1", schema.id, "simple", prompt, expected, accept=accept or {})
    return make_result(case, "model", 1, Completion("key", output, finish, 1, 2, 0.5, 0.5), schema, "lenient")


@cache
def _line_validator() -> Any:
    document = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator({"$defs": document["$defs"], **document["$defs"]["result"]})


def check_reports(
    given: tuple[dict[str, Any], str], schema: dict[str, Any], prompt: str, finish: Any, width: int
) -> None:
    """A result is one well-formed line, and nothing that a terminal would act on is in what is shown of it."""
    # As it comes out of JSON, where two halves of a surrogate pair are one character.
    expected, output, prompt, schema = json.loads(json.dumps([*given, prompt, schema]))
    result = _result(expected, output, Schema("it", "simple", schema, "it.json"), prompt, finish)
    line = dumps(result)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == result
    _line_validator().validate(result)
    for profile in ("default", "v3"):
        said = verdict("case-1[model]", result, profile=profile, width=width)  # type: ignore[arg-type]
        assert said.isprintable()
        for verbose in (False, True):
            options: Any = {"rerun": "pytest x", "verbose": verbose, "profile": profile, "width": width}
            plain = render_failure("case-1[model]", result, **options)
            assert plain.replace("\n", "").isprintable()
            assert _COLOUR.sub("", render_failure("case-1[model]", result, color=True, **options)) == plain
        page = _MARKDOWN.render(render_report([result], profile=profile))  # type: ignore[arg-type]
        assert set(_TAG.findall(page)) <= _OUR_TAGS
        table = render_summary([result], {"model": ModelSpec("model", "replay")}, profile=profile, verbose=True)  # type: ignore[arg-type]
        assert table.replace("\n", "").isprintable()


def check_output(expected: dict[str, Any], output: str, document: dict[str, Any]) -> None:
    """Whatever a model answers, each stage keeps its word, and a result is made of it."""
    check_decoding(output)
    check_extraction(output, "lenient")
    check_scanner(output, [])
    check_v3(expected, output)
    result = _result(expected, output, _schema(json.dumps(document, sort_keys=True)))
    line = dumps(result)
    assert dumps(json.loads(line)) == line
    assert 0 <= result["field_f1"] <= result["key_f1"] <= 1
    assert result["json_exact"] == (result["failure"] is None) == equal(result["value"], expected)
    assert result["schema_compliant"] == (is_found(result) and not result["violations"])


@cache
def _schema(text: str) -> Schema:
    return Schema("it", "simple", json.loads(text), "it.json")


def check_v3(expected: dict[str, Any], text: str) -> None:
    """The published scorer gives a score, whatever the text."""
    found = score_v3(expected, text)
    assert 0 <= found["field_f1"] <= 1
    assert not found["crashed"] or not found["field_f1"]


def check_case_file(content: bytes) -> None:
    """A file of cases is read, or refused in a line that names it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.jsonl"
        path.write_bytes(content)
        refused = None
        try:
            cases = read_cases(path, {"it": "simple"})
        except CaseError as error:
            refused = error
    if refused is not None:
        assert str(refused).startswith(f"{path}:")
        assert refused.message.isprintable()
        assert len(refused.message) < 400
        return
    assert len({case.id for case in cases}) == len(cases) > 0
    for case in cases:
        json.dumps([case.prompt, case.expected_output], ensure_ascii=False, allow_nan=False).encode()


cuts = st.lists(st.integers(0, 80), max_size=6)
policies = st.sampled_from(["lenient", "last", "strict"])
answers = objects.flatmap(lambda value: st.tuples(st.just(value), outputs(value) | any_text)) | st.tuples(
    objects, any_text
)
changes = pairs.map(lambda pair: (pair[0], json.dumps(pair[1], ensure_ascii=False)))
finishes = st.sampled_from(["stop", "length", "timeout", "error"])

TARGETS: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {
    "decoding": (check_decoding, (any_text,)),
    "extraction": (check_extraction, (any_text, policies)),
    "scanner": (check_scanner, (any_text, cuts)),
    "validation": (check_validation, (schemas, objects | values, st.sampled_from(DRAFTS))),
    "scoring": (check_scoring, (pairs,)),
    "comparing": (check_comparing, (compared(),)),
    "reports": (check_reports, (answers | changes, schemas, texts | keys, finishes, st.integers(1, 200))),
    "v3": (check_v3, (objects, any_text)),
    "case files": (check_case_file, (case_files,)),
}
"""What is checked, by name: the property, and the strategies of its arguments."""
