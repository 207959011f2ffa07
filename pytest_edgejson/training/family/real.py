"""The report of a reproduction on real weights: what is published, what was measured, and what that says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.backends.local.tokenizers import read_tokenizer
from pytest_edgejson.report.compare import statement
from pytest_edgejson.report.constrained import what_grammars_bring
from pytest_edgejson.report.document import Code, Heading, Listing, Table
from pytest_edgejson.report.figures import cell_text, estimate_text, ratio_text, value_text
from pytest_edgejson.results.compare.runs import compare_runs
from pytest_edgejson.results.metrics import COMPARED, METRICS
from pytest_edgejson.results.published import part_by_part, perfect
from pytest_edgejson.results.result import by_model
from pytest_edgejson.results.units import PROPORTION
from pytest_edgejson.scoring.v3 import MAX_NEW_TOKENS
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.training.family.plan import full
from pytest_edgejson.training.family.published import BY_CASES, BY_RANK
from pytest_edgejson.training.family.report import making, methods
from pytest_edgejson.training.family.tables import ablations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_edgejson.report.document import Block, Inline
    from pytest_edgejson.results.compare.comparison import Comparison
    from pytest_edgejson.results.metric import Estimate
    from pytest_edgejson.results.published import Part
    from pytest_edgejson.results.statistics import Interval
    from pytest_edgejson.training.family.plan import Base
    from pytest_edgejson.training.family.tables import Experiment

_GROUPS = (*COMPLEXITIES, "all")
_PERFECT = "a perfect model"
_HOLDS, _ARTEFACT, _OTHER, _UNTESTED = "holds", "artefact", "differs", "not testable here"


def make_real_report(experiment: Experiment, command: str) -> Iterator[Block]:
    """Yield the report.

    Args:
        experiment: what came out.
        command: what was typed to make it.
    """
    (base,) = experiment.plan.bases
    adapter = full(base).name
    results = by_model(experiment.run.results)
    cut = _cut(base)
    parts = {name: part_by_part(results[name], cut) for name in (base.name, adapter)}
    parts = {_PERFECT: part_by_part(perfect(results[adapter]), cut), **parts}
    yield Heading(1, "The published experiment on real weights")
    yield (
        "Made by ",
        Code(command),
        f": the published recipe of {base.published_adapter}, on {base.name} in the place of {base.published_base}: "
        "the same size and architecture, after instruction tuning, quantised to 4 bits and read in float32. "
        f"The answers are to the {experiment.metrics(adapter)['all'].n} test cases of the bundled "
        "suite, and take at most as many tokens as the longest expected output of their schema, with room "
        "(--edgejson-max-new-tokens=auto); the published ones are to other cases of the same schemas, with 37 medium "
        "cases instead of 57.",
    )
    (comparison,) = compare_runs(
        [experiment.part("base", {base.name: base.name}), experiment.part("adapter", {adapter: base.name})]
    ).comparisons
    yield Heading(2, "Claim by claim")
    yield _claims(experiment, base, comparison, parts[_PERFECT])
    yield (
        f"{_HOLDS}: the published figure is in the 95 % interval of what was measured. {_OTHER}: it is not, which "
        f"other weights and cases may explain. {_ARTEFACT}: it comes of how the published evaluation scores, "
        f"see below. {_UNTESTED}: it would take weights, a machine or a training that were not there."
    )
    yield Heading(2, "What the models answer")
    names = [name for name in results if not name.startswith(f"{adapter}-")]
    yield _answers(experiment, names)
    yield Listing([statement(comparison)])
    yield Heading(2, "What a grammar brings")
    yield from what_grammars_bring({name: results[name] for name in names}, "default")
    yield Heading(2, "What the published evaluation makes of the same answers")
    yield (
        "Each line adds a part of the published evaluation to those above it. Nothing is generated anew: answers are "
        f"cut after {MAX_NEW_TOKENS} tokens, and those that ended are continued as a model goes on that was never "
        "taught to end. A perfect model answers with the expected output alone."
    )
    yield from (_parts(name, found) for name, found in parts.items())
    if len(experiment.plan.of(base)) > 1:
        yield from ablations(experiment, base)
    yield from methods()
    yield Heading(2, "How it was made")
    yield from making(experiment)


def _cut(base: Base) -> Callable[[str], str]:
    tokenizer = read_tokenizer(base.folder, base.name)

    def cut(text: str) -> str:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        return text if len(ids) <= MAX_NEW_TOKENS else str(tokenizer.decode(ids[:MAX_NEW_TOKENS]))

    return cut


def _answers(experiment: Experiment, names: list[str]) -> Table:
    rows: list[list[Inline]] = []
    for name in names:
        groups = experiment.metrics(name)
        exact = [groups[group].get("json_exact") if group in groups else None for group in _GROUPS]
        rest = [(groups["all"].get(metric.name), metric.unit) for metric in COMPARED if metric.name != "json_exact"]
        rows.append(
            [name, *(cell_text(each, PROPORTION) for each in exact), *(cell_text(each, unit) for each, unit in rest)]
        )
    others = [metric.label for metric in COMPARED if metric.name != "json_exact"]
    return Table(["", *(f"JSONExact, {group}" for group in _GROUPS), *others], rows, ["left"] * (5 + len(others)))


def _parts(name: str, parts: tuple[Part, ...]) -> Table:
    rows = []
    for part in parts:
        exact = [part.metrics[group].get("json_exact") if group in part.metrics else None for group in _GROUPS]
        whole = part.metrics["all"]
        rows.append(
            [
                part.name,
                *("-" if each is None else value_text(each.value, PROPORTION) for each in exact),
                *(
                    "-" if found is None else value_text(found.value, METRICS[metric].unit)
                    for metric in ("field_f1", "schema_compliance")
                    for found in (whole.get(metric),)
                ),
            ]
        )
    headers = [name, *(f"JSONExact, {group}" for group in _GROUPS), "FieldF1", "SchemaCompliance"]
    return Table(headers, rows, ("left", *["right"] * 6))


def _claims(experiment: Experiment, base: Base, comparison: Comparison, best: tuple[Part, ...]) -> Table:
    adapter = full(base).name
    own, before = experiment.metrics(adapter), experiment.metrics(base.name)
    rows: list[list[Inline]] = []

    def claim(text: str, published: str, measured: Inline, verdict: str) -> None:
        rows.append([text, published, measured, verdict])

    def figure(text: str, model: str, metric: str, of: str, found: Estimate | None) -> None:
        unit = METRICS[metric].unit
        verdict = _verdict(experiment, model, of, found)
        claim(text, experiment.published(model, of), estimate_text(found, unit), verdict)

    figure("JSONExact of the base", base.published_base, "json_exact", "json_exact", before["all"].get("json_exact"))
    figure("JSONExact of the adapter", base.published_adapter, "json_exact", "json_exact", own["all"].get("json_exact"))
    for metric in COMPARED[1:]:
        found = own["all"].get(metric.name)
        figure(f"{metric.label} of the adapter", base.published_adapter, metric.name, metric.name, found)
    for group in COMPLEXITIES:
        if group in own:
            found = own[group].get("json_exact")
            figure(f"JSONExact of the adapter, {group}", base.published_adapter, "json_exact", group, found)
    ratio = comparison.ratio
    multiplied = _HOLDS if _has(ratio.interval, 13.0) else _OTHER
    claim("the adapter multiplies the base's JSONExact", "13.0", ratio_text(ratio), multiplied)
    if "complex" in own:
        found, perfect_one = own["complex"].get("json_exact"), best[-1].metrics["complex"].get("json_exact")
        held_too = experiment.metrics(f"{adapter}+schema")["complex"].get("json_exact")
        claim(
            "a model of 135M parameters has not the capacity for complex schemas",
            "0.0 %",
            f"{estimate_text(found, PROPORTION)} free, {estimate_text(held_too, PROPORTION)} held to a grammar; as the "
            f"published evaluation scores, a perfect model has {estimate_text(perfect_one, PROPORTION)}",
            # Where no model could have had more, the published figure says nothing of this one.
            _ARTEFACT if perfect_one and not perfect_one.value else _HOLDS if found and not found.value else _OTHER,
        )
    held = experiment.metrics(f"{base.name}+schema")["all"].get("schema_compliance")
    free = before["all"].get("schema_compliance")
    claim(
        "JSON mode is enforced",
        "yes",
        f"nothing in the published code does; SchemaCompliance of the base {estimate_text(free, PROPORTION)} free, "
        f"{estimate_text(held, PROPORTION)} held to a grammar",
        _OTHER,
    )
    claim("figures of the model of 360M parameters", "JSONExact 55.1 %", "-", _UNTESTED)
    claim("tokens/s and seconds of training", "18.5 tok/s; 48.7 s on a GPU", "other machines, see the end", _UNTESTED)
    ranks = {made.settings.rank: made.name for made in (full(base), *experiment.plan.by_rank(base))}
    sizes = {experiment.steps[made.name].cases: made.name for made in (full(base), *experiment.plan.by_size(base))}
    for what, figures, models in (("at rank {}", BY_RANK, ranks), ("on {} train cases", BY_CASES, sizes)):
        text = f"JSONExact {what.format(' / '.join(map(str, figures)))}"
        published = " / ".join(value_text(each, PROPORTION).removesuffix(PROPORTION.after) for each in figures.values())
        claim(text, f"{published}{PROPORTION.after}", *_ablated(experiment, figures, models))
    return Table(["claim", "published", "measured", "verdict"], rows, ["left"] * 4)


def _verdict(experiment: Experiment, model: str, figure: str, found: Estimate | None) -> str:
    if found is None or found.interval is None:
        return _UNTESTED
    # Where documents disagree, any of them may hold.
    published = [getattr(row, figure, None) for row in experiment.registry[model].published]
    return _HOLDS if any(_has(found.interval, each) for each in published) else _OTHER


def _has(interval: Interval | None, published: float | None) -> bool:
    return interval is not None and published is not None and interval.low <= published <= interval.high


def _ablated(experiment: Experiment, published: Mapping[int, float], models: Mapping[int, str]) -> tuple[Inline, str]:
    """Return what was measured of an ablation, and the verdict, which is on those that were trained."""
    if len(models) == 1:
        return "not trained in this run", _UNTESTED
    found = {at: experiment.metrics(models[at])["all"].get("json_exact") for at in published if at in models}
    measured = " / ".join(estimate_text(found[at], PROPORTION) if at in found else "not trained" for at in published)
    holds = all(each is not None and _has(each.interval, published[at]) for at, each in found.items())
    return measured, _HOLDS if holds else _OTHER
