"""Kinds: what can be wrong with an output, and with a leaf of the object found in it; all that is said of each.

Verdicts, diffs, breakdowns and `docs/scoring.md` are made of these tables, and `results.schema.json` is compared with
them. A new kind is a name in its `Literal`, an entry in its table, and the place that detects it.

`meaning` and the examples are Markdown, for the documentation. Results files of later versions may hold kinds that are
not in the tables: what reads files looks kinds up with `get`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_edgejson.values.decoding import MalformedKind

if TYPE_CHECKING:
    from collections.abc import Mapping

Form: TypeAlias = Literal["bare", "fenced", "embedded"]
Policy: TypeAlias = Literal["lenient", "last", "strict"]

FailureKind: TypeAlias = Literal[
    "runtime_error",
    "timeout",
    "empty",
    "no_json",
    "loop",
    "truncated",
    "malformed",
    "wrong_root",
    "schema_invalid",
    "value_error",
]
FindingKind: TypeAlias = Literal[
    "array_length",
    "renamed",
    "missing",
    "extra",
    "swapped",
    "wrong_type",
    "enum",
    "range",
    "near",
    "hallucinated",
    "wrong_value",
    "array_order",
]
NearDetail: TypeAlias = Literal[
    "rounding", "look-alike", "whitespace", "case", "date form", "punctuation", "spelling", "wording"
]
Flag: TypeAlias = Literal["fenced", "prose", "run_on", "several_objects"]
Loss: TypeAlias = Literal["no answer", "formatting", "truncation", "schema", "values"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What is said of a failure kind.

    Attributes:
        loss: what a miss is put down to; None where the case could not be run, which is an error and no miss.
        verdict: what a verdict begins with; empty where it counts the fields that are wrong.
        meaning: what happened.
        example: an output.
        found: what there is instead of an object.
    """

    loss: Loss | None
    verdict: str
    meaning: str
    example: str = ""
    found: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the case could not be run: there is no answer of the model."""
        return self.loss is None


FAILURES: Mapping[FailureKind, Failure] = {
    "runtime_error": Failure(
        None,
        "could not be run",
        "the backend broke; an error of the run, no answer",
        "the server closed the connection",
    ),
    "timeout": Failure(None, "timed out", "the time limit came; an error of the run, no answer"),
    "empty": Failure("no answer", "empty output", "the output is empty or blank", "` `", found="the output is empty"),
    "no_json": Failure(
        "no answer",
        "no JSON in the output",
        "nothing in the output begins an object",
        "`I cannot do that.`",
        found="no JSON object",
    ),
    "loop": Failure(
        "truncation",
        "repeats itself without end",
        "there is no object, and the output, ended for that or by the token limit, repeats a block again and again",
        '`{"tags": ["a", "a", "a", "a", …`',
    ),
    "truncated": Failure(
        "truncation",
        "truncated",
        "the token limit came while the root object, or a thought, was open",
        '`{"id": "A-17", "to`',
    ),
    "malformed": Failure(
        "formatting",
        "malformed JSON",
        "an object begins, but is no JSON; what is wrong stands in `extraction.error`",
        '`{"id": "A-17",}`',
    ),
    "wrong_root": Failure(
        "formatting",
        "the output is JSON, but not an object",
        "JSON, but no object",
        '`["A-17"]`',
        found="JSON, but no object",
    ),
    "schema_invalid": Failure(
        "schema", "", "an object that the case's schema does not allow", '`{"id": 17}` where a string is due'
    ),
    "value_error": Failure(
        "values",
        "",
        "an object that the schema allows, and that is not the expected one",
        '`{"id": "A-71"}` for `{"id": "A-17"}`',
    ),
}
"""Failure kinds, in the order in which the first that holds is an answer's."""

LOSSES: Mapping[Loss, str] = {
    "no answer": "no JSON at all",
    "formatting": "JSON that is malformed, or no object",
    "truncation": "cut off, or repeating itself without end",
    "schema": "an object that the schema does not allow",
    "values": "allowed by the schema, and not right",
}
"""What misses are put down to, in words."""


