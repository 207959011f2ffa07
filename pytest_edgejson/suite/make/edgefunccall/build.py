"""`edgejson suite build edgefunccall`: requests, and the function calls that fulfil each.

Functions, requests and values are those of `tools.toml`; the two splits share neither requests nor values, but those of
a list that the schema has. A parameter that a request leaves open is left out, or has its default. Where a function
that is meant lacks a required parameter, there is no call, nor where none fits.
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
    from collections.abc import Callable, Mapping, Sequence

SEED = 1

Split = Literal["test", "train"]
Call = dict[str, Any]

_SPLITS: tuple[Split, ...] = ("test", "train")
# Cases of each tool set, by what they ask; of `irrelevant` and `missing` as many as there are texts.
_COUNTS: Mapping[Split, Mapping[str, int]] = {
    "test": {"single": 3, "multiple": 3, "parallel": 3},
    "train": {"single": 14, "multiple": 14, "parallel": 16},
}
# The first functions of a tool set are also offered alone.
_ALONE = 2
# Between two requests in one text.
_JOINTS = (" ", " Also: ", "\n", " And one more thing: ")
_VALUE = re.compile(r"\{(?:(\w+)\.)?(\w+)(?:=(\w+)\.\w+)?\}")


@cache
def _tools() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("tools.toml").read_text(encoding="utf-8"))


def _is_required(parameter: Mapping[str, Any]) -> bool:
    return "default" not in parameter and not parameter.get("optional", False)


def _function_schema(name: str, function: Mapping[str, Any]) -> dict[str, Any]:
    parameters = function["parameters"]
    properties = {}
    for parameter, of in parameters.items():
        kept = {key: of[key] for key in ("type", "enum", "default") if key in of}
        properties[parameter] = kept | ({"description": of["meaning"]} if "meaning" in of else {})
    return {
        "type": "object",
        "description": function["meaning"],
        "properties": {
            "name": {"const": name},
            "arguments": {
                "type": "object",
                "properties": properties,
                "required": [parameter for parameter, of in parameters.items() if _is_required(of)],
                "additionalProperties": False,
            },
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def schema_of(tool_set: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the schema of the calls of some functions of a tool set."""
    schemas = [_function_schema(name, _tools()[tool_set]["functions"][name]) for name in names]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Calls of {tool_set} functions",
        "type": "array",
        "x-edgejson": "unordered",
        "items": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
    }


def fill(
    text: str, calls: Mapping[str, str], functions: Mapping[str, Any], split: Split, draw: random.Random
) -> tuple[str, list[Call]]:
    """Return a request with values in its places, and the calls that it asks for.

    Args:
        text: with `{parameter}`, or `{a.parameter}` for one of the call `a`.
        calls: names of functions by `a`, `b`; by the empty text for the only one.
        functions: of the tool set.
        split: whose values are taken.
        draw: decides which.
    """
    made: dict[str, dict[str, Any]] = {call: {} for call in calls}

    def value(match: re.Match[str]) -> str:
        call, parameter, other = match[1] or "", match[2], match[3]
        of = functions[calls[call]]["parameters"][parameter]
        # Neither of two calls repeats a value of the other.
        taken = [arguments.get(parameter) for arguments in made.values()]
        options = of.get("enum") or of[split]
        chosen = draw.choice([option for option in options if option not in taken] or options)
        for each in (call, other) if other else (call,):
            made[each][parameter] = chosen
        return str(chosen)

    said = _VALUE.sub(value, text)
    ordered = [
        {
            "name": name,
            "arguments": {key: made[call][key] for key in functions[name]["parameters"] if key in made[call]},
        }
        for call, name in calls.items()
    ]
    return said, ordered


