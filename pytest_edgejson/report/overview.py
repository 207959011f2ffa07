"""The document of one run or several, whole: what a page, a terminal and a Markdown file show of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_edgejson.report.compare import without_cases
from pytest_edgejson.report.confusion import confusion_table
from pytest_edgejson.report.document import Code, Folded, Foreign, Inline, Listing, Section, Table
from pytest_edgejson.report.explain import kinds_and_fields
from pytest_edgejson.report.figures import cell_text, value_text
from pytest_edgejson.report.gates import gates_table, verdicts
from pytest_edgejson.report.summary import beside_the_table, footnote, metrics_table, published_text, side_by_side
from pytest_edgejson.results.compare.runs import compare_runs, model_runs, suite_of_runs
from pytest_edgejson.results.gates.evaluate import read_decision
from pytest_edgejson.results.gates.language import GateError
from pytest_edgejson.results.metrics import METRICS, by_schema, by_slice, shown
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.report.document import Block, Figure
    from pytest_edgejson.results.compare.comparison import ModelRun, Report
    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.gates.evaluate import Decision
    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.results.result import Profile, Result
    from pytest_edgejson.suite.suites import Suite

# More columns than this are not read side by side.
_MOST_COLUMNS = 6


@dataclass(frozen=True)
class Overview:
    """What there is to tell of runs.

    Attributes:
        runs: in their order.
        models: of all runs.
        profile: whose scorer counts.
        decisions: what gates said.
        reports: comparisons.
        others_failed: tests that failed and that no gate forgives.
        report_only: whether the exit code was left alone.
    """

    runs: Sequence[Run]
    models: Sequence[ModelRun]
    profile: Profile = "default"
    decisions: Sequence[Decision] = ()
    reports: Sequence[Report] = ()
    others_failed: int = 0
    report_only: bool = False

    @property
    def by_label(self) -> dict[str, Sequence[Result]]:
        """The results of each model, by its label."""
        return {model.label: model.results for model in self.models}

    @cached_property
    def suite(self) -> Suite:
        """The suite of all runs."""
        return suite_of_runs(self.runs)

    @cached_property
    def slices(self) -> Mapping[str, Mapping[str, Metrics]]:
        """The metrics by slice of the suite, by the model's label."""
        return {label: by_slice(results, self.profile, self.suite) for label, results in self.by_label.items()}

    @cached_property
    def schemas(self) -> Mapping[str, Mapping[str, Metrics]]:
        """The metrics by schema, by the model's label."""
        return {label: by_schema(results, self.profile, self.suite) for label, results in self.by_label.items()}


def overview_of(runs: Sequence[Run], registry: Mapping[str, ModelSpec], baseline: str | None = None) -> Overview:
    """Return what there is to tell of results files; several models are compared as `edgejson compare` does.

    Args:
        runs: in the order in which they are to be read.
        registry: models by name, for what is published of them.
        baseline: name or label of the model that all others are compared with.

    Raises:
        ComparisonError: there is no such model, or no case that two models both answered.
    """
    models = model_runs(runs, registry)
    reports = []
    if len(models) > 1 or baseline is not None:
        reports.append(compare_runs(runs, common=True, baseline=baseline, registry=registry))
    profile: Profile = "v3" if all(run.manifest["settings"].get("profile") == "v3" for run in runs) else "default"
    return Overview(runs, models, profile, [*_decisions(runs)], reports)


def _decisions(runs: Sequence[Run]) -> Iterator[Decision]:
    for run in runs:
        for said in run.manifest.get("gates", ()):
            try:
                yield read_decision(said)
            except GateError:
                # Of another version: the results file still has what it said.
                continue


def title_of(overview: Overview) -> Inline:
    """Return what a page about runs is called."""
    labels = [model.label for model in overview.models]
    if len(labels) > 3:
        return f"{len(labels)} models"
    return tuple(span for label in labels for span in (", ", Code(label)))[1:]


def about(overview: Overview) -> list[Inline]:
    """Return what runs are about: how many cases, when, by which version."""
    manifests = [run.manifest for run in overview.runs]
    cases = {result["case_id"] for model in overview.models for result in model.results}
    answers = sum(len(model.results) for model in overview.models)
    items: list[Inline] = [counted(len(cases), "case"), counted(answers, "result")]
    dates = sorted(str(manifest.get("finished") or manifest.get("created") or "") for manifest in manifests)
    items.append(Foreign(dates[-1][:16].replace("T", " ") + " UTC"))
    versions = dict.fromkeys(str(manifest["versions"].get("pytest-edgejson", "?")) for manifest in manifests)
    items.append(Foreign(f"pytest-edgejson {', '.join(versions)}"))
    commits = dict.fromkeys(str(git["commit"])[:10] for manifest in manifests if (git := manifest.get("git")))
    if commits:
        items.append(Foreign(f"commit {', '.join(commits)}"))
    if overview.profile == "v3":
        items.append("scored as EdgeJSON v3 was published")
    return items


