"""The check of batching: which answers it takes for the same."""

from __future__ import annotations

from helpers.answers import made_up

from pytest_edgejson.backends.interface import Completion
from pytest_edgejson.results.batching import as_part, check_batching


def test_answers_that_are_thoughts_alone_are_compared_too() -> None:
    results = [
        made_up(
            output="", thought="Is it 3?", alone=as_part(Completion("k", "", "length", thought=alone), json_exact=False)
        )
        for alone in ("Is it 3?", "Is it 4?")
    ]
    check = check_batching(results)
    assert check is not None
    assert (check.checked, check.differing) == (2, (results[1],))
