"""`edgejson suite new`: a suite from rows that somebody has, a text and what should come of it in each."""

from __future__ import annotations

import csv
import datetime
import importlib
import json
import sys
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.cases import parse_case
from pytest_edgejson.suite.json_rows import CaseError, iter_rows
from pytest_edgejson.suite.make.columns import Columns, is_scalar
from pytest_edgejson.suite.schemas import SchemaError, make_schema
from pytest_edgejson.suite.suites import FILE
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import leaves
from pytest_edgejson.values.text import show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.suite.cases import Complexity
    from pytest_edgejson.suite.schemas import Schema

_SHOWN = 20
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_RESERVED = ("id", "schema_id", "complexity", "prompt", "expected_output")
# Values of an expected output on average, as EdgeJSON's complexities have them: 4, 14 and 48.
_MOST_LEAVES: Mapping[Complexity, float] = {"simple": 8, "medium": 26}

_SUITE = """\
title = "{title}"
version = "1"  # comparisons refuse runs of different versions: count it up when cases change
licence = ""
# What models are asked, in the place of the built-in prompts: a text with {{prompt}} in it, and perhaps {{schema}}.
# prompt = ""
# Which differences do not matter: case, whitespace, number, date, similar, unordered, set, ignored.
# [comparators."{title}"]
# "buyer.name" = ["case", "whitespace"]
"""


class RowsError(ValueError):
    """Rows that no suite can be made of. The message says what is wrong with which and how to mend it."""


def new_suite(
    rows: str,
    schema: str,
    out: Path,
    *,
    text: str,
    expected: str | None = None,
    id_column: str | None = None,
    complexity: Complexity | None = None,
    split: str = "train",
) -> tuple[Path, int]:
    """Write `OUT/<schema_id>.jsonl`, `OUT/schemas/<complexity>/<schema_id>.json`, and `OUT/suite.toml` where there is
    none; nothing where any row is bad.

    Args:
        rows: a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or a data set on the Hugging Face hub.
        schema: a JSON Schema file, or `package.module:Name` of a pydantic model, dataclass or TypedDict.
        out: the folder; other schemas may be there already.
        text: the column of the texts.
        expected: the column of the expected outputs, JSON. None makes them of the columns that are named as the
            schema's properties, with a dot before those of objects and places in arrays: `buyer.city`, `items.0.name`.
        id_column: the column of ids; None numbers the cases.
        complexity: the schema's; None goes by the mean number of values.
        split: of a data set on the hub.

    Returns:
        The file of cases and how many it has.

    Raises:
        RowsError: a column is missing, a row makes no case or breaks the schema, or a file of the suite is there.
        SchemaError: the schema is none, or a module that it is in is missing.
        OSError: a file cannot be read or written.
    """
    schema_id, document = read_schema(schema)
    kind = make_schema(schema_id, complexity or "simple", document, schema)
    if expected is None and is_scalar(kind):
        raise RowsError(
            f"{schema}: makes {' or '.join(sorted(kind.types))}s: name the column that has them with --expected"
        )
    columns = Columns(kind)
    cases: list[dict[str, Any]] = []
    problems: list[str] = []
    for line, row in _rows(rows, split):
        place = f"{rows}:{line}"
        for column in (text, expected, id_column):
            if column is not None and column not in row:
                raise RowsError(f"{place}: there is no column {column!r}; there are: {', '.join(map(repr, row))}")
        try:
            case_id = str(row[id_column]) if id_column else f"{schema_id}-{len(cases) + 1:03d}"
            case = _case(row, kind, columns, text, expected, case_id)
            parse_case(case, Path(rows), line, {schema_id: kind.complexity})
            cases.append(case)
        except CaseError as error:
            problems.append(str(error))
        except RowsError as error:
            problems.append(f"{place}: {error}")
    if problems:
        more = [f"… and {len(problems) - _SHOWN:,} more"] * (len(problems) > _SHOWN)
        raise RowsError(
            "\n".join([f"nothing was written: {counted(len(problems), 'bad row')}", *problems[:_SHOWN], *more])
        )
    if not cases:
        raise RowsError(f"{rows}: there are no rows")
    ids = [case["id"] for case in cases]
    if len(set(ids)) < len(ids):
        twice = next(each for each in ids if ids.count(each) > 1)
        raise RowsError(f"{rows}: the id {twice!r} occurs twice; ids are unique")
    size = fmean(len(leaves(case["expected_output"])) for case in cases)
    folder: str = complexity or next((name for name, most in _MOST_LEAVES.items() if size <= most), "complex")
    file, schema_file = out / f"{schema_id}.jsonl", out / "schemas" / folder / f"{schema_id}.json"
    for path in (file, schema_file):
        if path.exists():
            raise RowsError(f"{path} is there already; nothing is written over: name another folder with --out")
    schema_file.parent.mkdir(parents=True, exist_ok=True)
    schema_file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [json.dumps(case, ensure_ascii=False, default=str) + "\n" for case in cases]
    file.write_text("".join(lines), encoding="utf-8", newline="\n")
    if not (out / FILE).exists():
        (out / FILE).write_text(_SUITE.format(title=schema_id), encoding="utf-8")
    return file, len(cases)


