"""`edgejson suite build`: the bundled suite, from a seed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.random_values import Split, Values
from pytest_edgejson.suite.make.records import generate_record
from pytest_edgejson.suite.make.written import write_cases
from pytest_edgejson.suite.rendering import render_prompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Complexity
    from pytest_edgejson.suite.schemas import Schema

SEED = 3

COUNTS: Mapping[str, tuple[int, int]] = {
    "tag_list": (10, 40),
    "location": (9, 22),
    "notification": (9, 39),
    "user_profile": (9, 46),
    "sensor_reading": (8, 45),
    "simple_config": (8, 27),
    "rating": (7, 36),
    "log_entry": (6, 43),
    "product_info": (6, 44),
    "contact_info": (4, 8),
    "medical_record": (9, 28),
    "shopping_cart": (9, 22),
    "api_response": (8, 21),
    "support_ticket": (8, 19),
    "transaction_record": (7, 27),
    "order_details": (6, 24),
    "invoice": (5, 26),
    "email_metadata": (3, 5),
    "meeting_notes": (2, 11),
    "event_registration": (0, 9),
    "multi_party_transaction": (9, 20),
    "iot_device_network": (7, 23),
    "ecommerce_analytics": (5, 25),
    "medical_encounter": (2, 17),
    "nested_organization": (2, 2),
}
"""Test and train cases of each schema: EdgeJSON v3's, so that its tables can be compared row by row."""

HEADINGS = ("{}", "New {}", "=== {} ===")
"""First lines of a prompt, as EdgeJSON v3 has them."""

# Share of optional keys present: gives about as many values per case as EdgeJSON v3 has (4, 14 and 48 on average).
_FULLNESS: Mapping[Complexity, float] = {"simple": 0.7, "medium": 0.7, "complex": 0.68}


def build_suite(schemas: Mapping[str, Schema], out: Path, seed: int = SEED) -> int:
    """Write `OUT/test` and `OUT/train`, one file for each schema that has cases.

    The same seed, schemas and version of Faker give the same bytes. No prompt and no expected output occurs twice.

    Args:
        schemas: the bundled schemas by id.
        out: the folder to write into; files of the same names are replaced.
        seed: decides all values.

    Returns:
        The number of cases written.

    Raises:
        OSError: a file cannot be written.
    """
    seen: set[str] = set()
    written = 0
    splits: tuple[Split, ...] = ("test", "train")
    for index, split in enumerate(splits):
        for schema_id, counts in COUNTS.items():
            schema = schemas[schema_id]
            rows = _rows(schema, split, counts[index], seed, seen)
            written += write_cases(out, split, schema.complexity, schema_id, rows)
    return written


def _rows(schema: Schema, split: Split, count: int, seed: int, seen: set[str]) -> Iterator[dict[str, Any]]:
    values = Values(f"{seed}:{schema.id}", split)
    title = schema.document["title"]
    number = 0
    while number < count:
        record = generate_record(schema.id, schema.document, values, _FULLNESS[schema.complexity])
        prompt = render_prompt(record, values.random.choice(HEADINGS).format(title), title)
        marks = {prompt, json.dumps(record, sort_keys=True)}
        if seen & marks:
            continue
        seen |= marks
        number += 1
        yield {"prompt": prompt, "expected_output": record}
