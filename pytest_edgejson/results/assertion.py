"""What a case must reach to pass, by the scorer of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pytest_edgejson.results.result import Result


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


Profile: TypeAlias = Literal["default", "v3"]


def scores(result: Result, profile: Profile) -> tuple[bool, float, bool]:
    """Return JSONExact, FieldF1 and SchemaCompliance of a result, by the profile's scorer."""
    if profile == "v3":
        published = result["v3"]
        return published["json_exact"], published["field_f1"], published["schema_compliance"]
    return result["json_exact"], result["field_f1"], result["schema_compliant"]


def is_error(result: Result) -> bool:
    """Tell whether the case could not be run: such a result is no answer of the model and counts in no metric."""
    return result["finish_reason"] in ("error", "timeout")


def holds(result: Result, assertion: Assertion, profile: Profile) -> bool:
    """Tell whether a result reaches what is asserted, by the profile's scorer."""
    json_exact, field_f1, schema_compliant = scores(result, profile)
    if assertion.kind == "exact":
        return json_exact
    if assertion.kind == "schema":
        return schema_compliant
    return field_f1 >= assertion.threshold
