from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

import pytest

from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.schemas import (
    MAX_VIOLATIONS,
    Schema,
    SchemaError,
    Schemas,
    complexity_of,
    make_schema,
)
from pytest_edgejson.suite.violations import Violation

V3 = Path(__file__).resolve().parents[3] / "shared" / "edgejson-v3"
DRAFT7 = "http://json-schema.org/draft-07/schema#"

INVOICE = {
    "$schema": DRAFT7,
    "type": "object",
    "properties": {
        "number": {"type": "string", "pattern": "^I-", "minLength": 3},
        "date": {"type": "string", "format": "date"},
        "sent": {"type": "string", "format": "date-time"},
        "email": {"type": "string", "format": "email"},
        "paid": {"type": "boolean"},
        "status": {"enum": ["open", "paid", None]},
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"total": {"type": "number", "minimum": 0}, "count": {"type": "integer"}},
                "required": ["total"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["number", "items"],
    "additionalProperties": False,
}
VALID = {"number": "I-1", "items": [{"total": 2.5, "count": 1}], "date": "2024-02-29", "status": None}


def write(folder, complexity, name, document):
    path = folder / complexity / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def load(tmp_path, document):
    write(tmp_path, "simple", "it", document)
    return Schemas(tmp_path)["it"]


def test_schemas_are_read_with_the_folder_as_complexity(tmp_path):
    write(tmp_path, "simple", "tag", {"type": "object"})
    path = write(tmp_path, "medium", "invoice", "\ufeff" + json.dumps(INVOICE, indent=2))
    (tmp_path / "medium" / "notes.txt").write_text("not a schema")
    schemas = Schemas(tmp_path)
    assert complexity_of(schemas) == {"tag": "simple", "invoice": "medium"}
    assert (schemas["invoice"].source, schemas["invoice"].document) == (str(path), INVOICE)


@pytest.fixture
def invoice(tmp_path):
    return load(tmp_path, INVOICE)


def test_an_answer_has_a_key_that_the_schema_names(tmp_path):
    open_one = load(tmp_path, {"$ref": "#/$defs/it", "$defs": {"it": {"properties": {"name": {"type": "string"}}}}})
    assert open_one.may_be_answer({"name": "Ada", "x": 1})
    assert not open_one.may_be_answer({"name": 1})
    assert not open_one.may_be_answer({"status": "ok"})
    assert not open_one.may_be_answer(open_one.document)
    assert open_one.is_valid({"status": "ok"})


@pytest.mark.parametrize("document", [{}, {"type": "object"}, {"properties": {"a": {}}, "patternProperties": {"": {}}}])
def test_any_object_may_answer_a_schema_that_names_no_key_for_sure(tmp_path, document):
    assert load(tmp_path, document).may_be_answer({"status": "ok"})


def test_a_valid_value_violates_nothing(invoice):
    assert invoice.violations(VALID) == []
    assert invoice.is_valid(VALID)
    assert invoice.is_valid(VALID | {"items": [{"total": 1, "count": 2.0}]})


@pytest.mark.parametrize(
    ("change", "path", "keyword", "words"),
    [
        ({"number": 7}, "number", "type", "must be a string, is a number"),
        ({"number": "X-1"}, "number", "pattern", 'must match "^I-"'),
        ({"number": "I-"}, "number", "minLength", "must have at least 3 characters, has 2"),
        ({"paid": 1}, "paid", "type", "must be a boolean, is a number"),
        ({"paid": None}, "paid", "type", "must be a boolean, is null"),
        ({"status": "due"}, "status", "enum", 'must be "open", "paid" or null'),
        ({"items": []}, "items", "minItems", "must have at least 1 item, has 0"),
        ({"items": [{"total": -1}]}, "items[0].total", "minimum", "must be at least 0, is -1"),
        ({"items": [{"total": 1}, {}]}, "items[1].total", "required", "is missing"),
        ({"items": [{"total": 1, "count": 1.5}]}, "items[0].count", "type", "must be an integer, is a number that"),
        ({"items": [{"total": 1, "a b": 1}]}, 'items[0]["a b"]', "additionalProperties", "is not in the schema"),
        ({"\x1b[31m": 1}, '["\\u001b[31m"]', "additionalProperties", "is not in the schema"),
        ({"items": {}}, "items", "type", "must be an array, is an object"),
    ],
)
def test_a_violation_says_where_what_and_by_which_keyword(invoice, change, path, keyword, words):
    (violation,) = invoice.violations(VALID | change)
    assert (violation.path, violation.keyword) == (path, keyword)
    assert violation.message.startswith(words)
    assert len(violation.message) < 130
    assert not invoice.is_valid(VALID | change)


SHAPES = {
    "properties": {
        "shape": {"oneOf": [{"$ref": "#/$defs/Circle"}, {"$ref": "#/$defs/Square"}]},
        "state": {"anyOf": [{"$ref": "#/$defs/State"}, {"type": "null"}]},
        "count": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
    },
    "$defs": {
        "State": {"enum": ["open", "done"], "type": "string"},
        "Circle": {"properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
        "Square": {
            "properties": {"kind": {"const": "square"}, "side": {"type": "number"}},
            "required": ["kind", "side"],
        },
    },
}


@pytest.mark.parametrize(
    ("value", "path", "message", "keyword"),
    [
        ({"shape": {"kind": "circle", "r": "2"}}, "shape.r", "must be a number, is a string (in Circle)", "type"),
        ({"shape": {"kind": "square"}}, "shape.side", "is missing (in Square)", "required"),
        ({"state": "opened"}, "state", 'must be "open" or "done"', "enum"),
        ({"shape": {"kind": "round", "side": 1}}, "shape.kind", 'must be "circle" or "square"', "enum"),
        ({"count": -1}, "count", "must be at least 0, is -1", "minimum"),
        ({"count": "x"}, "count", "fits none of the forms that the schema allows", "anyOf"),
    ],
)
def test_of_several_forms_the_nearest_one_says_what_is_wrong(value, path, message, keyword):
    assert make_schema("shapes", "simple", SHAPES, "shapes.json").violations(value) == [
        Violation(path, message, keyword)
    ]


def test_each_missing_and_each_additional_key_is_named(invoice):
    found = {(each.path, each.keyword) for each in invoice.violations({"x": 1, "y": 2})}
    assert found == {
        ("number", "required"),
        ("items", "required"),
        ("x", "additionalProperties"),
        ("y", "additionalProperties"),
    }


def test_violations_are_bounded(invoice):
    value = VALID | {"items": [{"total": -1}] * 5_000}
    assert len(invoice.violations(value)) == MAX_VIOLATIONS
    assert not invoice.is_valid(value)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"date": "29.02.2024"}, "date"),
        ({"date": "2023-02-29"}, "date"),
        ({"sent": "2005-07-03T17:42:53.545351"}, "sent"),
        ({"email": "nobody"}, "email"),
    ],
)
def test_formats_are_asserted_only_where_asked(invoice, change, path):
    value = VALID | change
    assert invoice.is_valid(value)
    assert invoice.violations(value) == []
    (violation,) = invoice.format_violations(value)
    assert (violation.path, violation.keyword) == (path, "format")


