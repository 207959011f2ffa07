"""Hostile texts, values, schemas and rows, for the property tests and `benchmarks/fuzz.py`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from pytest_edgejson.values.decoding import read_number
from pytest_edgejson.values.fields import ITEM, format_field

# What a terminal, an XML or Markdown file, a fence or a regular expression would act on.
ODD = [
    "\x00", "\x1b[31m", "\x1b]0;title\x07", "\x9b1m", "\x7f", "\r", "\n", "\t", "\u2028", "\u202e", "\ufeff", "\ud800",
    "\udfff", "e\u0301", "\U0001f600", "`", "```", "<b>", "</td>", "]]>", "&amp;", "|", "*", "<think>", "</think>",
    '"', "\\", "{", "}", "Input:", "$", ".", "[0]", "::",
]  # fmt: skip

texts = st.text(max_size=8) | st.lists(st.sampled_from(ODD) | st.text(max_size=3), max_size=4).map("".join)
keys = st.sampled_from(["a", "b", "c", "id", "", "a b", "__x", "0"]) | texts
# As JSON's text has them: the double 1e23 is no whole power of ten, `1e23` is.
floats = st.floats(allow_nan=False, allow_infinity=False).map(lambda double: read_number(repr(double)))
numbers = (
    st.integers(-3, 3)
    | st.integers(-(10**30), 10**30)
    | floats
    | st.sampled_from([0.0, -0.0, 1.0, 10**308, 5e-324, 10**300, 2**53, 2**53 + 1])
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=16,
)
objects = st.dictionaries(keys, values, max_size=5)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Return a JSON value like another: something in it replaced, dropped, added, moved or renamed."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        how = draw(st.integers(0, 3))
        if how == 0:
            return {name: item for name, item in value.items() if name != key}
        if how == 1:
            return {draw(keys) if name == key else name: item for name, item in value.items()}
        if how == 2:
            return value | {draw(keys): draw(values)}
        return value | {key: draw(changed(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        index = draw(st.integers(0, len(value) - 1))
        how = draw(st.integers(0, 3))
        if how == 0:
            return value[:index] + value[index + 1 :]
        if how == 1:
            return draw(st.permutations(value))
        if how == 2:
            return [*value[:index], draw(values), *value[index:]]
        return [*value[:index], draw(changed(value[index])), *value[index + 1 :]]
    return draw(values)


pairs = objects.flatmap(
    lambda value: st.tuples(st.just(value), objects | changed(value).filter(lambda it: type(it) is dict))
)


_ways = st.sampled_from(
    [
        ["exact"], ["case"], ["whitespace"], ["case", "whitespace"], [{"number": {"absolute": 2}}], ["date"],
        [{"number": {"relative": 0.5}}], ["unordered"], ["set"], ["ignored"],
    ]
)  # fmt: skip


@st.composite
def compared(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, list[Any]]]:
    """Return a value and another one, comparators for fields of both, and values accepted at places of the first."""
    pair = draw(pairs)
    fields = sorted({_field(path) for value in pair for path in _places(value)})
    comparators = draw(st.dictionaries(st.sampled_from(fields), _ways, max_size=3))
    own = sorted(map(format_field, _places(pair[0])))
    accept = draw(st.dictionaries(st.sampled_from(own), st.lists(values | st.just(""), max_size=2), max_size=2))
    return *pair, comparators, accept


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for step, inner in steps for found in _places(inner, (*path, step)))]


def _field(path: tuple[Any, ...]) -> str:
    return format_field(ITEM if isinstance(step, int) else step for step in path)


@st.composite
def _written(draw: st.DrawFn, value: Any) -> str:
    ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, None, 0, 2]))
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent)


PIECES = [
    *"{}[]\"',:\\\n a1-e.", *ODD, "true", "None", "NaN", "-Infinity", "\\u12", '{"a": 1}', '"k": ',
    "```json\n", "<think>", "</think>", "Input: ", "1e999999", "[" * 70, '{"a":' * 70, "}" * 70, "9" * 1_200,
    '{"a": 1, "a": 2}', '{"a": 1,}', "{'a': True}", "//", "{x}",
]  # fmt: skip


@st.composite
def outputs(draw: st.DrawFn, value: Any = None) -> str:
    """Return what a model may answer: JSON, wrapped, cut, broken, repeated, or nothing of the kind."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        text = draw(objects.flatmap(_written) if value is None else _written(value))
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            at = draw(st.integers(0, len(text)))
            cut = draw(st.integers(0, 3))
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + cut :]
        if draw(st.integers(0, 4)) == 0:
            text = text[: draw(st.integers(0, len(text)))]
        before, after = draw(
            st.sampled_from(
                [
                    ("", ""),
                    ("", ""),
                    ("Sure: ", "\n"),
                    ("```json\n", "\n```"),
                    ("```", "```"),
                    ("<think>", "</think>"),
                    ("[", "]"),
                    ("{", "}"),
                ]
            )
        )
        parts.append(before + text + after)
    prose = draw(st.sampled_from(["", "", " ", "\n\nInput: ", "see [1] and {x, y} "]))
    return draw(st.sampled_from([prose.join(parts), prose + parts[0], *parts]))


