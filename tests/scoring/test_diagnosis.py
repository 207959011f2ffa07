from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.scoring.changes import compare
from pytest_edgejson.scoring.diagnosis import Finding, findings
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.score import score
from pytest_edgejson.suite.schemas import Schema
from pytest_edgejson.values.jsonvalue import ABSENT, equal

SCHEMA = Schema(
    "order",
    "medium",
    {
        "type": "object",
        "properties": {
            "customer_name": {"type": "string"},
            "status": {"enum": ["open", "paid", "late"]},
            "count": {"type": "integer", "minimum": 1, "maximum": 500},
            "total": {"type": "number"},
            "paid": {"type": "boolean"},
            "ship_to": {"type": "object"},
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}},
            },
            "tags": {"type": "array"},
        },
    },
    "order.json",
)
EXPECTED = {
    "customer_name": "Ada Lovelace",
    "status": "open",
    "count": 12,
    "total": 385.5,
    "paid": True,
    "ship_to": {"street": "Mill Lane 4", "city": "Leeds"},
    "items": [{"sku": "AX-1", "n": 3}, {"sku": "BY-2", "n": 4}],
    "tags": ["new", "gift"],
}
PROMPT = """Order

Customer Name: Ada Lovelace (agent: Charles Babbage)
Status: open
Count: 12 of 1,250
Total: 385.5
Paid: True
Ship To: Mill Lane 4, Leeds
Items: AX-1 3, BY-2 4
Tags: new, gift
"""


def find(expected, got, prompt=PROMPT, schema=SCHEMA):
    scored = score(expected, extract(json.dumps(got)), schema)
    diff = None if scored.alignment is None else compare(scored.alignment)
    return findings(scored, diff, schema, prompt)


def diagnose(got, expected=EXPECTED):
    """The findings without the places that their paths tell."""
    found = find(expected, got)
    assert all(isinstance(finding, Finding) for finding in found)
    return [{key: value for key, value in each.as_dict().items() if "loc" not in key} for each in found]


def without(key):
    return {name: value for name, value in EXPECTED.items() if name != key}


def change(**changes):
    return EXPECTED | changes


def test_nothing_is_wrong_with_a_right_answer():
    assert diagnose(EXPECTED) == []
    assert diagnose(change(count=12.0)) == []


def test_without_an_object_there_are_no_leaves_to_look_at():
    assert diagnose(None) == []


@pytest.mark.parametrize(
    ("got", "path", "expected", "given", "kind"),
    [
        (change(count="12"), "count", 12, "12", "wrong_type"),
        (change(paid=1), "paid", True, 1, "wrong_type"),
        (change(customer_name=None), "customer_name", "Ada Lovelace", None, "wrong_type"),
        (change(count=12.5), "count", 12, 12.5, "wrong_type"),
        (change(status="done"), "status", "open", "done", "enum"),
        (change(count=501), "count", 12, 501, "range"),
        (change(items=[{"sku": "AX-1", "n": -3}, EXPECTED["items"][1]]), "items[0].n", 3, -3, "range"),
        (change(total=777.25), "total", 385.5, 777.25, "hallucinated"),
        (change(customer_name="Grace Hopper"), "customer_name", "Ada Lovelace", "Grace Hopper", "hallucinated"),
        (change(total=1250), "total", 385.5, 1250, "wrong_value"),
        (change(customer_name="Charles Babbage"), "customer_name", "Ada Lovelace", "Charles Babbage", "wrong_value"),
        (change(paid=False), "paid", True, False, "wrong_value"),
        (change(status="late"), "status", "open", "late", "hallucinated"),
        (
            change(ship_to={"street": "Mill Lane 5", "city": "Leeds"}),
            "ship_to.street",
            "Mill Lane 4",
            "Mill Lane 5",
            "hallucinated",
        ),
    ],
)
def test_a_wrong_leaf_has_a_kind(got, path, expected, given, kind):
    assert diagnose(got) == [{"path": path, "expected": expected, "got": given, "kind": kind}]


@pytest.mark.parametrize(
    ("key", "given", "detail"),
    [
        ("total", 385, "rounding"),
        ("total", 385.50000000000006, "rounding"),
        ("customer_name", "AdaLovelace", "whitespace"),
        ("customer_name", "ada lovelace", "case"),
        ("customer_name", "Ada, Lovelace.", "punctuation"),
        ("customer_name", "Ada Lovelacee", "spelling"),
    ],
)
def test_a_near_value_has_a_detail(key, given, detail):
    finding = {"path": key, "expected": EXPECTED[key], "got": given, "kind": "near", "detail": detail}
    assert diagnose(change(**{key: given})) == [finding]


