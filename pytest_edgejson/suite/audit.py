"""`edgejson suite audit`: what is wrong with the labels of a suite, and what one should know about them.

A label is *unsound* where a model that reads the prompt perfectly cannot know the expected output. Everything else is a
*remark*. What a prompt does not settle is not claimed: see `docs/audit.md`.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pytest_edgejson.alignment import equal, format_path, json_type, leaves
from pytest_edgejson.suite.check import same_text
from pytest_edgejson.suite.files import BrokenRow, CaseRow, case_files, read_rows
from pytest_edgejson.suite.rendering import FormError, Reading, read_prompt, required_keys, scalar_text, splits
from pytest_edgejson.suite.similarity import near_duplicates, words_of
from pytest_edgejson.suite.totals import wrong_totals
from pytest_edgejson.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_edgejson.alignment import Path as LeafPath
    from pytest_edgejson.cases import Complexity
    from pytest_edgejson.schemas import Schema

Unsound: TypeAlias = Literal[
    "broken_row",
    "schema_invalid",
    "absent_value",
    "text_differs",
    "omitted_value",
    "ambiguous_boundary",
    "wrong_total",
    "contradiction",
]
Remark: TypeAlias = Literal[
    "assumed_boundary",
    "key_order",
    "written_otherwise",
    "unseen_value",
    "format_invalid",
    "too_long",
    "duplicate",
    "near_duplicate",
]
Kind: TypeAlias = Unsound | Remark

UNSOUND: tuple[Unsound, ...] = get_args(Unsound)
REMARKS: tuple[Remark, ...] = get_args(Remark)

TOKEN_LIMITS = (512, 2048)
"""Tokens that an answer may have: in the published EdgeJSON v3 evaluation, and by this plugin's default."""

