"""The report of a reproduction: the answers to its questions, and how it was made."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Code, Heading, Table
from pytest_edgejson.results.result import by_model
from pytest_edgejson.training.family.tables import ablations, capacity, training
from pytest_edgejson.values.wording import counted, duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_edgejson.report.document import Block
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.training.family.tables import Experiment


def make_report(experiment: Experiment, command: str) -> Iterator[Block]:
    """Yield the report.

    Args:
        experiment: what came out.
        command: what was typed to make it.
    """
    plan = experiment.plan
    bases = " and ".join(base.name for base in plan.bases)
    published = " and ".join(base.published_adapter for base in plan.bases)
    cases = len({result["case_id"] for result in experiment.run.results})
    yield Heading(1, "The published experiment in miniature")
    yield (
        "Made by ",
        Code(command),
        f", which makes it again on any machine: LoRA adapters are trained on {bases}, small models "
        f"of this project's own, and all of them answer the {cases} test cases. Beside them stands what is published "
        f"of {published} and what they are trained on: other models, on other cases of the same schemas, by the v3 "
        "scorer, with 37 medium cases instead of 57. It is the pattern that can be compared, not the figures. Where "
        "published documents disagree, all their figures are given.",
    )
    yield from training(experiment)
    if len(plan.bases) > 1:
        yield from capacity(experiment)
    for base in plan.bases:
        if len(plan.of(base)) > 1:
            yield from ablations(experiment, base)
    yield from methods()
    yield Heading(2, "How it was made")
    yield from making(experiment)


def methods() -> Iterator[Block]:
    """Yield where intervals and p-values come from."""
    yield (
        "Intervals are 95 %: Wilson for proportions, bootstrap for means, Newcombe's method 10 for differences, Bonett "
        "and Price for ratios. p: exact McNemar test, corrected by Benjamini and Hochberg for the comparisons of its "
        "section; by complexity it is exploratory. ",
        Code("edgejson compare results.jsonl --baseline MODEL"),
        " tells more.",
    )


def making(experiment: Experiment) -> Iterator[Block]:
    """Yield how the models were made, and what answered."""
    plan, manifest, steps = experiment.plan, experiment.run.manifest, experiment.steps
    settings, machine = plan.bases[0].settings, manifest["machine"]
    yield (
        f"All adapters: batches of {settings.batch_size * settings.accumulation} cases, dropout {settings.dropout:g}, "
        f"weight decay {settings.weight_decay:g}, gradients clipped to {settings.max_grad_norm:g}, "
        f"{100 * settings.warmup_ratio:g} % warm-up and then cosine, on {', '.join(settings.targets)}; seed "
        f"{settings.seed}. All models answer greedily."
    )
    rows = []
    for base in plan.bases:
        made = duration(steps[base.name].seconds) if base.name in steps else "not trained here"
        rows.append([base.name, *[""] * 6, made, _answering(experiment, base.name)])
        for adapter in plan.of(base):
            step, own = steps[adapter.name], adapter.settings
            rows.append(
                [
                    adapter.name,
                    f"{step.cases:,}",
                    f"{own.rank}",
                    f"{own.alpha}",
                    f"{own.epochs:g}",
                    f"{own.learning_rate:g}",
                    f"{step.loss:.4f}",
                    duration(step.seconds),
                    _answering(experiment, adapter.name),
                ]
            )
    headers = ["", "cases", "rank", "alpha", "epochs", "learning rate", "loss at the end", "training", "answering"]
    yield Table(headers, rows, ("left", *["right"] * 8))
    ways: defaultdict[str, list[str]] = defaultdict(list)
    for name, step in steps.items():
        ways[f"{step.precision} on {step.gpu or counted(step.threads, 'thread')}"].append(name)
    said = (each if len(ways) == 1 else f"{each} ({', '.join(ways[each])})" for each in sorted(ways))
    devices = sorted({str(model["device"]) for model in manifest["models"].values()})
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    yield (
        f"Trained in {duration(sum(step.seconds for step in steps.values()))} in {', '.join(said)}; answered in "
        f"{duration(sum(map(_seconds, experiment.run.results)))} on {', '.join(devices)}. {machine['system']}, "
        f"{machine['processor']}, {machine['cores']} cores; {versions}."
    )


def _answering(experiment: Experiment, model: str) -> str:
    """Return what a model took to answer, also where the answers are from the store."""
    return duration(sum(map(_seconds, by_model(experiment.run.results)[model])))


def _seconds(result: Result) -> float:
    return result["compute_s"] or 0.0