def sections(overview: Overview, figures: Mapping[str, Sequence[Figure]] | None = None) -> list[Section]:
    """Return all that there is to tell of runs but their cases.

    Args:
        overview: what there is.
        figures: plots by the name of their section.
    """
    drawn = figures or {}
    return [
        Section("gates", "Gates", [*_gates(overview)]),
        Section("summary", "Summary", [_summary(overview), *drawn.get("summary", ()), *_beside(overview)]),
        Section("comparison", "Comparison", [block for each in overview.reports for block in without_cases(each)]),
        Section(
            "complexity",
            f"By {overview.suite.slices.words}",
            [*drawn.get("complexity", ()), *_by_group(overview.slices, overview.suite), *_confused(overview)],
        ),
        Section(
            "schemas",
            "By schema",
            [
                *drawn.get("schemas", ()),
                Folded("All metrics by schema", [*_by_group(overview.schemas, overview.suite)]),
            ],
        ),
        Section("failures", "Failures", [*drawn.get("failures", ()), *_failures(overview)]),
        Section("speed", "Speed", [*drawn.get("speed", ()), *_speed(overview)]),
        Section("made", "How it was made", [*_made(overview)]),
    ]


def _summary(overview: Overview) -> Table:
    metrics = shown((overview.slices[model.label]["all"] for model in overview.models), overview.suite)
    rows: list[list[Inline]] = []
    for model in overview.models:
        whole = overview.slices[model.label]["all"]
        size = "-" if model.parameters is None else f"{model.parameters:,}"
        cells = [cell_text(whole.get(metric.name), metric.unit) for metric in metrics]
        rows.append([Code(model.label), str(whole.n), *cells, size])
    align = ["left" if metric.unit.has_interval else "right" for metric in metrics]
    labels = [metric.label for metric in metrics]
    return Table(["model", "n", *labels, "parameters"], rows, ("left", "right", *align, "right"))


def _confused(overview: Overview) -> Iterator[Block]:
    for label, results in overview.by_label.items():
        yield from confusion_table(label, results, overview.suite)


def _beside(overview: Overview) -> Iterator[Block]:
    yield from beside_the_table(overview.by_label, overview.slices, overview.profile, overview.suite)
    published: list[Inline] = [
        ("published for ", Code(model.label), ": ", Foreign(published_text(row)))
        for model in overview.models
        for row in model.published
    ]
    if published:
        yield Listing(published)
    yield footnote([result for model in overview.models for result in model.results], overview.profile)


def _gates(overview: Overview) -> Iterator[Block]:
    yield from verdicts(overview.decisions, report_only=overview.report_only, others_failed=overview.others_failed)
    if overview.decisions:
        yield gates_table(overview.decisions)


def _by_group(groups: Mapping[str, Mapping[str, Metrics]], suite: Suite) -> Iterator[Block]:
    if len(groups) == 1:
        for by_name in groups.values():
            yield metrics_table("", by_name, suite=suite)
    elif len(groups) <= _MOST_COLUMNS:
        yield from side_by_side(groups, suite)
    else:
        yield from (Folded(Code(label), [metrics_table("", each, suite=suite)]) for label, each in groups.items())


def _failures(overview: Overview) -> Iterator[Block]:
    for label, results in overview.by_label.items():
        # The first block is the model's name.
        blocks = kinds_and_fields(results, label, overview.suite)[1:]
        if not blocks:
            yield Code(label), ": every answer is exact."
        elif len(overview.models) == 1:
            yield from blocks
        else:
            yield Folded(Code(label), blocks)


def _speed(overview: Overview) -> Iterator[Block]:
    metrics = [METRICS[name] for name in ("tokens_per_s", "latency_p50", "latency_p95")]
    rows: list[list[Inline]] = []
    for model in overview.models:
        found = [(metric, metric.measure(model.results, overview.profile)) for metric in metrics]
        tokens = sum(result["output_tokens"] or 0 for result in model.results)
        stored = sum(result["stored"] for result in model.results)
        if any(each for _, each in found):
            values = ("-" if each is None else value_text(each.value, metric.unit) for metric, each in found)
            rows.append([Code(model.label), *values, f"{tokens:,}", f"{stored:,}"])
    if rows:
        headers = ["model", *(metric.label for metric in metrics), "tokens generated", "from the store"]
        yield Table(headers, rows, ("left", *["right"] * 5))


def _made(overview: Overview) -> Iterator[Block]:
    for run in overview.runs:
        manifest = run.manifest
        parts = {
            "file": str(run.path),
            "command": " ".join(map(str, manifest["settings"].get("command", ()))),
            "created": manifest.get("created"),
            "finished": manifest.get("finished", "never: the run was cut off"),
            "versions": manifest["versions"],
            "machine": manifest.get("machine"),
            "git": manifest.get("git"),
            **{f"model {name}": description for name, description in manifest["models"].items()},
            **{f"asked of {name}": asked for name, asked in manifest["settings"].get("generation", {}).items()},
        }
        rows: list[list[Inline]] = [[name, Code(_in_a_line(value))] for name, value in parts.items() if value]
        yield Folded(
            ("Settings, versions and machine of ", Code(run.path.name)), [Table(["", ""], rows, ("left", "left"))]
        )


def _in_a_line(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return json.dumps(value)
    shown = ((key, each) for key, each in value.items() if each not in (None, "", [], {}))
    return ", ".join(f"{key} {each if isinstance(each, str) else json.dumps(each)}" for key, each in shown)
