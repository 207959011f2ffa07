"""New records: objects that a schema allows, with plausible values for their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.totals import set_totals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.suite.cases import JSONValue
    from pytest_edgejson.suite.make.random_values import Values

MAX_LEAVES = 84
"""A record holds at most so many scalars: its JSON then fits 2048 tokens of the shipped model's tokenizer."""

_STRINGS: dict[str, Callable[[Values], str]] = {
    "phone": lambda v: v.phone(),
    "city": lambda v: v.city(),
    "state": lambda v: v.pick("state"),
    "country": lambda v: v.pick("country"),
    "street": lambda v: v.street(),
    "address": lambda v: v.address(),
    "zip_code": lambda v: v.digits(5),
    "postal_code": lambda v: v.digits(5),
    "timezone": lambda v: v.pick("zone"),
    "language": lambda v: v.language(),
    "currency": lambda v: v.currency(),
    "jurisdiction": lambda v: v.pick("country"),
    "username": lambda v: v.pick("user") if v.chance(0.5) else v.person(),
    "created_by": lambda v: v.pick("user") if v.chance(0.5) else v.person(),
    "title": lambda v: v.phrase(),
    "role": lambda v: v.pick("job"),
    "specialty": lambda v: v.pick("job"),
    "filename": lambda v: f"{v.pick('word')}_{v.digits(2)}.{v.pick('extension')}",
    "content_type": lambda v: v.pick("mime"),
    "firmware_version": lambda v: ".".join(v.digits(1) for _ in range(3)),
    "version": lambda v: f"v{v.digits(1)}.{v.digits(1)}",
    "source": lambda v: f"{v.pick('word')}.{v.pick('word')}",
    "icd10_code": lambda v: f"{v.random.choice('ABCDEFGHIJKLMNR')}{v.digits(2)}.{v.digits(1)}",
    "blood_pressure": lambda v: f"{v.random.randint(90, 180)}/{v.random.randint(50, 110)}",
    "reference_range": lambda v: f"{v.random.randint(1, 90)}-{v.random.randint(91, 400)}",
    "unit": lambda v: v.random.choice(("mg/dL", "mmol/L", "g/L", "%", "U/L", "10^9/L", "ng/mL")),
    "dosage": lambda v: f"{v.random.choice((5, 10, 20, 40, 250, 500))} mg",
    "frequency": lambda v: v.random.choice(("once daily", "twice daily", "every 8 hours", "as needed", "at night")),
    "duration": lambda v: f"{v.random.randint(2, 90)} days",
    "account_number": lambda v: v.digits(10),
    "routing_number": lambda v: v.digits(9),
    "floor": lambda v: str(v.random.randint(0, 40)),
    "room": lambda v: f"{v.random.choice('ABC')}{v.digits(3)}",
    "sku": lambda v: v.digits(6) if v.chance(0.3) else f"{v.pick('word')[:3].upper()}-{v.digits(4)}",
    "coupon_code": lambda v: f"{v.pick('word')[:5].upper()}{v.digits(2)}",
}
# By the end of the name, first that fits.
_ENDINGS: tuple[tuple[tuple[str, ...], Callable[[Values], str]], ...] = (
    (("attendee_name", "customer_name", "reviewer_name", "employee_name"), lambda v: v.person()),
    (
        ("company_name", "facility_name", "lab_name", "bank_name", "pharmacy_name", "merchant_name"),
        lambda v: v.company(),
    ),
    (("product_name", "device_name", "medication_name"), lambda v: v.product()),
    (("_name",), lambda v: v.phrase()),
    (("name", "assigned_to", "physician", "updated_by"), lambda v: v.person()),
    (
        (
            "message",
            "description",
            "notes",
            "body",
            "text",
            "instructions",
            "reason",
            "illness",
            "examination",
            "purpose",
        ),
        lambda v: v.text(),
    ),
    (("subject", "task", "complaint"), lambda v: v.phrase()),
)
NUMBERS: dict[str, tuple[float, float, int]] = {
    "latitude": (-90, 90, 5),
    "longitude": (-180, 180, 5),
    "temperature": (-30, 42, 1),
    "humidity": (0, 100, 1),
    "unit_price": (0.5, 900, 2),
    "price": (0.5, 900, 2),
    "tax": (0, 400, 2),
    "shipping_cost": (0, 40, 2),
    "discount_percentage": (0, 50, 1),
    "amount": (-3000, 3000, 2),
    "bmi": (15, 45, 1),
    "heart_rate": (45, 160, 0),
    "height_cm": (50, 210, 1),
    "weight_kg": (4, 180, 1),
    "respiratory_rate": (8, 40, 0),
    "oxygen_saturation": (80, 100, 1),
    "blood_pressure_systolic": (90, 190, 0),
    "blood_pressure_diastolic": (50, 120, 0),
    "signal_strength": (-110, -20, 1),
}
INTEGERS: dict[str, tuple[int, int]] = {
    "rating": (1, 5),
    "age": (13, 99),
    "quantity": (1, 60),
    "status_code": (100, 599),
    "page": (1, 40),
    "per_page": (5, 100),
    "duration_minutes": (10, 240),
    "size": (100, 9_000_000),
}


