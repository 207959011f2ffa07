"""The search for an answer's JSON in a text that is not one JSON value as a whole.

Work is bounded: a search decodes at most `4 · len(text) + 100,000` characters over all its attempts, makes at most
`MAX_ATTEMPTS` of them and stops after `MAX_OBJECTS` values, of which no more are validated once `MAX_SECONDS` were
computed. Only text made for it comes near.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import is_leaf, json_type
from pytest_edgejson.values.lookalikes import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.scoring.kinds import Flag

Roots: TypeAlias = frozenset[str]
"""The JSON types that an answer may have as a whole."""
OBJECT: Roots = frozenset({"object"})

MAX_OBJECTS = 100
MAX_ATTEMPTS = 2_000
MAX_SECONDS = 10.0

OBJECT_STARTS = "\"'/#}"
"""What follows the brace of something meant as an object, well-formed or not, unlike that of "the set {x, y}"."""

# In possessive groups, `|(?!)` returns to where a try began that has failed halfway: Python does so since 3.11.5 alone.

# What stands between a bracket and its first item and is none: a comment too, which makes the whole no JSON. Each
# bracket of a text may begin one, which is looked for no farther than here.
_GAP = rf"(?:{UNSEEN}|/\*(?:[^*]|\*(?!/)|(?!)){{0,200}}+\*/|(?://|\#)[^\n]{{0,200}}+|(?!))*+"
_ARRAY_START = rf"{UNSEEN}*+(\[){_GAP}"
# An item that tells an array amid prose from "[see below]".
_ITEM = r'(?:"(?:[^"\\\n]|\\.|(?!))*+"|-?\d[\d.eE+-]*+|true|false|null)'
# Where something begins: a fence, an array, or a brace. `{{` never begins an object: its first brace needs no attempt.
_EVENT = re.compile(
    rf"`{{2,}}+|~{{3,}}+|'{{3,}}+|\"{{3,}}+"
    rf"|(?<!<!\[CDATA)\[(?=\]|{_GAP}(?:[{{\[]|{_ITEM}\s*+[],]))|\{{(?![ \t\n\r]*+\{{)|｛"
)
FENCE = (
    r"(?:(?<!`)`{2,}+|(?<!~)~{3,}+|(?<!')'{3,}+|(?<!\")\"{3,}+)"
    r"(?:[^\n`{\[]|\{(?:[.#:][^{}\n]{0,100}+|[\w, -]{1,100}+)\}(?=[^\n]*+\n)|(?!)){0,100}+" + UNSEEN + "*+"
)
"""What opens a code fence: its marks, what language it is in and what else is said of it, and the line's end.

