"""`edgejson suite new`: rows that somebody has become a suite that runs."""

from __future__ import annotations

import csv
import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.cli import main

if TYPE_CHECKING:
    from pathlib import Path

INVOICE = {
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "total": {"$ref": "#/$defs/money"},
        "paid": {"type": "boolean"},
        "buyer": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "required": ["city", "zip"],
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "qty": {"type": "integer"}},
                "required": ["name", "qty"],
            },
        },
        "note": {"type": "string"},
    },
    "required": ["number", "total", "items"],
    "$defs": {"money": {"type": "number"}},
}
MAILS = ["Invoice 007 over 19.99, paid, to Bonn: 2 tea and 1 ink", "Invoice 8 over 5, not paid"]
EXPECTED = [
    {
        "number": "007",
        "total": 19.99,
        "paid": True,
        "buyer": {"city": "Bonn", "zip": None},
        "items": [{"name": "tea", "qty": 2}, {"name": "ink", "qty": 1}],
    },
    {"number": "8", "total": 5, "paid": False, "items": []},
]
COLUMNS = ["mail", "number", "total", "paid", "buyer.city", "buyer.zip", "items.0.name", "items.0.qty"]
COLUMNS += ["items.1.name", "items.1.qty", "note", "from"]
CELLS = [
    [MAILS[0], "007", "19.99", "yes", "Bonn", "", "tea", "2", "ink", "1", "", "ada"],
    [MAILS[1], "8", "5", "FALSE", "", "", "", "", "", "", "", "grace"],
]


@pytest.fixture
def here(pytester: pytest.Pytester) -> Path:
    (pytester.path / "invoice.json").write_text(json.dumps(INVOICE), encoding="utf-8")
    return pytester.path


def new(*arguments: str) -> int:
    return main(["suite", "new", "--text", "mail", "--schema", "invoice.json", *arguments])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert new(*arguments) == 2
    return capsys.readouterr().err


def write_csv(path: Path, cells: list[list[str]], *, delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, delimiter=delimiter).writerows([COLUMNS, *cells])


def cases(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("name", "delimiter"), [("rows.csv", ","), ("rows.TSV", "\t")])
def test_cells_mean_what_the_schema_says(here: Path, name: str, delimiter: str) -> None:
    write_csv(here / name, CELLS, delimiter=delimiter)
    assert new("--from", name) == 0
    rows = cases(here / "suite" / "invoice.jsonl")
    assert [row["expected_output"] for row in rows] == EXPECTED
    assert [(row["id"], row["prompt"], row["from"]) for row in rows] == [
        ("invoice-001", MAILS[0], "ada"),
        ("invoice-002", MAILS[1], "grace"),
    ]


def test_the_suite_is_checked_and_runs(
    here: Path, capsys: pytest.CaptureFixture[str], pytester: pytest.Pytester
) -> None:
    write_csv(here / "rows.csv", CELLS)
    assert new("--from", "rows.csv", "--out", "my suite") == 0
    out = capsys.readouterr().out
    assert "edgejson suite check 'my suite': 2 cases, " in out
    assert "edgejson suite audit 'my suite': 2 cases, no unsound label." in out
    result = pytester.runpytest_inprocess("my suite", "--edgejson-model=control:gold")
    result.assert_outcomes(passed=2)


