"""Records: what a result holds of a score, as JSON builtins."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from pytest_edgejson.scoring.kinds import FindingKind, Form, NearDetail, Policy


class ExtractionRecord(TypedDict):
    """How JSON was looked for in an output and found, or why not; see `extraction.Extraction`."""

    form: Form | None
    policy: Policy
    error: str | None
    roots: NotRequired[list[str]]
    thoughts: NotRequired[list[list[str]]]


class FindingRecord(TypedDict):
    """One thing wrong with a value, see `diagnosis.Finding`; the side that has nothing has no key."""

    path: str
    loc: NotRequired[list[str | int]]
    expected: NotRequired[Any]
    got: NotRequired[Any]
    kind: FindingKind
    detail: NotRequired[NearDetail]
    got_loc: NotRequired[list[str | int]]


class ViolationRecord(TypedDict):
    """Where a value breaks its schema, and how."""

    path: str
    message: str


class V3Record(TypedDict):
    """What the published scorer gives.

    Attributes:
        json_exact: Python's `==`, so `1 == True == 1.0`.
        field_f1: over the top-level keys, a key right when its value is equal.
        schema_compliance: all expected top-level keys present, with values of the same Python type.
        crashed: the name of the exception the published code ends with, None where it gives a score.
    """

    json_exact: bool
    field_f1: float
    schema_compliance: bool
    crashed: str | None
