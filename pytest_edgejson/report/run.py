"""The report of a run as Markdown, made for a comment on a pull request or the summary of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.compare import MOST_MARKDOWN, list_results, render_markdown
from pytest_edgejson.report.gates import conclusion, measured
from pytest_edgejson.report.summary import ALIGNMENT, HEADS, footnote, headline_cells
from pytest_edgejson.results.batching import check_batching, describe_check
from pytest_edgejson.results.metrics import METRICS, by_complexity
from pytest_edgejson.results.result import is_error
from pytest_edgejson.values.markdown import cell, code, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.results.compare.comparison import Report
    from pytest_edgejson.results.gates.evaluate import Decision
    from pytest_edgejson.results.result import Profile, Result

_OUTCOMES = {"pass": "✅ pass", "fail": "❌ fail", "unmeasurable": "⚠️ unmeasurable"}


def render_report(
    results: Sequence[Result],
    *,
    profile: Profile = "default",
    decisions: Sequence[Decision] = (),
    others_failed: int = 0,
    report_only: bool = False,
    comparisons: Mapping[str, Report] | None = None,
    diffs: int | None = 5,
) -> str:
    """Return the report of a run.

    Args:
        results: all of the run.
        profile: whose scorer counts.
        decisions: what the gates say.
        others_failed: tests that failed and that no gate forgives.
        report_only: whether the exit code is left alone.
        comparisons: with the baseline, by model, where there is one.
        diffs: misses, regressions and gains shown with their diff; None for all.
    """
    models = list(dict.fromkeys(result["model"] for result in results))
    blocks = ["## EdgeJSON"]
    for model in dict.fromkeys(decision.model for decision in decisions):
        own = [decision for decision in decisions if decision.model == model]
        line = conclusion(model, own, report_only=report_only, others_failed=others_failed)
        blocks.append(f"**{_OUTCOMES[line.outcome or 'pass'].split()[0]} {code(line.text)}**")
    for model in models:
        own_results = [result for result in results if result["model"] == model]
        groups = by_complexity(own_results, profile)
        rows = [[name, str(metrics.n), *headline_cells(metrics)] for name, metrics in groups.items()]
        blocks.append(table([cell(model), "n", *HEADS], rows, ("left", "right", *ALIGNMENT)))
        if groups["all"].errors:
            blocks.append(f"Cases that could not be run and count in no metric: {groups['all'].errors}")
        check = check_batching(own_results)
        if check is not None:
            blocks.append(describe_check(check))
        gates = [decision for decision in decisions if decision.model == model]
        if gates:
            rows = [[_OUTCOMES[each.outcome], cell(each.gate.text), cell(measured(each))] for each in gates]
            blocks.append(table(["", "gate", "measured"], rows, ("left", "left", "left")))
    blocks.append(footnote(results, profile))
    room = MOST_MARKDOWN - len("\n\n".join(blocks))
    for model in models:
        comparison = (comparisons or {}).get(model)
        if comparison is not None:
            text = render_markdown(comparison, diffs=diffs, room=room)
            blocks.append(f"### {code(model)} against the baseline\n\n{text}")
        else:
            is_exact = METRICS["json_exact"].score
            misses = [
                result
                for result in results
                if result["model"] == model and not is_error(result) and not is_exact(result, profile)
            ]
            title = f"{len(misses)} answers of {code(model)} that are not exact" if len(models) > 1 else _title(misses)
            blocks.append(list_results(title, misses, diffs, room) if misses else "")
        room -= len(blocks[-1]) + 2
    return "\n\n".join(filter(None, blocks)) + "\n"


def _title(misses: Sequence[Result]) -> str:
    return "1 answer that is not exact" if len(misses) == 1 else f"{len(misses)} answers that are not exact"
