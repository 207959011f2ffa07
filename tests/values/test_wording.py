"""Words of messages: numbers with their nouns, near names, errors in a line."""

from __future__ import annotations

import pytest

from pytest_edgejson.values.wording import counted, did_you_mean, first_line, plural


def test_numbers_have_their_nouns():
    assert [counted(number, "case") for number in (0, 1, 2, 1234)] == ["0 cases", "1 case", "2 cases", "1,234 cases"]
    assert plural(1, "is", "are") == "is"
    assert plural(2, "is", "are") == "are"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("nanno", "did you mean 'nano'? "),
        ("NANO", "did you mean 'nano'? "),
        ("maza", "did you mean 'Maaza'? "),
        ("x", ""),
    ],
)
def test_a_near_name_is_offered(word, hint):
    assert did_you_mean(word, ["nano", "Maaza"]) == hint


@pytest.mark.parametrize(("text", "line"), [("\n a\nb", "a"), ("", "ValueError")])
def test_an_error_is_told_in_a_line(text, line):
    assert first_line(ValueError(text)) == line
