"""The suite `notes` from a seed: rows with their evidence, schema by schema."""

from __future__ import annotations

import json
import random
import shutil
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import parse_case
from pytest_edgejson.suite.evidence import problems
from pytest_edgejson.suite.make.notes.forms import compose
from pytest_edgejson.suite.make.notes.note import Note
from pytest_edgejson.suite.make.notes.pieces import Stated, text_of
from pytest_edgejson.suite.make.notes.told import SUBJECTS
from pytest_edgejson.suite.make.written import write_cases
from pytest_edgejson.suite.schemas import Schemas, complexity_of
from pytest_edgejson.values.jsonvalue import format_path, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.suite.make.notes.pieces import Piece
    from pytest_edgejson.suite.make.notes.subject import Subject
    from pytest_edgejson.suite.make.random_values import Split
    from pytest_edgejson.suite.readings import Language
    from pytest_edgejson.suite.schemas import Schema

SEED = 7

COUNTS: Mapping[Split, int] = {"test": 10, "train": 40}
"""Cases of each schema."""

# Of a schema that is told in all three languages.
_IN_OTHER_LANGUAGES: Mapping[Split, int] = {"test": 2, "train": 8}


def rows(schemas: Mapping[str, Schema], split: Split, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split, schema by schema; no prompt and no expected output occurs twice.

    The same seed, schemas and versions of babel and num2words give the same rows.

    Raises:
        ValueError: a note does not prove a value of its record.
    """
    seen: set[str] = set()
    for schema_id, subject in SUBJECTS.items():
        draw = random.Random(f"{seed}:{split}:{schema_id}")
        name = schema_id.replace("_", "-") + ("" if split == "test" else "-train")
        number = 0
        languages = _languages(subject, split)
        while number < COUNTS[split]:
            row = _row(schemas[schema_id], subject, languages[number], split, draw, f"{name}-{number + 1:03d}")
            marks = {row["prompt"], json.dumps(row["expected_output"], sort_keys=True)}
            if seen & marks:
                continue
            seen |= marks
            number += 1
            yield row


def _languages(subject: Subject, split: Split) -> list[Language]:
    count = _IN_OTHER_LANGUAGES[split]
    others: list[Language] = [*["de"] * count, *["es"] * count] if "de" in subject.texts else []  # type: ignore[list-item]
    return [*["en"] * (COUNTS[split] - len(others)), *others]  # type: ignore[list-item]


def _row(
    schema: Schema, subject: Subject, language: Language, split: Split, draw: random.Random, case_id: str
) -> dict[str, Any]:
    note = Note(language, split, draw, subject.texts[language])
    record = subject.tell(note)
    form = draw.choice(subject.forms)
    pieces = compose(note, form)
    row = {
        "id": case_id,
        "schema_id": schema.id,
        "complexity": schema.complexity,
        "language": language,
        "form": form,
        "tags": sorted(note.tags | ({"left_out"} if _leaves_out(record, schema.document) else set())),
        "today": note.today.isoformat(),
        "prompt": text_of(pieces),
        "expected_output": record,
        "evidence": list(_evidence(pieces, note, record)),
    }
    _prove(row, schema)
    return row


def _leaves_out(record: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    return bool(document["properties"].keys() - record.keys())


def _evidence(pieces: Sequence[Piece], note: Note, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield where the text says each leaf, in the record's order; of a value that is said twice, the last place."""
    places: dict[str, dict[str, Any]] = {path: {"path": path, "rule": "silence"} for path in note.silent}
    at = 0
    for piece in pieces:
        if isinstance(piece, Stated):
            end = at + len(piece.text)
            places[piece.path] = {"path": piece.path, "start": at, "end": end, "rule": piece.rule}
        at += len(piece if isinstance(piece, str) else piece.text)
    for path in leaves(record):
        yield places[format_path(path)]


def _prove(row: Mapping[str, Any], schema: Schema) -> None:
    case = parse_case(row, Path("notes"), 0, complexity_of({schema.id: schema}))
    wrong = [f"{case.id}: {message}" for _, message in problems(case)]
    wrong += [
        f"{case.id}: {violation.path} {violation.message}" for violation in schema.violations(case.expected_output)
    ]
    if wrong:
        raise ValueError(f"{wrong[0]}\n{case.prompt}")


def build_suite(out: Path, seed: int = SEED) -> int:
    """Write the suite: `OUT/cases/test` and `OUT/cases/train`, a file for each schema, and `OUT/schemas`.

    Args:
        out: the folder of the suite; files of the same names are replaced.
        seed: decides all values and sentences.

    Returns:
        The number of cases written.

    Raises:
        OSError: a file cannot be written.
    """
    documents = bundled.ROOT / "suites" / "notes" / "schemas"
    schemas = Schemas(documents)
    if out.resolve() != documents.resolve().parent:
        shutil.copytree(documents, out / "schemas", dirs_exist_ok=True)
    written = 0
    for split in COUNTS:
        for schema_id, own in groupby(rows(schemas, split, seed), key=itemgetter("schema_id")):
            written += write_cases(out / "cases", split, schemas[schema_id].complexity, schema_id, own)
    return written