# In free text a value may be there in other words. That it should be there is claimed only of fields that are copied
# from the text elsewhere in the suite: this many times as often as not.
_COPIED = 9
# Other ways to cut an array that are tried against the schema before it is taken to be settled.
_MOST_SPLITS = 64
_SEPARATORS = re.compile(r"[\s_-]+")
_SHOWN = 100
_MOST_PATHS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an audit has to say about a row.

    Attributes:
        path: the file.
        line: 1-based line, 0 for the whole file.
        kind: one of `UNSOUND` or `REMARKS`.
        message: for a person, in one line; safe to print.
        case_id: the case; None for a row that is none.
        complexity: the case's.
        paths: the fields concerned, as `line_items[0].total`.
    """

    path: Path
    line: int
    kind: Kind
    message: str
    case_id: str | None = None
    complexity: Complexity | None = None
    paths: tuple[str, ...] = ()

    @property
    def is_unsound(self) -> bool:
        """Whether the label cannot be known from the prompt."""
        return self.kind in UNSOUND

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON builtins."""
        return {
            "file": str(self.path),
            "line": self.line,
            "case_id": self.case_id,
            "complexity": self.complexity,
            "kind": self.kind,
            "unsound": self.is_unsound,
            "paths": list(self.paths),
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        files: what was read.
        rows: the cases, in the order of the files.
        findings: by file and line.
        tokenizer: the model whose tokens were counted; None where none were.
        tokens: how many each row's expected output has; empty where none were counted.
        limits: the token limits, ascending.
    """

    files: tuple[Path, ...]
    rows: tuple[CaseRow, ...]
    findings: tuple[Finding, ...]
    tokenizer: str | None
    tokens: tuple[int, ...]
    limits: tuple[int, ...]

    @property
    def unsound(self) -> list[Finding]:
        """The findings that make a label unsound."""
        return [finding for finding in self.findings if finding.is_unsound]


def audit_suite(
    paths: Iterable[Path],
    schemas_of: Callable[[Path], Mapping[str, Schema]],
    *,
    count_tokens: Callable[[str], int] | None = None,
    tokenizer: str = "",
    limits: Sequence[int] = TOKEN_LIMITS,
) -> Audit:
    """Audit files and folders of cases together, each file once.

    Args:
        paths: JSON Lines files, or folders that hold them; what in a folder is not meant to hold cases is passed over.
        schemas_of: returns the schemas of a file.
        count_tokens: returns how many tokens an answer has; None checks no lengths.
        tokenizer: what counts them, for messages.
        limits: the most tokens an answer may have, in each of the settings of interest.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no JSON Lines file.
        SchemaError: from `schemas_of`.
    """
    files = case_files(paths)
    rows: list[CaseRow] = []
    findings: list[Finding] = []
    for row in read_rows(files, schemas_of):
        if isinstance(row, BrokenRow):
            findings.append(Finding(row.path, row.line, "broken_row", row.message))
        else:
            rows.append(row)
    limits = sorted(set(limits))
    tokens: list[int] = []
    texts = _FreeTexts()
    for row in rows:
        findings += _of_schema(row)
        try:
            reading = read_prompt(row.case.prompt, row.schema.document)
        except FormError:
            texts.add(row)
        else:
            findings += _of_reading(row, reading)
        findings += _of_totals(row)
        if count_tokens is not None:
            tokens.append(count_tokens(json.dumps(row.case.expected_output, ensure_ascii=False)))
            findings += _of_length(row, tokens[-1], limits, tokenizer)
    findings += texts.findings()
    findings += [*_contradictions(rows), *_duplicates(rows), *_near_duplicates(rows)]
    order = {file: index for index, file in enumerate(files)}
    kinds = (*UNSOUND, *REMARKS)
    findings.sort(key=lambda finding: (order[finding.path], finding.line, kinds.index(finding.kind)))
    return Audit(tuple(files), tuple(rows), tuple(findings), tokenizer or None, tuple(tokens), tuple(limits))


def _finding(row: CaseRow, kind: Kind, message: str, paths: Iterable[str] = ()) -> Finding:
    case = row.case
    return Finding(row.path, case.line, kind, message, case.id, case.complexity, tuple(dict.fromkeys(paths)))


def _list(paths: Iterable[str]) -> str:
    different = list(dict.fromkeys(paths))
    return ", ".join(different[:_MOST_PATHS]) + ", …" * (len(different) > _MOST_PATHS)


def _show(value: Any) -> str:
    return show(value, _SHOWN)


def _of_schema(row: CaseRow) -> Iterator[Finding]:
    value = row.case.expected_output
    kinds: tuple[tuple[Kind, str], ...] = (("schema_invalid", "schema"), ("format_invalid", "schema's format"))
    for (kind, what), violations in zip(
        kinds, (row.schema.violations(value), row.schema.format_violations(value)), strict=True
    ):
        if violations:
            first, *rest = violations
            more = f", and {len(rest)} more" if rest else ""
            message = f"the expected output breaks its {what}: {first.path or 'the root'} {first.message}{more}"
            yield _finding(row, kind, message, (violation.path for violation in violations))


def _of_totals(row: CaseRow) -> Iterator[Finding]:
    try:
        wrong = wrong_totals(row.case.schema_id, row.case.expected_output)
    except ArithmeticError:
        yield _finding(row, "wrong_total", "the totals are beyond what can be added up")
        return
    if wrong:
        said = [f"{path} is {show(value)}, its parts give {show(right)}" for path, value, right in wrong]
        yield _finding(row, "wrong_total", "; ".join(said[:_MOST_PATHS]), (path for path, _, _ in wrong))


def _of_length(row: CaseRow, count: int, limits: Sequence[int], tokenizer: str) -> Iterator[Finding]:
    exceeded = [limit for limit in limits if count > limit]
    if exceeded:
        message = f"the expected output has {count} tokens of {tokenizer}, more than {' and '.join(map(str, exceeded))}"
        yield _finding(row, "too_long", message)


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


def _of_reading(row: CaseRow, reading: Reading) -> Iterator[Finding]:
    case = row.case
    wanted = {_keys(path)[:end] for path in leaves(case.expected_output) for end in range(1, len(path) + 1)}
    stated = _asked_for(reading.record, row.schema.document, wanted, ())
    difference = _difference(stated, case.expected_output)
    yield from _of_values(row, difference)
    if difference.changed or difference.absent or difference.omitted:
        return
    for path, one, other in difference.rewritten[:1]:
        message = f"the text has {_show(one)} for {format_path(path)}, the expected output writes it {_show(other)}"
        yield _finding(row, "written_otherwise", message, (format_path(path) for path, _, _ in difference.rewritten))
    if any(not equal(one, other) for _, one, other in difference.rewritten):
        return
    as_read = equal(stated, case.expected_output)
    if not as_read and not (reading.undelimited and _renders_alike(stated, case.expected_output)):
        yield _misplaced(row, stated)
        return
    if as_read and list(leaves(stated)) != list(leaves(case.expected_output)):
        yield _finding(row, "key_order", "the expected output has its keys in another order than the text")
    yield from _of_boundaries(row, reading, stated)


def _of_values(row: CaseRow, difference: _Difference) -> Iterator[Finding]:
    if difference.changed:
        said = [
            f"the text has {_show(stated)} for {format_path(path)}, expected is {_show(expected)}"
            for path, stated, expected in difference.changed
        ]
        paths = (format_path(path) for path, _, _ in difference.changed)
        yield _finding(row, "text_differs", "; ".join(said[:_MOST_PATHS]), paths)
    if difference.absent:
        said = [f"{format_path(path)} is {_show(value)}" for path, value in difference.absent]
        message = f"{'; '.join(said[:_MOST_PATHS])}, which the text does not state"
        yield _finding(row, "absent_value", message, (format_path(path) for path, _ in difference.absent))
    if difference.omitted:
        said = [f"{format_path(path)} {_show(value)}" for path, value in difference.omitted]
        message = f"the text states {', '.join(said[:_MOST_PATHS])}, which the expected output lacks"
        yield _finding(row, "omitted_value", message, (format_path(path) for path, _ in difference.omitted))


def _fields(value: Any) -> dict[tuple[str, ...], list[tuple[LeafPath, Any]]]:
    """Return the leaves by their keys, places in arrays left out, without the empty containers that arrays can hide."""
    found: defaultdict[tuple[str, ...], list[tuple[LeafPath, Any]]] = defaultdict(list)
    for path, leaf in leaves(value).items():
        if leaf != [] and not (leaf == {} and (not path or isinstance(path[-1], int))):
            found[_keys(path)].append((path, leaf))
    return found


def _keys(path: LeafPath) -> tuple[str, ...]:
    return tuple(step for step in path if isinstance(step, str))


def _asked_for(value: Any, document: Mapping[str, Any], wanted: Collection[tuple[str, ...]], path: LeafPath) -> Any:
    """Return what a prompt states without the fields that neither the schema knows nor the expected output has."""
    if isinstance(value, list):
        return [_asked_for(item, document, wanted, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {
        key: _asked_for(item, document, wanted, (*path, key))
        for key, item in value.items()
        if _keys((*path, key)) in wanted or _part_at(document, (*path, key)) is not None
    }


def _difference(stated: Any, expected: Any) -> _Difference:
    found = _Difference()
    in_text, wanted = _fields(stated), _fields(expected)
    for keys in dict.fromkeys((*wanted, *in_text)):
        ours, theirs = wanted.get(keys, []), in_text.get(keys, [])
        pairs, ours, theirs = _paired(ours, theirs, _value_key)
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


def _value_key(value: Any) -> Hashable:
    return json_type(value), str(value) if isinstance(value, (dict, list)) else value


def _loose_key(value: Any) -> Hashable:
    """Return what texts share that differ in case and in what separates their words."""
    return _SEPARATORS.sub(" ", value.casefold()).strip() or value if isinstance(value, str) else _value_key(value)


def _same_moment(one: Any, other: Any) -> bool:
    """Tell whether two texts name the same date or time, or may: 03/07/2005 has two readings."""
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    from pytest_edgejson.dates import moments, same_moment

    return any(same_moment(a, b) for a in moments(one) for b in moments(other))


def _part_at(document: Mapping[str, Any], path: LeafPath) -> Mapping[str, Any] | None:
    """Return what a schema has for a path by `properties` and `items`; None where it does not know a key."""
    part = document
    for step in path:
        inner = part.get("items", True) if isinstance(step, int) else part.get("properties", {}).get(step)
        if inner is None:
            return None
        part = inner if isinstance(inner, dict) else {}
    return part


def _misplaced(row: CaseRow, stated: Any) -> Finding:
    expected, got = leaves(row.case.expected_output), leaves(stated)
    moved = [path for path in (*expected, *got) if path not in expected or path not in got]
    other = [path for path, value in expected.items() if path in got and not equal(got[path], value)]
    paths = [format_path(path) for path in (*other, *moved)]
    return _finding(row, "text_differs", f"the text has the values of {_list(paths)} in other places", paths)


def _renders_alike(one: Any, other: Any) -> bool:
    """Tell whether two values give the same lines of a prompt without delimiters, the order of keys aside."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_renders_alike(one[key], other[key]) for key in one)
    if not (isinstance(one, list) and isinstance(other, list)):
        return equal(one, other)
    if not all(isinstance(item, dict) for item in (*one, *other)):
        return equal(one, other)
    lines = iter([(key, value) for item in one for key, value in item.items()])
    for item in other:
        found = dict(islice(lines, len(item)))
        if not _renders_alike(found, item):
            return False
    return next(lines, None) is None


def _of_boundaries(row: CaseRow, reading: Reading, stated: Any) -> Iterator[Finding]:
    """Tell which arrays can be cut otherwise, and whether the expected way is the one that repeated labels give."""
    expected = row.case.expected_output
    open_arrays = [
        path for path in _undelimited(expected, reading) if _can_be_cut_otherwise(expected, path, row.schema)
    ]
    if not open_arrays:
        return
    as_read = equal(stated, expected)
    if not as_read:
        cut = [path for path in open_arrays if _lengths(stated, path) != _lengths(expected, path)]
        # Within an array that is cut otherwise every item is another one.
        open_arrays = [path for path in cut if not any(path[: len(other)] == other for other in cut if other != path)]
    paths = [format_path(path) for path in open_arrays]
    fields = _list(format_path(_keys(path)) for path in open_arrays)
    what = f"the prompt does not determine where the items of {fields} begin and end"
    if as_read:
        message = f"{what}; expected is what a reader assumes: a label that occurs again begins an item"
        yield _finding(row, "assumed_boundary", message, paths)
        return
    try:
        by_order = read_prompt(row.case.prompt, row.schema.document, in_key_order=True).record
    except FormError:
        by_order = {}
    hint = "; the order of the schema's keys would tell" if equal(by_order, expected) else ""
    yield _finding(row, "ambiguous_boundary", what + hint, paths)


def _lengths(record: Any, path: LeafPath) -> list[int] | None:
    """Return how many keys each item of an array of objects has; None where there is no such array."""
    value = record
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return [len(item) for item in value] if isinstance(value, list) else None


def _undelimited(expected: Any, reading: Reading) -> Iterator[LeafPath]:
    fields = {_keys(path) for path in reading.undelimited}
    pending: list[tuple[LeafPath, Any]] = [((), expected)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, list) and value and _keys(path) in fields:
            yield path
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        pending.extend(reversed([((*path, step), child) for step, child in steps]))


def _can_be_cut_otherwise(record: Any, path: LeafPath, schema: Schema) -> bool:
    """Tell whether another record that the schema allows has the same prompt, this array's items cut otherwise.

    An empty object leaves no line. It counts where it is expected; that there could be others is no doubt worth having.
    """
    other = copy.deepcopy(record)
    holder: Any = other
    for step in path[:-1]:
        holder = holder[step]
    array = holder[path[-1]]
    lines = [(key, value) for item in array for key, value in item.items()]
    required = required_keys(_part_at(schema.document, (*path, 0)) or {})
    ways = splits([key for key, _ in lines], required) if lines else iter([[]])
    for lengths in islice(ways, _MOST_SPLITS):
        if lengths != [len(item) for item in array]:
            rest = iter(lines)
            holder[path[-1]] = [dict(islice(rest, length)) for length in lengths]
            if schema.is_valid(other):
                return True
    return False


# Free text


class _FreeTexts:
    """Values that prompts in any other form lack, judged when all are read: does the field stand in the others?"""

    def __init__(self) -> None:
        self._held: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._absent: list[tuple[CaseRow, LeafPath, Any]] = []

    def add(self, row: CaseRow) -> None:
        from pytest_edgejson.diagnosis import PromptText

        prompt = PromptText(row.case.prompt)
        for path, value in leaves(row.case.expected_output).items():
            if not isinstance(value, str | int | float) or isinstance(value, bool) or value == "":
                continue
            if prompt.holds(value):
                self._held[row.schema.id, _keys(path)] += 1
            # A text seldom has the words that a schema gives to choose from.
            elif {"enum", "const"}.isdisjoint(_part_at(row.schema.document, path) or {}):
                self._absent.append((row, path, value))

    def findings(self) -> Iterator[Finding]:
        absent = Counter((row.schema.id, _keys(path)) for row, path, _ in self._absent)
        by_row: defaultdict[tuple[str, int, Kind], list[tuple[CaseRow, LeafPath, Any]]] = defaultdict(list)
        for row, path, value in self._absent:
            place = row.schema.id, _keys(path)
            kind: Kind = "absent_value" if self._held[place] >= _COPIED * absent[place] else "unseen_value"
            by_row[str(row.path), row.case.line, kind].append((row, path, value))
        for (_, _, kind), found in by_row.items():
            said = "; ".join(f"{format_path(path)} is {_show(value)}" for _, path, value in found[:_MOST_PATHS])
            message = (
                f"{said}, which is nowhere in the prompt, where other prompts of the suite have it"
                if kind == "absent_value"
                else f"{said}, which does not stand in the prompt: does it follow from it?"
            )
            yield _finding(found[0][0], kind, message, (format_path(path) for _, path, _ in found))


# Between rows


def _contradictions(rows: Iterable[CaseRow]) -> Iterator[Finding]:
    """Which of two labels of one prompt is right, nobody knows: both are told."""
    by_prompt: defaultdict[str, dict[str, list[CaseRow]]] = defaultdict(dict)
    for row in rows:
        by_prompt[row.case.prompt].setdefault(same_text(row.case.expected_output), []).append(row)
    for by_output in by_prompt.values():
        first, *others = by_output.values()
        for group in by_output.values() if others else ():
            other = others[0][0] if group is first else first[0]
            for row in group:
                message = f"{_place(other, row)} has the same prompt and another expected output"
                yield _finding(row, "contradiction", message)


def _duplicates(rows: Iterable[CaseRow]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], CaseRow] = {}
    for row in rows:
        case = row.case
        same = []
        for what, text in (
            ("id", case.id),
            ("prompt", case.prompt),
            ("expected output", same_text(case.expected_output)),
        ):
            first = seen.setdefault((what, text), row)
            if first is not row:
                same.append(f"its {what} is that of {_place(first, row)}")
        if same:
            yield _finding(row, "duplicate", "; ".join(same))


def _near_duplicates(rows: Iterable[CaseRow]) -> Iterator[Finding]:
    by_schema: defaultdict[str, dict[str, CaseRow]] = defaultdict(dict)
    for row in rows:
        # Equal ones are duplicates already.
        by_schema[row.schema.id].setdefault(same_text(row.case.expected_output), row)
    for different in by_schema.values():
        group = list(different.values())
        for index, other, similarity in near_duplicates([words_of(row.case.expected_output) for row in group]):
            message = f"{_place(group[other], group[index])} expects nearly the same (similarity {similarity:.2f})"
            yield _finding(group[index], "near_duplicate", message)


def _place(row: CaseRow, seen_from: CaseRow) -> str:
    """Name a row; its file too where it is another one, such as the other split."""
    where = f"line {row.case.line}" if row.path == seen_from.path else f"{row.path}:{row.case.line}"
    return f"{row.case.id} ({where})"
