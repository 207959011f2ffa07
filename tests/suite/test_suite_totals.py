"""Derived totals: computed to the cent, and found where they are wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_edgejson.suite.totals import set_totals, wrong_totals

INVOICE: dict[str, Any] = {
    "line_items": [
        {"description": "a", "quantity": 3, "unit_price": 0.1, "total": 0.3},
        {"description": "b", "quantity": 2, "unit_price": 10.05, "total": 20.1},
        {"description": "c", "quantity": 1, "unit_price": 5},
    ],
    "subtotal": 25.4,
    "tax": 4.83,
    "total_amount": 30.23,
}
CART: dict[str, Any] = {
    "items": [
        {"quantity": 2, "price": 10.0, "discount_percentage": 25.0},
        {"quantity": 1, "price": 19.99},
    ],
    "subtotal": 34.99,
    "shipping_cost": 4.5,
    "tax": 2.8,
    "total": 42.29,
}
ORDER: dict[str, Any] = {"items": [{"quantity": 2, "price": 1.25}, {"quantity": 1, "price": 3}], "total_amount": 5.5}
RIGHT = [("invoice", INVOICE), ("shopping_cart", CART), ("order_details", ORDER)]


def changed(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    record = copy.deepcopy(record)
    target: Any = record
    *parents, last = path.split(".")
    for part in parents:
        target = target[int(part) if part.isdigit() else part]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return record


@pytest.mark.parametrize(("schema_id", "record"), RIGHT)
def test_right_totals_are_right(schema_id: str, record: dict[str, Any]) -> None:
    assert wrong_totals(schema_id, record) == []


@pytest.mark.parametrize(
    ("schema_id", "record", "path", "value", "found"),
    [
        ("invoice", INVOICE, "line_items.1.total", 20.2, [("line_items[1].total", 20.2, 20.1)]),
        ("invoice", INVOICE, "subtotal", 25.43, [("subtotal", 25.43, 25.4)]),
        ("invoice", INVOICE, "total_amount", 25.4, [("total_amount", 25.4, 30.23)]),
        ("invoice", INVOICE, "total_amount", -30.23, [("total_amount", -30.23, 30.23)]),
        ("shopping_cart", CART, "subtotal", 39.99, [("subtotal", 39.99, 34.99)]),
        ("shopping_cart", CART, "total", 34.99, [("total", 34.99, 42.29)]),
        ("order_details", ORDER, "total_amount", 5, [("total_amount", 5, 5.5)]),
    ],
)
def test_a_wrong_total_is_named_with_the_right_one(
    schema_id: str, record: dict[str, Any], path: str, value: float, found: list[Any]
) -> None:
    assert wrong_totals(schema_id, changed(record, path, value)) == found


@pytest.mark.parametrize(
    ("schema_id", "record", "path", "wrong"),
    [
        ("invoice", INVOICE, "line_items.0.quantity", {"line_items[0].total", "subtotal", "total_amount"}),
        ("invoice", INVOICE, "line_items.2.unit_price", {"subtotal", "total_amount"}),
        ("invoice", INVOICE, "tax", {"total_amount"}),
        ("shopping_cart", CART, "items.0.discount_percentage", {"subtotal", "total"}),
        ("shopping_cart", CART, "shipping_cost", {"total"}),
        ("shopping_cart", CART, "tax", {"total"}),
        ("order_details", ORDER, "items.1.price", {"total_amount"}),
    ],
)
def test_every_part_counts(schema_id: str, record: dict[str, Any], path: str, wrong: set[str]) -> None:
    found = wrong_totals(schema_id, changed(record, path, 7))
    assert {where for where, _, _ in found} == wrong


@pytest.mark.parametrize(
    ("schema_id", "record", "path"),
    [
        ("invoice", INVOICE, "subtotal"),
        ("invoice", INVOICE, "line_items.0.total"),
        ("shopping_cart", CART, "subtotal"),
    ],
)
def test_a_total_that_is_not_given_is_not_wrong(schema_id: str, record: dict[str, Any], path: str) -> None:
    assert wrong_totals(schema_id, changed(record, path, None)) == []


def test_parts_that_are_not_given_are_nothing() -> None:
    assert wrong_totals("invoice", changed(changed(INVOICE, "tax", None), "total_amount", 25.4)) == []
    bare = changed(changed(CART, "tax", None), "shipping_cost", None)
    assert wrong_totals("shopping_cart", changed(bare, "total", 34.99)) == []


@pytest.mark.parametrize(("value", "right"), [(5.52, True), (5.48, True), (5.521, False), (5.479, False)])
def test_two_cents_are_tolerated(value: float, right: bool) -> None:
    assert (wrong_totals("order_details", changed(ORDER, "total_amount", value)) == []) is right


def test_a_whole_number_may_be_written_as_a_float() -> None:
    # JSON Schema calls 2.0 an integer, Python a float.
    assert wrong_totals("order_details", changed(ORDER, "items.0.quantity", 2.0)) == []
    assert wrong_totals("order_details", changed(ORDER, "items.0.quantity", 3.0)) == [("total_amount", 5.5, 6.75)]


def test_other_schemas_have_no_totals() -> None:
    record = {"total": 1, "items": [{"quantity": 5, "price": 5}]}
    assert wrong_totals("api_response", record) == []
    before = copy.deepcopy(record)
    set_totals("api_response", record)
    assert record == before


@pytest.mark.parametrize(("schema_id", "record"), RIGHT)
def test_set_totals_restores_them(schema_id: str, record: dict[str, Any]) -> None:
    broken = copy.deepcopy(record)
    for item in broken.get("line_items", []):
        if "total" in item:
            item["total"] = -1
    for key in broken.keys() & {"subtotal", "total", "total_amount"}:
        broken[key] = -1
    set_totals(schema_id, broken)
    assert broken == record


def test_set_totals_adds_none() -> None:
    record = changed(changed(INVOICE, "subtotal", None), "line_items.0.total", None)
    set_totals("invoice", record)
    assert "subtotal" not in record
    assert "total" not in record["line_items"][0]


def test_half_cents_are_rounded_up() -> None:
    record = {"items": [{"quantity": 1, "price": 1.005}], "total_amount": 0}
    set_totals("order_details", record)
    assert record["total_amount"] == 1.01
