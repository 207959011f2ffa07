"""The report of a run as Markdown, made for a comment on a pull request or the summary of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.compare import MOST_MARKDOWN, comment, list_results
from pytest_edgejson.report.confusion import confusion_table
from pytest_edgejson.report.constrained import what_grammars_bring
from pytest_edgejson.report.document import Code, Heading, as_markdown
from pytest_edgejson.report.gates import gates_table, verdicts
from pytest_edgejson.report.summary import footnote, metrics_table
from pytest_edgejson.results.batching import check_batching, describe_check
from pytest_edgejson.results.metrics import METRICS, by_slice
from pytest_edgejson.results.result import by_model, is_error
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.report.document import Block
    from pytest_edgejson.results.compare.comparison import Report
    from pytest_edgejson.results.gates.evaluate import Decision
    from pytest_edgejson.results.result import Profile, Result
    from pytest_edgejson.suite.suites import Suite


def render_report(
    results: Sequence[Result],
    *,
    profile: Profile = "default",
    decisions: Sequence[Decision] = (),
    others_failed: int = 0,
    report_only: bool = False,
    comparisons: Mapping[str, Report] | None = None,
    diffs: int | None = 5,
    suite: Suite = EDGEJSON,
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
        suite: that of the results.
    """
    models = by_model(results)
    blocks: list[Block] = [Heading(2, suite.title or "EdgeJSON")]
    blocks += verdicts(decisions, report_only=report_only, others_failed=others_failed)
    for model, own_results in models.items():
        groups = by_slice(own_results, profile, suite)
        blocks.append(metrics_table(Code(model), groups, suite=suite))
        if groups["all"].errors:
            blocks.append(f"Cases that could not be run and count in no metric: {groups['all'].errors}")
        check = check_batching(own_results)
        if check is not None:
            blocks.append(describe_check(check))
        gates = [decision for decision in decisions if decision.model == model]
        if gates:
            blocks.append(gates_table(gates))
    for model, own_results in models.items():
        blocks += confusion_table(model, own_results, suite)
    blocks += what_grammars_bring(models, profile, suite)
    blocks.append(footnote(results, profile))
    room = MOST_MARKDOWN - len(as_markdown(blocks))
    for model, own_results in models.items():
        comparison = (comparisons or {}).get(model)
        more: list[Block] = []
        if comparison is not None:
            more = [Heading(3, (Code(model), " against the baseline")), *comment(comparison, diffs, room)]
        else:
            is_exact = METRICS["json_exact"].score
            misses = [result for result in own_results if not is_error(result) and not is_exact(result, profile)]
            if misses:
                whose = (" of ", Code(model)) if len(models) > 1 else ()
                rest = f" that {plural(len(misses), 'is', 'are')} not exact"
                more = [list_results((counted(len(misses), "answer"), *whose, rest), misses, diffs, room)]
        blocks += more
        room -= len(as_markdown(more)) + 2
    return as_markdown(blocks) + "\n"
