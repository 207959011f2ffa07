"""Where the records of a training from scratch come from: the bundled schemas, or general extraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_edgejson.suite.make.build import HEADINGS
from pytest_edgejson.suite.make.random_values import Values
from pytest_edgejson.suite.make.records import generate_record
from pytest_edgejson.suite.rendering import render_prompt
from pytest_edgejson.training.general import general_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.suite.cases import Complexity

_FULLNESS: Mapping[Complexity, tuple[float, float]] = {
    "simple": (0.3, 1.0),
    "medium": (0.3, 1.0),
    "complex": (0.2, 0.75),
}

_MADE_UP = 0.3


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
    """

    documents: Mapping[Complexity, Mapping[str, Mapping[str, Any]]]
    template: str

    @property
    def identity(self) -> object:
        """Schemas, template and how much is made up."""
        return [self.documents, self.template, _MADE_UP]

    def values(self, seed: str) -> Values:
        """Return values of the train pools, some of them made up: a model that has only met words misreads names."""
        return Values(seed, "train", made_up=_MADE_UP)

    def draw(self, complexity: Complexity, values: Values) -> tuple[str, dict[str, Any]]:
        """Return a record of any schema of that complexity."""
        schema_id, document = values.random.choice(list(self.documents[complexity].items()))
        fullness = values.random.uniform(*_FULLNESS[complexity])
        record = generate_record(schema_id, document, values, fullness)
        title = values.phrase().title() if values.chance(0.2) else document["title"]
        heading = values.random.choice(HEADINGS).format(title)
        text = render_prompt(record, heading, title, delimited=values.chance(0.8))
        return self.template.replace("{prompt}", text), record


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
