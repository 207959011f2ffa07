"""Numbers in words."""

from __future__ import annotations

import pytest
from num2words import CONVERTER_CLASSES, num2words

from pytest_edgejson.values.languages import LANGUAGES, LARGEST_IN_WORDS, words_for


@pytest.mark.parametrize("number", [*range(22), 71, 80, 99, 100, 385, 2_000, 90_017, 999_999, LARGEST_IN_WORDS])
def test_the_words_are_those_of_num2words(number: int) -> None:
    known = words_for(number)
    for language in filter(CONVERTER_CLASSES.__contains__, LANGUAGES):
        assert num2words(number, lang=language).casefold() in known
