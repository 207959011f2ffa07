"""JSON Schema by its letter: numbers by value, patterns of ECMA-262, formats, drafts beside one another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers.projects import Project

from pytest_edgejson.suite.schemas import Schema, SchemaError, make_schema
from pytest_edgejson.values.decoding import decode

DRAFT4, DRAFT7 = (f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 7))
DRAFT2019, DRAFT2020 = (f"https://json-schema.org/draft/{name}/schema" for name in ("2019-09", "2020-12"))


def schema_of(document: dict[str, Any], draft: str | None = None) -> Schema:
    return make_schema("it", "simple", ({} if draft is None else {"$schema": draft}) | document, "it.json")


def is_valid(document: str, value: str) -> bool:
    """Both as JSON's text, in which numbers are what they say."""
    return schema_of(decode(document)[0]).is_valid(decode(value)[0])


# Numbers


@pytest.mark.parametrize(
    ("divisor", "value", "valid"),
    [
        *[("0.01", text, True) for text in ("19.99", "4.02", "1.11", "300.52", "0.07", "-19.99", "1.9e1", "0", "-0.0")],
        ("0.01", "19.999", False),
        ("0.1", "0.3", True),
        ("0.1", "0.35", False),
        ("0.3", "0.9", True),
        ("1e-7", "3e-7", True),
        ("1e-7", "3.5e-7", False),
        ("1e-8", "12391239123", True),
        ("0.0001", "0.0075", True),
        ("0.5", "1e308", True),
        ("5e-324", "1e308", True),
        ("1e308", "5e-324", False),
        ("0.123456789", "1e300", False),
        ("3", "9007199254740993", True),
        ("3", "9007199254740992", False),
        ("7", "1e23", False),
        ("10", "1e23", True),
        ("0.01", '"19.99"', True),
    ],
)  # fmt: skip
def test_a_multiple_is_told_in_decimal_numbers(divisor: str, value: str, valid: bool) -> None:
    assert is_valid(f'{{"multipleOf": {divisor}}}', value) == valid
    assert is_valid(f'{{"$schema": "{DRAFT4}", "items": {{"multipleOf": {divisor}}}}}', f"[{value}]") == valid


@pytest.mark.parametrize(
    ("document", "value", "valid"),
    [
        ('{"const": 100000000000000000000000}', "1e23", True),
        ('{"const": 1e23}', "100000000000000000000000", True),
        ('{"enum": [1.0E+23]}', "100000000000000000000001", False),
        ('{"const": 9007199254740992}', "9007199254740993", False),
        ('{"const": 9007199254740993}', "9007199254740993.0", True),
        ('{"const": 9007199254740993}', "9.007199254740993e15", True),
        ('{"maximum": 1e23}', "100000000000000000000000", True),
        ('{"maximum": 1e23}', "100000000000000000000001", False),
        ('{"exclusiveMinimum": 18446744073709551615}', "18446744073709551616", True),
        ('{"type": "integer"}', "1e23", True),
        ('{"type": "integer"}', "1.0", True),
        ('{"type": "integer"}', "1.5e1", True),
        ('{"type": "integer"}', "1.5", False),
        ('{"uniqueItems": true}', "[1e23, 100000000000000000000000]", False),
        ('{"uniqueItems": true}', "[9007199254740992, 9007199254740993]", True),
    ],
)
def test_numbers_are_what_their_text_says(document: str, value: str, valid: bool) -> None:
    assert is_valid(document, value) == valid


