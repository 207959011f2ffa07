"""What an audit finds: the kinds of findings, one finding, and all that an audit has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_edgejson.suite.cases import Complexity
    from pytest_edgejson.suite.files import CaseRow

Unsound: TypeAlias = Literal[
    "broken_row",
    "schema_invalid",
    "absent_value",
    "text_differs",
    "omitted_value",
    "ambiguous_boundary",
    "wrong_total",
    "contradiction",
]
Remark: TypeAlias = Literal[
    "assumed_boundary",
    "key_order",
    "written_otherwise",
    "unseen_value",
    "format_invalid",
    "too_long",
    "duplicate",
    "near_duplicate",
]
Kind: TypeAlias = Unsound | Remark

UNSOUND: tuple[Unsound, ...] = get_args(Unsound)
REMARKS: tuple[Remark, ...] = get_args(Remark)

MOST_PATHS = 3
"""Fields that a message names at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an audit has to say about a row.

    Attributes:
        path: the file.
        line: 1-based line, 0 for the whole file.
        kind: one of `UNSOUND` or `REMARKS`.
        message: for a person, in one line; safe to print.
        case_id: the case; None for a row that is none.
        complexity: the case's.
        paths: the fields concerned, as `line_items[0].total`.
    """

    path: Path
    line: int
    kind: Kind
    message: str
    case_id: str | None = None
    complexity: Complexity | None = None
    paths: tuple[str, ...] = ()

    @property
    def is_unsound(self) -> bool:
        """Whether the label cannot be known from the prompt."""
        return self.kind in UNSOUND

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON builtins."""
        return {
            "file": str(self.path),
            "line": self.line,
            "case_id": self.case_id,
            "complexity": self.complexity,
            "kind": self.kind,
            "unsound": self.is_unsound,
            "paths": list(self.paths),
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        files: what was read.
        rows: the cases, in the order of the files.
        findings: by file and line.
        tokenizer: the model whose tokens were counted; None where none were.
        tokens: how many each row's expected output has; empty where none were counted.
        limits: the token limits, ascending.
    """

    files: tuple[Path, ...]
    rows: tuple[CaseRow, ...]
    findings: tuple[Finding, ...]
    tokenizer: str | None
    tokens: tuple[int, ...]
    limits: tuple[int, ...]

    @property
    def unsound(self) -> list[Finding]:
        """The findings that make a label unsound."""
        return [finding for finding in self.findings if finding.is_unsound]


def finding_of(row: CaseRow, kind: Kind, message: str, paths: Iterable[str] = ()) -> Finding:
    """Return a finding about a row that is a case, each path once."""
    case = row.case
    return Finding(row.path, case.line, kind, message, case.id, case.complexity, tuple(dict.fromkeys(paths)))


def list_paths(paths: Iterable[str]) -> str:
    """Return paths as text for a message: each once, and the first ones only where they are many."""
    different = list(dict.fromkeys(paths))
    return ", ".join(different[:MOST_PATHS]) + ", …" * (len(different) > MOST_PATHS)