def test_a_value_worked_out_from_the_text_is_miscalculated_not_made_up():
    expected = EXPECTED | {"total": 99.0}
    assert diagnose(change(total=55.0), expected)[0]["kind"] == "wrong_value"


def test_a_missing_leaf():
    assert diagnose(without("total")) == [{"path": "total", "expected": 385.5, "kind": "missing"}]
    assert diagnose(without("paid") | {"done": True}) == [
        {"path": "paid", "expected": True, "kind": "missing"},
        {"path": "done", "got": True, "kind": "extra"},  # half of all booleans are true
    ]


def test_an_extra_leaf_stands_in_the_text_or_is_made_up():
    assert diagnose(change(agent="Charles Babbage", vat=None)) == [
        {"path": "agent", "got": "Charles Babbage", "kind": "extra"},
        {"path": "vat", "got": None, "kind": "extra"},
    ]
    assert diagnose(change(phone="555-1234")) == [{"path": "phone", "got": "555-1234", "kind": "hallucinated"}]


@pytest.mark.parametrize(
    ("got", "pairs"),
    [
        (without("customer_name") | {"customerName": "Ada Lovelace"}, [("customer_name", "customerName")]),
        (without("customer_name") | {"customerName": "Ada"}, [("customer_name", "customerName")]),
        (without("customer_name") | {"client": "Ada Lovelace"}, [("customer_name", "client")]),
        (without("paid") | {"is_paid": True}, [("paid", "is_paid")]),
        (
            without("ship_to") | {"address": EXPECTED["ship_to"]},
            [("ship_to.street", "address.street"), ("ship_to.city", "address.city")],
        ),
        (
            without("ship_to") | EXPECTED["ship_to"],
            [("ship_to.street", "street"), ("ship_to.city", "city")],
        ),
        (
            without("ship_to") | {"shipTo": {"street": "Elm", "c\u0456ty": "Rome"}},
            [("ship_to.street", "shipTo.street"), ("ship_to.city", "shipTo.c\u0456ty")],
        ),
    ],
)
def test_a_value_under_another_name_is_renamed(got, pairs):
    found = diagnose(got)
    assert {finding["kind"] for finding in found} == {"renamed"}
    assert [(finding["path"], "expected" in finding, "got" in finding) for finding in found] == [
        half for missing, extra in pairs for half in ((missing, True, False), (extra, False, True))
    ]


def test_values_that_changed_places_are_swapped():
    found = diagnose(change(customer_name="Leeds", ship_to={"street": "Mill Lane 4", "city": "Ada Lovelace"}))
    assert [(finding["path"], finding["kind"]) for finding in found] == [
        ("customer_name", "swapped"),
        ("ship_to.city", "swapped"),
    ]


def test_the_value_expected_at_another_field_is_swapped_though_the_other_is_right():
    assert diagnose(change(customer_name="Leeds"))[0]["kind"] == "swapped"
    assert diagnose(change(count=385.5))[0]["kind"] == "swapped"


def test_a_value_that_many_fields_have_is_not_swapped():
    expected = EXPECTED | {"items": [{"sku": "AX-1", "n": 3}, {"sku": "BY-2", "n": 4}, {"sku": "CZ-3", "n": 12}]}
    assert diagnose(expected | {"count": 4}, expected)[0]["kind"] == "wrong_value"
    assert diagnose(expected | {"paid": False}, expected | {"extra": False})[0]["kind"] == "wrong_value"
    schema = Schema(
        "jobs",
        "simple",
        {"properties": {"jobs": {"items": {"properties": {"state": {"enum": ["waiting", "running"]}}}}}},
        "jobs.json",
    )
    jobs = [{"id": 1, "state": "waiting"}, {"id": 2, "state": "running"}]
    got = {"jobs": [jobs[0], jobs[1] | {"state": "waiting"}]}
    (finding,) = find({"jobs": jobs}, got, "waiting, running", schema)
    assert finding.kind == "wrong_value"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,250.00 in all", 1250),
        ("1.250,50 in all", 1250.5),
        ("1 250 in all", 1250),
        ("a rate of 12 %", 0.12),
        ("minus 40 degrees", -40),
        ("in 1e3 years", 1000),
        ("between 3,4 and 5", 3.4),
        ("on July 3rd, 2005", "2005-07-03"),
        ("on 2005-07-03T17:42:53", "July 3, 2005"),
        ("at 2005-07-03T17:42:00", "3 July 2005 5:42 PM"),
        ("call 555 12 34", "555-1234"),
        ("says YES  indeed", "yes indeed"),
        ("flag: no", True),
    ],
)
def test_a_value_that_stands_in_the_text_in_another_form_is_not_made_up(text, value):
    assert [finding.kind for finding in find({"a": 1}, {"a": 1, "b": value}, text)] == ["extra"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,250 in all", 125),
        ("1250 in all", 12500),
        ("12 of them", 0.12),
        ("on July 3rd, 2005", "2005-07-04"),
        ("on 2005-07-03T17:42:53", "2005-07-03T17:43:00"),
        ("abcdef", "acdf"),
    ],
)
def test_a_value_that_stands_nowhere_is_made_up(text, value):
    assert [finding.kind for finding in find({"a": 1}, {"a": 1, "b": value}, text)] == ["hallucinated"]


