"""Values: reproducible, from pools that share nothing, and not all of them harmless."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.suite.make import random_values as module
from pytest_edgejson.suite.make.random_values import Split, Values

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES: dict[str, Callable[[Values], str]] = {
    "word": Values.word,
    "phrase": Values.phrase,
    "sentence": Values.sentence,
    "text": Values.text,
    "person": Values.person,
    "company": Values.company,
    "product": Values.product,
    "city": Values.city,
    "street": Values.street,
    "address": Values.address,
    "email": Values.email,
    "phone": Values.phone,
    "identifier": lambda values: values.identifier("AB"),
    "date": Values.date,
    "timestamp": Values.timestamp,
    "currency": Values.currency,
    "language": Values.language,
}
# Kinds of files are known to all; a model gains nothing by having seen them.
SHARED = {"extension", "mime"}


def draw(source: Callable[[Values], str], count: int, split: Split = "train", seed: int | str = 0) -> list[str]:
    values = Values(seed, split)
    return [source(values) for _ in range(count)]


def test_the_pools_of_the_splits_are_disjoint() -> None:
    test, train = module._pools("test"), module._pools("train")
    assert test.keys() == train.keys()
    learned = [name for name in test if name not in SHARED]
    assert len(learned) >= 10
    # Across pools and capitals too: a first name of one split is no last name, no city and no word of the other.
    seen = {text.lower() for name in learned for text in train[name]}
    for name in learned:
        assert len(test[name]) >= 10, name
        assert len(train[name]) >= 2 * len(test[name]), name
        assert not seen & {text.lower() for text in test[name]}, name


def test_about_a_quarter_is_kept_for_testing() -> None:
    sizes = {split: len(module._pools(split)["word"]) for split in ("test", "train")}
    assert 0.2 < sizes["test"] / sum(sizes.values()) < 0.3


def test_what_is_drawn_comes_from_the_splits_pool() -> None:
    people = {split: set(draw(Values.person, 400, split)) for split in ("test", "train")}
    assert not people["test"] & people["train"]


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_seed_gives_the_same_values(name: str) -> None:
    assert draw(SOURCES[name], 40, seed=7) == draw(SOURCES[name], 40, seed=7)
    assert draw(SOURCES[name], 40, seed=7) != draw(SOURCES[name], 40, seed=8)


def test_the_same_seed_gives_the_same_values_in_another_process() -> None:
    code = (
        "from pytest_edgejson.suite.make.random_values import Values; v = Values('x', 'test'); "
        "print(ascii([v.person(), v.text(), v.address(), v.timestamp(), v.identifier('A')]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    values = Values("x", "test")
    here = [values.person(), values.text(), values.address(), values.timestamp(), values.identifier("A")]
    assert found.strip() == ascii(here)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("split", ["test", "train"])
def test_every_value_fits_on_a_line(name: str, split: Split) -> None:
    for text in draw(SOURCES[name], 300, split):
        assert text
        assert text == text.strip()
        assert text.isprintable()


@pytest.mark.parametrize("split", ["test", "train"])
def test_values_that_trip_a_careless_parser_occur(split: Split) -> None:
    texts = draw(Values.text, 600, split)
    names = draw(Values.person, 600, split)
    for sign in ('"', "{", "}", "[", "\\", "'", ","):
        assert any(sign in text for text in texts), sign
    assert any('"' in name for name in names)
    assert any("'" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert any(not city.isascii() for city in draw(Values.city, 200, split))


@pytest.mark.parametrize("split", ["test", "train"])
def test_strings_that_look_like_numbers_occur(split: Split) -> None:
    words = draw(Values.word, 300, split)
    assert any(word.isdecimal() for word in words)
    assert any(text.isdecimal() for text in draw(lambda values: values.identifier("AB"), 100, split))
    assert any(word.startswith("0") and word.isdecimal() for word in draw(Values.word, 3000, split))


def test_timestamps_have_an_offset() -> None:
    stamps = draw(Values.timestamp, 300)
    assert all(datetime.fromisoformat(stamp).tzinfo for stamp in stamps)
    assert {"Z", "+", "-"} == {stamp[-1] if stamp[-1] == "Z" else stamp[-6] for stamp in stamps}
    assert any("." in stamp for stamp in stamps)


def test_mail_goes_nowhere() -> None:
    assert all(re.fullmatch(r"[\w.]+@example\.(com|org|net)", mail) for mail in draw(Values.email, 300))


def test_numbers_keep_their_bounds_and_decimals() -> None:
    values = Values(0, "train")
    numbers = [values.number(-3, 5, 1) for _ in range(500)]
    assert min(numbers) >= -3
    assert max(numbers) <= 5
    assert all(number == round(number, 1) for number in numbers)
    assert {len(values.digits(4)) for _ in range(50)} == {4}
    assert any(values.digits(4).startswith("0") for _ in range(200))


def test_what_could_be_known_by_heart_can_be_made_up() -> None:
    known = {text.lower() for pool in module._pools("train").values() for text in pool}
    values = Values(0, "train", made_up=0.5)
    for source in (Values.city, lambda values: values.pick("first"), lambda values: values.pick("word")):
        drawn = [source(values) for _ in range(400)]
        assert 140 < sum(text.lower() not in known for text in drawn) < 260
    # What is written by a rule stays valid.
    assert all(
        values.pick("zone") in known_zones for known_zones in [module._pools("train")["zone"]] for _ in range(50)
    )
    assert all(re.fullmatch(r"[\w.]+@example\.(com|org|net)", values.email(), re.ASCII) for _ in range(50))


def test_made_up_words_are_joined_of_pieces_but_never_to_a_word_of_the_other_pool() -> None:
    known = {Values(seed, "test").pick("word") for seed in range(40)}
    pieces = [*known, *(part for word in known for part in (word[:2], word[2:].upper()))]
    values = Values(0, "train", made_up=1.0, pieces=pieces)
    words = [values.pick("word") for _ in range(3000)]
    joined = [word for word in words if word.isascii() and _is_joined(word, pieces)]
    assert len(joined) > 1000
    assert not known & {word.lower() for word in joined}
    # The others are of letters, as without pieces.
    assert len(words) - len(joined) > 1000


def _is_joined(word: str, pieces: list[str], most: int = 3) -> bool:
    return any(
        word == piece or (most > 1 and word.startswith(piece) and _is_joined(word[len(piece) :], pieces, most - 1))
        for piece in pieces
    )
