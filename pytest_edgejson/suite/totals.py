"""Derived totals: the sums that three schemas carry, computed for new records and checked in any."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TOLERANCE = Decimal("0.02")
"""How far a total may be off, in units of its currency: prices are rounded to cents on the way."""

Total = tuple[str, Any, Decimal]


def _money(value: object) -> Decimal:
    return Decimal(str(value))


def _round(value: Decimal) -> float:
    return float(value.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _invoice(record: Mapping[str, Any]) -> Iterator[Total]:
    net = Decimal(0)
    for index, item in enumerate(record["line_items"]):
        line = _money(item["quantity"]) * _money(item["unit_price"])
        net += line
        yield f"line_items[{index}].total", item.get("total"), line
    yield "subtotal", record.get("subtotal"), net
    yield "total_amount", record["total_amount"], net + _money(record.get("tax", 0))


def _shopping_cart(record: Mapping[str, Any]) -> Iterator[Total]:
    net = sum(
        (
            _money(item["quantity"]) * _money(item["price"]) * (1 - _money(item.get("discount_percentage", 0)) / 100)
            for item in record["items"]
        ),
        Decimal(0),
    )
    yield "subtotal", record.get("subtotal"), net
    yield "total", record["total"], net + _money(record.get("shipping_cost", 0)) + _money(record.get("tax", 0))


def _order_details(record: Mapping[str, Any]) -> Iterator[Total]:
    net = sum((_money(item["quantity"]) * _money(item["price"]) for item in record["items"]), Decimal(0))
    yield "total_amount", record["total_amount"], net


_TOTALS: dict[str, Callable[[Mapping[str, Any]], Iterator[Total]]] = {
    "invoice": _invoice,
    "order_details": _order_details,
    "shopping_cart": _shopping_cart,
}


def wrong_totals(schema_id: str, record: Mapping[str, Any]) -> list[tuple[str, Any, float]]:
    """Return path, value and right value of each total that is off by more than `TOLERANCE`.

    The record is schema-valid. Where a suite has a schema of its own under one of the names, with other fields, nothing
    is known about its totals.

    Raises:
        ArithmeticError: the amounts are beyond what can be added up.
    """
    if schema_id not in _TOTALS:
        return []
    try:
        return [
            (path, value, _round(right))
            for path, value, right in _TOTALS[schema_id](record)
            if value is not None and abs(_money(value) - right) > TOLERANCE
        ]
    except (LookupError, TypeError):
        return []


def set_totals(schema_id: str, record: dict[str, Any]) -> None:
    """Replace each total that a new record carries by the right one."""
    if schema_id not in _TOTALS:
        return
    for path, value, right in list(_TOTALS[schema_id](record)):
        if value is None:
            continue
        parts = path.replace("[", ".").replace("]", "").split(".")
        target: Any = record
        for part in parts[:-1]:
            target = target[int(part)] if part.isdigit() else target[part]
        target[parts[-1]] = _round(right)
