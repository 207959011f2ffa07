"""Extraction: the JSON object in a model's output, how it was found, or why there is none.

Nothing is repaired, and the expected output is never looked at. Text is untrusted. What comes out is nested
`decoding.MAX_DEPTH` deep at most, so that recursive code after it is safe.

Work is bounded: a search decodes at most `4 · len(text) + 100,000` characters over all its attempts, makes at most
`MAX_ATTEMPTS` of them and stops after `MAX_OBJECTS` objects, of which no more are validated once `MAX_SECONDS` are
over. Only text made for it comes near.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.thoughts import KNOWN, Marks
from pytest_edgejson.values.decoding import MalformedError, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.scoring.kinds import Flag, Form, Policy
    from pytest_edgejson.scoring.records import ExtractionRecord

MAX_OBJECTS = 100
MAX_ATTEMPTS = 2_000
MAX_SECONDS = 10.0

OBJECT_STARTS = "\"'/#}"
"""What follows the brace of something meant as an object, well-formed or not, unlike that of "the set {x, y}"."""

# Where something begins: a fence, an array of objects, or a brace. `{{` never begins an object: its first brace needs
# no attempt.
_EVENT = re.compile(r"`{2,}+|~{3,}+|\[(?=\s*+\{)|\{(?![ \t\n\r]*+\{)")
FENCE = r"(?:(?<!`)`{2,}+|(?<!~)~{3,}+)(?:[ \t]*+\{[.#][^{}\n]{0,100}+\}|[^\n`{\[]{0,100}+)\s*+"
"""What opens a code fence: its marks, what language it is in and what else is said of it, and the line's end."""
_FENCE = re.compile(FENCE)
_FENCE_END = re.compile(r"\s*+(?:`{2,}+|~{3,}+|\Z)")
_FENCE_BEFORE = re.compile(FENCE + r"\Z")
_LEXEME = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)
# A bracket that begins something meant as an array, unlike the one of "[see below]".
_ARRAY = re.compile(r"""\s*+\[\s*+["'{\[\d-]""")
# Between a brace and the first key: blanks, those that were escaped with the rest of the text too.
_INSIDE = r"\{(?:\s|\\[nrt])*+"
_ENTITY = r"&(?:\#x?[0-9a-f]{1,5}|[a-z]{2,6});"
# A brace that begins something meant as an object, other than the one of "the set {x, y}": a quote follows, however it
# is written, or a comment, or nothing at all …
_OBJECT_LIKE = re.compile(
    rf"""{_INSIDE}(?:["'{{,/#<“”„‘’«`]|\Z|{_ENTITY}|"""
    r"""(?:[^\w\s]|_){0,12}[\w$.;&\\ -]{1,80}+[^\w\s]{0,12}\s*+[:=])""",
    re.IGNORECASE,
)
# … and what is an object without doubt, broken or not: a key and its colon. Objects in it are its parts.
_ROOT = re.compile(
    rf"""{_INSIDE}(?:"(?:[^"\\\n{{}}]|\\.){{0,200}}+"\s*+:|{_ENTITY}[^{{}}\n]{{0,100}}[:=]|"""
    r"""(?:[^\w\s"{}]|_){0,12}[\w$.;&\\ -]{1,80}+[^\w\s{}]{0,12}\s*+[:=])""",
    re.IGNORECASE,
)
# What a model writes right before the answer it decided on; behind the end of a sentence it speaks of something else.
_FINAL = re.compile(
    r"(?:<(?:answer|final|final_answer|response|output|result|json)>|\[BEGIN FINAL RESPONSE\]|<\|START_RESPONSE\|>|"
    r"\b(?:final|corrected|revised)[ \t]++(?:answer|json|output|object|result|response|version)\b|"
    r"\bthe[ \t]++answer[ \t]++is\b|\\boxed\{)(?!.*[.!?]\s)",
    re.IGNORECASE | re.DOTALL,
)
_ANSWER = re.compile(r"^\W{0,4}answer\b\W{0,4}:(?!.*[.!?]\s)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
# What follows an answer when the model goes on with the next example instead of ending.
_NEXT_EXAMPLE = re.compile(
    r"\{|^[ \t#*<|]{0,8}(?:input|output|text|user|assistant|human|question|example|instruction)\b"
    r"(?:[^\n:]{0,20}:|[ \t>|*]{0,8}$)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in an output.

    Attributes:
        value: the object, None when there is none.
        form: `bare` (the whole text), `fenced` (the content of a code fence) or `embedded` (amid other text).
        policy: the policy it was looked for with.
        error: why there is none: `empty`, `no_json`, `wrong_root` or `malformed:KIND`, see `kinds.MALFORMED`.
        flags: out of `fenced`, `prose` (text around the object), `run_on` (more JSON, or the next example, after it),
            `several_objects`.
        is_open: there is none, and the text ends inside the root object, or inside a thought.
    """

    value: dict[str, Any] | None
    form: Form | None
    policy: Policy
    error: str | None = None
    flags: tuple[Flag, ...] = ()
    is_open: bool = False

    def as_dict(self) -> ExtractionRecord:
        """Return `form`, `policy` and `error` as a result line holds them."""
        return {"form": self.form, "policy": self.policy, "error": self.error}


def extract(
    text: str,
    policy: Policy = "lenient",
    is_valid: Callable[[Any], bool] | None = None,
    thoughts: Marks = KNOWN,
) -> Extraction:
    """Find the object in a model's output.

    Args:
        text: the output.
        policy: `lenient`: thoughts are dropped (`thoughts.FORMS`); then the whole text if it is one JSON value, else
            objects in fences and amid other text. A part of a malformed or unfinished object or array is none. Where
            the output names its final answer (`<answer>`, "Final answer"), those before it are drafts. Of what is left
            the first that is valid, else the first, fenced ones first; an empty object only where no other is there.
            `last`: the same, but of all objects the last.
            `strict`: the whole stripped text is one object.
        is_valid: tells whether an object fits the schema; None where there is no schema.
    """
    if not text.strip():
        return Extraction(None, None, policy, "empty")
    if policy == "strict":
        return _extract_strict(text)
    visible, thinking = without_thoughts(text, thoughts)
    stripped = visible.strip()
    whole = _whole(stripped)
    if isinstance(whole, dict):
        return Extraction(whole, "bare", policy)
    if not isinstance(whole, MalformedError):
        return Extraction(None, None, policy, "wrong_root")
    search = _Search(visible, whole if stripped == visible else None)
    search.run()
    chosen = search.choose(is_valid, last=policy == "last")
    if chosen is not None:
        flags = _flags(visible[: chosen.start], visible[chosen.end :])
        if sum(bool(found.value) for found in search.found) > 1:
            flags = (*flags, "several_objects")
        return Extraction(chosen.value, "fenced" if chosen.fenced else "embedded", policy, None, flags)
    if search.other_root:
        return Extraction(None, None, policy, "wrong_root")
    if search.failure is not None:
        is_open = search.failure.is_open or thinking
        return Extraction(None, None, policy, f"malformed:{search.failure.kind}", is_open=is_open)
    return Extraction(None, None, policy, "malformed:open_thought" if thinking else "no_json", is_open=thinking)


def _extract_strict(text: str) -> Extraction:
    whole = _whole(text.strip())
    if isinstance(whole, dict):
        return Extraction(whole, "bare", "strict")
    if not isinstance(whole, MalformedError):
        return Extraction(None, None, "strict", "wrong_root")
    lenient = extract(text)
    error = f"malformed:{whole.kind}"
    if not text.lstrip().startswith("{") and lenient.error != error:
        error = "no_json"
    return Extraction(None, None, "strict", error, lenient.flags, lenient.is_open)


def _whole(text: str) -> Any:
    """Return the value that the whole text is, or the error it is not."""
    try:
        value, end = decode(text)
    except MalformedError as error:
        return error
    return value if end == len(text) else _Followed("syntax", end)


class _Followed(MalformedError):
    """A value, and something after it."""


@lru_cache(maxsize=16)
def _mark_of(thoughts: Marks) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<open>{thoughts.opening})|(?P<close>{thoughts.closed_alone})|(?P<brace>\{{(?![ \t\n\r]*+\{{))",
        re.IGNORECASE,
    )


def without_thoughts(text: str, thoughts: Marks = KNOWN) -> tuple[str, bool]:
    """Return the text outside of thoughts, and whether it ends inside one.

    Marks inside an object, even a malformed one, are content, as they are for `scanner.RootScanner`. The end of a
    thought that nothing opened ends one that the prompt's template opened, if an object may follow it; a beginning that
    nothing ends hides the rest.
    """
    if not thoughts.may_be_in(text):
        return text, False
    pieces: list[str] = []
    position = start = work = attempts = 0
    last_brace = text.rfind("{")
    mark = _mark_of(thoughts)
    while match := mark.search(text, position):
        position = match.end()
        if match["open"]:
            pieces.append(text[start : match.start()])
            end = re.compile(thoughts.closing_of(match.group()), re.IGNORECASE).search(text, position)
            if end is None:
                return "".join(pieces), True
            start = position = end.end()
        elif match["close"]:
            if position <= last_brace:
                pieces.clear()
                start = position
        elif work < _most_work(text) and attempts < MAX_ATTEMPTS:
            attempts += 1
            try:
                _, position = decode(text, match.start())
                work += position - match.start()
            except MalformedError as error:
                work += error.position - match.start()
                if _ROOT.match(text, match.start()):
                    extent = _extent(text, match.start()) or len(text)
                    work += extent - match.start()
                    position = extent
    return "".join([*pieces, text[start:]]), False


def _extent(text: str, start: int, brackets: str = "{}") -> int | None:
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


def _most_work(text: str) -> int:
    return 4 * len(text) + 100_000


@dataclass(frozen=True, slots=True)
class _Found:
    value: dict[str, Any]
    start: int
    end: int
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: str
    progress: int
    is_open: bool


@dataclass(slots=True)
class _Search:
    """One walk through a text that is not one JSON value as a whole."""

    text: str
    whole: MalformedError | None = None
    found: list[_Found] = field(default_factory=list)
    other_root: bool = False
    failure: _Failure | None = None
    explained_until: int = 0
    work: int = 0

    def run(self) -> None:
        """Collect objects and the failure that explains best why there is none."""
        position, most = self._array(0), _most_work(self.text)
        for _ in range(MAX_ATTEMPTS):
            match = _EVENT.search(self.text, position)
            if match is None or self.work > most or len(self.found) == MAX_OBJECTS:
                break
            if match.group() == "{":
                position = self._brace(match.start())
            elif match.group() == "[":
                position = max(self._array(match.start()), match.end())
            else:
                position = self._fence(match)

    def _decode(self, start: int) -> tuple[Any, int]:
        # What the text begins with was decoded already, and an unfinished answer is all of it.
        if start == 0 and self.whole is not None and not isinstance(self.whole, _Followed):
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
        if isinstance(value, dict):
            self.found.append(_Found(value, start, end, fenced=True))
        else:
            self.other_root = True
        return closing.end()

    def _array(self, start: int) -> int:
        """Take in what is meant as an array; return the offset after it, `start` where nothing is.

        Its objects are no answers, as they are none when the array is the whole text.
        """
        if _ARRAY.match(self.text, start) is None:
            return start
        try:
            _, end = self._decode(start)
        except MalformedError as error:
            return self._broken(error, start, "[]")
        self.work += end - start
        self.other_root = True
        return end

    def _brace(self, start: int) -> int:
        try:
            value, end = self._decode(start)
        except MalformedError as error:
            self.work += error.position - start
            if _ROOT.match(self.text, start):
                return self._broken(error, start, "{}")
            # A brace in a string of something malformed says nothing of what comes after that.
            if start >= self.explained_until and _OBJECT_LIKE.match(self.text, start):
                extent = _extent(self.text, start)
                self.work += (extent or len(self.text)) - start
                self.explained_until = extent or start
                self._explain(error, start, is_open=extent is None)
            return start + 1
        self.work += end - start
        self.found.append(_Found(value, start, end))
        return end

    def _broken(self, error: MalformedError, start: int, brackets: str) -> int:
        """Note why something is no answer; return the offset after it: its parts, and fences in its texts, are none."""
        extent = _extent(self.text, start, brackets)
        end = extent or len(self.text)
        self.work += end - start
        self._explain(error, start, is_open=extent is None)
        return end

    def _explain(self, error: MalformedError, start: int, *, is_open: bool) -> None:
        """Keep the failure that was decoded farthest: it says most."""
        if self.failure is None or error.position - start > self.failure.progress:
            self.failure = _Failure(error.kind, error.position - start, is_open)

    def _since_the_final_one(self) -> list[_Found]:
        """Return the last object that the text names as its answer, and those after it; all where it names none."""
        ends = [0, *(found.end for found in self.found)]
        before = [self.text[end : found.start] for end, found in zip(ends, self.found, strict=False)]
        # An answer that is there at once needs no name: what says "answer" after it is a further example.
        is_there = bool(before) and _is_wordless(_FENCE_BEFORE.sub("", before[0]))
        named = [
            number
            for number, prose in enumerate(before)
            if _FINAL.search(prose) or (not is_there and _ANSWER.search(prose))
        ]
        return self.found[named[-1] :] if named else self.found

    def choose(self, is_valid: Callable[[Any], bool] | None, *, last: bool) -> _Found | None:
        """Return the object that counts as the answer."""
        if last:
            candidates = self.found[::-1]
        else:
            candidates = sorted(self._since_the_final_one(), key=lambda found: not found.fenced)
        # `{}` amid prose is no answer, unless it is in a fence.
        candidates = [found for found in candidates if found.value] or [found for found in candidates if found.fenced]
        if is_valid is not None:
            deadline = time.monotonic() + MAX_SECONDS
            for found in candidates:
                if is_valid(found.value):
                    return found
                if time.monotonic() > deadline:
                    break
        return candidates[0] if candidates else None


def _flags(head: str, tail: str) -> tuple[Flag, ...]:
    flags: list[Flag] = []
    bare_head = _FENCE_BEFORE.sub("", head)
    if bare_head != head:
        flags.append("fenced")
        closing = _FENCE_END.match(tail)
        tail = tail[closing.end() :] if closing else tail
    # Brackets left over, as in `{…}}`, are no prose.
    is_more = _NEXT_EXAMPLE.search(tail) is not None or (_is_wordless(tail) and re.search(r"[]}\[]", tail) is not None)
    if not _is_wordless(bare_head) or (tail.strip() and not is_more):
        flags.append("prose")
    if is_more:
        flags.append("run_on")
    return tuple(flags)


def _is_wordless(text: str) -> bool:
    return re.search(r"\w", text) is None
