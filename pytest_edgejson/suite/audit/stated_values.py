"""The values of a label against what its text states.

Prompts in EdgeJSON's form say field by field what they state. Free text can say a value in other words: there, the
other prompts of the suite tell whether a value should stand in the text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite import evidence
from pytest_edgejson.suite.audit.boundaries import of_boundaries, renders_alike
from pytest_edgejson.suite.audit.findings import MOST_PATHS, finding_of, list_paths
from pytest_edgejson.suite.audit.shared_rules import makes_up_for, misplaced
from pytest_edgejson.suite.rendering import scalar_text
from pytest_edgejson.suite.subschemas import own_part_at, parts_at
from pytest_edgejson.values.agreement import agree, counted
from pytest_edgejson.values.fields import keys_of
from pytest_edgejson.values.jsonvalue import equal, format_path, leaf_key, leaves
from pytest_edgejson.values.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping

    from pytest_edgejson.suite.audit.findings import Finding, Kind
    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.suite.rendering import Reading
    from pytest_edgejson.values.agreement import Rule
    from pytest_edgejson.values.jsonvalue import Path as LeafPath

# In free text a value may be there in other words. That it should be there is claimed only of fields that are copied
# from the text elsewhere in the suite: this many times as often as not.
_COPIED = 9
_SEPARATORS = re.compile(r"[\s_-]+")
_SHOWN = 100


# Prompts in EdgeJSON's form: what they say is known field by field.


@dataclass
class _Difference:
    """How the values that a prompt states differ from the expected ones, whatever the boundaries of arrays.

    Attributes:
        changed: path, stated and expected value.
        absent: path and expected value.
        omitted: path and stated value.
        rewritten: path, stated and expected value, which are the same, written otherwise.
    """

    changed: list[tuple[LeafPath, Any, Any]] = field(default_factory=list)
    absent: list[tuple[LeafPath, Any]] = field(default_factory=list)
    omitted: list[tuple[LeafPath, Any]] = field(default_factory=list)
    rewritten: list[tuple[LeafPath, Any, Any]] = field(default_factory=list)


def of_reading(row: CaseRow, reading: Reading) -> Iterator[Finding]:
    """Tell how a label differs from what a prompt in EdgeJSON's form states, and which boundaries stay open."""
    case = row.case
    wanted = {keys_of(path)[:end] for path in leaves(case.expected_output) for end in range(1, len(path) + 1)}
    stated = _asked_for(reading.record, row.schema.document, wanted, ())
    rule = row.schema.rule_of(case)
    if rule is not None:
        case = replace(case, expected_output=counted(case.expected_output, rule))
        row, stated = replace(row, case=case), _settled(case.expected_output, counted(stated, rule), rule)
    difference = _difference(stated, case.expected_output)
    yield from _of_values(row, difference)
    if difference.changed or difference.absent or difference.omitted:
        return
    for path, one, other in difference.rewritten[:1]:
        message = f"the text has {_show(one)} for {format_path(path)}, the expected output writes it {_show(other)}"
        yield finding_of(row, "written_otherwise", message, (format_path(path) for path, _, _ in difference.rewritten))
    if any(not equal(one, other) for _, one, other in difference.rewritten):
        return
    as_read = equal(stated, case.expected_output)
    if not as_read and not (reading.undelimited and renders_alike(stated, case.expected_output)):
        yield _misplaced(row, stated)
        return
    if as_read and list(leaves(stated)) != list(leaves(case.expected_output)):
        yield finding_of(row, "key_order", "the expected output has its keys in another order than the text")
    yield from of_boundaries(row, reading, stated)


def _settled(expected: Any, stated: Any, rule: Rule | None) -> Any:
    """Return what a prompt states, with the expected values in the place of those that count as them."""
    if rule is None:
        return stated
    if agree(expected, stated, rule):
        return expected
    if isinstance(expected, dict) and isinstance(stated, dict):
        return {
            key: _settled(expected[key], item, rule.at(key)) if key in expected else item
            for key, item in stated.items()
        }
    if isinstance(expected, list) and isinstance(stated, list):
        pairs = zip(expected, stated, strict=False)
        return [_settled(*pair, rule.at(place)) for place, pair in enumerate(pairs)] + stated[len(expected) :]
    return stated


def _of_values(row: CaseRow, difference: _Difference) -> Iterator[Finding]:
    if difference.changed:
        said = [
            f"the text has {_show(stated)} for {format_path(path)}, expected is {_show(expected)}"
            for path, stated, expected in difference.changed
        ]
        paths = (format_path(path) for path, _, _ in difference.changed)
        yield finding_of(row, "text_differs", "; ".join(said[:MOST_PATHS]), paths)
    if difference.absent:
        said = [f"{format_path(path)} is {_show(value)}" for path, value in difference.absent]
        message = f"{'; '.join(said[:MOST_PATHS])}, which the text does not state"
        yield finding_of(row, "absent_value", message, (format_path(path) for path, _ in difference.absent))
    if difference.omitted:
        said = [f"{format_path(path)} {_show(value)}" for path, value in difference.omitted]
        message = f"the text states {', '.join(said[:MOST_PATHS])}, which the expected output lacks"
        yield finding_of(row, "omitted_value", message, (format_path(path) for path, _ in difference.omitted))


def _fields(value: Any) -> dict[tuple[str, ...], list[tuple[LeafPath, Any]]]:
    """Return the leaves by their keys, places in arrays left out, without the empty containers that arrays can hide."""
    found: defaultdict[tuple[str, ...], list[tuple[LeafPath, Any]]] = defaultdict(list)
    for path, leaf in leaves(value).items():
        if leaf != [] and not (leaf == {} and (not path or isinstance(path[-1], int))):
            found[keys_of(path)].append((path, leaf))
    return found