Quotes are no fences of Markdown, but of models.
"""
_FENCE = re.compile(FENCE)
_FENCE_END = re.compile(UNSEEN + r"*+(?:`{2,}+|~{3,}+|'{3,}+|\"{3,}+|\Z)")
FENCE_BEFORE = re.compile(FENCE + r"\Z")
_LEXEME = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[][{}｛｝]', re.DOTALL)
# A bracket that begins something meant as an array, unlike the one of "[see below]".
_ARRAY = re.compile(rf"""{_ARRAY_START}(["'{{\[\d-]|\]|true|false|null)""")
# Between a brace and the first key: blanks, those that were escaped with the rest of the text too.
_INSIDE = rf"[{{｛](?:{UNSEEN}|\\[nrt]|(?!))*+"
_ENTITY = r"&(?:\#x?[0-9a-f]{1,5}|[a-z]{2,6});"
# A brace that begins something meant as an object, other than the one of "the set {x, y}": a quote follows, however it
# is written, or a comment, or nothing at all …
_OBJECT_LIKE = re.compile(
    rf"""{_INSIDE}(?:["'{{,/#<“”„‘’«`]|\Z|{_ENTITY}|"""
    r"""(?:[^\w\s]|_){0,12}[\w$.;&\\ -]{1,80}+[^\w\s]{0,12}\s*+[:=])""",
    re.IGNORECASE,
)
# … and what is an object without doubt, broken or not: a key and its colon, or a comma. Objects in it are its parts.
ROOT = re.compile(
    rf"""{_INSIDE}(?:"(?:[^"\\\n{{}}]|\\.){{0,200}}+"\s*+[:,]|{_ENTITY}[^{{}}\n]{{0,100}}[:=]|"""
    r"""(?:[^\w\s"{}]|_){0,12}[\w$.;&\\ -]{1,80}+[^\w\s{}]{0,12}\s*+[:=])""",
    re.IGNORECASE,
)
# What a model writes right before the answer it decided on; behind the end of a sentence it speaks of something else.
_FINAL = re.compile(
    r"(?:<(?:answer|final|final_answer|response|output|result|json)>|\[BEGIN FINAL RESPONSE\]|<\|START_RESPONSE\|>|"
    r"\b(?:final|corrected|revised)[ \t]++(?:answer|json|output|object|result|response|version)\b|"
    r"\bthe[ \t]++answer[ \t]++is\b|\\boxed\{|(?:\A|\n)\W{0,4}correct(?:ed|ion)\b\W{0,4}:)(?!.*[.!?]\s)",
    re.IGNORECASE | re.DOTALL,
)
_ANSWER = re.compile(r"^\W{0,4}(?:answer|final)\b\W{0,4}:(?!.*[.!?]\s)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
# What names a part of an output: a heading, or words and a colon at the beginning of a line …
_LABEL = re.compile(
    r"^[ \t]*+(?:[#*_]{1,6}[ \t]*+(\w[^\n:*_]{0,40}+)[*_]{0,3}[ \t]*+$"
    r"|[#*_]{0,6}[ \t]*+(\w[^\n:*_.{}]{0,40}+)[*_]{0,3}:)",
    re.MULTILINE,
)
# … and what names one that is no answer.
_DRAFT = re.compile(
    r"(?:(?:a|my|the|first|initial)[ \t]++)?"
    r"(?:reason(?:ing)?|thoughts?|thinking|analysis|scratchpad|draft|schema|template|example|format)\b",
    re.IGNORECASE,
)
# The members of an object whose brace is missing, as models write them that take it for written already.
_MEMBERS = re.compile(rf"(?:{FENCE}|{UNSEEN}*+)" r'("(?:[^"\\\n{}]|\\.|(?!)){1,200}+"\s*+:)')
# The same where the answer is an array, which may be empty.
_ANY_ARRAY = re.compile(rf"""{_ARRAY_START}(["'{{\[\d\]tfn-])""")
# A number as prose has it, separators of thousands and all, without the full stop of its sentence.
_FIGURES = re.compile(r"-?\d(?:[\w]|[.,](?=\w)|(?!))*+")
# What follows an answer when the model goes on with the next example instead of ending.
_NEXT_EXAMPLE = re.compile(
    r"\{|^[ \t#*<|]{0,8}(?:input|output|text|user|assistant|human|question|example|instruction)\b"
    r"(?:[^\n:]{0,20}:|[ \t>|*]{0,8}$)",
    re.IGNORECASE | re.MULTILINE,
)


class Followed(MalformedError):
    """A value, and something after it."""


def balanced_end(text: str, start: int, brackets: str = "{}") -> int | None:
    """Return where the brackets of something malformed balance, None if they don't."""
    depth = 0
    for lexeme in _LEXEME.finditer(text, start):
        mark = lexeme.group()
        if mark == brackets[0]:
            depth += 1
        elif mark == brackets[1]:
            depth -= 1
            if depth == 0:
                return lexeme.end()
    return None


def most_work(text: str) -> int:
    """Return how many characters of a text are decoded at most."""
    return 4 * len(text) + 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """A value in a text, and from where to where it stands there."""

    value: Any
    start: int
    end: int
    fenced: bool = False

    @property
    def is_telling(self) -> bool:
        """Whether it is no empty object or array."""
        return not (isinstance(self.value, dict | list) and is_leaf(self.value))


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: str
    start: int
    position: int
    is_open: bool

    @property
    def progress(self) -> int:
        return self.position - self.start


@cache
def _event_of(roots: Roots) -> re.Pattern[str]:
    """Return what matches where something begins; where answers are no objects, any array or such a scalar too."""
    if roots == OBJECT:
        return _EVENT
    array = r"|\[" if "array" in roots else ""
    scalars = {"string": '"', "number": r"(?<![\w.,-])-?\d", "boolean": r"\b(?:true|false)\b", "null": r"\bnull\b"}
    # Numbers in quotes are no numbers: quotes are looked at too.
    looked_at = roots if roots <= {"object", "array"} else roots | {"string"}
    wanted = [each for name, each in scalars.items() if name in looked_at]
    return re.compile("|".join([_EVENT.pattern, *wanted]) + array)


@dataclass(slots=True)
class Search:
    """One walk through a text that is not one JSON value as a whole."""

    text: str
    whole: MalformedError | None = None
    roots: Roots = OBJECT
    found: list[Found] = field(default_factory=list)
    other_root: bool = False
    failure: _Failure | None = None
    explained_until: int = 0
    work: int = 0

    def run(self) -> None:
        """Collect objects and the failure that explains best why there is none."""
        event = _event_of(self.roots)
        position, most = self._array(0), most_work(self.text)
        if "object" in self.roots and (members := _MEMBERS.match(self.text)):
            is_open = not self.text.rstrip().endswith("}")
            self._explain(MalformedError("syntax", members.end() - 1), members.start(1), is_open=is_open)
        for _ in range(MAX_ATTEMPTS):
            match = event.search(self.text, position)
            if match is None or self.work > most or len(self.found) == MAX_OBJECTS:
                break
            mark = match.group()
            if mark in "{｛":
                position = self._brace(match.start())
            elif mark == "[":
                position = max(self._array(match.start(), in_prose=True), match.end())
            elif mark[0] in "`~" or mark[:3] in ("'''", '"""'):
                position = self._fence(match)
            else:
                position = self._scalar(match.start())

    def _decode(self, start: int) -> tuple[Any, int]:
        # What the text begins with was decoded already, and an unfinished answer is all of it.
        if start == 0 and self.whole is not None and not isinstance(self.whole, Followed):
            raise self.whole
        return decode(self.text, start)

    def _fence(self, match: re.Match[str]) -> int:
        opening = _FENCE.match(self.text, match.start()) or match
        start = opening.end()
        try:
            value, end = self._decode(start)
        except MalformedError as error:
            self.work += error.position - start
            return max(self._array(start), match.end())
        self.work += end - start
        closing = _FENCE_END.match(self.text, end)
        if closing is None:
            return match.end()
        self._take(Found(value, start, end, fenced=True))
        return closing.end()

    def _take(self, found: Found) -> None:
        if json_type(found.value) in self.roots:
            self.found.append(found)
        else:
            self.other_root = True

    def _scalar(self, start: int) -> int:
        """Take in a scalar amid prose, where any other text has quotes too, and numbers in them."""
        number = _FIGURES.match(self.text, start)
        try:
            value, end = decode(number.group() if number else self.text, 0 if number else start)
        except MalformedError as error:
            self.work += error.position - (0 if number else start)
            return number.end() if number else start + 1
        if number and end < len(number.group()):
            return number.end()
        end = number.end() if number else end
        self.work += end - start
        if json_type(value) in self.roots:
            self.found.append(Found(value, start, end))
        return end

    def _array(self, start: int, *, in_prose: bool = False) -> int:
        """Take in what is meant as an array; return the offset after it, `start` where nothing is.

        Its objects are no answers, as they are none when the array is the whole text. Amid prose, numbers in brackets
        may be a reference, `[1]`, or a range, `[0, 1)`.
        """
        match = (_ANY_ARRAY if "array" in self.roots else _ARRAY).match(self.text, start)
        if match is None:
            return start
        at = match.start(1)
        try:
            value, end = self._decode(at)
        except MalformedError as error:
            if in_prose and match[2] not in ('"', "'", "{", "["):
                self.work += error.position - at
                return start
            return self._broken(error, at, "[]")
        self.work += end - at
        is_reference = in_prose and value != [] and all(type(item) is int for item in value)
        if "array" in self.roots or not is_reference:
            self._take(Found(value, at, end))
        return end

    def _brace(self, start: int) -> int:
        try:
            value, end = self._decode(start)
        except MalformedError as error:
            self.work += error.position - start
            if ROOT.match(self.text, start):
                return self._broken(error, start, "{}" if self.text[start] == "{" else "｛｝")
            # A brace in a string of something malformed says nothing of what comes after that.
            if start >= self.explained_until and _OBJECT_LIKE.match(self.text, start):
                extent = balanced_end(self.text, start)
                self.work += (extent or len(self.text)) - start
                self.explained_until = extent or start
                self._explain(error, start, is_open=extent is None)
            return start + 1
        self.work += end - start
        self._take(Found(value, start, end))
        return end

    def _broken(self, error: MalformedError, start: int, brackets: str) -> int:
        """Note why something is no answer; return the offset after it: its parts, and fences in its texts, are none."""
        extent = balanced_end(self.text, start, brackets)
        end = extent or len(self.text)
        self.work += end - start
        self._explain(error, start, is_open=extent is None)
        return end

    def _explain(self, error: MalformedError, start: int, *, is_open: bool) -> None:
        """Keep the failure that was decoded farthest: it says most."""
        if self.failure is None or error.position - start > self.failure.progress:
            self.failure = _Failure(error.kind, start, error.position, is_open)

    def _ranked(self) -> list[Found]:
        """Return what may be the answer, what most likely is first.

        That is the last object that the text names as its answer, and those after it; where it names none, all, those
        that it names as drafts last. Those in fences go before others.
        """
        ends = [0, *(found.end for found in self.found)]
        before = [self.text[end : found.start] for end, found in zip(ends, self.found, strict=False)]
        # An answer that is there at once needs no name: what says "answer" after it is a further example.
        is_there = bool(before) and _is_wordless(FENCE_BEFORE.sub("", before[0]))
        named = [
            number
            for number, prose in enumerate(before)
            if _FINAL.search(prose) or (not is_there and _ANSWER.search(prose))
        ]
        if named:
            return sorted(self.found[named[-1] :], key=lambda found: not found.fenced)
        ranks, label = [], ""
        for found, prose in zip(self.found, before, strict=True):
            if labels := _LABEL.findall(prose):
                label = "".join(labels[-1])
            ranks.append((_DRAFT.match(label) is not None, not found.fenced))
        return [self.found[number] for number in sorted(range(len(ranks)), key=ranks.__getitem__)]

    def choose(self, is_valid: Callable[[Any], bool] | None, *, last: bool) -> Found | None:
        """Return the object that counts as the answer."""
        candidates = self.found[::-1] if last else self._ranked()
        # `{}` amid prose is no answer, unless it is in a fence or the last word; `[]` is where nothing else is.
        candidates = (
            [found for found in candidates if found.is_telling]
            or [found for found in candidates if found.fenced]
            or [found for found in candidates if found.value == [] or _is_wordless(self.text[found.end :])]
        )
        if is_valid is not None:
            deadline = time.thread_time() + MAX_SECONDS
            for found in candidates:
                if is_valid(found.value):
                    return found
                if time.thread_time() > deadline:
                    break
        return candidates[0] if candidates else None


def flags(head: str, tail: str) -> tuple[Flag, ...]:
    """Return what is said of an answer by the text before and after it."""
    found: list[Flag] = []
    bare_head = FENCE_BEFORE.sub("", head)
    if bare_head != head:
        found.append("fenced")
        closing = _FENCE_END.match(tail)
        tail = tail[closing.end() :] if closing else tail
    # Brackets left over, as in `{…}}`, are no prose.
    is_more = _NEXT_EXAMPLE.search(tail) is not None or (_is_wordless(tail) and re.search(r"[]}\[]", tail) is not None)
    if not _is_wordless(bare_head) or (tail.strip() and not is_more):
        found.append("prose")
    if is_more:
        found.append("run_on")
    return tuple(found)


def _is_wordless(text: str) -> bool:
    return re.search(r"\w", text) is None
