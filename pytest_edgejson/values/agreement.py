"""Rules: how the fields of a value are compared, when two values agree under them, and rules as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.comparators import read_uses
from pytest_edgejson.values.decoding import MAX_DEPTH
from pytest_edgejson.values.fields import ITEM, KEY, Each, format_field, parse_field
from pytest_edgejson.values.jsonvalue import ABSENT, equal, is_leaf, json_type, leaf_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from pytest_edgejson.values.comparators import Use
    from pytest_edgejson.values.fields import FieldPath, Step

# Of an array in which order means nothing: beyond, its items are compared in order.
MAX_PAIRS = 250_000

_SAME = "same as"


@dataclass(eq=False)
class Rule:
    """How a field is compared, and the fields in it. Where schemas refer to themselves, rules do too.

    Attributes:
        uses: the field's comparators.
        accepted: values that count as well as the expected one; `""` also stands for none at all.
        fields: the rules of its keys, indices, of `ITEM` (any item) and of `KEY` (any key); none where it is exact.
    """

    uses: tuple[Use, ...] = ()
    accepted: tuple[Any, ...] = ()
    fields: dict[Step, Rule] = field(default_factory=dict)

    def at(self, step: str | int) -> Rule | None:
        """Return the rule of a key or an array item; None where it is compared exactly."""
        return self.fields.get(step) or self.fields.get(ITEM if isinstance(step, int) else KEY)

    def all_below(self) -> Iterator[Rule]:
        """Yield this rule and those of all fields in it, each once."""
        pending, seen = [self], set[int]()
        while pending:
            rule = pending.pop()
            if id(rule) not in seen:
                seen.add(id(rule))
                yield rule
                pending += rule.fields.values()

    def has(self, *names: str) -> bool:
        """Tell whether the field itself has one of these comparators."""
        return any(use.name in names for use in self.uses)

    @cached_property
    def is_exact(self) -> bool:
        """Whether nothing but equal values count, here and below."""
        return not any(rule.accepted or (rule.uses and not rule.has("exact")) for rule in self.all_below())

    @cached_property
    def is_keyed(self) -> bool:
        """Whether what counts as the same has the same `Keys`: wherever one value takes two others, each takes the
        other, and all items of an array are compared alike."""
        return not any(
            rule.accepted
            or any(use.comparator.takes for use in rule.uses)
            or any(isinstance(step, int) for step in rule.fields)
            for rule in self.all_below()
        )

    @cached_property
    def leaves_out(self) -> bool:
        """Whether `counted` leaves something out."""
        return any(rule.has("ignored", "set") for rule in self.all_below())

    @cached_property
    def is_unordered(self) -> bool:
        """Whether the order of the array's items means nothing."""
        return self.has("unordered", "set")

    @cached_property
    def alternatives(self) -> Mapping[str, Rule]:
        """The rules of the keys that have accepted values."""
        return {key: rule for key, rule in self.fields.items() if isinstance(key, str) and rule.accepted}

    @cached_property
    def without_accepted(self) -> Rule:
        """The same without the accepted values of the field itself."""
        return Rule(self.uses, (), self.fields)

    def normal(self, leaf: Any) -> Any:
        """Return what a leaf is read as."""
        if isinstance(leaf, str):
            for use in self.uses:
                if use.comparator.normal is not None:
                    leaf = use.comparator.normal(leaf)
        return leaf

    def takes(self, expected: Any, got: Any) -> bool:
        """Tell whether one leaf counts as another one that is expected."""
        if equal(expected, got):
            return True
        one, two, kind = self.normal(expected), self.normal(got), json_type(expected)
        return json_type(got) == kind and (
            equal(one, two)
            or any(
                use.comparator.takes(one, two, dict(use.parameters))
                for use in self.uses
                if use.comparator.takes is not None and kind in use.comparator.types
            )
        )

    def along(self, path: Sequence[str | int]) -> list[Rule]:
        """Return the rules of the places on the way to one, as far as there are any, the place itself included."""
        rules = [self]
        for step in path:
            inner = rules[-1].at(step)
            if inner is None:
                break
            rules.append(inner)
        return rules

    def stands_in(self, expected: Any, text: str, numbers: Collection[float] = ()) -> bool:
        """Tell whether something stands in a text that counts as an expected scalar.

        Args:
            expected: the scalar.
            text: any text.
            numbers: those that stand in it.
        """
        if "" in self.accepted:
            return True
        for value in (expected, *self.accepted):
            if isinstance(value, str):
                one, whole = self.normal(value), self.normal(text)
                if one in whole or any(
                    use.comparator.stands_in(one, whole, dict(use.parameters))
                    for use in self.uses
                    if use.comparator.stands_in is not None
                ):
                    return True
            elif json_type(value) == "number" and any(self.takes(value, number) for number in numbers):
                return True
        return False

    def changed_at(self, path: tuple[Step, ...], change: Callable[[Rule], Rule]) -> Rule:
        """Return this rule with the one of a field in it changed, and no other one."""
        if not path:
            return change(self)
        step = path[0]
        inner = self.fields.get(step) if isinstance(step, Each) else self.at(step)
        return replace(self, fields={**self.fields, step: (inner or Rule()).changed_at(path[1:], change)})