def _asked_for(value: Any, document: Mapping[str, Any], wanted: Collection[tuple[str, ...]], path: LeafPath) -> Any:
    """Return what a prompt states without the fields that neither the schema knows nor the expected output has."""
    if isinstance(value, list):
        return [_asked_for(item, document, wanted, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {
        key: _asked_for(item, document, wanted, (*path, key))
        for key, item in value.items()
        if keys_of((*path, key)) in wanted or own_part_at(document, (*path, key)) is not None
    }


def _difference(stated: Any, expected: Any) -> _Difference:
    found = _Difference()
    in_text, wanted = _fields(stated), _fields(expected)
    for keys in dict.fromkeys((*wanted, *in_text)):
        ours, theirs = wanted.get(keys, []), in_text.get(keys, [])
        pairs, ours, theirs = _paired(ours, theirs, leaf_key)
        rewritten, ours, theirs = _paired(ours, theirs, _loose_key)
        found.rewritten += [
            (path, value, other)
            for path, value, other in [*pairs, *rewritten]
            if scalar_text(value) != scalar_text(other)
        ]
        both = min(len(ours), len(theirs))
        for (path, other), (_, value) in zip(ours, theirs, strict=False):
            (found.rewritten if _same_moment(value, other) else found.changed).append((path, value, other))
        found.absent += ours[both:]
        found.omitted += theirs[both:]
    return found


def _paired(
    ours: list[tuple[LeafPath, Any]], theirs: list[tuple[LeafPath, Any]], key: Callable[[Any], Hashable]
) -> tuple[list[tuple[LeafPath, Any, Any]], list[tuple[LeafPath, Any]], list[tuple[LeafPath, Any]]]:
    """Pair expected and stated leaves with the same key off; return path, stated and expected value, and the rests."""
    waiting: defaultdict[Hashable, list[tuple[LeafPath, Any]]] = defaultdict(list)
    for path, value in reversed(theirs):
        waiting[key(value)].append((path, value))
    pairs, left = [], []
    for path, value in ours:
        if waiting[key(value)]:
            pairs.append((path, waiting[key(value)].pop()[1], value))
        else:
            left.append((path, value))
    unused = {path for rest in waiting.values() for path, _ in rest}
    return pairs, left, [(path, value) for path, value in theirs if path in unused]


def _loose_key(value: Any) -> Hashable:
    """Return what texts share that differ in case and in what separates their words."""
    return _SEPARATORS.sub(" ", value.casefold()).strip() or value if isinstance(value, str) else leaf_key(value)


def _same_moment(one: Any, other: Any) -> bool:
    """Tell whether two texts name the same date or time, or may: 03/07/2005 has two readings."""
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    from pytest_edgejson.values.dates import moments, same_moment

    return any(same_moment(a, b) for a in moments(one) for b in moments(other))


def _misplaced(row: CaseRow, stated: Any) -> Finding:
    moved, other = misplaced(row.case.expected_output, stated)
    paths = [format_path(path) for path in (*other, *moved)]
    return finding_of(row, "text_differs", f"the text has the values of {list_paths(paths)} in other places", paths)


def _show(value: Any) -> str:
    return show(value, _SHOWN)


# Free text


class FreeTexts:
    """Values that prompts in any other form lack, judged when all are read: does the field stand in the others?"""

    def __init__(self) -> None:
        self._held: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._absent: list[tuple[CaseRow, LeafPath, Any]] = []

    def add(self, row: CaseRow) -> None:
        """Take in the values of a row: which its prompt holds, and which it lacks."""
        from pytest_edgejson.values.prompt_text import PromptText

        prompt = PromptText(row.case.prompt)
        proved, rule = evidence.proved(row.case), row.schema.rule_of(row.case)
        for path, value in leaves(row.case.expected_output).items():
            if not isinstance(value, str | int | float) or isinstance(value, bool) or value == "":
                continue
            if rule is not None and makes_up_for(rule, path, value, row.case.prompt):
                continue
            if format_path(path) in proved or prompt.holds(value):
                self._held[row.schema.id, keys_of(path)] += 1
            # A text seldom has the words that a schema gives to choose from.
            elif all({"enum", "const"}.isdisjoint(part) for part in parts_at(row.schema.document, path)):
                self._absent.append((row, path, value))

    def findings(self) -> Iterator[Finding]:
        """Tell of the values that prompts lack, once all rows are added."""
        absent = Counter((row.schema.id, keys_of(path)) for row, path, _ in self._absent)
        by_row: defaultdict[tuple[str, int, Kind], list[tuple[CaseRow, LeafPath, Any]]] = defaultdict(list)
        for row, path, value in self._absent:
            place = row.schema.id, keys_of(path)
            kind: Kind = "absent_value" if self._held[place] >= _COPIED * absent[place] else "unseen_value"
            by_row[str(row.path), row.case.line, kind].append((row, path, value))
        for (_, _, kind), found in by_row.items():
            said = "; ".join(f"{format_path(path)} is {_show(value)}" for _, path, value in found[:MOST_PATHS])
            message = (
                f"{said}, which is nowhere in the prompt, where other prompts of the suite have it"
                if kind == "absent_value"
                else f"{said}, which does not stand in the prompt: does it follow from it?"
            )
            yield finding_of(found[0][0], kind, message, (format_path(path) for _, path, _ in found))
