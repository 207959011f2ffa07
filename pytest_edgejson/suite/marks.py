"""Audit files: marks of suspect labels, which a benchmark run takes to show what the others say alone.

An audit file is JSON Lines. The first line is `{"edgejson_audit": 1, "files": […], "cases": …}`, every other one is a
mark: `case_id`, `sha256` (see `label_fingerprint`) and `findings`, each with `kind`, `paths` and `message`. A mark
belongs to one prompt with one expected output: when either changes, it marks nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.json_rows import CaseError, holds_other, iter_rows
from pytest_edgejson.values.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.suite.audit.findings import Audit, Finding
    from pytest_edgejson.suite.cases import Case

FORMAT = 1
"""Version of audit files; stands in the first line's `edgejson_audit`."""
# As `write_marks` begins a file.
_BEGINNING = b'{"edgejson_audit":'
_FIX = "make one with edgejson suite audit PATH --write FILE.jsonl"


class MarksError(ValueError):
    """An audit file that cannot be read. The message names file, line and fix."""


def label_fingerprint(prompt: str, expected_output: Any) -> str:
    """Return the sha256 of a prompt with its expected output, whatever the order of keys."""
    text = json.dumps([prompt, expected_output], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of an audit file.

    Attributes:
        path: the file.
        kinds: kinds of what is wrong with a label, by case id and fingerprint.
    """

    path: Path
    kinds: Mapping[tuple[str, str], tuple[str, ...]]

    def apply(self, cases: Iterable[Case]) -> list[Case]:
        """Return the cases, those that are marked with the kinds of what is wrong with them."""
        return [
            replace(case, suspect=self.kinds.get((case.id, label_fingerprint(case.prompt, case.expected_output)), ()))
            for case in cases
        ]

    def describe(self, results: Sequence[Mapping[str, Any]]) -> str:
        """Return one line that says how many of a run's cases are marked, and how many marks are ignored.

        Args:
            results: of the run.
        """
        labels = {
            (result["case_id"], label_fingerprint(result["prompt"], result["expected_output"])) for result in results
        }
        ids = {case_id for case_id, _ in labels}
        used = len(labels & self.kinds.keys())
        stale = sum(case_id in ids for case_id, _ in self.kinds.keys() - labels)
        foreign = len(self.kinds) - used - stale
        parts = [f"{self.path} marks {used} of {len(labels)} cases as having unsound labels"]
        if stale:
            parts.append(f"{stale} of its marks {plural(stale, 'is', 'are')} ignored, of a label that has changed")
        if foreign:
            parts.append(f"{foreign} {plural(foreign, 'is', 'are')} of cases that did not run")
        return "; ".join(parts)


def read_marks(path: Path) -> Marks:
    """Read an audit file.

    Raises:
        MarksError: it cannot be read, or is no audit file.
    """
    kinds: dict[tuple[str, str], tuple[str, ...]] = {}
    first = True
    try:
        for number, row in iter_rows(path):
            if first:
                _check_head(path, number, row)
                first = False
                continue
            case_id, sha256, found = row.get("case_id"), row.get("sha256"), _kinds(row.get("findings"))
            if not (isinstance(case_id, str) and isinstance(sha256, str) and found):
                raise MarksError(
                    f"{path}:{number}: a mark has case_id, sha256 and findings, each with its kind; {_FIX}"
                )
            kinds[case_id, sha256] = found
    except CaseError as error:
        raise MarksError(f"{path}:{error.line}: {error.message}; {_FIX}") from None
    except OSError as error:
        raise MarksError(f"{path}: cannot be read: {error.strerror}; {_FIX}") from None
    if first:
        raise MarksError(f"{path}: the file is empty; {_FIX}")
    return Marks(path, kinds)


def _kinds(findings: object) -> tuple[str, ...]:
    """Return the kinds of a mark's findings; none where they are not findings."""
    if not isinstance(findings, list) or not all(isinstance(finding, dict) for finding in findings):
        return ()
    kinds = [finding.get("kind") for finding in findings]
    return tuple(dict.fromkeys(kinds)) if all(isinstance(kind, str) for kind in kinds) else ()


def _check_head(path: Path, line: int, row: Mapping[str, Any]) -> None:
    version = row.get("edgejson_audit")
    if version is None:
        raise MarksError(f"{path}:{line}: no audit file: its first line has no edgejson_audit; {_FIX}")
    if version != FORMAT:
        raise MarksError(f"{path}:{line}: format {version!r} of audit files is not known, {FORMAT} is; {_FIX}")


def write_marks(path: Path, audit: Audit) -> int:
    """Write the unsound labels of an audit and return how many there are. Rows that are no case have none.

    Raises:
        OSError: the file cannot be written.
        MarksError: there is one already, and it is no audit file.
    """
    if holds_other(path, _BEGINNING):
        raise MarksError(f"{path} is no audit file, and would be replaced: name another file")
    rows = {(row.path, row.case.line): row.case for row in audit.rows}
    by_case: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in audit.unsound:
        if finding.case_id is not None:
            case = rows[finding.path, finding.line]
            by_case[case.id, label_fingerprint(case.prompt, case.expected_output)].append(finding)
    lines: list[dict[str, Any]] = [
        {"edgejson_audit": FORMAT, "files": [file.as_posix() for file in audit.files], "cases": len(audit.rows)}
    ]
    lines += [
        {
            "case_id": case_id,
            "sha256": sha256,
            "findings": [
                {"kind": finding.kind, "paths": list(finding.paths), "message": finding.message} for finding in found
            ],
        }
        for (case_id, sha256), found in by_case.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return len(by_case)
