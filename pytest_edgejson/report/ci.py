"""What a CI service is told of a run: annotations and step summary on GitHub, a badge, properties in JUnit XML."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_edgejson.report.figures import value_text
from pytest_edgejson.results.metrics import METRICS, headline
from pytest_edgejson.suite.suites import EDGEJSON
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_edgejson.results.metrics import Metrics
    from pytest_edgejson.suite.suites import Suite

Level: TypeAlias = Literal["error", "warning", "notice"]

# The environment variable by which GitHub names the file of a step's summary.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
# GitHub shows ten annotations of each level per step.
MOST_ANNOTATIONS = 10
# GitHub refuses a larger summary of a step.
MOST_SUMMARY_BYTES = 1024 * 1024
# From red to green, as shields.io names them.
_COLORS = {0.9: "brightgreen", 0.75: "green", 0.6: "yellowgreen", 0.45: "yellow", 0.25: "orange", 0.0: "red"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on a line of a file.

    Attributes:
        level: how it is shown.
        title: a few words.
        message: what there is to say.
        file: relative to the repository; empty for none.
        line: 1-based.
    """

    level: Level
    title: str
    message: str
    file: str = ""
    line: int = 1


def is_github() -> bool:
    """Tell whether this runs in a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def github_commands(annotations: Iterable[Annotation]) -> Iterator[str]:
    """Yield the workflow commands that make annotations, `MOST_ANNOTATIONS` of each level at most."""
    counts: dict[Level, int] = {}
    for each in annotations:
        counts[each.level] = counts.get(each.level, 0) + 1
        if counts[each.level] <= MOST_ANNOTATIONS:
            place = f"file={_property(each.file)},line={each.line}," if each.file else ""
            yield f"::{each.level} {place}title={_property(each.title)}::{_data(each.message)}"


def _data(text: str) -> str:
    text = clean(text, keep="\n")
    return text.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def write_step_summary(markdown: str) -> None:
    """Append to the summary of the step of GitHub Actions, where it offers one.

    Raises:
        OSError: its file cannot be written.
    """
    place = os.environ.get(STEP_SUMMARY)
    if place and len(markdown.encode()) < MOST_SUMMARY_BYTES:
        with open(place, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(markdown + "\n")


def badge(model: str, metrics: Metrics) -> str:
    """Return a badge of JSONExact as the JSON document that shields.io's endpoint badges are made of."""
    metric = METRICS["json_exact"]
    exact = metrics.get(metric.name)
    document: dict[str, object] = {"schemaVersion": 1, "label": f"{metric.label} {clean(model)}"}
    if exact is None:
        return json.dumps(document | {"message": "not measured", "color": "lightgrey", "isError": True}) + "\n"
    color = next(name for least, name in _COLORS.items() if exact.value >= least)
    message = f"{value_text(exact.value, metric.unit)} of {metrics.n}"
    return json.dumps(document | {"message": message, "color": color}) + "\n"


def suite_properties(groups: Mapping[str, Mapping[str, Metrics]], suite: Suite = EDGEJSON) -> Iterator[tuple[str, str]]:
    """Yield name and value of the properties that JUnit XML gets for a run.

    Args:
        groups: metrics by slice, `all` among them, by model.
        suite: whose metrics they are.
    """
    for model, by_name in groups.items():
        for name, metrics in by_name.items():
            part = f"edgejson.{model}.%s" if name == "all" else f"edgejson.{model}.%s[{name}]"
            yield part % "n", str(metrics.n)
            for metric in headline(suite):
                measured = metrics.get(metric.name)
                if measured is not None:
                    decimals = 6 if metric.unit.is_fraction else metric.unit.decimals
                    yield part % metric.name, f"{measured.value:.{decimals}f}"
                    if measured.interval is not None:
                        yield part % f"{metric.name}.low", f"{measured.interval.low:.{decimals}f}"
                        yield part % f"{metric.name}.high", f"{measured.interval.high:.{decimals}f}"
