"""What an audit looks like: a table by kind and complexity, then the findings by file and line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.report.document import Code, Foreign, Listing, Table, as_markdown, as_text
from pytest_edgejson.suite.audit.findings import REMARKS, UNSOUND
from pytest_edgejson.suite.suites import EDGEJSON, suite_at
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.report.document import Block, Inline, Span
    from pytest_edgejson.suite.audit.findings import Audit, Finding

Format: TypeAlias = Literal["text", "markdown", "json"]

SHOWN_FINDINGS = 20

_DIFFERENCES = ("absent_value", "text_differs", "omitted_value", "key_order", "written_otherwise")


def render(audit: Audit, layout: Format = "text", *, verbose: bool = False) -> str:
    """Return an audit as text.

    Args:
        audit: what to show.
        layout: `text` for a terminal, `markdown`, or `json`, which holds every finding.
        verbose: show all findings, not the first unsound labels alone.
    """
    if layout == "json":
        return json.dumps(_as_dict(audit), indent=1)
    findings = list(audit.findings) if verbose else audit.unsound[:SHOWN_FINDINGS]
    blocks = [
        _table(audit),
        _differences(audit),
        *_lengths(audit),
        Listing([*map(_line, findings)], bullet=""),
        _hidden(audit, len(findings)),
        verdict(audit),
    ]
    # A line for each finding, however long: editors and `grep` take it from there.
    return as_text(blocks, width=None) if layout == "text" else as_markdown(blocks)


def _as_dict(audit: Audit) -> dict[str, Any]:
    return {
        "files": [str(file) for file in audit.files],
        "cases": len(audit.rows),
        "unsound_cases": len(_places(audit.unsound)),
        "kinds": {kind: len(_places(found)) for kind, found in _by_kind(audit).items()},
        "tokenizer": audit.tokenizer,
        "longer": {str(limit): sum(length > limit for length in audit.tokens) for limit in audit.limits}
        if audit.tokenizer
        else None,
        "findings": [finding.as_dict() for finding in audit.findings],
    }


def _by_kind(audit: Audit) -> dict[str, list[Finding]]:
    by_kind = {kind: [item for item in audit.findings if item.kind == kind] for kind in (*UNSOUND, *REMARKS)}
    return {kind: found for kind, found in by_kind.items() if found}


def _places(findings: Sequence[Finding]) -> set[str]:
    return {finding.place for finding in findings}


def _groups(audit: Audit) -> dict[str, set[str]]:
    """Return the places of the cases of each slice of the first file's suite."""
    slices = suite_at(audit.files[0]).slices if audit.files else EDGEJSON.slices
    groups: dict[str, set[str]] = {name: set() for name in slices.values}
    for row in audit.rows:
        for name in slices.of(row.case):
            groups.setdefault(name, set()).add(row.place)
    return groups


def _table(audit: Audit) -> Table:
    """Return how many rows each kind of finding concerns."""
    groups = _groups(audit)

    def row(name: str, findings: Sequence[Finding]) -> list[str]:
        places = _places(findings)
        counts = [len(places.intersection(group)) for group in groups.values()]
        return [name, *(str(number) if number else "-" for number in (*counts, len(places)))]

    by_kind = _by_kind(audit)
    unsound = [row(kind, found) for kind, found in by_kind.items() if kind in UNSOUND]
    remarks = [row(kind, found) for kind, found in by_kind.items() if kind in REMARKS]
    rows = [["cases", *(str(len(group)) for group in groups.values()), str(len(audit.rows))]]
    rows += [row("unsound", audit.unsound), *([f"  {name}", *cells] for name, *cells in unsound)]
    if remarks:
        rows += [row("remarks", [found for found in audit.findings if not found.is_unsound])]
        rows += [[f"  {name}", *cells] for name, *cells in remarks]
    return Table(["", *groups, "all"], rows, ("left", *["right"] * (len(groups) + 1)))


def _differences(audit: Audit) -> str:
    """Count the rows whose expected output would not give their prompt again: what is called label noise."""
    found = [finding for finding in audit.findings if finding.kind in _DIFFERENCES]
    if not found:
        return ""
    unsound = len(_places([finding for finding in found if finding.is_unsound]))
    return f"Expected outputs that differ from the text: {len(_places(found))}, {unsound} of them in what they say."


def _lengths(audit: Audit) -> Iterator[Block]:
    if audit.tokenizer is None:
        yield "Lengths are not checked: --model NAME counts the tokens of a model."
        return
    lines: list[Inline] = []
    for limit in audit.limits:
        longer = [row.place for row, length in zip(audit.rows, audit.tokens, strict=True) if length > limit]
        split = ", ".join(f"{len(group.intersection(longer))} {name}" for name, group in _groups(audit).items())
        counts = f": {len(longer)} ({split})." if longer else f": {len(longer)}."
        lines.append((f"Expected outputs of more than {limit} tokens of ", Foreign(audit.tokenizer), counts))
    yield Listing(lines, bullet="")


def _line(finding: Finding) -> Inline:
    """Return a finding after its place, which editors find in a line of text that begins with it."""
    name: tuple[Span, ...] = (Foreign(finding.case_id), ": ") if finding.case_id else ()
    return Code(finding.place), ": ", *name, f"{finding.kind}: ", Foreign(finding.message)


def _hidden(audit: Audit, shown: int) -> str:
    hidden = len(audit.findings) - shown
    if not hidden:
        return ""
    unsound = max(len(audit.unsound) - shown, 0)
    remarks = hidden - unsound
    counts = [f"{unsound} unsound"] * bool(unsound)
    counts += [counted(remarks, "remark")] * bool(remarks)
    return f"Not shown: {' and '.join(counts)}; --verbose shows all, --format json too."


def verdict(audit: Audit) -> str:
    """Return in a line how many labels are unsound."""
    unsound = len(_places(audit.unsound))
    labels = counted(unsound, "unsound label") if unsound else "no unsound label"
    return f"{counted(len(audit.rows), 'case')}, {labels}."
