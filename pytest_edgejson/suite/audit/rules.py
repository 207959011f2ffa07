"""`edgejson suite audit`: what is wrong with the labels of a suite, and what one should know about them.

A label is *unsound* where a model that reads the prompt perfectly cannot know the expected output. Everything else is a
*remark*. What a prompt does not settle is not claimed: see `docs/audit.md`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_edgejson.suite.audit.findings import MOST_PATHS, REMARKS, UNSOUND, Audit, Finding, finding_of
from pytest_edgejson.suite.audit.rows import between_rows
from pytest_edgejson.suite.audit.shared_rules import total_errors
from pytest_edgejson.suite.audit.stated_values import FreeTexts, of_reading
from pytest_edgejson.suite.files import CaseRow, Problem, case_files, read_rows
from pytest_edgejson.suite.rendering import FormError, read_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.suite.audit.findings import Kind
    from pytest_edgejson.suite.schemas import Schema

TOKEN_LIMITS = (512, 2048)
"""Tokens that an answer may have: in the published EdgeJSON v3 evaluation, and by this plugin's default."""


def audit_suite(
    paths: Iterable[Path],
    schemas_of: Callable[[Path], Mapping[str, Schema]],
    *,
    count_tokens: Callable[[str], int] | None = None,
    tokenizer: str = "",
    limits: Sequence[int] = TOKEN_LIMITS,
) -> Audit:
    """Audit files and folders of cases together, each file once.

    Args:
        paths: JSON Lines files, or folders that hold them; what in a folder is not meant to hold cases is passed over.
        schemas_of: returns the schemas of a file.
        count_tokens: returns how many tokens an answer has; None checks no lengths.
        tokenizer: what counts them, for messages.
        limits: the most tokens an answer may have, in each of the settings of interest.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no JSON Lines file.
        SchemaError: from `schemas_of`.
    """
    files = case_files(paths)
    rows: list[CaseRow] = []
    findings: list[Finding] = []
    for row in read_rows(files, schemas_of):
        if isinstance(row, Problem):
            findings.append(Finding(row.path, row.line, "broken_row", row.message))
        else:
            rows.append(row)
    limits = sorted(set(limits))
    tokens: list[int] = []
    texts = FreeTexts()
    for row in rows:
        findings += _of_schema(row)
        try:
            reading = read_prompt(row.case.prompt, row.schema.document)
        except FormError:
            texts.add(row)
        else:
            findings += of_reading(row, reading)
        findings += _of_totals(row)
        if count_tokens is not None:
            tokens.append(count_tokens(json.dumps(row.case.expected_output, ensure_ascii=False)))
            findings += _of_length(row, tokens[-1], limits, tokenizer)
    findings += texts.findings()
    findings += between_rows(rows)
    order = {file: index for index, file in enumerate(files)}
    kinds = (*UNSOUND, *REMARKS)
    findings.sort(key=lambda finding: (order[finding.path], finding.line, kinds.index(finding.kind)))
    return Audit(tuple(files), tuple(rows), tuple(findings), tokenizer or None, tuple(tokens), tuple(limits))


def _of_schema(row: CaseRow) -> Iterator[Finding]:
    value = row.case.expected_output
    kinds: tuple[tuple[Kind, str], ...] = (("schema_invalid", "schema"), ("format_invalid", "schema's format"))
    for (kind, what), violations in zip(
        kinds, (row.schema.violations(value), row.schema.format_violations(value)), strict=True
    ):
        if violations:
            first, *rest = violations
            more = f", and {len(rest)} more" if rest else ""
            message = f"the expected output breaks its {what}: {first.path or 'the root'} {first.message}{more}"
            yield finding_of(row, kind, message, (violation.path for violation in violations))


def _of_totals(row: CaseRow) -> Iterator[Finding]:
    wrong = total_errors(row.case)
    if wrong:
        message = "; ".join(said for _, said in wrong[:MOST_PATHS])
        yield finding_of(row, "wrong_total", message, (path for path, _ in wrong if path))


def _of_length(row: CaseRow, count: int, limits: Sequence[int], tokenizer: str) -> Iterator[Finding]:
    exceeded = [limit for limit in limits if count > limit]
    if exceeded:
        message = f"the expected output has {count} tokens of {tokenizer}, more than {' and '.join(map(str, exceeded))}"
        yield finding_of(row, "too_long", message)