def kinds_of(loss: Loss) -> list[FailureKind]:
    """Return the failure kinds that are put down to a loss."""
    return [kind for kind, failure in FAILURES.items() if failure.loss == loss]


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is said of what makes an object no JSON.

    Attributes:
        words: what it is.
        note: what else there is to know, for the documentation.
        is_loaded: whether Python's `json.loads` takes it, as the published scorer therefore does.
    """

    words: str
    note: str = ""
    is_loaded: bool = False


BrokenKind: TypeAlias = Literal[MalformedKind, "open_thought"]

MALFORMED: Mapping[str, Malformed] = {
    "trailing_comma": Malformed("trailing comma"),
    "python_literal": Malformed("single quotes or a Python literal", "`True`, `None`"),
    "unescaped_character": Malformed("unescaped character"),
    "duplicate_key": Malformed("duplicate key", is_loaded=True),
    "nan": Malformed("NaN or Infinity", is_loaded=True),
    "number": Malformed("a number too long or too large", "it fits no double", is_loaded=True),
    "nesting": Malformed("nested too deeply", is_loaded=True),
    "unterminated": Malformed("it ends inside the object", "though the token limit had not come"),
    "syntax": Malformed("a syntax error"),
    "open_thought": Malformed("a thought that never ends", "the model's reasoning, with no answer after it"),
}
"""What is wrong with a malformed object; it stands behind the colon of `extraction.error`."""


FLAGS: Mapping[Flag, str] = {
    "fenced": "in a code fence",
    "prose": "with prose around it",
    "run_on": "followed by more, as if the answer had not ended",
    "several_objects": "one of several",
}
"""How an object was found, whether it is right or not."""


@dataclass(frozen=True, slots=True)
class FindingWords:
    """What is said of a kind of finding, or of a detail of one.

    Attributes:
        words: what a diff says.
        meaning: what happened.
        expected: an example of what was expected.
        got: what was given instead.
        is_leaf: whether it is about a leaf, and counts as a wrong or extra one.
    """

    words: str
    meaning: str
    expected: str = ""
    got: str = ""
    is_leaf: bool = True


FINDINGS: Mapping[FindingKind, FindingWords] = {
    "array_length": FindingWords(
        "array length", "the leaf is in an array item that only one side has", '`["new", "gift"]`', '`["new"]`'
    ),
    "renamed": FindingWords(
        "renamed",
        "the value stands under another key, spelt alike or with the same value, or in another place; one finding for "
        "each half",
        "`total_amount: 38.5`",
        "`totalAmount: 38.5`",
    ),
    "missing": FindingWords("missing", "the leaf is not there", '`"vip": true`'),
    "extra": FindingWords("extra", "not expected, though its value stands in the text", "", '`"agent": "Ada"`'),
    "swapped": FindingWords(
        "swapped",
        "the value that is expected at another field",
        '`"from": "Ada"`, `"to": "Grace"`',
        '`"from": "Grace"`',
    ),
    "wrong_type": FindingWords(
        "wrong type",
        "another type of JSON, or one that the schema does not allow; also all leaves of an object or array where the "
        "other side has none",
        "`12`",
        '`"12"`',
    ),
    "enum": FindingWords("not in enum", "not one of the values that the schema lists", '`"open"`', '`"opened"`'),
    "range": FindingWords("out of range", "out of the schema's limits, lengths or patterns", "`12`", "`-12`"),
    "near": FindingWords("near", "all but right, see below", "`385.5`", "`385`"),
    "hallucinated": FindingWords(
        "hallucinated",
        "the value stands nowhere in the text: one that is not expected at all, or a wrong one where the text has the "
        "expected one",
        '`"Ada Lovelace"`',
        '`"Grace Hopper"`',
    ),
    "wrong_value": FindingWords("wrong", "any other value", '`"Ada"`', '`"Charles"`, who is in the text too'),
    "array_order": FindingWords(
        "other order",
        "no leaf: the items of an array stand in another order",
        '`["a", "b"]`',
        '`["b", "a"]`',
        is_leaf=False,
    ),
}
"""What can be wrong with a leaf, in the order in which the first that holds is its kind."""

LEAFLESS = frozenset(kind for kind, finding in FINDINGS.items() if not finding.is_leaf)
"""Kinds of finding that are not about a leaf."""

DETAILS: Mapping[NearDetail, FindingWords] = {
    "rounding": FindingWords(
        "rounding",
        "at most 1 %, and cut or rounded to fewer decimals, or one off in the last of as many, or at most a millionth; "
        "a time cut to whole seconds",
        "`12.345`",
        "`12.35`",
    ),
    "look-alike": FindingWords(
        "look-alike",
        "the same to the eye: composed otherwise, letters of another script or width, invisible characters, other "
        "kinds of spaces, dashes or quotes; the code points are named",
        '`"Ada"`',
        '`"Аda"`, with U+0410',
    ),
    "whitespace": FindingWords(
        "whitespace", "spaces and line feeds, but not between digits", '`"Mill Lane 4"`', '`"Mill  Lane 4 "`'
    ),
    "case": FindingWords("case", "upper and lower case, but not of units (`mW`, `MW`)", '`"City"`', '`"city"`'),
    "date form": FindingWords(
        "date form", "the same moment, written otherwise, in any language", '`"2005-07-03"`', '`"July 3, 2005"`'
    ),
    "punctuation": FindingWords(
        "punctuation",
        "marks that say nothing where they stand; symbols (currencies, `+ < % # & @ * /`), marks before a word or "
        "number and between digits do",
        '`"555-1234"`',
        '`"(555) 1234"`',
    ),
    "spelling": FindingWords(
        "spelling",
        "at least 90 % alike, each differing word like its counterpart; or accents",
        '`"Thompson"`',
        '`"Thomson"`',
    ),
    "wording": FindingWords(
        "wording",
        "at least 90 % alike, but a word differs, is missing or too many, and none of a number, sign or negation",
        '`"… is left at the door."`',
        '`"… left at the door."`',
    ),
}
"""What keeps a `near` value from being right."""
