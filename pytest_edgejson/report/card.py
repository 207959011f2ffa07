"""The model card: a README.md for the hub whose metadata (`model-index`) holds a run's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.references import is_hub_id
from pytest_edgejson.report.document import Code, Foreign, Heading, Listing, as_markdown
from pytest_edgejson.report.explain import kinds_and_fields
from pytest_edgejson.report.summary import footnote, metrics_table
from pytest_edgejson.results.compare.asked import asked
from pytest_edgejson.results.file import ResultsError
from pytest_edgejson.results.metrics import by_slice, headline
from pytest_edgejson.results.result import by_model
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from huggingface_hub import EvalResult

    from pytest_edgejson.report.document import Block, Inline
    from pytest_edgejson.results.file import Run
    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.results.result import Profile

_TAGS = ["json", "structured-output", "information-extraction", "edgejson"]
# What the hub calls the libraries of backends.
_LIBRARIES = {
    "transformers": "transformers",
    "llama.cpp": "llama.cpp",
    "openvino": "openvino",
    "browser": "transformers.js",
}


def make_card(run: Run, model: str | None = None, name: str | None = None) -> str:
    """Return the card of a model of a run.

    Args:
        run: a results file.
        model: its name there; None where the file has one.
        name: what the card calls it; None for the same.

    Raises:
        ResultsError: there is no such model, or there are several and none is named.
        ModuleNotFoundError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import ModelCard, ModelCardData
    except ModuleNotFoundError:
        raise ModuleNotFoundError("a card needs huggingface_hub: pip install 'pytest-edgejson[card]'") from None
    model = _chosen(run, model)
    results = by_model(run.results)[model]
    profile: Profile = "v3" if run.manifest["settings"].get("profile") == "v3" else "default"
    groups = by_slice(results, profile, run.suite)
    described: Mapping[str, Any] = run.manifest["models"].get(model, {})
    title = clean(name or model)
    base = described.get("model")
    data = ModelCardData(
        model_name=title,
        base_model=base if described.get("adapter") and isinstance(base, str) and is_hub_id(base) else None,
        library_name="peft" if described.get("adapter") else _library(described),
        pipeline_tag="text-generation",
        tags=_TAGS,
        eval_results=[*_eval_results(run, groups, profile)],
    )
    blocks: list[Block] = [
        Heading(1, Code(title)),
        ("What it scores on ", Foreign(run.suite.title or EDGEJSON.title), ", text to JSON:"),
        metrics_table("", groups, suite=run.suite),
        footnote(results, profile),
        *kinds_and_fields(results, model, run.suite)[1:],
        Heading(3, "How it was measured"),
        Listing([*_measured(run, model, described)]),
    ]
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{as_markdown(blocks)}\n"))


def _chosen(run: Run, model: str | None) -> str:
    if model is None and len(run.models) == 1:
        return run.models[0]
    if model in run.models:
        return str(model)
    known = ", ".join(map(clean, run.models))
    what = "which model? " if model is None else f"no results of model {model!r}; "
    raise ResultsError(f"{run.path}: {what}there are results of {known}: add --model NAME")


def _library(described: Mapping[str, Any]) -> str | None:
    return _LIBRARIES.get(str(described.get("backend")))


def _eval_results(run: Run, groups: Mapping[str, Metrics], profile: Profile) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    version = run.manifest["versions"].get("pytest-edgejson", "?")
    title = run.suite.title or EDGEJSON.title
    for group, metrics in groups.items():
        for metric in headline(run.suite):
            found = metrics.get(metric.name)
            # Speed is the machine's as much as the model's.
            if found is None or not metric.unit.is_fraction:
                continue
            interval = found.interval
            yield EvalResult(
                task_type="text-generation",
                task_name="Text to JSON",
                dataset_type=run.suite.name or EDGEJSON.name,
                dataset_name=title if group == "all" else f"{title}, {group} cases",
                dataset_config=group,
                dataset_split="test",
                dataset_revision=run.manifest.get("suite_sha256"),
                metric_type=metric.name,
                metric_name=metric.label,
                metric_value=round(found.value, 6),
                metric_args={
                    "n": found.n,
                    **({"interval_95": [round(interval.low, 6), round(interval.high, 6)]} if interval else {}),
                    "profile": profile,
                    "scored_by": f"pytest-edgejson {version}",
                },
            )


def _measured(run: Run, model: str, described: Mapping[str, Any]) -> Iterator[Inline]:
    settings = run.manifest["settings"]
    yield "date: ", Foreign(str(run.manifest.get("finished") or run.manifest["created"])[:10])
    yield "scored by ", Foreign(f"pytest-edgejson {run.manifest['versions'].get('pytest-edgejson', '?')}")
    yield "extraction: ", Code(str(settings.get("extraction", "lenient")))
    for key in ("prompt", "system", "shots", "temperature", "max_new_tokens", "constrain"):
        value = asked(run, model).get(key)
        if value not in (None, "", 0):
            yield f"{key.replace('_', ' ')}: ", Code(str(value))
    for key in ("backend", "model", "adapter", "revision", "dtype", "device", "fingerprint"):
        if described.get(key):
            yield f"{key}: ", Code(str(described[key]))
    if "suite_sha256" in run.manifest:
        yield f"{run.manifest['cases']} cases, suite ", Code(str(run.manifest["suite_sha256"]))