# Patterns


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (r"^\d{2}$", ["12"], ["١٢", "12\n", "123"]),
        (r"^[A-Z]{3}$", ["USD"], ["USD\n", "usd"]),
        (r"x$|^a$", ["x", "a", "yx"], ["x\n", "a\n"]),
        (r"^\w+$", ["a_1"], ["é", "a b"]),
        (r"^\W$", ["é", "-"], ["a"]),
        (r"^\s$", [" ", "\ufeff", "\u2028", "\u00a0"], ["\u200b", "\x1c", "a"]),
        (r"\bé", ["aé"], ["é"]),
        (r"^.$", ["a", "\U0001f600", "\x85"], ["\n", "\r", "\u2028", "ab"]),
        (r"^[^]$", ["\n", "a"], [""]),
        (r"[]", [], ["", "a"]),
        (r"^\p{L}+$", ["Zoë", "漢字"], ["a1", ""]),
        (r"^\p{Lu}\p{Ll}$", ["Éa"], ["éa"]),
        (r"^\p{Script=Greek}+$", ["Αθήνα"], ["Athen"]),
        (r"^\p{scx=Han}\P{L}$", ["漢1"], ["漢a"]),
        (r"^\u{1F600}$", ["\U0001f600"], ["u"]),
        (r"^\ud83d\ude00\u0041\x41$", ["\U0001f600AA"], ["A"]),
        (r"^\cA\0$", ["\x01\x00"], ["cA0"]),
        (r"^(?<year>\d{4})-\k<year>$", ["2024-2024"], ["2024-2025"]),
        (r"(?<=\$)\d+(?!\d|%)", ["$5"], ["5", "$5%"]),
        (r"(?<!a+)b", ["b", "cb"], ["ab", "aab"]),
        (r"^(?:(a)|b)\1c$", ["bc", "aac"], ["ac"]),
        (r"^a\/b$", ["a/b"], ["a\\/b"]),
        (r"^[\w\-.]+\@\_$", ["a-b.c@_"], ["@_"]),
        (r"^\p{L}\_\-[\p{L}\-\_]\é$", ["é_-_é", "a_--é"], ["1_-_é"]),
        (r"^[[a]$", ["[", "a"], ["b"]),
        (r"^a{,2}$", ["a{,2}"], ["aa", ""]),
        ("", ["", "a"], []),
    ],
)
def test_patterns_are_those_of_ecma_262(pattern: str, matching: list[str], others: list[str]) -> None:
    schema = schema_of({"properties": {"a": {"pattern": pattern}}})
    assert [text for text in [*matching, *others] if schema.is_valid({"a": text})] == matching
    by_key = schema_of({"patternProperties": {pattern: True}, "additionalProperties": False})
    assert [text for text in [*matching, *others] if by_key.is_valid({text: 1})] == matching
    names = schema_of({"propertyNames": {"pattern": pattern}})
    assert [text for text in [*matching, *others] if names.is_valid({text: 1})] == matching


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "(?i)a",
        "(?P<name>a)",
        "a++",
        "(?>a)",
        "(?#c)",
        r"(?<a",
        "a{2,1}",
        "*",
        r"\A\d",
        r"^a\Z",
        r"\h",
        r"^\p{Latin}",
    ],
)
def test_what_ecma_262_does_not_have_is_no_pattern(pattern: str) -> None:
    for document in ({"pattern": pattern}, {"patternProperties": {pattern: {}}}):
        with pytest.raises(SchemaError, match="is no valid regular expression of ECMA-262"):
            schema_of({"properties": {"a": document}}, DRAFT7)