def test_expected_outputs_as_json(here: Path) -> None:
    rows = [
        {"key": "x-1", "mail": MAILS[0], "right": EXPECTED[0]},
        {"key": "x-2", "mail": MAILS[1], "right": json.dumps(EXPECTED[1])},
    ]
    (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert new("--from", "rows.jsonl", "--expected", "right", "--id", "key", "--complexity", "complex") == 0
    found = cases(here / "suite" / "invoice.jsonl")
    assert [(row["id"], row["expected_output"]) for row in found] == list(zip(["x-1", "x-2"], EXPECTED, strict=True))
    assert json.loads((here / "suite" / "schemas" / "complex" / "invoice.json").read_text(encoding="utf-8")) == INVOICE


@pytest.mark.slow  # of those that CI runs with pyarrow installed
def test_a_pydantic_model_and_a_parquet_file(here: Path) -> None:
    pytest.importorskip("pydantic", reason="pydantic is not installed")
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    (here / "forms_of_ours.py").write_text(
        "import datetime, pydantic\nclass Note(pydantic.BaseModel):\n    day: datetime.date\n    words: list[str]\n",
        encoding="utf-8",
    )
    table = {"mail": ["On 3 May: tea"], "day": [datetime.date(2024, 5, 3)], "words": [["tea"]]}
    parquet.write_table(pyarrow.table(table), here / "rows.parquet")
    assert new("--from", "rows.parquet", "--schema", "forms_of_ours:Note") == 0
    [row] = cases(here / "suite" / "Note.jsonl")
    assert row["expected_output"] == {"day": "2024-05-03", "words": ["tea"]}
    document = json.loads((here / "suite" / "schemas" / "simple" / "Note.json").read_text(encoding="utf-8"))
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_bad_rows_are_all_named_and_nothing_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [[*CELLS[0]], [*CELLS[1]], [*CELLS[0]]]
    bad[0][2], bad[2][7] = "much", "two"
    write_csv(here / "rows.csv", bad)
    said = refusal(capsys, "--from", "rows.csv")
    assert "nothing was written: 2 bad rows" in said
    assert "rows.csv:2: the expected output breaks the schema: total must be a number" in said
    assert "rows.csv:4: the expected output breaks the schema: items[0].qty must be an integer" in said
    assert not (here / "suite").exists()


def test_nothing_is_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(here / "rows.csv", CELLS)
    assert new("--from", "rows.csv") == 0
    before = (here / "suite" / "invoice.jsonl").read_bytes()
    write_csv(here / "rows.csv", CELLS[:1])
    assert "invoice.jsonl is there already" in refusal(capsys, "--from", "rows.csv")
    assert (here / "suite" / "invoice.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        ("mail\nx\n", ["--text", "mial"], "rows.csv:2: there is no column 'mial'; there are: 'mail'"),
        ("mail,number\nx\n", [], "rows.csv:2: the row has not as many cells as the first line"),
        ("mail,number,id\nx,1,a\nx,1,a\n", ["--id", "id", "--schema", "any.json"], "the id 'a' occurs twice"),
        ("mail,right\nx,{a\n", ["--expected", "right"], "rows.csv:2: 'right' holds no JSON"),
        ("mail\n", [], "rows.csv: there are no rows"),
        ("mail\nx\n", ["--schema", "nowhere:Model"], "nowhere:Model: No module named 'nowhere'"),
        ("mail\nx\n", ["--schema", "json:Model"], "json:Model: the module json has no Model"),
        ("mail\nx\n", ["--schema", "rows.csv"], "rows.csv: not JSON"),
        ("mail\nx\n", ["--from", "none.csv"], "none.csv: No such file"),
    ],
)
def test_what_makes_no_suite(
    here: Path, capsys: pytest.CaptureFixture[str], rows: str, arguments: list[str], message: str
) -> None:
    (here / "any.json").write_text("{}", encoding="utf-8")
    (here / "rows.csv").write_text(rows, encoding="utf-8")
    assert message in refusal(capsys, "--from", "rows.csv", *arguments)


PARTS = {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}


@pytest.mark.parametrize(
    ("schema", "rows", "arguments", "expected"),
    [
        (PARTS, "mail,0.name,1.name\ntea and ink,tea,ink\nonly 7,7,\nnothing,,\n", [],
         [[{"name": "tea"}, {"name": "ink"}], [{"name": "7"}], []]),
        (PARTS, 'mail,right\ntea,"[{""name"": ""tea""}]"\n', ["--expected", "right"], [[{"name": "tea"}]]),
        ({"type": "string"}, "mail,right\nhello,007\n", ["--expected", "right"], ["007"]),
        ({"type": "string", "enum": ["glad", "sad"]}, "mail,right\nhello,glad\n", ["--expected", "right"], ["glad"]),
        ({"type": ["integer", "null"]}, "mail,right\nseven,7\nno,\n", ["--expected", "right"], [7, None]),
        ({"type": "boolean"}, "mail,right\npaid,yes\n", ["--expected", "right"], [True]),
    ],
)  # fmt: skip
def test_arrays_and_scalars(
    here: Path, pytester: pytest.Pytester, schema: Any, rows: str, arguments: list[str], expected: list[Any]
) -> None:
    (here / "part.json").write_text(json.dumps(schema), encoding="utf-8")
    (here / "rows.csv").write_text(rows, encoding="utf-8")
    assert new("--from", "rows.csv", "--schema", "part.json", *arguments) == 0
    assert [row["expected_output"] for row in cases(here / "suite" / "part.jsonl")] == expected
    pytester.runpytest_inprocess("suite", "--edgejson-model=control:gold").assert_outcomes(passed=len(expected))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "integer"}, "any.json: makes numbers: name the column that has them with --expected"),
        (PARTS | {"minItems": 1}, "no column is named as a property: name one of JSON with --expected"),
    ],
)
def test_arrays_and_scalars_without_a_column(
    here: Path, capsys: pytest.CaptureFixture[str], schema: Any, message: str
) -> None:
    (here / "any.json").write_text(json.dumps(schema), encoding="utf-8")
    (here / "rows.csv").write_text("mail,right\nx,1\n", encoding="utf-8")
    assert message in refusal(capsys, "--from", "rows.csv", "--schema", "any.json")


def test_a_suite_file_is_written_once(here: Path, pytester: pytest.Pytester) -> None:
    write_csv(here / "rows.csv", CELLS)
    assert new("--from", "rows.csv") == 0
    toml = here / "suite" / "suite.toml"
    own = toml.read_text(encoding="utf-8").replace('title = "invoice"', 'title = "Ours"')
    # What stands there as a comment can be taken as it is.
    toml.write_text(own.replace("# [comp", "[comp").replace('# "buyer.name"', '"buyer.city"'), encoding="utf-8")
    (here / "other.json").write_text(json.dumps(INVOICE), encoding="utf-8")
    assert new("--from", "rows.csv", "--schema", "other.json") == 0
    result = pytester.runpytest_inprocess("suite", "--edgejson-model=control:gold")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["edgejson: suite suite (Ours 1)"])
