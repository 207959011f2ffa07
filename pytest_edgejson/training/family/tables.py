"""What the answers say: what training brings, what size brings, what rank and train size do.

Each question is one comparison as `edgejson compare` makes it, so that its p-values are corrected together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.report.compare import statement
from pytest_edgejson.report.document import Heading, Listing, Table
from pytest_edgejson.report.figures import cell_text, change_text, estimate_text, p_text, ratio_text, value_text
from pytest_edgejson.results.compare.runs import compare_runs
from pytest_edgejson.results.file import Run
from pytest_edgejson.results.metrics import COMPARED, METRICS, by_slice
from pytest_edgejson.results.result import by_model
from pytest_edgejson.results.units import PROPORTION
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.training.family.plan import full
from pytest_edgejson.training.family.published import BY_CASES, BY_RANK, TRAINED_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.report.document import Block
    from pytest_edgejson.results.compare.comparison import Comparison, Difference
    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.training.family.notebook import Step
    from pytest_edgejson.training.family.plan import Adapter, Base, Plan


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a plan came to.

    Attributes:
        plan: what was done.
        run: the answers of all its models.
        steps: of its trainings, by the name of what was trained.
        registry: the bundled models, for what is published of them.
    """

    plan: Plan
    run: Run
    steps: Mapping[str, Step]
    registry: Mapping[str, ModelSpec]

    def metrics(self, model: str) -> dict[str, Metrics]:
        """Return a model's metrics by complexity, and of `all`."""
        return by_slice(by_model(self.run.results)[model])

    def part(self, name: str, models: Mapping[str, str]) -> Run:
        """Return the results of some models as a run, under the names they are compared by.

        Args:
            name: what the run is called in place of a file.
            models: the new names by the old ones.
        """
        described = {new: self.run.manifest["models"][old] for old, new in models.items()}
        return Run(
            Path(name),
            {**self.run.manifest, "models": described},
            tuple({**each, "model": models[each["model"]]} for each in self.run.results if each["model"] in models),
            self.run.schemas,
        )

    def published(self, model: str, figure: str) -> str:
        """Return a figure as published, from each document that has another one."""
        unit = METRICS[figure].unit if figure in METRICS else PROPORTION
        values = (getattr(row, figure, None) for row in self.registry[model].published)
        shown = dict.fromkeys(value_text(value, unit).removesuffix(unit.after) for value in values if value is not None)
        return f"{' / '.join(shown)}{unit.after}" if shown else "-"


def training(experiment: Experiment) -> Iterator[Block]:
    """Yield what training brings: each base beside its adapter."""
    bases = experiment.plan.bases
    report = compare_runs(
        [
            experiment.part("base", {base.name: base.name for base in bases}),
            experiment.part("adapter", {full(base).name: base.name for base in bases}),
        ]
    )
    yield Heading(2, "What training brings")
    for base, comparison in zip(bases, report.comparisons, strict=True):
        yield from _trained(experiment, base, comparison)


def _trained(experiment: Experiment, base: Base, comparison: Comparison) -> Iterator[Block]:
    models, others = (base.name, full(base).name), (base.published_base, base.published_adapter)
    yield Heading(3, f"{base.name}, in the place of {others[0]}")
    yield (
        f"{experiment.run.manifest['models'][base.name]['parameters']:,} parameters, "
        f"{experiment.steps[full(base).name].parameters:,} more in the adapter of rank {base.settings.rank}; as "
        f"published {experiment.registry[others[0]].parameters:,} and {TRAINED_PARAMETERS[others[1]]}."
    )
    measured = [experiment.metrics(model) for model in models]
    for metric in COMPARED:
        rows = []
        for group, first in measured[0].items():
            # By complexity models.toml has JSONExact alone.
            of_group = metric.name if group == "all" else group if metric.name == "json_exact" else None
            rows.append(
                [
                    group,
                    str(first.n),
                    *(cell_text(metrics[group].get(metric.name), metric.unit) for metrics in measured),
                    *(experiment.published(other, of_group) if of_group else "-" for other in others),
                ]
            )
        yield Table([metric.label, "n", *models, *others], rows, ("left", "right", *["left"] * 4))
    before, after = (experiment.registry[other].published[0].json_exact for other in others)
    published = f"{after / before:.2f}" if before and after is not None else "-"
    multiplier = f"{ratio_text(comparison.ratio)}; as published {published}."
    yield Listing(
        [statement(comparison), f"Training multiplier, JSONExact of the adapter over that of the base: {multiplier}"]
    )