def test_right_formats_pass(invoice):
    assert invoice.format_violations(VALID | {"sent": "2005-07-03T17:42:53Z", "email": "a@b.example"}) == []


def test_format_violations_leave_out_what_is_wrong_anyway(invoice):
    assert [each.keyword for each in invoice.format_violations({"date": "x", "paid": 1})] == ["format"]


def test_the_draft_is_the_document_s_own_or_2020_12(tmp_path):
    tuple_items = {"items": [{"type": "string"}], "additionalItems": False}
    value = {"a": ["x", 1]}

    def schema(uri):
        head = {} if uri is None else {"$schema": uri}
        return load(tmp_path, head | {"type": "object", "properties": {"a": tuple_items}})

    assert not schema(DRAFT7).is_valid(value)
    assert not schema("https://json-schema.org/draft-07/schema").is_valid(value)
    with pytest.raises(SchemaError, match=r"no valid schema .*2020-12"):
        schema("https://json-schema.org/draft/2020-12/schema")  # items must be a schema there
    with pytest.raises(SchemaError, match=r"2020-12/schema, since it has no \$schema"):
        schema(None)
    prefix = {"type": "object", "properties": {"a": {"prefixItems": [{"type": "string"}], "items": False}}}
    assert not load(tmp_path, prefix | {"$schema": "https://json-schema.org/draft/2020-12/schema"}).is_valid(value)
    assert not load(tmp_path, prefix).is_valid(value)
    assert load(tmp_path, prefix | {"$schema": DRAFT7, "properties": {"a": {"prefixItems": []}}}).is_valid(value)