def read_schema(source: str) -> tuple[str, dict[str, Any]]:
    """Return id and document of a schema: a JSON file, or `package.module:Name` of what pydantic makes one of.

    Raises:
        SchemaError: it is neither, or a module is missing.
        OSError: the file cannot be read.
    """
    module, colon, name = source.partition(":")
    if not colon or Path(source).exists() or not all(part.isidentifier() for part in module.split(".")):
        path = Path(source)
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SchemaError(f"{path}: not JSON: {error}") from None
        if not isinstance(document, dict):
            raise SchemaError(f"{path}: a schema is a JSON object")
        return path.stem.removesuffix(".schema"), document
    # As with python -m, what lies in the folder one stands in can be named.
    sys.path.insert(0, str(Path.cwd()))
    try:
        from pydantic import TypeAdapter

        model = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise SchemaError(f"{source}: {error}; it is looked for in this folder and in what is installed") from None
    finally:
        sys.path.pop(0)
    if model is None:
        raise SchemaError(f"{source}: the module {module} has no {name}")
    try:
        return name, {"$schema": _DRAFT, **TypeAdapter(model).json_schema()}
    except Exception as error:  # noqa: BLE001 - pydantic has many, for many things that are no model
        raise SchemaError(f"{source}: pydantic makes no schema of it: {str(error).splitlines()[0]}") from None


def _rows(source: str, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line, or row where there are no lines, and columns of each row."""
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix in {".csv", ".tsv"}:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t" if suffix == ".tsv" else ",", strict=True)
            try:
                for row in reader:
                    if None in row or None in row.values():
                        raise RowsError(f"{source}:{reader.line_num}: the row has not as many cells as the first line")
                    yield reader.line_num, row
            except (csv.Error, UnicodeDecodeError) as error:
                raise RowsError(f"{source}:{reader.line_num + 1}: cannot be read: {error}") from None
    elif suffix == ".parquet":
        import pyarrow.parquet

        yield from enumerate(pyarrow.parquet.read_table(path).to_pylist(), 1)
    elif path.exists():
        yield from iter_rows(path, nan_as_null=True)
    else:
        try:
            from datasets import load_dataset
        except ModuleNotFoundError:
            fix = "a data set on the hub needs: pip install 'pytest-edgejson[rows]'"
            raise RowsError(f"{source}: no such file; {fix}") from None
        try:
            yield from enumerate(map(dict, load_dataset(source, split=split)), 1)
        except Exception as error:  # noqa: BLE001 - of the network, the hub and the data set's own files
            reason = str(error).splitlines()[0]
            raise RowsError(
                f"{source}: no such file, and no data set that can be loaded from the hub: {reason}"
            ) from None


def _case(
    row: Mapping[str, Any], schema: Schema, columns: Columns, text: str, expected: str | None, case_id: str
) -> dict[str, Any]:
    if expected is None:
        output, used = columns.value_of(row), {text, *columns.used(row)}
    else:
        output = columns.scalar_of(row[expected]) if is_scalar(schema) else _decoded(row[expected], expected)
        used = {text, expected}
    # Dates and the like become what JSON has for them.
    output = json.loads(json.dumps(output, default=_as_json))
    violations = schema.violations(output)
    if violations:
        first, *rest = violations
        more = f", and {len(rest)} more" if rest else ""
        if expected is None and not used - {text}:
            more += "; no column is named as a property: name one of JSON with --expected"
        raise RowsError(f"the expected output breaks the schema: {first.path or 'the root'} {first.message}{more}")
    kept = {name: value for name, value in row.items() if name not in used and name not in _RESERVED}
    return {"id": case_id, "schema_id": schema.id, "prompt": row[text], "expected_output": output, **kept}


def _decoded(cell: Any, column: str) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        value, end = decode(cell.strip())
    except MalformedError as error:
        raise RowsError(f"{column!r} holds no JSON: {error.kind.replace('_', ' ')}") from None
    if end < len(cell.strip()):
        raise RowsError(f"{column!r} holds more than one JSON value")
    return value


def _as_json(value: Any) -> Any:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise RowsError(f"{show(str(value), 60)} is no value of JSON ({type(value).__name__})")
