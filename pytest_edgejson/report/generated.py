"""What `edgejson suite generate` tells at the end: how many cases there are, and why the others are none."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Block, Table, as_text
from pytest_edgejson.report.figures import share_text
from pytest_edgejson.suite.audit.texts import REASONS
from pytest_edgejson.values.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.suite.audit.texts import Reason


def render(outcomes: Sequence[tuple[str, Reason | None]]) -> str:
    """Return the tables by reason and by schema.

    Args:
        outcomes: schema id of each object that was tried, and why it is no case.
    """
    n = len(outcomes)
    counts = Counter(reason for _, reason in outcomes)
    rows = [["accepted", str(counts[None]), share_text(counts[None], n), ""]]
    rows += [
        [reason, str(counts[reason]), share_text(counts[reason], n), REASONS[reason]]
        for reason in REASONS
        if counts[reason]
    ]
    blocks: list[Block] = [Table(["", "objects", "of all", "that is"], rows, ("left", "right", "right", "left"))]
    tried = Counter(schema for schema, _ in outcomes)
    accepted = Counter(schema for schema, reason in outcomes if reason is None)
    if len(tried) > 1:
        by_schema = [[clean(schema), str(count), str(accepted[schema])] for schema, count in tried.items()]
        blocks.append(Table(["schema", "objects", "accepted"], by_schema, ("left", "right", "right")))
    return as_text(blocks)
