"""Records: what the generator makes, the schema allows."""

from __future__ import annotations

import json

import pytest

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.make.random_values import Split, Values
from pytest_edgejson.suite.make.records import MAX_LEAVES, generate_record
from pytest_edgejson.suite.schemas import Schemas
from pytest_edgejson.suite.totals import wrong_totals
from pytest_edgejson.values.jsonvalue import leaves

SCHEMAS = Schemas(bundled.SCHEMAS)
SEEDS = range(12)


def records(schema_id: str, split: Split, fullness: float) -> list[dict[str, object]]:
    document = SCHEMAS[schema_id].document
    return [generate_record(schema_id, document, Values(seed, split), fullness) for seed in SEEDS]


def test_there_are_25_schemas() -> None:
    assert len(SCHEMAS) == 25


@pytest.mark.parametrize("schema_id", sorted(SCHEMAS))
def test_records_are_valid_with_formats_asserted(schema_id: str) -> None:
    schema = SCHEMAS[schema_id]
    splits: tuple[Split, ...] = ("test", "train")
    for split in splits:
        for fullness in (0.0, 0.7, 1.0):
            for record in records(schema_id, split, fullness):
                assert schema.violations(record) == []
                assert schema.format_violations(record) == []
                assert len(leaves(record)) <= MAX_LEAVES
                assert wrong_totals(schema_id, record) == []


def test_formats_are_really_asserted() -> None:
    # Without the libraries that check formats, the test above would prove nothing.
    schema = SCHEMAS["log_entry"]
    [record] = [generate_record("log_entry", schema.document, Values(0, "train"), 1.0)]
    assert schema.format_violations({**record, "timestamp": "2005-07-03T17:42:53"})


@pytest.mark.parametrize("schema_id", sorted(SCHEMAS))
def test_fullness_decides_the_optional_keys(schema_id: str) -> None:
    document = SCHEMAS[schema_id].document
    required, properties = set(document.get("required", ())), set(document["properties"])
    for record in records(schema_id, "train", 1.0):
        assert set(record) == properties
    for record in records(schema_id, "train", 0.0):
        assert set(record) == required or (not required and len(record) == 1)


@pytest.mark.parametrize("schema_id", sorted(SCHEMAS))
def test_keys_stand_in_the_schemas_order(schema_id: str) -> None:
    order = list(SCHEMAS[schema_id].document["properties"])
    for record in records(schema_id, "train", 0.6):
        assert list(record) == [key for key in order if key in record]


def test_the_same_seed_gives_the_same_record() -> None:
    for schema_id in SCHEMAS:
        assert json.dumps(records(schema_id, "train", 0.7)) == json.dumps(records(schema_id, "train", 0.7))
    assert records("invoice", "train", 0.7) != records("invoice", "test", 0.7)


def test_records_vary() -> None:
    for schema_id in SCHEMAS:
        found = {json.dumps(record, sort_keys=True) for record in records(schema_id, "train", 0.7)}
        assert len(found) == len(SEEDS), schema_id


def test_hard_values_occur() -> None:
    texts = [
        value
        for schema_id in SCHEMAS
        for record in records(schema_id, "test", 0.7)
        for value in leaves(record).values()
        if isinstance(value, str)
    ]
    assert any(text.isdecimal() for text in texts)
    assert any(not text.isascii() for text in texts)
    for sign in '"{\\':
        assert any(sign in text for text in texts), sign
