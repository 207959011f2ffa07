"""Files of rows, as people have them: names, encodings, compression, arrays."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.suite import json_rows
from pytest_edgejson.suite.json_rows import CaseError, is_json_lines, iter_rows, may_hold_rows, stem

ROWS: list[dict[str, Any]] = [{"id": "ä"}, {"id": "b", "text": ']},\n[{"\u2028'}, {"id": "c", "list": [[], {}]}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
FORMS = {
    "lines": LINES,
    "lines of Windows": LINES.replace("\n", "\r\n"),
    "array": json.dumps(ROWS, ensure_ascii=False),
    "array on many lines": "\n " + json.dumps(ROWS, ensure_ascii=False, indent=2) + "\n",
}


def read(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in iter_rows(path)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_rows_are_read_whatever_the_file(tmp_path: Path, form: str, encoding: str, compress: Any) -> None:
    path = tmp_path / "rows"
    path.write_bytes(compress(FORMS[form].encode(encoding)))
    assert read(path) == ROWS


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())), st.integers(1, 9), st.booleans())
def test_any_array_is_read_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], size: int, indent: bool
) -> None:
    path = tmp_path_factory.mktemp("rows") / "a.json"
    path.write_text(json.dumps(rows, indent=2 if indent else None), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "_CHUNK", size)
        assert read(path) == rows


def test_the_place_of_a_row_is_its_line_or_its_element(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text('{"a": 1}\n\n{"a": 2}', encoding="utf-8")
    assert [place for place, _ in iter_rows(path)] == [1, 3]
    path.write_text('[{"a": 1},\n\n{"a": 2}]', encoding="utf-8")
    assert [place for place, _ in iter_rows(path)] == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"a": 1}\n{"a": 2}]', ": not usable: line 2: not JSON: neither a comma nor ] follows a row of an array"),
        (b'[{"a": 1},]', ": not usable: line 1: not JSON: Expecting value, in an array of rows"),
        (b'[{"a": 1},\n{"a', ": not usable: line 2: not JSON: Unterminated string starting at, in an array of rows"),
        (b'[{"a": 1}', ": not usable: line 1: not JSON: neither a comma nor ] follows a row of an array"),
        (b"[", ": not usable: line 1: not JSON: Expecting value, in an array of rows"),
        (b'[{"a": 1}]\n\n[]', ": not usable: line 3: not JSON: something follows the array of rows"),
        (b'[{"a": 1}, 7]', ":2: a case is a JSON object, this line is a number"),
        (b'[{"a": 1}, {"a": 1, "a": 2}]', ":2: not usable: the key 'a' occurs twice in one object; remove one of them"),
        (b"[" * 100_000, ": not usable: line 1: nested too deeply"),
        (b'[{"a": "\xff"}]', ": not UTF-8: invalid start byte; save the file as UTF-8"),
        ('{"a": 1}'.encode("utf-16")[:-1], ": not UTF-16-LE: truncated data; save the file as UTF-8"),
        (
            gzip.compress(LINES.encode(), mtime=0)[:-9],
            ": damaged or cut off (Compressed file ended before the end-of-stream marker was reached); make the file "
            "anew",
        ),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(CaseError) as caught:
        read(path)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("name", "holds", "is_lines", "without"),
    [
        ("a.jsonl", True, True, "a"),
        ("A.JSONL", True, True, "A"),
        ("a.b.ndjson", True, True, "a.b"),
        ("a.jsonlines", True, True, "a"),
        ("a.ldjson", True, True, "a"),
        ("a.jsonl.gz", True, True, "a"),
        ("a.NDJSON.GZ", True, True, "a"),
        ("a.json", True, False, "a"),
        ("a.json.gz", True, False, "a"),
        ("a.txt", False, False, "a"),
        ("a.gz", False, False, "a"),
        (".jsonl", False, False, ".jsonl"),
    ],
)
def test_names(name: str, holds: bool, is_lines: bool, without: str) -> None:
    assert (may_hold_rows(Path(name)), is_json_lines(Path(name)), stem(Path(name))) == (holds, is_lines, without)
