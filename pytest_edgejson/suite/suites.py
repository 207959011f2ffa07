"""Suites by name: what a suite says of itself in its `suite.toml`, and where suites are found."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.told import KEY as COMPARATORS
from pytest_edgejson.suite.told import ToldComparators, read_told
from pytest_edgejson.values.comparators import ComparatorError
from pytest_edgejson.values.text import clean
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.schemas import Schemas

FILE = "suite.toml"
ENTRY_POINTS = "pytest_edgejson.suites"
"""The group of entry points by which a package brings suites: the name, and the package whose folder is the suite."""


class SuiteError(ValueError):
    """A suite that is not there or cannot be used. The message is one line that names the fix."""


@dataclass(frozen=True, slots=True)
class Slices:
    """How the cases of a suite are grouped.

    Attributes:
        key: what of a case says where it belongs: `complexity`, `schema_id` or a key of the row.
        values: the slices in their order; one that is not named comes after them.
        title: the key in words.
    """

    key: str
    values: tuple[str, ...] = ()
    title: str = ""

    @property
    def words(self) -> str:
        """What the slices are, in words."""
        return self.title or self.key.replace("_", " ")

    def of(self, case: Case) -> list[str]:
        """Return the slices that a case is in."""
        return [value for key, value in tags(case.complexity, case.schema_id, case.metadata) if key == self.key]


def tags(complexity: str, schema_id: str, metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a case can be selected by: complexity, schema, and the scalars of its metadata, lists taken apart."""
    yield "complexity", complexity
    yield "schema_id", schema_id
    for key, value in metadata.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield key, item
            elif not isinstance(item, list | dict):
                yield key, json.dumps(item)