def test_the_fingerprint_is_of_the_content(tmp_path):
    first = load(tmp_path, json.dumps(INVOICE, indent=4)).fingerprint
    reordered = load(tmp_path, dict(reversed(INVOICE.items()))).fingerprint
    other = load(tmp_path, INVOICE | {"title": "x"}).fingerprint
    assert first == reordered != other
    assert len(first) == 64


# ---------------------------------------------------------------- folders and files that cannot be used


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        ({}, "", "no schemas"),
        ({"stray.json": "{}"}, "stray.json", "not in a folder of a complexity"),
        ({"hard/it.json": "{}"}, "hard/it.json", "not in a folder of a complexity"),
        ({"simple/it.json": '{"a": 1,\n"b": [1,]}'}, "simple/it.json:2:9", "trailing comma"),
        ({"simple/it.json": '{"type": "object"} x'}, "simple/it.json:1:19", "something follows"),
        ({"simple/it.json": "\n{"}, "simple/it.json", "unterminated"),
        ({"simple/it.json": '{"a": 1, "a": 2}'}, "simple/it.json:1:10", "duplicate key"),
        ({"simple/it.json": ""}, "simple/it.json", "not JSON"),
        ({"simple/it.json": b"\xff{}"}, "simple/it.json", "not UTF-8"),
        ({"simple/it.json": "[]"}, "simple/it.json", "a schema is a JSON object, this is an array"),
        ({"simple/it.json": '{"type": "objekt"}'}, "simple/it.json", "no valid schema"),
        ({"simple/it.json": '{"properties": {"a": {"pattern": "("}}}'}, "simple/it.json", "no valid schema"),
        ({"simple/it.json": '{"properties": {"a": {"minimum": "1"}}}'}, "simple/it.json", "properties.a.minimum"),
        ({"simple/it.json": '{"$schema": "http://example.org/mine"}'}, "simple/it.json", "no known draft"),
        ({"simple/it.json": '{"$schema": 7}'}, "simple/it.json", "no known draft"),
        ({"simple/it.json": '{"$ref": "#"}'}, "simple/it.json", "refers to itself without end"),
        ({"simple/it.json": '{"a":' * 5_000}, "simple/it.json", "nesting"),
        ({"simple/it.json": "{}", "complex/it.json": "{}"}, "complex/it.json", "same id"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(tmp_path, files, where, words):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SchemaError, match=words) as caught:
        dict(Schemas(tmp_path))
    assert str(caught.value).startswith(str(tmp_path / where))
    assert "\n" not in str(caught.value)