def test_items_that_only_one_side_has():
    assert diagnose(change(items=EXPECTED["items"][1:])) == [
        {"path": "items[0].sku", "expected": "AX-1", "kind": "array_length"},
        {"path": "items[0].n", "expected": 3, "kind": "array_length"},
    ]
    assert diagnose(change(tags=["old", "new", "gift"])) == [{"path": "tags[2]", "got": "old", "kind": "array_length"}]
    assert diagnose(change(tags=[])) == [
        {"path": "tags[0]", "expected": "new", "kind": "array_length"},
        {"path": "tags[1]", "expected": "gift", "kind": "array_length"},
        {"path": "tags", "got": [], "kind": "array_length"},
    ]


def test_items_in_another_order():
    assert diagnose(change(tags=["gift", "new"])) == [
        {"path": "tags", "expected": [0, 1], "got": [1, 0], "kind": "array_order"}
    ]
    found = diagnose(change(items=[EXPECTED["items"][1], {"sku": "AX-1", "n": 30}]))
    assert found == [
        {"path": "items[0].n", "expected": 3, "got": 30, "kind": "hallucinated"},
        {"path": "items", "expected": [0, 1], "got": [1, 0], "kind": "array_order"},
    ]


def test_the_schema_is_asked_about_the_item_that_was_given():
    got = change(items=[EXPECTED["items"][1], {"sku": "AX-1", "n": -1}])
    assert diagnose(got)[0] == {"path": "items[0].n", "expected": 3, "got": -1, "kind": "range"}


@pytest.mark.parametrize("given", ["Mill Lane 4, Leeds", None, ["Mill Lane 4"], 4])
def test_a_container_of_another_type(given):
    found = diagnose(change(ship_to=given))
    assert {finding["kind"] for finding in found} == {"wrong_type"}
    assert [finding["path"] for finding in found if "expected" in finding] == ["ship_to.street", "ship_to.city"]


def test_null_and_absent_are_different_in_json():
    expected = {"a": None, "b": 1}
    assert diagnose({"b": None}, expected) == [
        {"path": "a", "expected": None, "kind": "missing"},
        {"path": "b", "expected": 1, "got": None, "kind": "wrong_type"},
    ]


# ---------------------------------------------------------------- agreement with the scorer

keys = st.sampled_from(["a", "b", "__c", "d e", "customer_name", "customerName"])
scalars = st.sampled_from([None, True, False, 0, 1, 1.0, 1.005, "", "x", "x\ny\nz", "1", "Ada Lovelace", "\ud800"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(keys, values, max_size=4)


@given(objects, objects)
def test_findings_and_scores_agree(expected, got):
    found = find(expected, got)
    scored = score(expected, extract(json.dumps(got)), SCHEMA)
    leaves = [finding for finding in found if finding.kind != "array_order"]
    wrong = sum(finding.expected is not ABSENT for finding in leaves)
    given = sum(finding.got is not ABSENT for finding in leaves)
    if scored.predicted_leaves:  # `{}` amid nothing is an object too
        assert wrong == scored.expected_leaves - scored.right_leaves
        assert given == scored.predicted_leaves - scored.right_leaves
    at = [finding.path for finding in found if finding.expected is not ABSENT and finding.kind != "array_order"]
    assert len(at) == len(set(at))
    assert all((finding.detail is not None) == (finding.kind == "near") for finding in found)
    assert (found == []) == equal(expected, got)
    assert all(finding.expected is not ABSENT or finding.got is not ABSENT for finding in found)
    assert len({(finding.path, finding.kind == "array_order") for finding in found}) == len(found)
    assert json.loads(json.dumps([finding.as_dict() for finding in found])) is not None
    renamed = [finding.got is ABSENT for finding in found if finding.kind == "renamed"]
    assert renamed == [True, False] * (len(renamed) // 2)


def test_hostile_values_are_diagnosed():
    """difflib would take minutes for these."""
    one, two = "\n".join(map(str, range(20_000))), "\n".join(map(str, range(20_000, 0, -1)))
    (finding,) = find({"a": one}, {"a": two})
    assert finding.kind == "wrong_value"


def test_thousands_of_extra_leaves_are_all_reported():
    got = change(junk=[0] * 3_000, more={f"k{number}": True for number in range(1_000)})
    assert len(diagnose(got)) == 4_000