any_text = outputs() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)

PATTERNS = [
    "^a",
    "b$",
    "^[a-z]+$",
    "a|b",
    "^(a+)+$",
    "",
    ".",
    r"^\d{1,3}$",
    r"\.",
    "^x-",
    r"[^\x00-\x1f]",
    r"\p{L}",
    "(?i)^A",
]
_types = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
_counts = st.integers(0, 4)


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    branches = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": _types | st.lists(_types, min_size=1, max_size=3, unique=True),
            "enum": st.lists(values, min_size=1, max_size=4),
            "const": values,
            "minimum": st.integers(-3, 3),
            "exclusiveMaximum": st.integers(-3, 3),
            "multipleOf": st.sampled_from([1, 2, 0.5, 0.1]),
            "minLength": _counts,
            "maxLength": _counts,
            "pattern": st.sampled_from(PATTERNS),
            "format": st.sampled_from(["date", "date-time", "email", "uri", "iri", "regex", "nonsense"]),
            "items": inner,
            "contains": inner,
            "minItems": _counts,
            "maxItems": _counts,
            "uniqueItems": st.booleans(),
            "properties": st.dictionaries(keys, inner, max_size=3),
            "required": st.lists(keys, max_size=3, unique=True),
            "additionalProperties": st.booleans() | inner,
            "patternProperties": st.dictionaries(st.sampled_from(PATTERNS), inner, max_size=2),
            "propertyNames": inner,
            "unevaluatedProperties": st.booleans() | inner,
            "minProperties": _counts,
            "maxProperties": _counts,
            "allOf": branches,
            "anyOf": branches,
            "oneOf": branches,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "$ref": st.sampled_from(
                ["#", "#/properties/a", "#/definitions/x", "#/enum/0", "#/%zz", "http://example.org/x"]
            ),
            "definitions": st.fixed_dictionaries({"x": inner}),
        },
    )


schemas = st.recursive(st.booleans() | st.just({}), _keywords, max_leaves=8).filter(lambda schema: type(schema) is dict)
DRAFTS = [f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 6, 7)] + [
    f"https://json-schema.org/draft/{number}/schema" for number in ("2019-09", "2020-12")
]

rows = st.fixed_dictionaries(
    {"id": texts, "schema_id": st.sampled_from(["it", "other"]) | texts, "prompt": texts, "expected_output": objects},
    optional={"complexity": st.sampled_from(["simple", "medium", "hard"]) | values, "source": values},
)
case_files = st.lists(
    rows.map(lambda row: json.dumps(row).encode())
    | any_text.map(lambda text: text.encode(errors="surrogatepass"))
    | st.binary(max_size=20),
    max_size=4,
).flatmap(lambda lines: st.sampled_from([b"\n", b"\r\n"]).map(lambda end: end.join(lines))) | st.binary(max_size=40)
