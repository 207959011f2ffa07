"""Confusions: what the labels of a suite were answered as where they should have been others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.report.document import Code, Table
from pytest_edgejson.results.intents import confusions
from pytest_edgejson.results.metric import answers_of
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.report.document import Block
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.suites import Suite

# A table of 101 intents by 101 has no reader: the cells that hold something, the fullest first.
_SHOWN = 15


def confusion_table(model: str, results: Sequence[Result], suite: Suite) -> Iterator[Block]:
    """Yield, for each label of a suite, what it was taken for, the most frequent first.

    Args:
        model: whose results they are.
        results: of one model.
        suite: that of the results.
    """
    answers = answers_of(results)
    for label in suite.labels:
        found = confusions(answers, label)
        if not found:
            continue
        cells = list(found.items())[:_SHOWN]
        yield Table(
            [f"expected {label}", "answered", "cases"],
            [[Code(expected), Code(given) if given else "none", str(count)] for (expected, given), count in cells],
            ("left", "left", "right"),
            (Code(model), f": {counted(sum(found.values()), 'wrong ' + label)} of {counted(len(answers), 'answer')}"),
        )
        if len(found) > _SHOWN:
            rest = sum(list(found.values())[_SHOWN:])
            yield f"{counted(len(found) - _SHOWN, 'more confusion')}, of {counted(rest, 'case')}."
