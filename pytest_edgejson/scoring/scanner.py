"""Scanning a text while it is generated, so that generation can stop where the answer ends."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import regex  # type: ignore[import-untyped]

from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.search import FENCE_BEFORE, OBJECT, OBJECT_STARTS
from pytest_edgejson.scoring.thoughts import KNOWN, Marks
from pytest_edgejson.values.decoding import MalformedError, decode

if TYPE_CHECKING:
    from pytest_edgejson.scoring.search import Roots

_BLANK = re.compile(r"[ \t\n\r]*")
# No mark is longer: what begins like one and is not yet whole after so much is none.
_LONGEST_MARK = 300
_IN_OBJECT = re.compile(r'["{}]')
_IN_ARRAY = re.compile(r'["\[\]]')
_IN_STRING = re.compile(r'["\\]')
# What is kept of the text before a bracket, to tell whether a fence ends it.
_LONGEST_FENCE = 200
# Objects that `extract` does not find, after which generation goes on to its end: each costs a look at the whole text.
_MOST_DOUBTS = 20


@lru_cache(maxsize=16)
def _marks_of(thoughts: Marks) -> tuple[Any, Any]:
    """Return what matches a mark at the beginning of an output, and later in it."""
    # Of `regex`, which tells what may still become a match when more of the text is there.
    first, later = (
        regex.compile(rf"(?P<open>{opening})|(?P<close>{thoughts.closed_alone})|[{{\[]", regex.IGNORECASE)
        for opening in (thoughts.opening, thoughts.opening_later)
    )
    return first, later


class RootScanner:
    """Tells, while a text is being generated, when its root object has closed.

    An object counts once the text from its brace to the balancing one decodes as a JSON object that is not empty, as
    `extract` would decode it; braces in prose (`{x}`), `{}` and malformed objects are passed over. Nothing inside a
    thought counts, and nothing inside of an array that the text, or a fence, begins with: the root is the array, and
    to stop in it would make an object of a wrong answer.

    Each character is looked at a bounded number of times, whatever the pieces.

    Attributes:
        closed_at: the offset after the root object, in all that was fed; None as long as it has not closed.
        unopened: how many thoughts have ended that neither text nor prompt opened: a server's chat template has.
    """

    def __init__(self, prompt: str = "", *, thoughts: Marks = KNOWN, roots: Roots = OBJECT) -> None:
        """Start at the beginning of an output.

        Args:
            prompt: what the model was given; its template may have opened a thought.
            thoughts: the marks of thoughts that the model may use.
            roots: the JSON types that the answer may have. A scalar may go on, and never closes.
        """
        self._roots = roots
        self._is_in_prose = False
        opening = thoughts.opened_by(prompt)
        self._thoughts = thoughts
        self._first_mark, self._mark = _marks_of(thoughts)
        self.closed_at: int | None = None
        self.unopened = 0
        self._fed = 0
        self._text: list[str] = []
        self._doubts = 0
        self._closing = None
        if opening is not None:
            self._closing = regex.compile(thoughts.closing_of(opening), regex.IGNORECASE)
        self._carry = ""
        self._before = ""
        self._is_blank = True
        self._brackets = ""
        self._pieces: list[str] = []
        self._depth = 0
        self._is_fresh = self._in_string = self._is_escaped = False

    @property
    def is_in_thought(self) -> bool:
        """Whether what was fed ends in a thought."""
        return self._closing is not None

    def feed(self, text: str) -> bool:
        """Take the next piece of the output; return whether the root object has closed in it or before."""
        if self.closed_at is not None:
            return True
        self._text.append(text)
        chunk = self._carry + text
        start = self._fed - len(self._carry)
        self._fed += len(text)
        self._carry = ""
        position = 0
        while position < len(chunk):
            position = self._inside(chunk, position) if self._brackets else self._outside(chunk, position)
            if not self._brackets and self._pieces:
                if self._is_answer("".join(self._pieces)) and self._is_found(start + position):
                    self.closed_at = start + position
                    return True
                self._pieces = []
        return False

    def _outside(self, chunk: str, position: int) -> int:
        """Go on in prose or in a thought, to behind the next mark that matters."""
        is_first = len(chunk) == self._fed and position == 0
        mark_of = self._closing or (self._first_mark if is_first else self._mark)
        match = mark_of.search(chunk, position, partial=True)
        if match is None or match.partial:
            if match is not None and len(chunk) - match.start() <= _LONGEST_MARK:
                self._carry = chunk[match.start() :]
                self._remember(chunk[position : match.start()])
            else:
                self._remember(chunk[position:])
            return len(chunk)
        self._remember(chunk[position : match.start()])
        mark = match.group()
        if self._closing is not None or mark not in "{[":
            is_opened = self._closing is None and match["open"]
            self.unopened += self._closing is None and not is_opened
            self._closing = regex.compile(self._thoughts.closing_of(mark), regex.IGNORECASE) if is_opened else None
            self._before, self._is_blank = "", True
        elif self._may_begin(mark):
            self._brackets = "{}" if mark == "{" else "[]"
            self._is_fresh = mark == "{"
            self._depth = 1
            self._pieces = [mark]
        else:
            self._remember(mark)
        end: int = match.end()
        return end

    def _may_begin(self, mark: str) -> bool:
        self._is_in_prose = not self._is_blank and FENCE_BEFORE.search(self._before) is None
        return mark == "{" or "array" in self._roots or not self._is_in_prose

    def _remember(self, prose: str) -> None:
        self._is_blank = self._is_blank and not prose.strip()
        self._before = (self._before + prose[-_LONGEST_FENCE:])[-_LONGEST_FENCE:]

    def _inside(self, chunk: str, position: int) -> int:
        """Go on in an object or array, to behind its end, or to where it turns out to be none."""
        start = position
        marks = _IN_OBJECT if self._brackets == "{}" else _IN_ARRAY
        while position < len(chunk):
            if self._is_fresh:
                blank = _BLANK.match(chunk, position)
                position = blank.end() if blank else position
                if position == len(chunk):
                    break
                self._is_fresh = False
                if chunk[position] not in OBJECT_STARTS:
                    self._brackets, self._pieces = "", []
                    self._remember("{")
                    return position
            if self._is_escaped:
                self._is_escaped = False
                position += 1
                continue
            match = (_IN_STRING if self._in_string else marks).search(chunk, position)
            if match is None:
                position = len(chunk)
                break
            position = match.end()
            mark = match.group()
            if mark == "\\":
                self._is_escaped = True
            elif mark == '"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if mark == self._brackets[0] else -1
                if self._depth == 0:
                    self._brackets = ""
                    self._remember(mark)
                    break
        self._pieces.append(chunk[start:position])
        return position

    def _is_found(self, end: int) -> bool:
        """Ask `extract` itself: amid what is malformed, where an object begins can be seen in more than one way."""
        if self._doubts == _MOST_DOUBTS:
            return False
        found = extract("".join(self._text)[:end], thoughts=self._thoughts, roots=self._roots).is_found
        self._doubts += not found
        return found

    def _is_answer(self, text: str) -> bool:
        if ("object" if text.startswith("{") else "array") not in self._roots:
            return False
        try:
            value, _ = decode(text)
        except MalformedError:
            return False
        # Amid prose, [1] may be a reference.
        is_reference = isinstance(value, list) and all(type(item) is int for item in value)
        return not (is_reference and self._is_in_prose) and (bool(value) or isinstance(value, list))
