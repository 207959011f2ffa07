"""Failure kinds: the first that holds."""

from __future__ import annotations

import json

import pytest

from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.failure import failure_kind
from pytest_edgejson.scoring.score import score
from pytest_edgejson.suite.schemas import make_schema

EXPECTED = {"customer_name": "Ada", "status": "open", "tags": ["new", "gift"]}
SCHEMA = make_schema(
    "order", "simple", {"type": "object", "properties": {"status": {"enum": ["open", "paid"]}}}, "order.json"
)


@pytest.mark.parametrize(
    ("output", "finish_reason", "failure"),
    [
        (json.dumps(EXPECTED), "stop", None),
        (json.dumps(EXPECTED), "length", None),
        (json.dumps(EXPECTED) + '\n{"more": ', "length", None),
        (json.dumps(EXPECTED), "error", "runtime_error"),
        ("", "error", "runtime_error"),
        (json.dumps(EXPECTED), "timeout", "timeout"),
        ("", "stop", "empty"),
        (" \n", "length", "empty"),
        ("I cannot.", "stop", "no_json"),
        ("I cannot.", "length", "no_json"),
        ("I cannot. " * 99, "loop", "no_json"),
        ('{"tags": [' + '"new", ' * 99, "loop", "loop"),
        ("<think>" + "Hm. " * 99, "loop", "loop"),
        ((json.dumps(EXPECTED) + "\n") * 99, "loop", None),
        ("<think>hm", "length", "truncated"),
        ("<think>hm", "stop", "malformed"),
        ('{"customer_name": "Ada', "length", "truncated"),
        ('{"customer_name": "Ada', "stop", "malformed"),
        ('{"customer_name": True, "status', "length", "truncated"),
        ('{"customer_name": "Ada",}', "length", "malformed"),
        ("{'customer_name': 'Ada'}", "stop", "malformed"),
        ("[]", "stop", "wrong_root"),
        ('{"status": "done"}', "stop", "schema_invalid"),
        ('{"status": "open"}', "stop", "value_error"),
        (json.dumps(EXPECTED | {"tags": ["gift", "new"]}), "stop", "value_error"),
    ],
)
def test_the_first_failure_kind_that_holds(output, finish_reason, failure):
    extraction = extract(output, is_valid=SCHEMA.is_valid)
    assert failure_kind(finish_reason, extraction, score(EXPECTED, extraction, SCHEMA)) == failure
