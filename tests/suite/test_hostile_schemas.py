"""Hostile schemas: a validation ends, and fetches and opens nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import jsonschema
import pytest
from helpers.projects import Project

from pytest_edgejson.suite import schemas, validators
from pytest_edgejson.suite.schemas import Schema, SchemaError, make_schema

DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT2020 = "https://json-schema.org/draft/2020-12/schema"
# Only what refers back to a group is not matched in time proportional to the text.
SLOW = r"^(a*)*\1b$"
TEXT = "a" * 30_000


def multiplying(keyword: str) -> dict[str, Any]:
    """A schema of forty definitions, each of which refers to the next twice: 2 ** 40 ways to go."""
    names = [f"#/definitions/d{number}" for number in range(41)]
    definitions: dict[str, Any] = {name[14:]: {keyword: [{"$ref": after}] * 2} for name, after in pairwise(names)}
    return {"properties": {"a": {"$ref": names[0]}}, "definitions": {**definitions, "d40": {"const": 1}}}


ENDLESS: dict[str, tuple[dict[str, Any], Any]] = {
    "pattern": ({"properties": {"a": {"pattern": SLOW}}}, {"a": TEXT}),
    "patternProperties": ({"patternProperties": {SLOW: {}}}, {TEXT: 1}),
    "additionalProperties beside patternProperties": (
        {"patternProperties": {SLOW: {}}, "additionalProperties": False},
        {TEXT: 1},
    ),
    "propertyNames": ({"propertyNames": {"pattern": SLOW}}, {TEXT: 1}),
    "a pattern behind a reference to the root": (
        {"properties": {"a": {"$ref": "#"}}, "additionalProperties": {"pattern": SLOW}},
        {"a": {"b": TEXT}},
    ),
    "a pattern that remembers all of a long text": (
        {"properties": {"a": {"pattern": r"^(a|b)*\1c$"}}},
        {"a": "a" * 20_000_000},
    ),
    "anyOf": (multiplying("anyOf"), {"a": 2}),
    "oneOf": (multiplying("oneOf"), {"a": 1}),
    "allOf": (multiplying("allOf"), {"a": 1}),
    "recursion in branches": (
        {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}] * 3},
        json.loads('{"a":' * 60 + "{}" + "}" * 60),
    ),
    "unevaluatedItems": (
        {"$schema": DRAFT2020, "properties": {"a": {"items": {}, "unevaluatedItems": False}}},
        {"a": [1] * 200_000},
    ),
    "unevaluatedProperties beside patternProperties": (
        {"patternProperties": {SLOW: {}}, "unevaluatedProperties": False},
        {TEXT: 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_a_validation_ends_within_its_limit(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    document, value = ENDLESS[name]
    schema = make_schema("it", "simple", document, "it.json")
    monkeypatch.setattr(schemas, "MAX_SECONDS", 0.2)
    assert not schema.is_valid(value)
    [violation] = schema.violations(value)
    schema.format_violations(value)
    assert violation.message == "the schema cannot be applied to this value within 0.2 seconds"
    assert (violation.path, violation.keyword) == ("", "$schema")


def test_a_pause_of_the_machine_is_not_the_validations_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Paused(dict[str, int]):
        def __contains__(self, key: object) -> bool:
            time.sleep(0.5)
            return super().__contains__(key)

    monkeypatch.setattr(schemas, "MAX_SECONDS", 0.2)
    schema = Schema("it", "simple", {"required": ["a"], "properties": {"b": {"type": "integer"}}}, "it.json")
    assert [violation.keyword for violation in schema.violations(Paused(b=1))] == ["required"]


def test_what_is_found_before_the_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "MAX_SECONDS", 0.2)
    schema = Schema("it", "simple", {"required": ["b"], "properties": {"a": {"pattern": SLOW}}}, "it.json")
    assert [violation.keyword for violation in schema.violations({"a": TEXT})] == ["required", "$schema"]


def test_a_case_under_such_a_schema_fails_and_the_others_run(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "MAX_SECONDS", 0.5)
    document = {"properties": {"name": {"pattern": SLOW}}}
    (project.root / "schemas/simple/contact.json").write_text(json.dumps(document))
    model = project.record({"contact-001": json.dumps({"name": TEXT, "age": 36})})
    run = pytester.runpytest(f"--edgejson-model={model}", "-v")
    run.assert_outcomes(failed=1, passed=5)
    run.stdout.fnmatch_lines(["*the schema cannot be applied to this value within 0.5 seconds*"])


@pytest.mark.parametrize("draft", [DRAFT4, DRAFT2020])
def test_items_are_compared_by_hash(draft: str) -> None:
    schema = Schema("it", "simple", {"$schema": draft, "uniqueItems": True}, "it.json")
    items: list[Any] = [{"number": number} for number in range(50_000)]
    assert schema.is_valid(items)
    assert not schema.is_valid([*items, {"number": 7.0}])
    assert schema.is_valid([1, True, "1", [1], [True], {"a": 0}, {"a": False}, None, 0, ""])
    assert not schema.is_valid([[1], [True], [1]])
    assert not schema.is_valid([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}])


def test_a_schema_is_checked_within_the_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"$schema": DRAFT4, "enum": [{"number": number} for number in range(50_000)]}
    assert make_schema("it", "simple", document, "it.json").is_valid({"number": 7})
    monkeypatch.setattr(schemas, "MAX_SECONDS", 0.0)
    with pytest.raises(SchemaError, match=r"^it.json: checking it takes more than 0 seconds"):
        make_schema("it", "simple", document, "it.json")


def test_a_long_text_is_checked_at_once_and_a_deep_pattern_is_no_regular_expression() -> None:
    for name, text, right in (("iri", "http://ä/" + "a/" * 1_000_000, True), ("regex", "(" * 100_000, False)):
        schema = Schema("it", "simple", {"properties": {"a": {"format": name}}}, "it.json")
        assert schema.is_valid({"a": text})
        assert (schema.format_violations({"a": text}) == []) == right


def test_half_a_character_is_of_no_format_and_matches_a_pattern() -> None:
    schema = Schema("it", "simple", {"properties": {"a": {"format": "uri", "pattern": "^.$"}}}, "it.json")
    assert schema.is_valid({"a": "\ud800"})
    assert [violation.message for violation in schema.format_violations({"a": "\ud800"})] == ["is no valid uri"]


@pytest.mark.parametrize(
    "document",
    [
        {"required": ["a"], "properties": {"a": {"$ref": "#/required/x"}}},
        {"required": ["a"], "properties": {"a": {"$ref": "#/required/0"}}},
        {"$ref": "#/%zz"},
        {"minLength": 1, "not": {"$ref": "#/minLength/1"}},
        {"$ref": "http://[bad"},
        {"$id": "http://[bad"},
        {"$schema": "http://json-schema.org/draft-03/schema#", "type": "nonsense"},
        {"$schema": DRAFT2020, "$dynamicRef": "#"},
        {"pattern": "("},
        {"pattern": "(" * 5_000 + ")" * 5_000},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_in_a_line(document: dict[str, Any]) -> None:
    with pytest.raises(SchemaError) as caught:
        make_schema("it", "simple", document, "it.json")
    assert str(caught.value).startswith("it.json: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_pattern_that_python_warns_of_is_used() -> None:
    assert make_schema("it", "simple", {"properties": {"a": {"pattern": "[[a]"}}}, "it.json").is_valid({"a": "["})


def test_other_users_of_jsonschema_keep_its_validators() -> None:
    before = {draft: dict(draft.VALIDATORS) for draft in (jsonschema.Draft4Validator, jsonschema.Draft202012Validator)}
    for draft in before:
        validators.limited(draft)
    assert {draft: dict(draft.VALIDATORS) for draft in before} == before
    assert jsonschema.validators.validator_for({"$schema": DRAFT2020}) is jsonschema.Draft202012Validator


WATCHED = """
import json, sys
from pathlib import Path
from pytest_edgejson.suite.schemas import Schema, SchemaError, make_schema, Schemas

