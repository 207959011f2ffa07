"""What a case must reach to pass, by the scorer of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_edgejson.results.result import Profile, Result


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a case must reach to pass.

    Attributes:
        kind: `exact` (JSONExact), `schema` (SchemaCompliance) or `field_f1`.
        threshold: least FieldF1, for the kind `field_f1`.
    """

    kind: Literal["exact", "schema", "field_f1"] = "exact"
    threshold: float = 1.0

    def __str__(self) -> str:
        return f"field_f1>={self.threshold:g}" if self.kind == "field_f1" else self.kind


_YES_OR_NO = {"exact": "json_exact", "schema": "schema_compliance"}


def holds(result: Result, assertion: Assertion, profile: Profile) -> bool:
    """Tell whether a result reaches what is asserted, by the profile's scorer."""
    # Not above: the options of every pytest run know what an assertion is.
    from pytest_edgejson.results.metrics import METRICS

    if assertion.kind == "field_f1":
        return METRICS["field_f1"].score(result, profile) >= assertion.threshold
    return bool(METRICS[_YES_OR_NO[assertion.kind]].score(result, profile))
