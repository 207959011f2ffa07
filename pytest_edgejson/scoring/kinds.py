"""Kinds: what can be wrong with an output, and with a leaf of the object found in it."""

from __future__ import annotations

from typing import Literal, TypeAlias

FailureKind: TypeAlias = Literal[
    "runtime_error",
    "timeout",
    "empty",
    "no_json",
    "truncated",
    "malformed",
    "wrong_root",
    "schema_invalid",
    "value_error",
]
FindingKind: TypeAlias = Literal[
    "missing",
    "extra",
    "renamed",
    "wrong_type",
    "enum",
    "range",
    "near",
    "swapped",
    "hallucinated",
    "wrong_value",
    "array_length",
    "array_order",
]
NearDetail: TypeAlias = Literal["rounding", "whitespace", "case", "punctuation", "date form", "spelling", "wording"]
Flag: TypeAlias = Literal["fenced", "prose", "run_on"]
Form: TypeAlias = Literal["bare", "fenced", "embedded"]
Policy: TypeAlias = Literal["lenient", "strict"]
