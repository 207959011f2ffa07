"""What was collected: the cases of a run by their ids, and the files that were passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.cases import kind_of_file
from pytest_edgejson.suite.json_rows import CaseError, is_json_lines
from pytest_edgejson.values.wording import counted, plural

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.cases import Case


class Collected:
    """Cases and files that pytest came upon, in the process that collects.

    Attributes:
        case_ids: ids of the cases in all files that were read, selected or not.
        passed_over: JSON Lines in folders that hold neither cases nor results.
        is_whole: whether all files that hold cases could be read.
        files: those that were read.
        few_examples: how many examples there are, by schema id, of schemas with fewer than a prompt is to show.
    """

    def __init__(self) -> None:
        self.case_ids: set[str] = set()
        self.passed_over: list[str] = []
        self.is_whole = True
        self.files: set[Path] = set()
        self.few_examples: dict[str, int] = {}
        self._schema_ids: set[str] = set()
        self._places: dict[str, tuple[Path, str]] = {}

    def is_of_cases(self, file: Path, *, is_asked_for: bool) -> bool:
        """Tell whether a file found in a folder is one of cases, and remember it where it is passed over.

        Args:
            file: that pytest has come upon, which it does once for each argument in the folder.
            is_asked_for: whether an argument names the folder, or one that it is in.
        """
        kind = kind_of_file(file)
        if kind == "other" and is_asked_for and is_json_lines(file) and str(file) not in self.passed_over:
            self.passed_over.append(str(file))
        return kind == "cases"

    def add(self, file: Path, real: Path, case: Case) -> None:
        """Take in a case.

        Args:
            file: it is from.
            real: where symbolic links lead to from there.
            case: one of the file.

        Raises:
            CaseError: another file has a case of the same id, by which recordings, results and baselines know cases.
        """
        first, place = self._places.setdefault(case.id, (real, f"{file}:{case.line}"))
        if first != real:
            fix = "rename one of them, or run the files one after the other"
            raise CaseError(file, case.line, f"the id {case.id!r} stands already in {place}; ids are unique: {fix}")
        self.files.add(file)
        self.case_ids.add(case.id)
        self._schema_ids.add(case.schema_id)

    def count_examples(self, examples: Mapping[str, Collection[Case]], wanted: int) -> None:
        """Note for which schemas there are fewer examples than wanted."""
        for schema_id in sorted(self._schema_ids):
            count = len(examples.get(schema_id, ()))
            if count < wanted:
                self.few_examples[schema_id] = count

    def as_dict(self) -> dict[str, Any]:
        """Return what a worker of xdist tells its controller, which collects nothing."""
        return {
            "case_ids": sorted(self.case_ids),
            "passed_over": self.passed_over,
            "is_whole": self.is_whole,
            "few_examples": self.few_examples,
        }

    def take(self, told: Mapping[str, Any]) -> None:
        """Take in what a worker tells; all of them collect the same."""
        self.case_ids.update(told["case_ids"])
        self.passed_over = told["passed_over"]
        self.is_whole = told["is_whole"]
        self.few_examples = told["few_examples"]

    def notes(self, answered: Mapping[str, Collection[str]]) -> list[str]:
        """Return a line for each thing that may be a mistake.

        Args:
            answered: the ids that models have answers to, by model; only of those that have no others.
        """
        lines = []
        for model, ids in answered.items():
            foreign = [case_id for case_id in ids if case_id not in self.case_ids]
            if foreign and self.is_whole:
                lines.append(
                    f"{model}: {len(foreign):,} of {counted(len(ids), 'recorded case')} "
                    f"{plural(len(foreign), 'is', 'are')} in no file of this run, such as {foreign[0]!r}"
                )
        if self.few_examples:
            verb = plural(len(self.few_examples), "has", "have")
            schema_id, count = next(iter(self.few_examples.items()))
            lines.append(
                f"{counted(len(self.few_examples), 'schema')} {verb} fewer examples than prompts are to show: "
                f"{schema_id} has {count}" + ", …" * (len(self.few_examples) > 1)
            )
        if self.passed_over:
            files = counted(len(self.passed_over), "file")
            lines.append(f"passed over {files} of JSON Lines without cases, such as {self.passed_over[0]}")
        return lines
