"""Where the records of a training from scratch come from: the bundled schemas, or general extraction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from pytest_edgejson.suite.make.build import HEADINGS
from pytest_edgejson.suite.make.random_values import Values
from pytest_edgejson.suite.make.records import generate_record
from pytest_edgejson.suite.rendering import render_prompt
from pytest_edgejson.suite.totals import set_totals
from pytest_edgejson.training.general import general_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.suite.cases import Complexity, JSONValue

_FULLNESS: Mapping[Complexity, tuple[float, float]] = {
    "simple": (0.3, 1.0),
    "medium": (0.3, 1.0),
    "complex": (0.2, 0.85),
}

_MADE_UP = 0.3

_REPEATING = 0.3
"""Share of the records whose items repeat values of earlier ones, and of the values that do in these."""


class Records(Protocol):
    """What a model is trained on."""

    @property
    def identity(self) -> object:
        """JSON content that differs where the records do."""

    def values(self, seed: str) -> Values:
        """Return what records are drawn with; same seed, same records."""

    def draw(self, complexity: Complexity, values: Values) -> tuple[str, dict[str, Any]]:
        """Return a fresh record: all that the model is given, and the object it is to answer."""


@dataclass(frozen=True, slots=True)
class SuiteRecords:
    """Records of a suite's schemas, in more forms than the suite has.

    One in five is in EdgeJSON v3's undelimited form, one in five has a title of random words: what decides the answer
    is the lines, not the heading.

    Attributes:
        documents: JSON Schema documents by complexity and schema id.
        template: text around a prompt, with `{prompt}` in it.
        pieces: of which some words are joined: those of a vocabulary, so that a model learns to copy each token.
    """

    documents: Mapping[Complexity, Mapping[str, Mapping[str, Any]]]
    template: str
    pieces: tuple[str, ...] = ()

    @property
    def identity(self) -> object:
        """Schemas, template, and how much is made up and repeated of what."""
        return [self.documents, self.template, _MADE_UP, _REPEATING, _FULLNESS]

    def values(self, seed: str) -> Values:
        """Return values of the train pools, some of them made up: a model that has only met words misreads names."""
        return Values(seed, "train", made_up=_MADE_UP, pieces=self.pieces)

    def draw(self, complexity: Complexity, values: Values) -> tuple[str, dict[str, Any]]:
        """Return a record of any schema of that complexity."""
        schema_id, document = values.random.choice(list(self.documents[complexity].items()))
        fullness = values.random.uniform(*_FULLNESS[complexity])
        record = generate_record(schema_id, document, values, fullness)
        if values.chance(_REPEATING):
            _repeat(record, values)
            set_totals(schema_id, record)
        title = values.phrase().title() if values.chance(0.2) else document["title"]
        heading = values.random.choice(HEADINGS).format(title)
        text = render_prompt(record, heading, title, delimited=values.chance(0.8))
        return self.template.replace("{prompt}", text), record


def _repeat(value: JSONValue, values: Values) -> None:
    """Give items of lists values of the item before: where a model is in a list, it cannot tell by them."""
    if isinstance(value, dict):
        for inner in value.values():
            _repeat(inner, values)
    elif isinstance(value, list):
        for before, item in pairwise(value):
            if isinstance(before, dict) and isinstance(item, dict):
                for key in item:
                    if key in before and not isinstance(item[key], dict | list) and values.chance(_REPEATING):
                        item[key] = before[key]
        for inner in value:
            _repeat(inner, values)


@dataclass(frozen=True, slots=True)
class GeneralRecords:
    """Records of no schema in particular."""

    @property
    def identity(self) -> object:
        """Always the same."""
        return "general"

    def values(self, seed: str) -> Values:
        """Return values of the train pools; words are made up where records ask for them."""
        return Values(seed, "train")

    def draw(self, complexity: Complexity, values: Values) -> tuple[str, dict[str, Any]]:
        """Return a record of that size."""
        return general_record(complexity, values)
