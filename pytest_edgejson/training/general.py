"""General extraction: objects of no schema in particular in texts of many forms, to train a base on before any suite.

Keys, shapes and forms are drawn anew for every record, so that what can be learnt is to copy values, to tell their
types and to follow structure. EdgeJSON's form of a prompt, with its closing sentence, is not among the forms, and none
of the bundled schemas is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson.suite.rendering import label
from pytest_edgejson.values.jsonvalue import leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_edgejson.suite.cases import Complexity
    from pytest_edgejson.suite.make.random_values import Values

Draw: TypeAlias = "Callable[[Values], Any]"
Shape: TypeAlias = "Draw | Fields | Items"

INSTRUCTIONS = (
    "Extract the structured JSON data from the following text.\n\nInput: {prompt}\n\nOutput:",
    "{prompt}\n\nJSON:",
    "Turn this text into JSON.\n\n{prompt}\n\nAnswer:",
)
"""What stands around a text: the published prompt and two others."""


@dataclass(frozen=True, slots=True)
class _Size:
    deepest: int
    """How many levels of objects may be below the root."""
    fewest: int
    most: int
    """Fields of the root."""
    inner: int
    """Most fields of an inner object."""
    nesting: float
    """Probability that a field is an object, or an array of objects."""


_SIZES: Mapping[Complexity, _Size] = {
    "simple": _Size(0, 1, 7, 0, 0.0),
    "medium": _Size(1, 3, 9, 5, 0.3),
    "complex": _Size(3, 4, 9, 6, 0.45),
}
MAX_LEAVES: Mapping[Complexity, int] = {"simple": 12, "medium": 30, "complex": 84}
"""A record has at most so many scalars."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The shape of an object: words of each key, and the shape of its value."""

    members: tuple[tuple[tuple[str, ...], Shape], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """The shape of an array: that of its items, and the largest number of them."""

    shape: Shape
    most: int


@dataclass(frozen=True, slots=True)
class Form:
    """How a record is written down.

    Attributes:
        case: of keys, in the text: `title` becomes snake case in JSON, the others stay as they are.
        separator: between key and value.
        indent: of each level.
        bullet: before each item of an array.
        literals: how false, true and null are written.
    """

    case: str
    separator: str
    indent: str
    bullet: str
    literals: tuple[str, str, str]


def general_record(complexity: Complexity, values: Values) -> tuple[str, dict[str, Any]]:
    """Make a text, its instruction included, and the object that stands in it."""
    size = _SIZES[complexity]
    while True:
        shape = _fields(values, size, size.deepest, values.random.randint(size.fewest, size.most))
        record = _fill(shape, values)
        if len(leaves(record)) <= MAX_LEAVES[complexity]:
            break
    form = Form(
        values.random.choice(("title", "title", "snake", "camel")),
        values.random.choice((": ", ": ", ": ", " = ", " - ", " -> ")),
        values.random.choice(("  ", "  ", "    ")),
        values.random.choice(("- ", "- ", "* ")),
        values.random.choice((("False", "True", "None"), ("False", "True", "None"), ("false", "true", "null"))),
    )
    dice = values.random.random()
    if dice < 0.12 and all(not isinstance(value, dict | list) for value in record.values()):
        body = _sentences(record, form, values)
    elif dice < 0.24:
        body = "\n".join(f"{path}{form.separator}{text}" for path, text in _paths(record, form, ""))
    else:
        body = "\n".join(_lines(record, form, ""))
    if values.chance(0.6):
        body = f"{values.phrase()}\n\n{body}"
    if values.chance(0.4):
        body = f"{body}\n\n{values.sentence()}"
    text = values.random.choice(INSTRUCTIONS).replace("{prompt}", body)
    return text, _renamed(record, form)


# Shapes


def _fields(values: Values, size: _Size, levels: int, count: int) -> Fields:
    members: dict[tuple[str, ...], Shape] = {}
    while len(members) < count:
        words = tuple(values.pick("word").lower() for _ in range(values.random.choice((1, 1, 2, 2, 3))))
        members[words] = _shape(values, size, levels)
    return Fields(tuple(members.items()))


def _shape(values: Values, size: _Size, levels: int) -> Shape:
    if levels and values.chance(size.nesting):
        fields = _fields(values, size, levels - 1, values.random.randint(1, size.inner))
        return fields if values.chance(0.4) else Items(fields, 4)
    scalar = _scalar(values)
    return Items(scalar, 4) if values.chance(0.08) else scalar


def _scalar(values: Values) -> Draw:
    """Return how all values of one key are drawn."""
    low, high = sorted(round(10 ** values.random.uniform(0, 6)) for _ in range(2))
    decimals = values.random.choice((1, 1, 2, 2, 2, 3, 5))
    sign = values.random.choice((1, 1, 1, -1))
    choices = [values.word() for _ in range(4)]
    draws: tuple[Draw, ...] = (
        _word,
        _word,
        _phrase,
        _phrase,
        _made_up,
        _made_up,
        _text,
        _text,
        lambda v: v.person(),
        lambda v: v.company(),
        lambda v: v.address() if v.chance(0.5) else v.city(),
        lambda v: v.email() if v.chance(0.5) else v.phone(),
        lambda v: v.identifier("ABC"),
        lambda v: v.timestamp() if v.chance(0.6) else v.date(),
        lambda v: v.random.choice(choices),
        lambda v: v.random.randint(low, high),
        lambda v: v.random.randint(0, 99) * sign,
        lambda v: v.random.randint(low, high),
        lambda v: v.number(0, high, decimals) * sign,
        lambda v: v.number(0, 100, decimals),
        lambda v: v.number(low, high, decimals),
        lambda v: v.chance(0.5),
        lambda v: v.chance(0.5),
        lambda v: None if v.chance(0.5) else _word(v),
    )
    draw = values.random.choice(draws)
    # A text that looks like a number or a literal would have to be told from one by its schema.
    return lambda v: _told_apart(draw, v)


def _told_apart(draw: Draw, values: Values) -> Any:
    while True:
        value = draw(values)
        if not isinstance(value, str) or not _looks_otherwise(value):
            return value


def _looks_otherwise(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in {"true", "false", "none", "null"}
    return True


def _word(values: Values) -> str:
    return values.word() if values.chance(0.5) else _made_up(values)


def _made_up(values: Values) -> str:
    return " ".join(values.made_up() for _ in range(values.random.choice((1, 1, 2))))


def _phrase(values: Values) -> str:
    words = values.phrase().split(" ")
    if values.chance(0.4):
        words[values.random.randrange(len(words))] = values.made_up()
    return " ".join(words)


def _text(values: Values) -> str:
    words = values.text().split(" ")
    for place in range(len(words)):
        if values.chance(0.15):
            words[place] = values.made_up()
    return " ".join(words)


def _fill(shape: Shape, values: Values) -> Any:
    if isinstance(shape, Fields):
        present = [member for member in shape.members if values.chance(0.85)] or [shape.members[0]]
        return {"_".join(words): _fill(inner, values) for words, inner in present}
    if isinstance(shape, Items):
        return [_fill(shape.shape, values) for _ in range(values.random.randint(1, shape.most))]
    return shape(values)


# Forms


def _key(key: str, form: Form) -> str:
    if form.case == "title":
        return label(key)
    if form.case == "camel":
        first, *rest = key.split("_")
        return first + "".join(map(str.capitalize, rest))
    return key


def _renamed(value: Any, form: Form) -> Any:
    """Return a record with the keys that its JSON has."""
    if isinstance(value, dict):
        return {key if form.case == "title" else _key(key, form): _renamed(inner, form) for key, inner in value.items()}
    return [_renamed(item, form) for item in value] if isinstance(value, list) else value


def _scalar_text(value: Any, form: Form) -> str:
    if value is None:
        return form.literals[2]
    if isinstance(value, bool):
        return form.literals[value]
    return value if isinstance(value, str) else json.dumps(value)


def _lines(record: Mapping[str, Any], form: Form, indent: str) -> Iterator[str]:
    """Yield a line for each value; what is nested is indented below its key."""
    deeper = indent + form.indent
    for name, value in record.items():
        key = _key(name, form)
        if isinstance(value, dict):
            yield f"{indent}{key}{form.separator.rstrip()}"
            yield from _lines(value, form, deeper)
        elif isinstance(value, list):
            yield f"{indent}{key}{form.separator.rstrip()}"
            for item in value:
                if isinstance(item, dict):
                    first, *rest = _lines(item, form, deeper + " " * len(form.bullet))
                    yield f"{deeper}{form.bullet}{first.lstrip()}"
                    yield from rest
                else:
                    yield f"{deeper}{form.bullet}{_scalar_text(item, form)}"
        else:
            yield f"{indent}{key}{form.separator}{_scalar_text(value, form)}"


def _paths(value: Any, form: Form, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each scalar and its text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            key = _key(name, form)
            yield from _paths(inner, form, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, form, f"{path}[{index}]")
    else:
        yield path, _scalar_text(value, form)


def _sentences(record: Mapping[str, Any], form: Form, values: Values) -> str:
    verb = values.random.choice(("is", "is", "was"))
    return " ".join(f"The {_key(name, form)} {verb} {_scalar_text(value, form)}." for name, value in record.items())