@dataclass(frozen=True, slots=True)
class Suite:
    """What a suite says of itself.

    Attributes:
        name: of its folder; empty for a folder of cases that says nothing.
        title: its name for people.
        version: changes with the cases.
        licence: an SPDX identifier.
        description: in a line.
        metrics: names of those in its tables; none for those of EdgeJSON.
        slices: how its cases are grouped.
        prompt: a template that asks for what the suite wants, in the place of the built-in ones; None for these.
        max_new_tokens: tokens generated at most where neither the run nor the model's entry says; None for the usual.
        labels: fields whose values are chosen from a list, and so need not stand in the text; keys with a dot between
            them, array places left out. Expected outputs may then repeat.
        cases: where its cases are.
        comparators: how fields are compared, over what the schemas say; None where they alone say it.
    """

    name: str
    title: str = ""
    version: str = ""
    licence: str = ""
    description: str = ""
    metrics: tuple[str, ...] = ()
    slices: Slices = Slices("complexity", COMPLEXITIES)
    prompt: str | None = None
    max_new_tokens: int | None = None
    labels: tuple[str, ...] = ()
    cases: Path = bundled.ROOT / "cases"
    comparators: ToldComparators | None = None

    def __str__(self) -> str:
        return f"{self.title or self.name} {self.version}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """Return what the manifest of a run says of it, as JSON builtins."""
        return {
            "name": self.name,
            "title": self.title,
            "version": self.version,
            "licence": self.licence,
            "metrics": list(self.metrics),
            "labels": list(self.labels),
            "slices": {"key": self.slices.key, "values": list(self.slices.values), "title": self.slices.title},
        }

    @staticmethod
    def from_dict(told: Mapping[str, Any] | None) -> Suite:
        """Return the suite of a manifest; of one of an earlier version, which says nothing, an unnamed one."""
        if told is None:
            return UNNAMED
        slices = told["slices"]
        return Suite(
            told["name"],
            told["title"],
            told["version"],
            told["licence"],
            metrics=tuple(told["metrics"]),
            labels=tuple(told["labels"]),
            slices=Slices(slices["key"], tuple(slices["values"]), slices["title"]),
        )

    def differs_from(self, other: Suite) -> bool:
        """Tell whether the two are different suites, or versions of one; an unnamed suite differs from none."""
        return bool(self.name and other.name) and (self.name, self.version) != (other.name, other.version)


EDGEJSON = Suite("edgejson", "EdgeJSON", "3", "Apache-2.0", "objects as lines of labels and values")
"""The suite that runs where none is named."""

UNNAMED = Suite("")
"""A folder of cases without a `suite.toml`, grouped and measured as EdgeJSON."""

_TEXTS = ("title", "version", "licence", "description", "prompt")
_KEYS = (*_TEXTS, "metrics", "max_new_tokens", "labels", "slices", COMPARATORS)


def read_suite(folder: Path) -> Suite:
    """Read the `suite.toml` of a folder.

    Raises:
        SuiteError: the file is not there, no TOML, or a key of it is unknown or of the wrong type.
    """
    file = folder / FILE
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SuiteError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SuiteError(f"{file}: not TOML: {error}") from None
    slices = told.get("slices", {"key": "complexity"})
    for key in told:
        if key not in _KEYS:
            raise SuiteError(f"{file}: unknown key {key!r}: {did_you_mean(key, _KEYS)}use {', '.join(_KEYS)}")
    wrong = [key for key in _TEXTS if not isinstance(told.get(key, ""), str)]
    if wrong:
        raise SuiteError(f"{file}: {wrong[0]!r} must be a text in quotes, got {told[wrong[0]]!r}")
    limit = told.get("max_new_tokens", 1)
    if type(limit) is not int or limit < 1:
        raise SuiteError(f"{file}: 'max_new_tokens' must be a whole number of at least 1, got {limit!r}")
    if "{prompt}" not in told.get("prompt", "{prompt}"):
        raise SuiteError(f"{file}: 'prompt' has no {{prompt}} where the case's text belongs")
    if not isinstance(slices, dict) or not isinstance(slices.get("key"), str) or slices.keys() > {*Slices.__slots__}:
        raise SuiteError(f"{file}: [slices] has a 'key', such as \"complexity\", and may have 'values' and 'title'")
    values = slices.get("values", COMPLEXITIES if slices["key"] == "complexity" else ())
    lists = {key: told.get(key, ()) for key in ("metrics", "labels")}
    for key, names in (*lists.items(), ("values", values)):
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise SuiteError(f"{file}: {key!r} must be a list of texts, got {names!r}")
    try:
        comparators = read_told(str(file), told[COMPARATORS]) if COMPARATORS in told else None
    except ComparatorError as error:
        raise SuiteError(clean(str(error))) from None
    return Suite(
        folder.name,
        **{key: told[key] for key in (*_TEXTS, "max_new_tokens") if key in told},
        metrics=tuple(lists["metrics"]),
        labels=tuple(lists["labels"]),
        slices=Slices(slices["key"], tuple(values), str(slices.get("title", ""))),
        cases=folder / "cases" if (folder / "cases").is_dir() else folder,
        comparators=comparators,
    )


def suite_at(path: Path) -> Suite:
    """Return the suite that a file or folder of cases belongs to: of the nearest `suite.toml`, up to four levels above.

    Raises:
        SuiteError: that `suite.toml` cannot be used.
    """
    path = path.resolve()
    for folder in [path, *path.parents][:6]:
        if (folder / FILE).is_file():
            return read_suite(folder)
    return EDGEJSON if path.is_relative_to(EDGEJSON.cases) else UNNAMED


def find_suite(name: str, start: Path = Path()) -> Suite:
    """Return the suite of a name: a bundled one, one that a package brings, or a folder that has a `suite.toml`.

    Args:
        name: of the suite, or its folder.
        start: what the folder is relative to.

    Raises:
        SuiteError: there is none, or it cannot be used. The message lists the names.
    """
    if name == EDGEJSON.name:
        return EDGEJSON
    known: dict[str, Path | metadata.EntryPoint] = {
        entry.name: entry for entry in metadata.entry_points(group=ENTRY_POINTS)
    } | {file.parent.name: file.parent for file in sorted(bundled.SUITES.glob(f"*/{FILE}"))}
    if name not in known:
        if (start / name / FILE).is_file():
            return read_suite((start / name).resolve())
        names = [EDGEJSON.name, *sorted(known)]
        raise SuiteError(
            f"unknown suite {name!r}: {did_you_mean(name, names)}use {', '.join(names)}, or a folder with a {FILE}"
        )
    place = known[name]
    if isinstance(place, Path):
        return read_suite(place)
    try:
        return read_suite(Path(str(resources.files(place.module))))
    except ImportError as error:
        raise SuiteError(f"suite {name!r}: its package cannot be imported: {error}") from None


class SchemaFinder:
    """The schemas of files of cases by id, each folder's loaded once, with what the files' suites say of comparing.

    Args:
        folder: has the schemas of all files; None where those beside each file's suite count.

    Attributes:
        loaded: what was loaded, by folder and by the `suite.toml` that says how to compare.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._of_file: dict[Path, Schemas] = {}
        self.loaded: dict[tuple[Path, str], Schemas] = {}

    def __call__(self, file: Path) -> Schemas:
        """Return the schemas for a file, or folder, of cases.

        Raises:
            SchemaError: they cannot be used.
            SuiteError: the suite's `suite.toml` cannot be used.
        """
        from pytest_edgejson.suite.schemas import Schemas

        # Kept by file: each look-up asks the file system up to 20 times, and each result needs its schema.
        if file not in self._of_file:
            folder, told = self._folder or bundled.schema_folder(file), suite_at(file).comparators
            which = folder, told.source if told else ""
            if which not in self.loaded:
                self.loaded[which] = Schemas(folder, told)
            self._of_file[file] = self.loaded[which]
        return self._of_file[file]
