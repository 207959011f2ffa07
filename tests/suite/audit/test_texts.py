"""Whether a text tells an expected output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.suite.audit.texts import Known, flaw_of
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.files import CaseRow
from pytest_edgejson.suite.schemas import make_schema

DOCUMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "x-edgejson": "case"},
        "day": {"type": "string", "format": "date"},
        "paid": {"type": "boolean"},
        "sent": {"type": "boolean"},
        "total": {"type": "number"},
        "count": {"type": "integer"},
    },
}
SCHEMA = make_schema("order", "simple", DOCUMENT, "order.json")


def row(text: str, value: Any, case_id: str = "order-1") -> CaseRow:
    return CaseRow(Path("cases.jsonl"), Case(case_id, "order", "simple", text, value), SCHEMA)


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("Tea for 4.50, yes, it is paid.", {"total": 4.5, "paid": True}, None),
        ("It came to 1,234 in all.", {"total": 1234}, None),
        ("TEA, please.", {"name": "tea"}, None),
        ("Steam, please.", {"name": "Tea"}, None),
        ("On Monday 14 came.", {"total": 4}, "absent_value"),
        ("Of the 2024-05-03x kind.", {"day": "2024-05-03"}, "absent_value"),
        ("Four of them.", {"count": 4}, "absent_value"),
        # Each value has a place of its own.
        ("4 for 4 euros.", {"total": 4, "count": 4}, None),
        ("4 euros.", {"total": 4, "count": 4}, "absent_value"),
        ("Paid: yes. Sent: yes.", {"paid": True, "sent": True}, None),
        ("Paid and sent: yes.", {"paid": True, "sent": True}, "absent_value"),
        ("Paid on Monday.", {"paid": True}, "absent_value"),
        ("On 2024-05-03, no 5 alone.", {"day": "2024-05-03", "count": 5}, None),
        ("On 2024-05-03.", {"day": "2024-05-03", "count": 5}, "absent_value"),
        ('So: {"total": 4} it is.', {"total": 4}, "leak"),
        ("So: [1, 4] it is.", {"total": 4}, "leak"),
        ("It is [4] {so}.", {"total": 4}, None),
        ("On 3 May.", {"day": "3 May"}, "format_invalid"),
        ("It is 4.", {"total": "4"}, "schema_invalid"),
    ],
)
def test_what_a_text_tells(text: str, value: Any, reason: str | None) -> None:
    flaw = flaw_of(row(text, value), [])
    assert (flaw and flaw[0]) == reason


def test_the_list_of_facts_is_no_text() -> None:
    lines = ["- name: tea", "- total: 4"]
    flaw = flaw_of(row("Here you are:\n- name: tea\n- total: 4\n", {"name": "tea", "total": 4}), lines)
    assert flaw == ("copied", "the text holds all 2 lines of facts as they were given")


def test_what_is_known_is_not_taken_again() -> None:
    value = {"name": "green tea of the northern hills", "total": 4, "day": "2024-05-03"}
    known = Known([row("x", value, "old-1")])
    assert known.repeated_object(row("", value)) == ("duplicate", "its expected output is that of old-1")
    near = known.repeated_object(row("", {**value, "paid": True}))
    assert near is not None
    assert near[0] == "near_duplicate"
    assert near[1].startswith("old-1 expects nearly the same")
    assert known.repeated_object(row("", {"name": "ink"}, "order-2")) is None
    assert known.repeated_text(row("x", {"name": "ink"})) == ("duplicate", "its prompt stands already in old-1")
