"""`[comparators]` of a suite.toml: how fields are compared, over what the schemas say themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.suite.schemas import SchemaError
from pytest_edgejson.suite.suites import SchemaFinder, SuiteError

BILL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string", "x-edgejson": "case"},
        "total": {"type": "number"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "prices": {"type": "object", "additionalProperties": {"type": "number"}},
    },
    "$defs": {"item": {"type": "object", "properties": {"name": {"type": "string", "x-edgejson": "whitespace"}}}},
}
NOTE: dict[str, Any] = {"type": "object", "properties": {"vendor": {"type": "string"}, "total": {"type": "string"}}}
LIST: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, document in {"bill": BILL, "note": NOTE, "list": LIST}.items():
        file = tmp_path / "schemas/simple" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document), encoding="utf-8")
    return tmp_path


def comparators(suite: Path, toml: str) -> dict[str, Any]:
    (suite / "suite.toml").write_text(toml, encoding="utf-8")
    schemas = SchemaFinder()(suite / "cases/test/any.jsonl")
    return {schema_id: dict(schemas[schema_id].comparators) for schema_id in schemas}


def test_a_suite_goes_before_its_schemas_and_a_schema_s_own_table_before_that_of_all(suite: Path) -> None:
    toml = """
        [comparators.bill]
        vendor = [{ similar = 0.9 }, "whitespace"]
        "items[].name" = "exact"
        items = "unordered"
        "items[0].name" = "case"
        "prices.*" = { number = { relative = 0.1 } }
        [comparators."*"]
        vendor = "ignored"
        total = { number = { absolute = 0.01 } }
        [comparators.list]
        "" = "set"
    """
    assert comparators(suite, toml) == {
        "bill": {
            "vendor": ["whitespace", {"similar": {"threshold": 0.9}}],
            "total": [{"number": {"absolute": 0.01}}],
            "items": ["unordered"],
            "items[0].name": ["case"],
            "prices.*": [{"number": {"relative": 0.1}}],
        },
        # A total that is a text is none that a tolerance of numbers speaks of.
        "note": {"vendor": ["ignored"]},
        "list": {"": ["set"]},
    }


def test_what_it_does_not_name_stays_as_the_schemas_say(suite: Path) -> None:
    bare = comparators(suite, "")
    assert bare == {"bill": {"vendor": ["case"], "items[].name": ["whitespace"]}, "note": {}, "list": {}}
    told = comparators(suite, "[comparators.bill]\ntotal = { number = { absolute = 1 } }")
    assert told == {**bare, "bill": {**bare["bill"], "total": [{"number": {"absolute": 1}}]}}
    assert comparators(suite, '[comparators.bill]\nvendor = "exact"')["bill"] == {"items[].name": ["whitespace"]}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[comparators.bil]\ntotal = "ignored"',
            "suite.toml: [comparators.bil] there is no schema of that name: did you mean 'bill'? use bill, list, note",
        ),
        (
            '[comparators.bill]\ntotl = "ignored"',
            "suite.toml: [comparators.bill] totl: the schema has no field 'totl': did you mean 'total'? name one that",
        ),
        (
            '[comparators.bill]\n"items[].nam" = "case"',
            "the schema has no field 'items[].nam': did you mean 'items[].name'?",
        ),
        ('[comparators.bill]\ntotal = "case"', "[comparators.bill] total: case compares a string, and the field is"),
        ('[comparators.list]\n"" = "ignored"', "[comparators.list] the root: the whole output cannot be ignored"),
        ('[comparators."*"]\nname = "case"', "[comparators.\"*\"] no schema has a field 'name' of a type that it"),
        ('[comparators."*"]\ntotal = "set"', "[comparators.\"*\"] no schema has a field 'total' of a type that it"),
        ('[comparators.bill]\ntotal = "fuzzy"', "[comparators.bill] total: there is no comparator 'fuzzy': name one"),
        (
            '[comparators.bill]\nitems.name = "case"',
            "items: there is no comparator 'name': name one of exact, case, whitespace, number, date, similar, "
            'unordered, set, ignored; a field inside another is written in quotes: "items.name"',
        ),
        ('[comparators.bill]\n"a..b" = "case"', "[comparators.bill] 'a..b' names no field: write one such as"),
        ('[comparators]\ntotal = "case"', "suite.toml: [comparators] has a table for each schema, [comparators."),
    ],
)
def test_what_is_wrong_is_told_with_file_key_and_fix(suite: Path, toml: str, message: str) -> None:
    with pytest.raises((SchemaError, SuiteError)) as error:
        comparators(suite, toml)
    assert message in str(error.value)
    assert str(error.value).startswith(str(suite / "suite.toml"))
    assert "\n" not in str(error.value)


def test_a_schema_that_cannot_be_read_stops_no_other(suite: Path) -> None:
    (suite / "schemas/simple/broken.json").write_text("{", encoding="utf-8")
    (suite / "suite.toml").write_text('[comparators."*"]\nvendor = "case"', encoding="utf-8")
    assert SchemaFinder()(suite / "any.jsonl")["note"].comparators == {"vendor": ["case"]}