def _accepted(calls: Sequence[Call], functions: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the defaults of parameters that a request leaves open: they may be given as well."""
    return {
        f"[{place}].arguments.{parameter}": [of["default"]]
        for place, call in enumerate(calls)
        for parameter, of in functions[call["name"]]["parameters"].items()
        if "default" in of and parameter not in call["arguments"]
    }


class _Requests:
    """The requests of a tool set in one split, none twice.

    Args:
        tool_set: its name.
        split: whose texts and values are taken.
        draw: decides which.
    """

    def __init__(self, tool_set: str, split: Split, draw: random.Random) -> None:
        self._set = _tools()[tool_set]
        self.functions: Mapping[str, Any] = self._set["functions"]
        self._split = split
        self._draw = draw
        self._used: dict[str, int] = {}
        self._seen: set[str] = set()

    def _fill(self, text: str, calls: Mapping[str, str]) -> tuple[str, list[Call]]:
        return fill(text, calls, self.functions, self._split, self._draw)

    def _text_of(self, texts: Sequence[Any], name: Callable[[Any], str] = str) -> Any:
        """Return one of the texts that were taken least often."""
        chosen = min(self._draw.sample(texts, len(texts)), key=lambda text: self._used.get(name(text), 0))
        self._used[name(chosen)] = self._used.get(name(chosen), 0) + 1
        return chosen

    def one(self, names: Sequence[str]) -> tuple[str, list[Call]]:
        """Return a request for one call of one of some functions."""
        name = self._draw.choice(names)
        return self._fill(self._text_of(self.functions[name][self._split]), {"": name})

    def several(self) -> tuple[str, list[Call]]:
        """Return a request for several calls: one that was written as such, or two after each other."""
        if self._draw.random() < 0.6:
            written = self._text_of(self._set["parallel"][self._split], lambda request: str(request["text"]))
            return self._fill(written["text"], {key: name for key, name in written.items() if key != "text"})
        names = self._draw.sample(list(self.functions), 2)
        (first, calls), (second, more) = self.one(names[:1]), self.one(names[1:])
        return first + self._draw.choice(_JOINTS) + second, calls + more

    def fresh(self, make: Callable[[], tuple[str, list[Call]]]) -> tuple[str, list[Call]]:
        """Return a request that was not made before."""
        while True:
            text, calls = make()
            if text not in self._seen:
                self._seen.add(text)
                return text, calls

    def rows(self, category: str, names: Sequence[str], count: int) -> list[dict[str, Any]]:
        """Return the rows of a category: so many, or one for each of its texts."""
        if category in ("irrelevant", "missing"):
            made: list[tuple[str, list[Call]]] = [(text, []) for text in self._set[category][self._split]]
        elif category == "parallel":
            made = [self.fresh(self.several) for _ in range(count)]
        else:
            made = [self.fresh(lambda: self.one(names)) for _ in range(count)]
        rows = []
        for text, calls in made:
            accepted = _accepted(calls, self.functions)
            row = {"prompt": text, "expected_output": calls} | ({"accept": accepted} if accepted else {})
            rows.append(row | {"category": category})
        return rows


def build_suite(out: Path, seed: int) -> int:
    """Write `OUT/cases` and `OUT/schemas`.

    Args:
        out: the folder of the suite; files of the same names are replaced.
        seed: decides what is asked.

    Returns:
        The number of cases written.

    Raises:
        OSError: a file cannot be written.
    """
    written = 0
    for tool_set, content in _tools().items():
        names = list(content["functions"])
        write_schema(out, "medium", tool_set, schema_of(tool_set, names))
        for name in names[:_ALONE]:
            write_schema(out, "simple", name, schema_of(tool_set, [name]))
        for split in _SPLITS:
            draw = random.Random(f"{seed}:{split}:{tool_set}")
            requests, counts = _Requests(tool_set, split, draw), _COUNTS[split]
            for place, name in enumerate(names[:_ALONE]):
                # Three cases are two of the first function and one of the second.
                count = (counts["single"] + _ALONE - 1 - place) // _ALONE
                written += write_cases(out / "cases", split, "simple", name, requests.rows("single", [name], count))
            rows = [
                row
                for category in ("multiple", "parallel", "irrelevant", "missing")
                for row in requests.rows(category, names, counts.get(category, 0))
            ]
            draw.shuffle(rows)
            written += write_cases(out / "cases", split, "medium", tool_set, rows)
    return written