references = json.loads(sys.argv[1])
make_schema("warm-up", "simple", {"properties": {"a": {"$ref": "#"}}}, "x").format_violations({"a": {}})
seen = []
watched = ("open", "socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen", "os.system")
sys.addaudithook(lambda event, args: seen.append((event, str(args))) if event in watched else None)
for reference in references:
    try:
        make_schema("it", "simple", {"properties": {"a": {"$ref": reference}}}, "x")
        print("accepted", reference)
    except SchemaError:
        pass
    if Schema("it", "simple", {"$ref": reference}, "x").is_valid({"a": 1}):
        print("valid", reference)
for event in seen:
    print(event)
"""


def test_nothing_is_opened_or_connected_to() -> None:
    hosts = [
        "http://127.0.0.1:9/x.json",
        "https://example.org/x.json",
        "ftp://example.org/x",
        "//example.org/x",
        "urn:x:y",
    ]
    files = [
        "file:///etc/passwd",
        "file:///etc/passwd#/a",
        "/etc/passwd",
        "x.json",
        "../x.json",
        "data:application/json,{}",
    ]
    command = [sys.executable, "-c", WATCHED, json.dumps(hosts + files)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == ""


SELF_REFERRING: tuple[dict[str, Any], ...] = (
    {"$ref": "#"},
    {"if": {"$ref": "#"}},
    {"not": {"not": {"$ref": "#"}}},
    {"allOf": [{"allOf": [{"anyOf": [{"oneOf": [{"if": {"$ref": "#"}}]}]}]}]},
)


@pytest.mark.parametrize(
    "draft",
    [
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
@pytest.mark.parametrize("calls", [0, 200, 400])
def test_references_without_end_leave_stack_for_the_libraries_below(draft: str, calls: int) -> None:
    """Where Python's own limit strikes inside of rpds, which holds the references, it panics: no exception to catch."""

    def at_depth(depth: int) -> None:
        if depth:
            at_depth(depth - 1)
            return
        for document in SELF_REFERRING:
            schema = Schema("it", "simple", {"$schema": draft, **document}, "it.json")
            assert [violation.keyword for violation in schema.violations({"a": 1})] == ["$ref"]

    limit = sys.getrecursionlimit()
    at_depth(calls)
    assert sys.getrecursionlimit() == limit
