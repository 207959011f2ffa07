"""Extraction: the JSON object in a model's output, how it was found, or why there is none.

Nothing is repaired, and the expected output is never looked at. Text is untrusted. What comes out is nested
`decoding.MAX_DEPTH` deep at most, so that recursive code after it is safe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.search import MAX_ATTEMPTS, OBJECT, ROOT, Followed, Search, balanced_end, flags, most_work
from pytest_edgejson.scoring.thoughts import KNOWN, Marks
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.lookalikes import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.scoring.kinds import Flag, Form, Policy
    from pytest_edgejson.scoring.records import ExtractionRecord
    from pytest_edgejson.scoring.search import Roots

SHOWN = 24
_UNSEEN = re.compile(UNSEEN + "*+")


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in an output.

    Attributes:
        value: the object, or other JSON value that is asked for; None when there is none.
        form: `bare` (the whole text), `fenced` (the content of a code fence) or `embedded` (amid other text).
        policy: the policy it was looked for with.
        error: why there is none: `empty`, `no_json`, `wrong_root` or `malformed:KIND`, see `kinds.MALFORMED`.
        flags: out of `fenced`, `prose` (text around the object), `run_on` (more JSON, or the next example, after it),
            `several_objects`.
        is_open: there is none, and the text ends inside the root object, or inside a thought.
        at: what stands where it turns out to be malformed, `SHOWN` characters at most.
        roots: the JSON types that the value may have.
    """

    value: Any
    form: Form | None
    policy: Policy
    error: str | None = None
    flags: tuple[Flag, ...] = ()
    is_open: bool = False
    roots: Roots = OBJECT
    at: str = ""

    @property
    def is_found(self) -> bool:
        """Whether there is a value, which may be null."""
        return self.form is not None

    def as_dict(self) -> ExtractionRecord:
        """Return `form`, `policy` and `error` as a result line holds them, and `roots` where they are not objects."""
        record: ExtractionRecord = {"form": self.form, "policy": self.policy, "error": self.error}
        if self.roots != OBJECT:
            record["roots"] = sorted(self.roots)
        return record


def extract(
    text: str,
    policy: Policy = "lenient",
    is_valid: Callable[[Any], bool] | None = None,
    thoughts: Marks = KNOWN,
    roots: Roots = OBJECT,
) -> Extraction:
    """Find the object in a model's output, or the array or scalar where that is what is asked for.

    Args:
        text: the output.
        policy: `lenient`: thoughts are dropped (`thoughts.FORMS`); then the whole text if it is one JSON value, else
            objects in fences and amid other text. A part of a malformed or unfinished object or array is none. Where
            the output names its final answer (`<answer>`, "Final answer"), those before it are drafts. Of what is left
            the first that is valid, else the first, fenced ones first; an empty object only where no other is there.
            `last`: the same, but of all objects the last.
            `strict`: the whole stripped text is one object.
        is_valid: tells whether an object fits the schema; None where there is no schema.
        thoughts: the marks of thoughts that the model may use.
        roots: the JSON types that the answer may have: those of the schema's root. Where they are others than objects,
            arrays and scalars are looked for in the same way; of scalars amid prose, numbers and quoted texts.
    """
    found = _extract(text, policy, is_valid, thoughts, roots)
    return found if roots == OBJECT else replace(found, roots=roots)


def _extract(
    text: str, policy: Policy, is_valid: Callable[[Any], bool] | None, thoughts: Marks, roots: Roots
) -> Extraction:
    if _UNSEEN.fullmatch(text):
        return Extraction(None, None, policy, "empty")
    if policy == "strict":
        return _extract_strict(text, roots)
    visible, thinking = without_thoughts(text, thoughts, roots)
    stripped = visible.strip()
    whole = _whole(stripped)
    if not isinstance(whole, MalformedError):
        if json_type(whole) in roots:
            return Extraction(whole, "bare", policy)
        return Extraction(None, None, policy, "wrong_root")
    search = Search(visible, whole if stripped == visible else None, roots)
    search.run()
    chosen = search.choose(is_valid, last=policy == "last")
    if chosen is not None:
        said = flags(visible[: chosen.start], visible[chosen.end :])
        if sum(found.is_telling for found in search.found) > 1:
            said = (*said, "several_objects")
        return Extraction(chosen.value, "fenced" if chosen.fenced else "embedded", policy, None, said)
    if search.other_root:
        return Extraction(None, None, policy, "wrong_root")
    if search.failure is not None:
        is_open = search.failure.is_open or thinking
        at = visible[search.failure.position :][:SHOWN]
        return Extraction(None, None, policy, f"malformed:{search.failure.kind}", is_open=is_open, at=at)
    return Extraction(None, None, policy, "malformed:open_thought" if thinking else "no_json", is_open=thinking)


def _extract_strict(text: str, roots: Roots) -> Extraction:
    whole = _whole(text.strip())
    if not isinstance(whole, MalformedError):
        if json_type(whole) in roots:
            return Extraction(whole, "bare", "strict")
        return Extraction(None, None, "strict", "wrong_root")
    lenient = extract(text, roots=roots)
    error = f"malformed:{whole.kind}"
    openings = ("{",) if roots == OBJECT else ("{", "[", '"')
    if not text.lstrip().startswith(openings) and lenient.error != error:
        error = "no_json"
    return Extraction(None, None, "strict", error, lenient.flags, lenient.is_open, at=lenient.at)


def _whole(text: str) -> Any:
    """Return the value that the whole text is, or the error it is not."""
    try:
        value, end = decode(text)
    except MalformedError as error:
        return error
    return value if end == len(text) else Followed("syntax", end)


@lru_cache(maxsize=16)
def _mark_of(thoughts: Marks) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<open>{thoughts.opening})|(?P<close>{thoughts.closed_alone})|(?P<brace>\{{(?![ \t\n\r]*+\{{))",
        re.IGNORECASE,
    )


def without_thoughts(text: str, thoughts: Marks = KNOWN, roots: Roots = OBJECT) -> tuple[str, bool]:
    """Return the text outside of thoughts, and whether it ends inside one.

    Marks inside an object, even a malformed one, are content, as they are for `scanner.RootScanner`. The end of a
    thought that nothing opened ends one that the prompt's template opened, if an object may follow it; a beginning that
    nothing ends hides the rest.
    """
    if not thoughts.may_be_in(text):
        return text, False
    pieces: list[str] = []
    position = start = work = attempts = 0
    last_brace = text.rfind("{") if roots == OBJECT else len(text)
    mark = _mark_of(thoughts)
    while match := mark.search(text, position):
        position = match.end()
        if match["open"]:
            pieces.append(text[start : match.start()])
            end = thoughts.end_of(match.group(), text, position)
            if end is None:
                return "".join(pieces), True
            start = position = end.end()
        elif match["close"]:
            if position <= last_brace:
                pieces.clear()
                start = position
        elif work < most_work(text) and attempts < MAX_ATTEMPTS:
            attempts += 1
            try:
                _, position = decode(text, match.start())
                work += position - match.start()
            except MalformedError as error:
                work += error.position - match.start()
                if ROOT.match(text, match.start()):
                    extent = balanced_end(text, match.start()) or len(text)
                    work += extent - match.start()
                    position = extent
    return "".join([*pieces, text[start:]]), False
