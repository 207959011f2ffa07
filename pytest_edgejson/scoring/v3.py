"""The published EdgeJSON v3 evaluation, reproduced bit for bit, so that published numbers can be compared.

It is kept as it was, faults included: objects nested deeper than two braces are found only when they are the whole
text, `true` equals 1, and its schema compliance consults no schema. Where it crashed, a case is a failure that says so.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pytest_edgejson.scoring.records import V3Record

PROMPT = "Extract the structured JSON data from the following text.\n\nInput: {prompt}\n\nOutput:"
MAX_NEW_TOKENS = 512

# What a plain script on CPython 3.11 decodes and no more; later versions go deeper, and a score must not depend on it.
# Inside deep calls the interpreter's own limit can come a little earlier.
MAX_DEPTH = 992
MAX_INTEGER_DIGITS = 4_300

# Linear on any text: each repetition begins and ends with a brace, which what is between cannot match, so there is one
# way at most to match from a start, and a start whose braces don't balance has its inner pairs matched only once more.
_OBJECT = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", re.DOTALL)
_OBJECT_START = re.compile(r'\{[ \t\n\r]*["}]')
_LEXEME = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)


class V3CrashError(Exception):
    """The published code raises here and ends its run. The message is the name of the exception."""


def extract_v3(text: str) -> Any:
    """Return the JSON value that the published code finds in an output, or None.

    Raises:
        V3CrashError: it crashes here.
    """
    text = text.strip()
    try:
        return _loads(text)
    except json.JSONDecodeError:
        pass
    for match in _OBJECT.finditer(text):
        # Nothing else decodes. With an exception for each, 5 MB of `{x}` took 2.7 s, and 0.4 s without.
        if _OBJECT_START.match(match.group()) is None:
            continue
        try:
            return _loads(match.group())
        except json.JSONDecodeError:
            continue
    return None


def score_v3(expected: Any, text: str) -> V3Record:
    """Score an output as the published code does.

    Args:
        expected: the case's expected output.
        text: what was generated, without the prompt.
    """
    try:
        found = extract_v3(text)
    except V3CrashError as crash:
        return V3Record(json_exact=False, field_f1=0.0, schema_compliance=False, crashed=str(crash))
    return V3Record(
        json_exact=bool(found == expected),
        field_f1=_field_f1(found, expected),
        schema_compliance=_is_compliant(found, expected),
        crashed=None,
    )


def _loads(text: str) -> Any:
    cut = _too_deep_at(text)
    try:
        return json.loads(text if cut is None else text[:cut], parse_int=_integer)
    except json.JSONDecodeError as error:
        # Cut before the bracket that is too deep: if a value was due just there, the whole text would have recursed.
        if cut is not None and error.pos == cut and error.msg == "Expecting value":
            raise V3CrashError("RecursionError") from None
        raise
    except ValueError:  # an interpreter told to convert fewer digits than by default
        raise V3CrashError("ValueError") from None
    except RecursionError:
        raise V3CrashError("RecursionError") from None


def _too_deep_at(text: str) -> int | None:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return None
    depth = 0
    for lexeme in _LEXEME.finditer(text):
        if lexeme.group() in ("{", "["):
            depth += 1
            if depth > MAX_DEPTH:
                return lexeme.start()
        elif lexeme.group() in ("}", "]"):
            depth -= 1
    return None


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise V3CrashError("ValueError")
    return int(digits)


def _field_f1(found: Any, expected: Any) -> float:
    # It knows objects alone: what else is expected it scores by equality, and nothing more.
    if not isinstance(found, dict) or not isinstance(expected, dict):
        return 0.0
    if not found and not expected:
        return 1.0
    if not found or not expected:
        return 0.0
    right = sum(1 for key, value in expected.items() if key in found and found[key] == value)
    if not right:
        return 0.0
    precision, recall = right / len(found), right / len(expected)
    return 2 * (precision * recall) / (precision + recall)


def _is_compliant(found: Any, expected: Any) -> bool:
    if not isinstance(found, dict) or not found or not isinstance(expected, dict):
        return False
    return all(key in found and _is_same_type(found[key], value) for key, value in expected.items())


def _is_same_type(found: Any, expected: Any) -> bool:
    numbers = (int, float)
    return type(found) is type(expected) or (type(found) in numbers and type(expected) in numbers)