def counted(value: Any, rule: Rule, kept: dict[int, list[int]] | None = None, depth: int = 0) -> Any:
    """Return what of a value is compared: without ignored fields, and without repeats of items in a set.

    Args:
        value: the value.
        rule: of the whole value.
        kept: filled with the places in the value of items that others were left out before, by the `id` of their array.
        depth: how deep in a value this one is.
    """
    if not rule.leaves_out or is_leaf(value) or depth > MAX_DEPTH:
        return value

    def inner(step: str | int, item: Any) -> Any:
        below = rule.at(step)
        if below is None:
            return item
        return ABSENT if below.has("ignored") else counted(item, below, kept, depth + 1)

    if isinstance(value, dict):
        return {key: found for key, item in value.items() if (found := inner(key, item)) is not ABSENT}
    found_items = [inner(place, item) for place, item in enumerate(value)]
    places = [place for place, item in enumerate(found_items) if item is not ABSENT]
    if rule.has("set"):
        keys = Keys()
        firsts = {keys.of_item(found_items[place], rule, place): place for place in reversed(places)}
        places = sorted(firsts.values())
    items = [found_items[place] for place in places]
    if kept is not None and len(items) < len(value):
        kept[id(items)] = places
    return items


def agree(expected: Any, got: Any, rule: Rule | None) -> bool:
    """Tell whether a value counts as the expected one. Either may be `ABSENT`.

    Args:
        expected: what is expected, as `counted` returns it.
        got: what was given, the same way.
        rule: how they are compared; None for exactly.
    """
    if rule is None:
        return equal(expected, got)
    if got is ABSENT:
        return expected is ABSENT or "" in rule.accepted
    if any(agree(value, got, rule.without_accepted) for value in rule.accepted):
        return True
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = {**expected, **got}
        return all(agree(expected.get(key, ABSENT), got.get(key, ABSENT), rule.at(key)) for key in keys)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and _items_agree(expected, got, rule)
    return expected is not ABSENT and rule.takes(expected, got)


def _items_agree(expected: list[Any], got: list[Any], rule: Rule) -> bool:
    if not rule.is_unordered or len(expected) ** 2 > MAX_PAIRS:
        return all(agree(one, two, rule.at(place)) for place, (one, two) in enumerate(zip(expected, got, strict=True)))
    if rule.is_keyed:
        keys = Keys()
        return keys.of(expected, rule) == keys.of(got, rule)
    if not expected:
        return True
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    fits = [[agree(one, two, rule.at(place)) for two in got] for place, one in enumerate(expected)]
    partners = maximum_bipartite_matching(csr_array(fits), perm_type="column")
    return bool((partners >= 0).all())


@dataclass(slots=True)
class Keys:
    """What values that count as the same have in common and others don't, remembered as long as the values live."""

    known: dict[Hashable, Hashable] = field(default_factory=dict)

    def of(self, value: Any, rule: Rule | None, depth: int = 0) -> Hashable:
        """Return the key of a value under a rule that is keyed, or None for exactly."""
        if is_leaf(value):
            return leaf_key(value if rule is None else rule.normal(value))
        # Expected outputs are nested as deep as a case file's author likes, but no deeper than this equal to what a
        # model gave.
        if depth > MAX_DEPTH + 1:
            return "too deep to compare", id(value)
        which: Hashable = id(value) if rule is None else (id(value), id(rule))
        if which not in self.known:
            if isinstance(value, dict):
                self.known[which] = frozenset(
                    (key, self.of(item, rule and rule.at(key), depth + 1)) for key, item in value.items()
                )
            else:
                items = tuple(self.of(item, rule and rule.at(place), depth + 1) for place, item in enumerate(value))
                is_unordered = rule is not None and rule.is_unordered
                self.known[which] = frozenset(Counter(items).items()) if is_unordered else items
        return self.known[which]

    def of_item(self, item: Any, rule: Rule | None, place: int) -> Hashable:
        """Return the key of an array's item; where the array's rule is not keyed, that of exactly this item."""
        return self.of(item, rule.at(place) if rule is not None and rule.is_keyed else None)


def describe(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON builtins: comparators by field, and `{"same as": FIELD}` where a rule stands once more.

    Fields that are compared exactly are left out, and so are accepted values.
    """
    described: dict[str, Any] = {}
    known: dict[int, FieldPath] = {}
    pending: list[tuple[FieldPath, Rule]] = [((), rule)]
    while pending:
        path, each = pending.pop(0)
        if each.is_exact:
            continue
        if id(each) in known:
            described[format_field(path)] = {_SAME: format_field(known[id(each)])}
            continue
        known[id(each)] = path
        if each.uses:
            described[format_field(path)] = [use.as_json() for use in each.uses]
        for step, inner in each.fields.items():
            shadowed = None if isinstance(step, Each) else each.fields.get(ITEM if isinstance(step, int) else KEY)
            if inner.is_exact and shadowed is not None and not shadowed.is_exact:
                described[format_field((*path, step))] = ["exact"]
            pending.append(((*path, step), inner))
    return described


def read_rule(described: Mapping[str, Any], accepted: Mapping[str, Sequence[Any]] | None = None) -> Rule | None:
    """Return the rule that `describe` made JSON of; None where everything is compared exactly.

    Args:
        described: comparators by field.
        accepted: values of one case that count as well as the expected ones, by field or place.
    """
    root = Rule()

    def at(path: FieldPath) -> Rule:
        rule = root
        for step in path:
            rule = rule.fields.setdefault(step, Rule())
        return rule

    for name, given in described.items():
        path = parse_field(name)
        if isinstance(given, dict) and _SAME in given:
            at(path[:-1]).fields[path[-1]] = at(parse_field(given[_SAME]))
        else:
            at(path).uses = read_uses(given)
    # What holds of all items first: the rule of one item is made of it.
    places = [(parse_field(name), tuple(values)) for name, values in (accepted or {}).items()]
    for path, values in sorted(places, key=lambda place: not any(isinstance(step, Each) for step in place[0])):
        root = root.changed_at(path, partial(_accepting, values))
    return None if root.is_exact else root


def _accepting(values: tuple[Any, ...], rule: Rule) -> Rule:
    return replace(rule, accepted=(*rule.accepted, *(counted(value, rule) for value in values)))
