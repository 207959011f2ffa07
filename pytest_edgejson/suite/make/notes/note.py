"""One note in the making: its values, how each is said, and the sentences told so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.suite.make.notes import amounts, calendar
from pytest_edgejson.suite.make.notes.phrases import AND, INLINE_CORRECTIONS, LATER_CORRECTIONS
from pytest_edgejson.suite.make.notes.pieces import Piece, Slot, Stated, fill, text_of
from pytest_edgejson.suite.make.notes.pools import Pools

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from pytest_edgejson.suite.cases import JSONValue
    from pytest_edgejson.suite.make.random_values import Split
    from pytest_edgejson.suite.readings import Language, Rule

Texts: TypeAlias = "Mapping[Language, Mapping[str, str]]"
"""By language and subject, sentences that say it: one a line, see `lines_of`."""

Phrased: TypeAlias = "tuple[list[Piece], str, list[Piece]]"
"""What stands before the words of a value, the words, and what stands behind them."""

_CORRECTED = 0.4
_DISTRACTED = 0.75


def lines_of(text: str, split: Split) -> list[str]:
    """Return the sentences of a subject that a split may use: before a blank line those of train, behind it of test."""
    train, _, test = text.strip().partition("\n\n")
    return [line.strip() for line in (test if split == "test" else train).splitlines()]


@dataclass
class Note:
    """What a note says so far.

    Attributes:
        language: of the text.
        split: decides which sentences and names may occur.
        random: chooses everything.
        texts: the schema's sentences in that language.
        today: the day on which the note is written, from Monday to Friday.
        groups: sentences that stay together and in order; groups may stand in any order.
        later: corrections, which stand behind all groups.
        silent: values, by path, that follow from nothing being said.
        tags: what makes the note more than a list of its values.
    """

    language: Language
    split: Split
    random: random.Random
    texts: Mapping[str, str]
    today: date = field(init=False)
    pools: Pools = field(init=False)
    groups: dict[str, list[list[Piece]]] = field(default_factory=dict)
    later: list[list[Piece]] = field(default_factory=list)
    silent: dict[str, JSONValue] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    _to_correct: bool = field(init=False)
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pools = Pools(self.language, self.split, self.random)
        some_day = date(self.random.randint(2024, 2027), self.random.randint(1, 11), self.random.randint(1, 23))
        self.today = some_day - timedelta(some_day.weekday()) + timedelta(self.random.randint(0, 4))
        self._to_correct = self.random.random() < _CORRECTED

    # Chance

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.random.random() < probability

    def day(self, low: int, high: int) -> date:
        """Return a day other than a Sunday, so many days from today."""
        return calendar.working_day(self.today, low, high, self.random)

    def clock(self, first: int, last: int, step: int = 15) -> str:
        """Return a time between two hours of the day."""
        minutes = self.random.randrange(first * 60, last * 60 + 1, step)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    # Values

    def text(self, path: str, value: str) -> Slot:
        """Say a text as it is."""
        return self._say(path, "text", value, lambda value, form: ([], value, []))

    def name(self, path: str, value: str, wrong: str | None = None, noun: str = "") -> Slot:
        """Say a text as it is, perhaps after a wrong one."""
        return self._say(path, "text", value, lambda value, form: ([], value, []), wrong, noun)

    def number(self, path: str, value: int, wrong: int | None = None, noun: str = "", in_words: float = 0.5) -> Slot:
        """Say a whole number; the form `guest/guests` adds the noun that agrees with it."""

        def phrase(value: int, form: str) -> Phrased:
            words = amounts.number_words(value, self.language, self.random, in_words)
            if not words.isdigit() and value != 1:
                self.tags.add("number_in_words")
            one, _, many = form.partition("/")
            return [], words, [f" {one if value == 1 else many}"] if many else []

        return self._say(path, "number", value, phrase, wrong, noun)

    def quantity(self, path: str, value: float, wrong: float | None = None, noun: str = "") -> Slot:
        """Say a number in digits with the language's separators."""
        return self._say(
            path,
            "number",
            value,
            lambda value, form: ([], amounts.digits(value, self.language, 0), []),
            wrong,
            noun,
        )

    def money(self, path: str, value: float, currency: str, currency_path: str = "", **correct: Any) -> Slot:
        """Say an amount of money, and with it the currency if it has a path."""

        def phrase(value: float, form: str) -> Phrased:
            digits, name, before = amounts.money_parts(value, currency, self.language, self.random)
            self.tags.add("unit")
            sign = name.strip()
            said: Piece = Stated(sign, currency_path, currency, "currency") if currency_path else sign
            return ([said, " " * (len(name) - len(sign))], digits, []) if before else ([], digits, [" ", said])

        return self._say(path, "number", value, phrase, **correct)

    def grams(self, path: str, value: int, wrong: int | None = None, noun: str = "") -> Slot:
        """Say a weight."""
        self.tags.add("unit")
        return self._say(
            path,
            "grams",
            value,
            lambda value, form: ([], amounts.weight_words(value, self.language, self.random), []),
            wrong,
            noun,
        )

    def minutes(self, path: str, value: int, wrong: int | None = None, noun: str = "") -> Slot:
        """Say a duration."""
        self.tags.add("unit")
        return self._say(
            path,
            "minutes",
            value,
            lambda value, form: ([], amounts.duration_words(value, self.language, self.random), []),
            wrong,
            noun,
        )

    def date(self, path: str, value: date, wrong: date | None = None, noun: str = "") -> Slot:
        """Say a day, with its preposition unless the form is `bare`."""

        def phrase(value: str, form: str) -> Phrased:
            day = date.fromisoformat(value)
            preposition, words, relative = calendar.day_words(
                day, self.today, self.language, self.random, is_noun=form == "bare"
            )
            if relative:
                self.tags.add("relative_date")
            return [preposition] if form != "bare" or preposition == "el " else [], words, []

        return self._say(path, "date", value.isoformat(), phrase, wrong and wrong.isoformat(), noun)

    def time(self, path: str, value: str, wrong: str | None = None, noun: str = "") -> Slot:
        """Say a time of day, without its preposition."""
        return self._say(
            path,
            "time",
            value,
            lambda value, form: ([], calendar.clock_words(value, self.language, self.random), []),
            wrong,
            noun,
        )

    def _say(
        self,
        path: str,
        rule: Rule,
        value: Any,
        phrase: Callable[[Any, str], Phrased],
        wrong: Any = None,
        noun: str = "",
    ) -> Slot:
        def right(form: str) -> list[Piece]:
            before, words, after = phrase(value, form)
            return [*before, Stated(words, path, value, rule), *after]

        def slot(form: str) -> Sequence[Piece]:
            if wrong is None or not self._to_correct or self.chance(0.4):
                return right(form)
            self._to_correct = False
            self.tags.add("correction")
            if noun and self.chance(0.4):
                before, words, after = phrase(wrong, form)
                # The noun that agrees with a number is not part of what was wrong.
                old = text_of(
                    [*(before if rule != "date" or self.language == "es" else []), words, *(after if not form else [])]
                )
                self.later.append(self._correction(right("bare" if rule == "date" else ""), old, noun))
                return [text_of([*before, words, *after])]
            template = self.choose(INLINE_CORRECTIONS[self.language])
            before, words, after = phrase(wrong, "bare" if form == "bare" else "")
            old = text_of([*before, words, *after])
            return fill(template, {"old": lambda _: [old], "new": lambda _: right(form)}, self.random)

        return slot

    def _correction(self, new: list[Piece], old: str, noun: str) -> list[Piece]:
        template = self.choose(LATER_CORRECTIONS[self.language])
        slots: dict[str, Slot] = {"noun": lambda _: [noun], "new": lambda _: new, "old": lambda _: [old]}
        return fill(template, slots, self.random)

    # Telling

    def choose(self, text: str) -> str:
        """Return one of the lines of a subject that the split may use, none twice while there are others."""
        lines = lines_of(text, self.split)
        line = self.random.choice([line for line in lines if line not in self._used] or lines)
        self._used.add(line)
        return line

    def sentence(self, subject: str, meaning: tuple[str, JSONValue] | None = None, **slots: Slot) -> list[Piece]:
        """Return a sentence of a subject. `<…>` in it states the meaning, a path and a value."""
        template = self.choose(self.texts[subject])
        stated = Stated("", meaning[0], meaning[1], "meaning") if meaning else None
        return fill(template, slots, self.random, stated)

    def tell(self, subject: str, meaning: tuple[str, JSONValue] | None = None, group: str = "", **slots: Slot) -> None:
        """Add a sentence of a subject; sentences of a group stay together."""
        self.groups.setdefault(group or subject, []).append(self.sentence(subject, meaning, **slots))

    def tell_flag(self, subject: str, path: str, value: bool, group: str = "", **slots: Slot) -> None:
        """Say whether something holds: the subjects `SUBJECT_yes` and `SUBJECT_no` have its sentences."""
        if not value:
            self.tags.add("negation")
        self.tell(f"{subject}_{'yes' if value else 'no'}", (path, value), group or subject, **slots)

    def tell_none(self, subject: str, path: str, probability: float = 1.0) -> None:
        """Leave a value null: by a sentence that there is none, or by saying nothing."""
        self.tags.add("null")
        if self.chance(probability):
            self.tell(subject, (path, None))
        else:
            self.silent[path] = None

    def listing(self, items: Sequence[Sequence[Piece]]) -> Slot:
        """Say items one after the other, with `and` before the last."""
        pieces: list[Piece] = []
        for index, item in enumerate(items):
            if index:
                pieces.append(AND[self.language] if index == len(items) - 1 else ", ")
            pieces += item
        return lambda _: pieces

    def distract(self) -> None:
        """Add sentences with values of nobody's concern, from the subject `decoy`."""
        lines = lines_of(self.texts["decoy"], self.split)
        self.random.shuffle(lines)
        for line in lines[: self.random.choice((1, 1, 2))] if self.chance(_DISTRACTED) else []:
            self.tags.add("distractor")
            self.groups[f"decoy {len(self.groups)}"] = [fill(line, self._decoys(), self.random)]

    def _decoys(self) -> dict[str, Slot]:
        pools = self.pools

        def slot(make: Callable[[], str]) -> Slot:
            return lambda _: [make()]

        def past(_: str) -> list[Piece]:
            return ["".join(calendar.day_words(self.day(-60, -25), self.today, self.language, self.random)[:2])]

        return {
            "person": slot(pools.person),
            "first": slot(pools.first_name),
            "company": slot(pools.company),
            "city": slot(pools.city),
            "phone": slot(pools.phone),
            "ref": slot(lambda: pools.code("RS")),
            "n": slot(lambda: str(self.random.randint(21, 29))),
            "amount": slot(lambda: amounts.digits(self.random.randint(31, 97), self.language)),
            "past": past,
        }


Form: TypeAlias = Literal["mail", "chat", "dictated", "voicemail", "form", "minutes"]
