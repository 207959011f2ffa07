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
from typing import TYPE_CHECKING, Any

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

# Where something begins: a fence, or a brace. `{{` never begins an object, so its first brace needs no attempt.
_EVENT = re.compile(r"`{3,}+|\{(?![ \t\n\r]*+\{)")
_FENCE = re.compile(r"`{3,}+[ \t]*+[\w+.-]*+\s*+")
_FENCE_END = re.compile(r"\s*+(?:`{3,}+|\Z)")
_FENCE_BEFORE = re.compile(r"(?<!`)`{3,}+[ \t]*+[\w+.-]*+\s*+\Z")
_LEXEME = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)
# A bracket that begins something meant as an array, unlike the one of "[see below]".
_ARRAY = re.compile(r"""\s*+\[\s*+["'{\[\d-]""")
_TAG = re.compile(r"<think>|</think>|\{(?![ \t\n\r]*+\{)")
# A brace behind which objects are parts of one that is malformed, as for `scanner.RootScanner`.
_OBJECT = re.compile(rf"\{{\s*+[{OBJECT_STARTS}]")
# A brace that says why there is no object, other than the one of "the set {x, y}".
_OBJECT_LIKE = re.compile(r"""\{\s*+(?:["'{,/#“”‘]|[\w$-]++\s*+:|\Z)""")
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
        error: why there is none: `empty`, `no_json`, `wrong_root` or `malformed:KIND`, see `MalformedError.kind`.
        flags: out of `fenced`, `prose` (text around the object), `run_on` (more JSON, or the next example, after it).
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


def extract(text: str, policy: Policy = "lenient", is_valid: Callable[[Any], bool] | None = None) -> Extraction:
    """Find the object in a model's output.

    Args:
        text: the output.
        policy: `lenient`: thoughts (`<think>…</think>`) are dropped; then the whole text if it is one JSON value, else
            the contents of fences, else what a decoder finds that is started at each `{` outside of what it decoded
            already. Of several objects the first that is valid, else the first that is not empty. An object that is
            part of a malformed or unfinished one counts only when it is valid.
            `strict`: the whole stripped text is one object.
        is_valid: tells whether an object fits the schema; None where there is no schema.
    """
    if not text.strip():
        return Extraction(None, None, policy, "empty")
    if policy == "strict":
        return _extract_strict(text)
    visible, thinking = _without_thoughts(text)
    stripped = visible.strip()
    whole = _whole(stripped)
    if isinstance(whole, dict):
        return Extraction(whole, "bare", policy)
    if not isinstance(whole, MalformedError):
        return Extraction(None, None, policy, "wrong_root")
    search = _Search(visible, whole if stripped == visible else None)
    search.run()
    chosen = search.choose(is_valid)
    if chosen is not None:
        flags = _flags(visible[: chosen.start], visible[chosen.end :])
        return Extraction(chosen.value, "fenced" if chosen.fenced else "embedded", policy, None, flags)
    if search.other_root:
        return Extraction(None, None, policy, "wrong_root")
    if search.failure is not None:
        is_open = search.failure.is_open or thinking
        return Extraction(None, None, policy, f"malformed:{search.failure.kind}", is_open=is_open)
    return Extraction(None, None, policy, "no_json", is_open=thinking)


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


def _without_thoughts(text: str) -> tuple[str, bool]:
    """Return the text outside of thoughts, and whether it ends inside one.

    Tags inside an object, even a malformed one, are content, as they are for `scanner.RootScanner`. A `</think>` that
    nothing opened ends a thought that the prompt's template opened, if an object may follow it; a `<think>` that
    nothing closes hides the rest.
    """
    if "think>" not in text:
        return text, False
    pieces: list[str] = []
    position = start = work = attempts = 0
    last_brace = text.rfind("{")
    while match := _TAG.search(text, position):
        tag, position = match.group(), match.end()
        if tag == "<think>":
            pieces.append(text[start : match.start()])
            close = text.find("</think>", position)
            if close < 0:
                return "".join(pieces), True
            start = position = close + len("</think>")
        elif tag == "</think>":
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
                if _OBJECT.match(text, match.start()):
                    extent, _ = _extent(text, match.start())
                    work += (extent or len(text)) - match.start()
                    position = extent or position
    return "".join([*pieces, text[start:]]), False