def generate_record(schema_id: str, schema: Mapping[str, Any], values: Values, fullness: float = 0.6) -> dict[str, Any]:
    """Make a record that the schema allows.

    Args:
        schema_id: decides which totals are derived.
        schema: the JSON Schema document; object and array nodes as the bundled schemas use them.
        values: where the values come from.
        fullness: probability of each optional key; also scales the length of arrays.

    Returns:
        An object of at most `MAX_LEAVES` leaves, its keys in the schema's order.
    """
    while True:
        record = _object(schema, values, fullness, 0)
        if _leaf_count(record) <= MAX_LEAVES:
            set_totals(schema_id, record)
            return record


def _leaf_count(value: JSONValue) -> int:
    if isinstance(value, dict):
        return sum(map(_leaf_count, value.values())) or 1
    if isinstance(value, list):
        return sum(map(_leaf_count, value)) or 1
    return 1


def _object(schema: Mapping[str, Any], values: Values, fullness: float, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not properties:
        return free_form(values)
    required = set(schema.get("required", ()))
    keys = [key for key in properties if key in required or values.chance(fullness)]
    # An item without any key could not be told from its neighbours.
    keys = keys or [values.random.choice(list(properties))]
    return {key: _value(key, properties[key], values, fullness, depth) for key in keys}


def free_form(values: Values) -> dict[str, Any]:
    """Make a small object without a schema: its values show their type, so no string among them looks like a number."""
    if values.chance(0.2):
        return {}
    record: dict[str, Any] = {}
    for _ in range(values.random.randint(1, 3)):
        key = values.pick("word").lower()
        if values.chance(0.3):
            key += "_" + values.pick("word").lower()
        dice = values.random.random()
        if dice < 0.4:
            record[key] = values.pick("word")
        elif dice < 0.6:
            record[key] = values.random.randint(0, 500)
        elif dice < 0.8:
            record[key] = values.number(0, 100, 1)
        else:
            record[key] = values.chance(0.5)
    return record


def _value(key: str, schema: Mapping[str, Any], values: Values, fullness: float, depth: int) -> JSONValue:
    if "enum" in schema:
        choices: list[JSONValue] = schema["enum"]
        return values.random.choice(choices)
    match schema.get("type"):
        case "object":
            return _object(schema, values, fullness, depth + 1)
        case "array":
            items = schema["items"]
            longest = max(1, round((4 - depth) * (0.5 + fullness))) if items.get("type") == "object" else 4
            count = values.random.randint(schema.get("minItems", 1), max(longest, schema.get("minItems", 1)))
            return [_value(key.removesuffix("s"), items, values, fullness * 0.9, depth + 1) for _ in range(count)]
        case "boolean":
            return values.chance(0.5)
        case "integer":
            low, high = INTEGERS.get(key, (int(schema.get("minimum", 0)), int(schema.get("maximum", 900))))
            return values.random.randint(low, high)
        case "number":
            low_, high_, decimals = NUMBERS.get(
                key, (float(schema.get("minimum", 0)), float(schema.get("maximum", 5000)), 2)
            )
            number = values.number(low_, high_, decimals)
            return int(number) if decimals == 0 else number
        case "string":
            return make_string(key, schema, values)
        case _:
            return values.pick("word") if values.chance(0.4) else values.number(0, 100, 1)


def make_string(key: str, schema: Mapping[str, Any], values: Values) -> str:
    """Return a text for a field, by its format and its name."""
    match schema.get("format"):
        case "date-time":
            return values.timestamp()
        case "date":
            return values.date()
        case "email":
            return values.email()
    if key in _STRINGS:
        return _STRINGS[key](values)
    if key.endswith(("_id", "_number")):
        initials = "".join(part[0] for part in key.split("_")).upper()
        return values.identifier(f"{initials}{values.random.choice('ABKMTX')}")
    for endings, make in _ENDINGS:
        if key.endswith(endings):
            return make(values)
    return values.word() if values.chance(0.7) else values.phrase()