@pytest.mark.parametrize("draft", [DRAFT2019, DRAFT2020])
def test_unevaluated_properties_know_patterns_and_what_is_applied_in_place(draft: str) -> None:
    document: dict[str, Any] = {
        "patternProperties": {r"^x-\d$": {"type": "integer"}},
        "allOf": [{"properties": {"a": True}}],
        "anyOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]}, {"$ref": "#/$defs/c"}],
        "if": {"required": ["d"], "properties": {"d": True}},
        "then": {"properties": {"e": True}},
        "dependentSchemas": {"f": {"properties": {"f": True, "g": True}}},
        "unevaluatedProperties": False,
        "$defs": {"c": {"properties": {"c": True}}},
    }
    schema = schema_of(document, draft)
    assert schema.is_valid({"x-1": 1, "a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1})
    found = schema.violations({"x-1": "1", "x-١": 1, "b": 2, "e": 1, "g": 1})
    assert [(each.path, each.message) for each in found if each.keyword == "unevaluatedProperties"] == [
        (path, "is not in the schema") for path in ('["x-١"]', "b", "e", "g")
    ]
    typed = schema_of({"properties": {"a": True}, "unevaluatedProperties": {"type": "string"}}, draft)
    assert [each.path for each in typed.violations({"a": 1, "b": "x", "c": 3})] == ["c"]


# Drafts


def test_dependencies_may_mix_names_and_schemas() -> None:
    mixed: dict[str, Any] = {"a": {"required": ["c"]}, "b": ["c"], "d": True, "e": {"$ref": "#/definitions/e"}}
    document = {"dependencies": mixed, "definitions": {"e": {"required": ["f"]}}}
    for names in (list(mixed), list(reversed(mixed))):
        schema = schema_of(document | {"dependencies": {name: mixed[name] for name in names}}, DRAFT7)
        assert schema.is_valid({"a": 1, "b": 1, "c": 1, "d": 1})
        assert not any(schema.is_valid({name: 1}) for name in "abe")
    needed = schema_of({"properties": {"a": {"dependentRequired": {"b'": ["c", "d"]}}}})
    assert [(each.path, each.message) for each in needed.violations({"a": {"b'": 1, "d": 1}})] == [
        ("a.c", 'is missing, which "b\'" asks for')
    ]
    # Kept by the later drafts for compatibility.
    assert not schema_of({"dependencies": {"a": ["b"]}}).is_valid({"a": 1})


def test_part_of_a_schema_may_be_of_another_draft() -> None:
    older: dict[str, Any] = {
        "$id": "http://example.org/old",
        "$schema": DRAFT7,
        "items": [{"type": "string"}],
        "additionalItems": False,
        "dependencies": {"a": {}, "b": ["c"]},
    }
    oldest = {"id": "http://example.org/oldest", "$schema": DRAFT4, "maximum": 3, "exclusiveMaximum": True}
    document = {
        "properties": {"a": {"$ref": "http://example.org/old"}, "b": {"$ref": "#/$defs/oldest"}},
        "$defs": {"old": older, "oldest": oldest},
    }
    schema = schema_of(document)
    assert schema.is_valid({"a": ["x"], "b": 2.5})
    assert [each.path for each in schema.violations({"a": ["x", "y"], "b": 3})] == ["a", "b"]
    with pytest.raises(SchemaError, match=r"no valid schema \(http://json-schema.org/draft-07/schema#\): at items"):
        schema_of({"$defs": {"old": older | {"items": 7}}})


def test_boolean_schemas_stand_anywhere() -> None:
    document: dict[str, Any] = {
        "properties": {"a": True, "b": False, "c": {"items": False}, "d": {"$ref": "#/$defs/no"}},
        "$defs": {"no": False, "yes": True},
        "additionalProperties": {"anyOf": [False, {"$ref": "#/$defs/yes"}]},
        "dependentSchemas": {"a": True, "e": False},
        "propertyNames": True,
    }
    schema = schema_of(document)
    assert schema.is_valid({"a": 1, "c": [], "x": 1})
    assert not any(schema.is_valid(value) for value in ({"b": 1}, {"c": [1]}, {"d": 1}, {"e": 1}))


# Formats


@pytest.mark.parametrize("draft", [None, DRAFT4, DRAFT7, DRAFT2019])
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date", "2024-02-29", "20240229"),
        ("date-time", "2024-03-01t10:00:00.5+01:00", "2024-03-01T10:00:00"),
        ("time", "23:59:60Z", "10:30"),
        ("duration", "P1DT12H", "P1Y2W"),
        ("email", "ada@example.com", "ada at example.com @home"),
        ("email", '"ada b"@example.com', "Ada <ada@example.com>"),
        ("idn-email", "ädä@exämple.com", "ädä@"),
        ("hostname", "a-b.example", "-bad-.com"),
        ("ipv4", "192.0.2.1", "01.1.1.1"),
        ("ipv6", "::ffff:192.0.2.1", "::1%eth0"),
        ("uri", "http://example.com/?q=%20", "http://exa mple.com"),
        ("uri-reference", "../a#b", "\\\\x\\y"),
        ("iri", "http://ä.example/", "ä.example"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("json-pointer", "/a~1b", "a/b"),
        ("uri-template", "/a/{b}", "/a/{b"),
        ("regex", r"^\p{L}+$", r"^\a"),
    ],
)
def test_formats_are_those_of_their_standards_in_every_draft(
    draft: str | None, name: str, right: str, wrong: str
) -> None:
    schema = schema_of({"properties": {"a": {"format": name}}}, draft)
    assert schema.judge({"a": right}) == ([], True)
    assert schema.judge({"a": wrong}) == ([], False)
    assert schema.judge({"a": 5}) == ([], True)


# A run


def test_a_schema_that_no_case_uses_stops_no_run(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "schemas/simple/broken.json").write_text('{"type": "objekt"}')
    (project.root / "schemas/complex").mkdir(exist_ok=True)
    (project.root / "schemas/complex/unsupported.json").write_text(json.dumps({"$schema": "http://example.org/mine"}))
    run = pytester.runpytest(f"--edgejson-model={project.record()}")
    run.assert_outcomes(passed=6)


def test_a_broken_schema_that_a_case_uses_is_one_error(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "schemas/simple/contact.json").write_text('{"properties": {"name": {"pattern": "(?i)a"}}}')
    run = pytester.runpytest(f"--edgejson-model={project.record()}", "--continue-on-collection-errors")
    run.assert_outcomes(errors=1, passed=3)
    run.stdout.fnmatch_lines(
        ["*contact.json: no valid schema*at properties.name.pattern: '(?i)a' is no valid regular*"]
    )