def _extent(text: str, start: int, brackets: str = "{}") -> tuple[int | None, list[int]]:
    """Return where the brackets of something malformed balance, None if they don't, and the braces inside."""
    depth = 0
    nested: list[int] = []
    for lexeme in _LEXEME.finditer(text, start):
        mark = lexeme.group()
        if mark == "{" and depth:
            nested.append(lexeme.start())
        if mark == brackets[0]:
            depth += 1
        elif mark == brackets[1]:
            depth -= 1
            if depth == 0:
                return lexeme.end(), nested
    return None, nested


def _most_work(text: str) -> int:
    return 4 * len(text) + 100_000


@dataclass(frozen=True, slots=True)
class _Found:
    value: dict[str, Any]
    start: int
    end: int
    fenced: bool = False
    is_part: bool = False


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
    parts: set[int] = field(default_factory=set)
    arrays: set[int] = field(default_factory=set)
    broken_until: int = 0
    work: int = 0

    def run(self) -> None:
        """Collect objects and the failure that explains best why there is none."""
        position, most = self._array(0), _most_work(self.text)
        for _ in range(MAX_ATTEMPTS):
            match = _EVENT.search(self.text, position)
            if match is None or self.work > most or len(self.found) == MAX_OBJECTS:
                break
            position = self._fence(match) if match.group().startswith("`") else self._brace(match.start())

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
            self._array(start)
            return match.end()
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
        """Take in an array that the text, or a fence, begins with; return the offset after it, `start` if it is broken.

        Its objects are no answers, as they are none when the array is the whole text.
        """
        if _ARRAY.match(self.text, start) is None or start in self.arrays:
            return start
        self.arrays.add(start)
        try:
            _, end = self._decode(start)
        except MalformedError as error:
            extent, nested = _extent(self.text, start, "[]")
            self.work += error.position + (extent or len(self.text)) - 2 * start
            self.parts.update(nested)
            self._explain(_Failure(error.kind, error.position - start, is_open=extent is None))
            return start
        self.work += end - start
        self.other_root = True
        return end

    def _brace(self, start: int) -> int:
        try:
            value, end = self._decode(start)
        except MalformedError as error:
            self.work += error.position - start
            # A brace in a string of something malformed says nothing of what comes after that.
            if start not in self.parts and start >= self.broken_until and _OBJECT_LIKE.match(self.text, start):
                extent, nested = _extent(self.text, start)
                self.work += (extent or len(self.text)) - start
                self.broken_until = extent or start
                if _OBJECT.match(self.text, start):
                    self.parts.update(nested)
                self._explain(_Failure(error.kind, error.position - start, is_open=extent is None))
            return start + 1
        self.work += end - start
        self.found.append(_Found(value, start, end, is_part=start in self.parts))
        return end

    def _explain(self, failure: _Failure) -> None:
        """Keep the failure that was decoded farthest."""
        if self.failure is None or failure.progress > self.failure.progress:
            self.failure = failure

    def choose(self, is_valid: Callable[[Any], bool] | None) -> _Found | None:
        """Return the object that counts as the answer."""
        fenced_first = sorted(self.found, key=lambda found: not found.fenced)
        if is_valid is not None:
            deadline = time.monotonic() + MAX_SECONDS
            for found in fenced_first:
                if is_valid(found.value):
                    return found
                if time.monotonic() > deadline:
                    break
        whole = [found for found in fenced_first if not found.is_part]
        # A fence that holds `{}` is an answer; braces amid prose are not.
        return next((found for found in whole if found.value), next((found for found in whole if found.fenced), None))


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