def capacity(experiment: Experiment) -> Iterator[Block]:
    """Yield what size brings: the bases beside each other, and their adapters."""
    small, large = experiment.plan.bases
    report = compare_runs(
        [experiment.part(base.name, {base.name: "base", full(base).name: "adapter"}) for base in (small, large)]
    )
    yield Heading(2, "What size brings")
    published = {
        "base": (small.published_base, large.published_base),
        "adapter": (small.published_adapter, large.published_adapter),
    }
    for (what, others), comparison in zip(published.items(), report.comparisons, strict=True):
        differences = {each.group: each for each in comparison.differences if each.metric == "json_exact"}
        rows = [
            [
                group,
                str(differences[group].n),
                value_text(differences[group].baseline, PROPORTION),
                value_text(differences[group].candidate, PROPORTION),
                change_text(differences[group], short=True),
                _p(differences[group]),
                *(experiment.published(other, "json_exact" if group == "all" else group) for other in others),
            ]
            for group in (*COMPLEXITIES, "all")
            if group in differences
        ]
        headers = [f"JSONExact, {what}", "n", small.name, large.name, "difference, points", "p", *others]
        yield Table(headers, rows, ("left", "right", "right", "right", "left", "right", "left", "left"))
    yield Listing([statement(comparison) for comparison in report.comparisons])


def ablations(experiment: Experiment, base: Base) -> Iterator[Block]:
    """Yield what rank and train size do: the ablations of a base's adapter beside the adapter itself."""
    whole, ranks, sizes = full(base), [*experiment.plan.by_rank(base)], [*experiment.plan.by_size(base)]
    names = [adapter.name for adapter in (whole, *ranks, *sizes)]
    report = compare_runs([experiment.part("ablations", {name: name for name in names})], baseline=whole.name)
    differences = {each.candidate.label: each.difference("json_exact") for each in report.comparisons}

    def cells(adapter: Adapter, published: float | None) -> list[str]:
        difference = differences.get(adapter.name)
        return [
            estimate_text(experiment.metrics(adapter.name)["all"].get("json_exact"), PROPORTION),
            *(("-", "-") if difference is None else (change_text(difference, short=True), _p(difference))),
            "-" if published is None else value_text(published, PROPORTION),
        ]

    headers = ["JSONExact", f"minus {whole.name}, points", "p", base.published_adapter]
    align = ("right", "right", "left", "left", "right", "left")
    yield Heading(2, "What rank and train size do")
    if ranks:
        ordered = sorted((whole, *ranks), key=lambda adapter: adapter.settings.rank)
        yield Table(
            ["rank", "trained parameters", *headers],
            [
                [
                    str(adapter.settings.rank),
                    f"{experiment.steps[adapter.name].parameters:,}",
                    *cells(adapter, BY_RANK.get(adapter.settings.rank)),
                ]
                for adapter in ordered
            ],
            align,
        )
    if sizes:
        counts = {adapter: experiment.steps[adapter.name].cases for adapter in (*sizes, whole)}
        yield Table(
            ["train cases", *headers],
            [[f"{count:,}", *cells(adapter, BY_CASES.get(count))] for adapter, count in counts.items()],
            align[1:],
        )
        yield f"All are trained for {whole.settings.epochs:g} epochs: fewer cases are fewer steps too."
    yield Listing([statement(comparison) for comparison in report.comparisons])


def _p(difference: Difference) -> str:
    return p_text(difference.p_corrected).removeprefix("= ")
