"""`edgejson suite build edgeintent`: utterances, the intent of each, and its slots.

Utterances and values are those of `intents.toml` and `values.toml`; the two splits share neither.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_edgejson.suite.make.written import write_cases, write_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.suite.cases import Complexity

SEED = 1

OUT_OF_SCOPE = "out_of_scope"

Split = Literal["test", "train"]

_SETS: Mapping[int, Complexity] = {20: "simple", 50: "medium", 100: "complex"}
# Cases of each set of intents that are in scope, and that are not.
_COUNTS: Mapping[Split, tuple[int, int]] = {"test": (42, 8), "train": (170, 30)}
_SLOT = re.compile(r"\{(\w+)(?:=(\w+))?\}")
_BEFORE = re.compile(r'^(?:(?:on|the|an?) )?"?(.*?)"?$')
# Of these the whole is meant.
_WHOLE = ("message", "note")

_MEANINGS = {
    "date": "day or days",
    "time": "time of the day",
    "duration": "how long",
    "place": "town",
    "origin": "where a journey begins",
    "destination": "where one wants to go or be",
    "person": "who is meant, as the text calls them",
    "message": "what is to be said, whole",
    "note": "what is to be kept, whole",
    "task": "what is to be done",
    "event": "the appointment",
    "people": "how many",
    "amount": "a sum of money with its currency",
    "currency": "what to convert to",
    "quantity": "number and unit to convert",
    "unit": "what to convert to",
    "percent": "how bright or loud",
    "phrase": "what is to be translated",
    "card": "which bank card, without the word card",
    "account": "which account, without the word account",
    "title": "of a book or film",
    "company": "who takes money",
    "goal": "what is saved for",
    "show": "what the tickets are for",
    "topic": "what it is about",
}
"""What slots mean whose name does not say it."""


@cache
def _read(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _intents(count: int) -> list[str]:
    return [name for name in _read("intents.toml") if name != OUT_OF_SCOPE][:count]


def _slots_of(intents: Sequence[str]) -> list[str]:
    """Return the slots that utterances of these intents have, in the order in which they occur."""
    texts = (text for name in intents for split in ("train", "test") for text in _read("intents.toml")[name][split])
    return list(dict.fromkeys(slot for text in texts for slot, _ in _SLOT.findall(text)))


def schema_of(count: int) -> dict[str, Any]:
    """Return the schema of a set of so many intents."""
    intents = _intents(count)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Intent, one of {count}",
        "type": "object",
        "properties": {
            "intent": {"enum": [*intents, OUT_OF_SCOPE]},
            "slots": {
                "type": "object",
                "properties": {
                    slot: {"type": "string"} | ({"description": _MEANINGS[slot]} if slot in _MEANINGS else {})
                    for slot in _slots_of(intents)
                },
                "additionalProperties": False,
            },
        },
        "required": ["intent", "slots"],
        "additionalProperties": False,
    }


def fill(text: str, split: Split, draw: random.Random) -> tuple[str, dict[str, str]]:
    """Return an utterance with values in its places, and its slots."""
    values = _read("values.toml")
    said: dict[str, str] = {}
    slots: dict[str, str] = {}
    places: dict[str, int] = {}
    for slot, named in _SLOT.findall(text):
        pool = named or slot
        options = values[pool][split]
        beside = values[pool].get("beside", pool)
        place = places.setdefault(beside, draw.randrange(len(options)))
        # A journey does not end where it began.
        while options[place] in said.values():
            place = draw.randrange(len(options))
        said[slot] = options[place]
        slots[slot] = said[slot] if slot in _WHOLE else _BEFORE.sub(r"\1", said[slot])
    return _SLOT.sub(lambda match: said[match[1]], text), slots


def _in_scope(count: int, cases: int, split: Split, draw: random.Random, seen: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield utterances and what is expected: each intent as often as any other, each utterance once."""
    used: dict[str, int] = {}
    intents: list[str] = []
    made = 0
    while made < cases:
        intents = intents or draw.sample(_intents(count), count)
        name = intents.pop()
        texts = _read("intents.toml")[name][split]
        text = min(draw.sample(texts, len(texts)), key=lambda each: used.get(each, 0))
        used[text] = used.get(text, 0) + 1
        utterance, slots = fill(text, split, draw)
        if utterance not in seen:
            seen.add(utterance)
            made += 1
            yield utterance, {"intent": name, "slots": slots}


def build_suite(out: Path, seed: int) -> int:
    """Write `OUT/cases` and `OUT/schemas`.

    Args:
        out: the folder of the suite; files of the same names are replaced.
        seed: decides what is said.

    Returns:
        The number of cases written.

    Raises:
        OSError: a file cannot be written.
    """
    for count, complexity in _SETS.items():
        write_schema(out, complexity, f"intents_{count}", schema_of(count))
    written = 0
    for split, (inside, outside) in _COUNTS.items():
        seen: set[str] = set()
        draw = random.Random(f"{seed}:{split}")
        strangers = draw.sample(texts := _read("intents.toml")[OUT_OF_SCOPE][split], len(texts))
        for count, complexity in _SETS.items():
            said = list(_in_scope(count, inside, split, draw, seen))
            said += [(strangers.pop(), {"intent": OUT_OF_SCOPE, "slots": {}}) for _ in range(outside)]
            draw.shuffle(said)
            rows = [
                {
                    "prompt": text,
                    "expected_output": expected,
                    "intents": str(count),
                    "in_scope": expected["intent"] != OUT_OF_SCOPE,
                }
                for text, expected in said
            ]
            written += write_cases(out / "cases", split, complexity, f"intents_{count}", rows)
    return written