def test_a_schema_that_cannot_be_used_stops_no_other(tmp_path):
    write(tmp_path, "simple", "good", {"type": "object"})
    broken = ["{", {"$schema": "http://example.org/mine"}, {"pattern": "(?i)a"}, {"$ref": "http://example.org/x"}, True]
    for number, document in enumerate(broken):
        write(tmp_path, "medium", f"bad-{number}", document)
    for complexity in ("simple", "complex"):
        write(tmp_path, complexity, "twice", {})
    (tmp_path / "stray.json").write_text("{}")
    (tmp_path / "simple" / "a b[0].json").write_text("{}")
    schemas = Schemas(tmp_path)
    assert schemas["good"].is_valid({})
    assert complexity_of(schemas)["bad-0"] == "medium"
    for name in schemas.keys() - {"good"}:
        with pytest.raises(SchemaError, match=r"\.json"):
            schemas[name]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SchemaError, match="no such folder") as caught:
        Schemas(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


# ---------------------------------------------------------------- references


@pytest.fixture
def no_access(monkeypatch):
    def refuse(*args, **kwargs):
        pytest.fail("something was fetched")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_references_inside_the_document_are_followed(tmp_path, no_access):
    document = {
        "$schema": DRAFT7,
        "$id": "http://example.org/tree.json",
        "type": "object",
        "properties": {"tree": {"$ref": "#/definitions/node"}, "meta": {"$ref": DRAFT7}},
        "definitions": {"node": {"type": "object", "additionalProperties": {"$ref": "tree.json#/definitions/node"}}},
    }
    schema = load(tmp_path, document)
    assert schema.is_valid({"tree": {"a": {"b": {}}}})
    assert [each.path for each in schema.violations({"tree": {"a": {"b": 1}}})] == ["tree.a.b"]
    assert not schema.is_valid({"meta": {"type": "objekt"}})


@pytest.mark.parametrize(
    "where", ["http://127.0.0.1:9/it.json", "https://example.org/it.json", "other.json", "#/nowhere"]
)
def test_references_elsewhere_are_refused_unfetched(tmp_path, no_access, where):
    with pytest.raises(SchemaError, match="leads nowhere") as caught:
        load(tmp_path, {"type": "object", "properties": {"a": {"$ref": where}}})
    assert where in str(caught.value)


def test_files_are_not_opened(tmp_path, no_access):
    other = tmp_path / "other.txt"
    other.write_text('{"type": "string"}')
    for where in (other.as_uri(), f"{tmp_path.as_uri()}/other.txt", str(other)):
        with pytest.raises(SchemaError, match="leads nowhere"):
            load(tmp_path / "schemas", {"type": "object", "properties": {"a": {"$ref": where}}})
        # Not checked at load, such as a schema made in memory: no crash, and still nothing opened.
        schema = Schema("it", "simple", {"$ref": where}, "it.json")
        assert not schema.is_valid({})
        assert "leads nowhere" in schema.violations({})[0].message


def test_a_property_called_ref_is_no_reference(tmp_path):
    assert load(tmp_path, {"type": "object", "properties": {"$ref": {"type": "string"}}}).is_valid({"$ref": "nowhere"})


@pytest.mark.parametrize(
    "document",
    [
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {
            "properties": {"a": {"allOf": [{"$ref": "#/definitions/x"}]}},
            "definitions": {"x": {"$ref": "#/definitions/x"}},
        },
    ],
)
def test_a_schema_that_refers_to_itself_without_end_is_no_crash(tmp_path, document):
    schema = load(tmp_path, document)
    assert schema.is_valid({"b": 1})
    assert not schema.is_valid({"a": 1})
    assert "without end" in schema.violations({"a": 1})[0].message


def test_deep_values_under_a_recursive_schema_are_no_crash(tmp_path):
    schema = load(tmp_path, {"type": "object", "additionalProperties": {"$ref": "#"}})
    value: dict[str, object] = {}
    for _ in range(60):
        value = {"a": value}
    assert schema.is_valid(value)
    for _ in range(800):
        value = {"a": value}
    assert not schema.is_valid(value)


# ---------------------------------------------------------------- real data


@pytest.mark.skipif(not V3.is_dir(), reason="the upstream data is not beside the project")
def test_upstream_rows_are_valid_and_their_timestamps_naive():
    schemas = Schemas(V3 / "schemas")
    assert len(schemas) == 25
    cases = read_cases(V3 / "train.jsonl", complexity_of(schemas))
    assert len(cases) == 629
    assert all(schemas[case.schema_id].is_valid(case.expected_output) for case in cases)
    assert {
        violation.message
        for case in cases
        for violation in schemas[case.schema_id].format_violations(case.expected_output)
    } == {"is no valid date-time"}
