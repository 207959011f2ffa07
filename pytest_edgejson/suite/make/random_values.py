"""Values for new records: names, words, dates, identifiers, from two pools that share nothing.

Faker supplies the material. What a person or a model could learn by heart (words, names, places, companies) is divided
between the `test` and the `train` pool, so that a model trained on one cannot answer the other from memory.
"""

from __future__ import annotations

import random
import string
import zlib
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Split: TypeAlias = Literal["test", "train"]

_SYMBOLS = ("USD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "AUD", "CAD", "INR", "BRL", "ZAR")
# Apart, because a simple_config has few values beside its language: it could be met in training as a whole.
_LANGUAGES: Mapping[Split, tuple[str, ...]] = {
    "train": ("en", "de", "fr", "es", "pt", "it", "nl", "sv", "pl", "cs", "tr", "ja", "en-GB", "pt-BR", "zh-Hant"),
    "test": ("fi", "da", "nb", "is", "hu", "ro", "bg", "el", "uk", "ko", "th", "vi", "en-AU", "es-MX", "zh-Hans"),
}
# Vowels twice, so that words look like words.
_LATIN = "aeiou" + string.ascii_lowercase
_LETTERS = (
    "aeiouàâçéèêëîïôùûüÿœæabcdefghijklmnopqrstuvwxyz",
    "aeiouäöüßåøæõąćęłńśźżčďěňřšťůžığşabcdefghijklmnoprstuvz",
    "αβγδεζηθικλμνξοπρστυφχψως",
    "абвгдежзийклмнопрстуфхцчшщыьэюя",
    "北京上海东西南北中山川田水火木金人大小日月明",
    "あいうえおかきくけこさしすせそたちつてとなにぬねの",
)
# Pools of what is known by heart rather than written by a rule.
_LEARNABLE = {
    "word",
    "first",
    "last",
    "foreign_first",
    "foreign_last",
    "city",
    "foreign_city",
    "street",
    "state",
    "country",
    "job",
}
_EPOCH = datetime(1990, 1, 1, tzinfo=UTC)


def _belongs(text: str, split: Split) -> bool:
    # A quarter is kept for testing; crc32 is the same in every process and on every machine.
    return (zlib.crc32(text.encode()) % 4 == 0) == (split == "test")


@cache
def _pools(split: Split) -> dict[str, list[str]]:
    try:
        from faker import Faker
    except ImportError:
        raise ModuleNotFoundError("values come from Faker: pip install 'pytest-edgejson[suite]'") from None
    english = Faker("en_US", use_weighting=False)
    english.seed_instance(0)
    swedish, german = Faker("sv_SE", use_weighting=False), Faker("de_DE", use_weighting=False)
    swedish.seed_instance(0)
    german.seed_instance(0)

    def draw(source: Callable[[], str], count: int) -> list[str]:
        found = dict.fromkeys(source() for _ in range(count))
        return [text for text in found if _belongs(text, split) and "\n" not in text and text == text.strip()]

    pools = {
        "word": [word for word in dict.fromkeys(english.get_words_list()) if _belongs(word, split)],
        "first": draw(english.first_name, 1500),
        "last": draw(english.last_name, 2000),
        "foreign_first": draw(swedish.first_name, 1500),
        "foreign_last": draw(swedish.last_name, 1500),
        "city": draw(english.city, 1000),
        "foreign_city": draw(german.city, 600),
        "street": draw(english.street_name, 1000),
        "state": draw(english.state, 400),
        "country": draw(english.country, 600),
        "job": draw(english.job, 800),
        "zone": draw(english.timezone, 600),
        "user": draw(english.user_name, 1000),
    }
    if split == "test":
        # A word may be a name elsewhere, or stand in capitals: not even so does a text occur in both.
        pools = {name: [text for text in pool if text.lower() not in _known("train")] for name, pool in pools.items()}
    return pools | {
        "extension": ["pdf", "png", "csv", "docx", "zip", "txt", "ics", "xlsx"],
        "mime": ["application/pdf", "image/png", "text/csv", "application/zip", "text/plain", "text/calendar"],
    }


@cache
def _known(split: Split) -> frozenset[str]:
    """Return the texts of a pool in small letters."""
    return frozenset(text.lower() for pool in _pools(split).values() for text in pool)


class Values:
    """Draws values of one pool, reproducibly.

    Args:
        seed: same seed, same values (for one version of Faker).
        split: the pool to draw from.
        made_up: share of words, names and places that are random letters instead: what can only be copied.
        pieces: of which every other word that is made up is joined instead of letters.
    """

    def __init__(self, seed: int | str, split: Split, *, made_up: float = 0.0, pieces: Sequence[str] = ()) -> None:
        self.random = random.Random(f"{split}:{seed}")
        self._split = split
        self._made_up = made_up
        self._pieces = pieces
        self._pools = _pools(split)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.random.random() < probability

    def pick(self, pool: str) -> str:
        """Return a text of the named pool."""
        if self._made_up and pool in _LEARNABLE and self.chance(self._made_up):
            return self.made_up()
        return self.random.choice(self._pools[pool])

    def digits(self, count: int) -> str:
        """Return `count` random digits, leading zeros included."""
        return "".join(self.random.choices("0123456789", k=count))

    def word(self) -> str:
        """Return one word, now and then in capitals or a number that is a string."""
        dice = self.random.random()
        if dice < 0.04:
            return self.digits(self.random.randint(2, 5))
        if dice < 0.08:
            return f"{self.pick('word').capitalize()}-{self.digits(2)}"
        return self.pick("word").capitalize()

    def made_up(self) -> str:
        """Return a word of random letters, one in eight not Latin, or of random pieces."""
        if self._pieces and self.chance(0.5):
            return self._joined()
        letters = self.random.choice(_LETTERS) if self.chance(1 / 8) else _LATIN
        word = "".join(self.random.choices(letters, k=self.random.randint(2, 10)))
        return word.upper() if self.chance(0.1) else word.capitalize() if self.chance(0.5) else word

    def _joined(self) -> str:
        """Return a word of one to three pieces that the other pool has not."""
        other: Split = "test" if self._split == "train" else "train"
        while True:
            word = "".join(self.random.choices(self._pieces, k=self.random.randint(1, 3)))
            if word.lower() not in _known(other):
                return word

    def phrase(self) -> str:
        """Return two to four words."""
        return " ".join(self.pick("word") for _ in range(self.random.randint(2, 4))).capitalize()

    def sentence(self) -> str:
        """Return a sentence, now and then with quotes, braces, a colon, a backslash or an apostrophe in it."""
        words = [self.pick("word") for _ in range(self.random.randint(4, 11))]
        dice = self.random.random()
        place = self.random.randrange(1, len(words))
        if dice < 0.05:
            words[place] = f'"{words[place]}"'
        elif dice < 0.08:
            words[place] = f"{{{words[place]}}}"
        elif dice < 0.10:
            words[place] = f"[{words[place]}]"
        elif dice < 0.12:
            words[place] = f"C:\\{words[place]}"
        elif dice < 0.15:
            words[place] = f"{words[place]}'s"
        elif dice < 0.20:
            words[place - 1] += ","
        elif dice < 0.25:
            words[place] = str(self.random.randint(2, 999))
        elif dice < 0.30:
            words[place] = self.pick("foreign_city")
        return " ".join(words).capitalize() + "."

    def text(self) -> str:
        """Return one or two sentences."""
        return self.sentence() if self.chance(0.75) else f"{self.sentence()} {self.sentence()}"

    def person(self) -> str:
        """Return a full name, one in six not English."""
        prefix = "foreign_" if self.chance(1 / 6) else ""
        last = self.pick(f"{prefix}last")
        if self.chance(0.03):
            last = f"O'{last}"
        first = self.pick(f"{prefix}first")
        return f'{first} "{self.pick("word").capitalize()}" {last}' if self.chance(0.03) else f"{first} {last}"

    def company(self) -> str:
        """Return the name of a company."""
        name = self.pick("foreign_last" if self.chance(0.1) else "last")
        form = self.random.choice(("{0} Inc", "{0} Ltd", "{0} & Sons", "{0}-{1}", "{0}, {1} and {2}", "{0} Group"))
        return form.format(name, self.pick("last"), self.pick("last"))

    def product(self) -> str:
        """Return the name of an article."""
        words = [self.pick("word").capitalize() for _ in range(self.random.randint(1, 3))]
        if self.chance(0.25):
            words.append(
                self.random.choice((self.digits(3), f"{self.random.randint(2, 64)}GB", '12"', "(2 pack)", "XL"))
            )
        return " ".join(words)

    def city(self) -> str:
        """Return a city, one in eight not English."""
        return self.pick("foreign_city" if self.chance(1 / 8) else "city")

    def street(self) -> str:
        """Return house number and street."""
        return f"{self.random.randint(1, 9999)} {self.pick('street')}"

    def address(self) -> str:
        """Return a postal address on one line."""
        return f"{self.street()}, {self.city()}"

    def email(self) -> str:
        """Return an address in a domain that is reserved for examples."""
        digits = self.digits(2) if self.chance(0.4) else ""
        return f"{self.pick('user')}{digits}@example.{self.random.choice(('com', 'org', 'net'))}"

    def phone(self) -> str:
        """Return a telephone number."""
        form = self.random.choice(
            ("+1-###-###-####", "(###) ###-####", "###-###-####", "+49 ### #######", "0## #### ####")
        )
        return "".join(self.digits(1) if sign == "#" else sign for sign in form)

    def identifier(self, prefix: str) -> str:
        """Return an identifier: a UUID, a prefixed number, a short token, or digits only."""
        dice = self.random.random()
        if dice < 0.3:
            bits = f"{self.random.getrandbits(128):032x}"
            return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
        if dice < 0.75:
            return f"{prefix}-{self.digits(self.random.randint(4, 6))}"
        if dice < 0.9:
            return f"{prefix.lower()}_{self.random.getrandbits(32):08x}"
        return self.digits(self.random.randint(5, 8))

    def _moment(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.random.randrange(36 * 365 * 86400))

    def date(self) -> str:
        """Return a date, ISO 8601."""
        return self._moment().date().isoformat()

    def timestamp(self) -> str:
        """Return a date and time, RFC 3339: always with an offset, now and then with a fraction."""
        moment = self._moment()
        if self.chance(0.3):
            moment = moment.replace(microsecond=self.random.randrange(1, 1_000_000))
        if self.chance(0.3):
            zone = timezone(timedelta(hours=self.random.randint(-8, 9)))
            return moment.replace(tzinfo=zone).isoformat(timespec="auto")
        return moment.replace(tzinfo=None).isoformat(timespec="auto") + "Z"

    def number(self, low: float, high: float, decimals: int = 2) -> float:
        """Return a number between low and high, both included."""
        return round(self.random.uniform(low, high), decimals)

    def currency(self) -> str:
        """Return a three-letter code."""
        return self.random.choice(_SYMBOLS)

    def language(self) -> str:
        """Return a language tag."""
        return self.random.choice(_LANGUAGES[self._split])
