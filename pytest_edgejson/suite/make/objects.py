"""Objects that any schema allows, with plausible values: what a teacher is then asked to tell in words."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.random_values import Values
from pytest_edgejson.suite.make.records import INTEGERS, NUMBERS, free_form, make_string
from pytest_edgejson.suite.schemas import SchemaError
from pytest_edgejson.suite.subschemas import alternatives
from pytest_edgejson.suite.totals import set_totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.suite.make.random_values import Split
    from pytest_edgejson.suite.schemas import Schema

# Of a schema whose rules this module does not follow, one object in so many may happen to be valid.
_TRIES = 200
_FULLNESS = 0.7
# Schemas may refer to themselves: from here on, only what is required is made.
_DEPTH = 5
_MOST_ITEMS = 3

_FORMATS = {
    "time": lambda values: f"{values.random.randint(0, 23):02d}:{values.random.choice((0, 15, 30, 45)):02d}:00Z",
    "uri": lambda values: f"https://example.com/{values.pick('word').lower()}",
    "uuid": lambda values: "-".join(f"{values.random.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12)),
    "ipv4": lambda values: ".".join(str(values.random.randint(1, 254)) for _ in range(4)),
    "hostname": lambda values: f"{values.pick('user')}.example.com",
}


def make_objects(schema: Schema, seed: int, split: Split) -> Iterator[Any]:
    """Yield values that a schema allows, formats included, without end; the same for the same seed.

    Raises:
        SchemaError: none of many values was valid: the schema has rules that this module does not follow. The message
            names one, and the fix.
    """
    values = Values(f"{seed}:{schema.id}", split)
    while True:
        for _ in range(_TRIES):
            made = _Maker(schema.document, values).make(schema.id, schema.document, 0)
            if isinstance(made, dict):
                with suppress(LookupError, TypeError, ArithmeticError):
                    set_totals(schema.id, made)
            if schema.is_valid(made, with_formats=True):
                yield made
                break
        else:
            first = next(iter([*schema.violations(made), *schema.format_violations(made)]))
            raise SchemaError(
                f"{schema.source}: no value could be made for {first.path or 'the root'}, which {first.message}: give "
                "the field some `examples` in the schema, which are taken then"
            )


class _Maker:
    def __init__(self, document: Mapping[str, Any], values: Values) -> None:
        self._document = document
        self._values = values

    def make(self, key: str, part: Any, depth: int) -> Any:
        """Return a value for a part of the schema.

        Args:
            key: the name of the field, which decides what stands in it.
            part: what the schema says of it.
            depth: how deep it is.
        """
        rules = self._merged(part)
        if "const" in rules:
            return rules["const"]
        if "enum" in rules:
            return self._values.random.choice(rules["enum"])
        if rules.get("examples"):
            return self._values.random.choice(rules["examples"])
        match self._type(rules):
            case "object":
                return self._object(rules, depth)
            case "array":
                return self._array(key, rules, depth)
            case "integer":
                return self._integer(key, rules)
            case "number":
                return self._number(key, rules)
            case "boolean":
                return self._values.chance(0.5)
            case "null":
                return None
        if rules.get("format") in _FORMATS:
            return _FORMATS[rules["format"]](self._values)
        if "pattern" in rules:
            return self._matching(rules["pattern"])
        text = make_string(key, rules, self._values)
        if len(text) < rules.get("minLength", 0):
            text = self._values.text()
        return text[: rules.get("maxLength")].strip()

    def _matching(self, pattern: str) -> str:
        try:
            from rstr import Rstr
        except ImportError:
            fix = "pip install 'pytest-edgejson[suite]'"
            raise ModuleNotFoundError(f"values of a pattern come from rstr: {fix}") from None
        return str(Rstr(self._values.random).xeger(pattern))

    def _merged(self, part: Any) -> dict[str, Any]:
        """Return what holds of a place: references followed, `allOf` joined, one of `anyOf` and `oneOf` chosen."""
        rules: dict[str, Any] = {}
        pending = [part]
        while pending:
            each = pending.pop(0)
            if not isinstance(each, dict):
                continue
            for keyword, said in each.items():
                if keyword in ("anyOf", "oneOf"):
                    # The first one is what a field is for as a rule, and null comes last.
                    pending.append(said[0] if self._values.chance(0.7) else self._values.random.choice(said))
                elif keyword == "allOf":
                    pending += said
                elif keyword == "$ref":
                    pending += list(alternatives(self._document, {"$ref": said}))[1:2]
                elif keyword == "properties":
                    rules[keyword] = {**rules.get(keyword, {}), **said}
                elif keyword == "required":
                    rules[keyword] = [*rules.get(keyword, ()), *said]
                else:
                    rules.setdefault(keyword, said)
        return rules

    def _type(self, rules: Mapping[str, Any]) -> str:
        said = rules.get("type")
        if isinstance(said, list):
            return str(said[0] if self._values.chance(0.8) else self._values.random.choice(said))
        if said is None:
            return "object" if "properties" in rules else "array" if "items" in rules else "string"
        return str(said)

    def _object(self, rules: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties, required = rules.get("properties", {}), set(rules.get("required", ()))
        if not properties:
            further = rules.get("additionalProperties", True)
            if not isinstance(further, dict):
                return free_form(self._values) if further else {}
            names = [self._values.pick("word").lower() for _ in range(self._values.random.randint(1, _MOST_ITEMS))]
            return {name: self.make(name, further, depth + 1) for name in names}
        optional = _FULLNESS if depth < _DEPTH else 0
        return {
            key: self.make(key, part, depth + 1)
            for key, part in properties.items()
            if key in required or self._values.chance(optional)
        }

    def _array(self, key: str, rules: Mapping[str, Any], depth: int) -> list[Any]:
        least = rules.get("minItems", 0 if depth >= _DEPTH else 1)
        most = max(min(rules.get("maxItems", _MOST_ITEMS), max(_MOST_ITEMS, least)), least)
        first = rules.get("prefixItems", ())
        items = [self.make(key, part, depth + 1) for part in first]
        if depth < _DEPTH or least:
            count = self._values.random.randint(least, most) - len(items)
            items += [self.make(key.removesuffix("s"), rules.get("items", {}), depth + 1) for _ in range(count)]
        if rules.get("uniqueItems"):
            items = [item for place, item in enumerate(items) if item not in items[:place]]
        return items

    def _integer(self, key: str, rules: Mapping[str, Any]) -> int:
        low, high = _bounds(rules, INTEGERS.get(key, (0, 900)), 1)
        step = int(rules.get("multipleOf", 1)) or 1
        return self._values.random.randint(-(-int(low) // step), int(high) // step) * step

    def _number(self, key: str, rules: Mapping[str, Any]) -> float:
        *usual, decimals = NUMBERS.get(key, (0, 5000, 2))
        low, high = _bounds(rules, (usual[0], usual[1]), 0.01)
        number = round(self._values.random.uniform(low, high), int(decimals))
        return int(number) if decimals == 0 else number


def _bounds(rules: Mapping[str, Any], usual: tuple[float, float], least: float) -> tuple[float, float]:
    """Return the least and the largest number: what is usual for the field, as far as the schema allows it."""
    lows = [rules[each] + more for each, more in (("minimum", 0), ("exclusiveMinimum", least)) if each in rules]
    highs = [rules[each] - more for each, more in (("maximum", 0), ("exclusiveMaximum", least)) if each in rules]
    low = max(lows) if lows else min(usual[0], *highs) if highs else usual[0]
    return low, min(highs) if highs else max(usual[1], low)
