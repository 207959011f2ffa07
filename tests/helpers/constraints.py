"""Schemas that answers are held to, whatever a model would say."""

from __future__ import annotations

SHORT = {"type": "string", "maxLength": 3}
BOUNDED = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["invoice", "receipt"]},
        "total": {"type": "integer", "minimum": 0, "maximum": 999},
        "tags": {"type": "array", "items": SHORT, "maxItems": 2},
        "buyer": {"type": "object", "properties": {"name": SHORT}, "required": ["name"], "additionalProperties": False},
    },
    "required": ["kind", "total", "buyer"],
    "additionalProperties": False,
}
ENDLESS = {"type": "object", "properties": {"a": {"type": "array", "items": {}, "minItems": 10_000}}, "required": ["a"]}
