"""What gates said, as lines of text and in documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Code, Sign, Table, Verdict
from pytest_edgejson.report.figures import estimate_text, margin_text, value_text
from pytest_edgejson.values.text import clean, columns, pad
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.results.gates.evaluate import Decision


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report.

    Attributes:
        text: the line.
        outcome: what it is coloured by, None for no colour.
    """

    text: str
    outcome: str | None = None


def report_lines(decisions: Sequence[Decision], *, report_only: bool = False, others_failed: int = 0) -> list[Line]:
    """Return the lines of a run's gates, and in the last lines what becomes of each model.

    Args:
        decisions: all of the run.
        report_only: whether the exit code is left alone.
        others_failed: tests that failed and that no gate forgives.
    """
    lines = []
    width = max((columns(_gate(decision)) for decision in decisions), default=0)
    for model, own in _by_model(decisions):
        lines += [Line(f"gates of {model}"), *(_line(decision, width) for decision in own)]
    found = verdicts(decisions, report_only=report_only, others_failed=others_failed)
    return [*lines, *(Line(verdict.text, verdict.outcome) for verdict in found)]


def verdicts(decisions: Sequence[Decision], *, report_only: bool = False, others_failed: int = 0) -> list[Verdict]:
    """Return whether each model that has gates may be released; see `report_lines`."""
    return [_verdict(*own, report_only=report_only, others_failed=others_failed) for own in _by_model(decisions)]


def _by_model(decisions: Sequence[Decision]) -> list[tuple[str, list[Decision]]]:
    models = dict.fromkeys(decision.model for decision in decisions)
    return [(model, [decision for decision in decisions if decision.model == model]) for model in models]


def _gate(decision: Decision) -> str:
    return clean(decision.gate.text)


def _line(decision: Decision, width: int) -> Line:
    return Line(
        f"  {decision.outcome.upper():<12}  {pad(_gate(decision), width)}  {measured(decision)}", decision.outcome
    )


def measured(decision: Decision) -> str:
    """Return what was measured for a gate, and how far that is from its bound; or why it was not."""
    found, unit = decision.measured, decision.gate.metric.unit
    note = clean(decision.note)
    if found is None:
        return note
    parts = [estimate_text(found, unit), f"n {found.n}"]
    if decision.gate.bound.factor:
        parts.append(f"bound {value_text(decision.bound, unit)}")
    parts.append(f"margin {margin_text(decision.margin, unit)}")
    return ", ".join(parts) + (f": {note}" if note else "")


def _verdict(model: str, decisions: Sequence[Decision], *, report_only: bool, others_failed: int) -> Verdict:
    failed = sum(decision.outcome == "fail" for decision in decisions)
    unmeasurable = sum(decision.outcome == "unmeasurable" for decision in decisions)
    reasons = []
    if failed:
        reasons.append(f"{failed} of {counted(len(decisions), 'gate')} {plural(failed, 'fails', 'fail')}")
    if unmeasurable:
        reasons.append(f"{unmeasurable} of {counted(len(decisions), 'gate')} cannot be measured")
    if others_failed and not reasons:
        reasons.append(f"its gates hold, but {counted(others_failed, 'other test')} failed")
    outcome = "unmeasurable" if unmeasurable and not failed else "fail" if reasons else "pass"
    released = f"may not be released: {', '.join(reasons)}" if reasons else "may be released"
    aside = " (--edgejson-report-only: the exit code does not say so)" if report_only else ""
    return Verdict(outcome, f"gate: {model} {released}{aside}")


def gates_table(decisions: Sequence[Decision]) -> Table:
    """Return what the gates of a model say."""
    return Table(
        ["", "gate", "measured"],
        [[Sign(each.outcome), Code(each.gate.text), Code(measured(each))] for each in decisions],
        ("left", "left", "left"),
    )
