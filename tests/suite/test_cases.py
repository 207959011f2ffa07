"""Cases: rows that are read, and rows that are refused with file, line and fix."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from helpers.strategies import floats
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.suite.cases import Case, Complexity, check_root, kind_of_file, read_cases
from pytest_edgejson.suite.json_rows import CaseError, decode_row, iter_rows

COMPLEXITY: dict[str, Complexity] = {"rating": "simple", "invoice": "medium"}


def row(**changes: Any) -> dict[str, Any]:
    case = {"id": "rating-1", "schema_id": "rating", "complexity": "simple", "prompt": "Größe: 5"}
    return {**case, "expected_output": {"rating": 5}, **changes}


def line(**changes: Any) -> bytes:
    return json.dumps(row(**changes), ensure_ascii=False).encode() + b"\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rating.jsonl"


def read(file: Path, content: bytes) -> list[Case]:
    file.write_bytes(content)
    return read_cases(file, COMPLEXITY)


def refusal(file: Path, content: bytes) -> CaseError:
    with pytest.raises(CaseError) as caught:
        read(file, content)
    assert "\n" not in str(caught.value)
    return caught.value


# Reading


def test_a_row_becomes_a_case(file: Path) -> None:
    assert read(file, line(teacher="qwen")) == [
        Case("rating-1", "rating", "simple", "Größe: 5", {"rating": 5}, line=1, metadata={"teacher": "qwen"})
    ]


@pytest.mark.parametrize(
    ("expected", "types", "message"),
    [
        ([{}], {"object"}, "'expected_output' must be an object, got an array"),
        ('{"rating": 5}', {"object"}, "'expected_output' must be an object, got a string"),
        ({}, {"array", "null"}, "'expected_output' must be an array or null, got an object"),
    ],
)
def test_an_expected_output_is_of_the_type_that_the_schema_has_as_a_whole(
    file: Path, expected: Any, types: set[str], message: str
) -> None:
    [case] = read(file, line(expected_output=expected))
    assert case.expected_output == expected
    check_root(case, set(), file)
    with pytest.raises(CaseError, match=f"rating.jsonl:1: {re.escape(message)}"):
        check_root(case, types, file)


def test_a_missing_complexity_is_the_schemas(file: Path) -> None:
    bare = {key: value for key, value in row(schema_id="invoice").items() if key != "complexity"}
    [absent] = read(file, json.dumps(bare).encode())
    [null] = read(file, line(schema_id="invoice", complexity=None))
    for case in (absent, null):
        assert case.complexity == "medium"
        assert not case.states_complexity
        assert "complexity" not in case.metadata
    assert read(file, line())[0].states_complexity


def test_one_file_may_mix_schemas(file: Path) -> None:
    cases = read(file, line() + line(id="i-1", schema_id="invoice", complexity="medium"))
    assert [case.complexity for case in cases] == ["simple", "medium"]


def test_a_byte_order_mark_is_accepted(file: Path) -> None:
    assert read(file, b"\xef\xbb\xbf" + line())[0].id == "rating-1"


def test_crlf_line_ends_are_accepted_and_leave_no_trace(file: Path) -> None:
    cases = read(file, line().replace(b"\n", b"\r\n") + b"\r\n" + line(id="b").replace(b"\n", b"\r\n"))
    assert [(case.id, case.line) for case in cases] == [("rating-1", 1), ("b", 3)]
    assert cases[0].prompt == "Größe: 5"


def test_a_last_line_without_line_end_counts(file: Path) -> None:
    assert len(read(file, line() + line(id="b").rstrip())) == 2


def test_only_line_feeds_end_a_line(file: Path) -> None:
    text = "one\u2028two\x85three\x0bfour\u2029five"
    cases = read(file, line(prompt=text) + line(id="b"))
    assert [case.prompt for case in cases] == [text, "Größe: 5"]
    assert cases[1].line == 2


@given(
    prompt=st.text(st.characters(codec="utf-8")),
    expected=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | floats | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    ),
)
def test_any_prompt_and_object_survive(tmp_path_factory: pytest.TempPathFactory, prompt: str, expected: Any) -> None:
    file = tmp_path_factory.mktemp("cases") / "a.jsonl"
    [case] = read(file, line(prompt=prompt, expected_output=expected))
    assert case.prompt == prompt
    assert json.dumps(case.expected_output) == json.dumps(expected)


# Lines that are no JSON object


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"id": "\xff"}', "not UTF-8: byte 9 of the line is invalid; save the file as UTF-8"),
        ('{"id": "ä"}'.encode("utf-16"), "not UTF-8: byte 1 of the line is invalid"),
        (b'{"id": "a"', "not JSON: Expecting ',' delimiter at column 11; each line is one object"),
        (b"{'id': 'a'}", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b'{"id": "a"} {"id": "b"}', "not JSON: Extra data at column 13"),
        (b'{"id": "a",}', "not JSON"),
        (b'{"id": "a\x00b"}', "not JSON: Invalid control character"),
        (b'["a"]', "a case is a JSON object, this line is an array"),
        (b'"a"', "a case is a JSON object, this line is a string"),
        (b"3", "a case is a JSON object, this line is a number"),
        (b"true", "a case is a JSON object, this line is a boolean"),
        (b"null", "a case is a JSON object, this line is null"),
        (b'{"a": 1, "a": 2}', "the key 'a' occurs twice in one object; remove one"),
        (b'{"a": {"b": [{"c": 1, "d": 2, "c": 1}]}}', "the key 'c' occurs twice in one object"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": [-Infinity]}', "-Infinity is no JSON value"),
        (b'{"a": 1e999}', "the number 1e999 is too large; give it as a string"),
        (b'{"a": -1e999}', "the number -1e999 is too large"),
        (b'{"a": 1' + b"0" * 400 + b"}", "is too large; give it as a string"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "is too large; give it as a string"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b"\xef\xbb\xbf" * 2 + b"{}", "not JSON"),
    ],
)
def test_a_line_that_is_no_usable_object_is_named(file: Path, raw: bytes, message: str) -> None:
    error = refusal(file, line() + raw + b"\n" + line(id="b"))
    assert str(error).startswith(f"{file}:2: ")
    assert message in error.message
    assert len(error.message) < 200


def test_a_byte_order_mark_counts_on_the_first_line_only(file: Path) -> None:
    assert refusal(file, line() + b"\xef\xbb\xbf" + line(id="b")).line == 2


def test_a_key_that_occurs_twice_is_found_among_many() -> None:
    # In linear time: counting each key among 200,000 takes many minutes.
    keys = ", ".join(f'"{number}": 0' for number in range(200_000))
    with pytest.raises(CaseError, match="'199999' occurs twice"):
        decode_row(f'{{{keys}, "199999": 1}}'.encode(), Path("a.jsonl"), 1)


# Objects that are no case


@pytest.mark.parametrize("key", ["id", "schema_id", "prompt", "expected_output"])
def test_a_missing_key_is_named(file: Path, key: str) -> None:
    broken = {name: value for name, value in row().items() if name != key}
    error = refusal(file, line(id="a") + json.dumps(broken).encode())
    assert str(error) == (f"{file}:2: the key {key!r} is missing; a case has id, schema_id, prompt and expected_output")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": 7}, "'id' must be a string, got a number"),
        ({"schema_id": None}, "'schema_id' must be a string, got null"),
        ({"schema_id": ["rating"]}, "'schema_id' must be a string, got an array"),
        ({"prompt": True}, "'prompt' must be a string, got a boolean"),
    ],
)
def test_a_wrong_type_is_named(file: Path, changes: dict[str, Any], message: str) -> None:
    assert str(refusal(file, b"\n" + line(**changes))) == f"{file}:2: {message}"


def test_an_unknown_schema_is_named_with_the_known_ones(file: Path) -> None:
    message = str(refusal(file, line(schema_id="ratings")))
    assert message == f"{file}:1: unknown schema_id 'ratings'; the schema folder has: invoice, rating"


def test_a_folder_without_schemas_is_said(file: Path) -> None:
    file.write_bytes(line())
    with pytest.raises(CaseError, match="the schema folder has: none"):
        read_cases(file, {})


@pytest.mark.parametrize("own", ["medium", "Simple", "", 1, ["simple"], {}])
def test_a_contradicting_complexity_is_named(file: Path, own: Any) -> None:
    message = str(refusal(file, line(complexity=own)))
    assert message == (
        f"{file}:1: complexity {own!r} contradicts the schema folder, where rating is 'simple'; "
        "correct it or leave it out"
    )


@pytest.mark.parametrize(
    "case_id",
    ["", " ", " a", "a ", "a\nb", "a\tb", "a\x00b", "a\x7fb", "a\x1b[31m", "a\u2028b", "a\u202eb", "a\ufeff", "\u00a0"],
)
def test_an_id_that_no_node_id_can_carry_is_refused(file: Path, case_id: str) -> None:
    error = refusal(file, line(id=case_id))
    assert str(error).startswith(f"{file}:1: the id {case_id!r} cannot be part of a test's name: leave out control")
    assert str(error).isprintable()


@pytest.mark.parametrize(
    "case_id",
    ["a", "rating-007", "größe_1", "a.b", "a=b,c", "v1.0+x@y", "日本", "7", "a b", "-a", "train/0", "a::b", "a[1]",
     "a'b", "$(a)", "100%", "हिन्दी-१", "مثال", "e\u0301", "👩‍💻", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a\u3000b"],
)  # fmt: skip
def test_an_id_that_a_node_id_can_carry_is_accepted(file: Path, case_id: str) -> None:
    assert read(file, line(id=case_id))[0].id == case_id


@given(st.text())
def test_an_accepted_id_can_be_seen(tmp_path_factory: pytest.TempPathFactory, case_id: str) -> None:
    file = tmp_path_factory.mktemp("ids") / "a.jsonl"
    file.write_text(json.dumps(row(id=case_id)), encoding="utf-8")
    try:
        [case] = read_cases(file, COMPLEXITY)
    except CaseError:
        return
    assert case.id == case_id
    assert case_id == case_id.strip() != ""
    assert not {unicodedata.category(char) for char in case_id} & {"Cc", "Cs", "Zl", "Zp"}


def test_an_id_that_occurs_twice_is_named_with_its_first_line(file: Path) -> None:
    error = refusal(file, line() + b"\n" + line(id="b") + line(prompt="other"))
    assert str(error) == f"{file}:4: the id 'rating-1' stands already in line 1; ids are unique"


@pytest.mark.parametrize("place", ["prompt", "expected_output", "teacher"])
def test_half_a_surrogate_pair_is_refused(file: Path, place: str) -> None:
    broken = {"a": "x\ud83dy"} if place == "expected_output" else "x\ud83dy"
    error = refusal(file, json.dumps(row(**{place: broken})).encode())
    assert str(error).startswith(f"{file}:1: a string holds half of a surrogate pair")
    str(error).encode()


def test_a_whole_surrogate_pair_is_a_character(file: Path) -> None:
    [case] = read(file, json.dumps(row(prompt="😀")).encode())
    assert case.prompt == "😀"


# Files


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b" \r\n\r\n\t\n"])
def test_a_file_without_cases_is_refused(file: Path, content: bytes) -> None:
    error = refusal(file, content)
    assert error.line == 0
    assert str(error) == f"{file}: the file holds no case; a case is a JSON object on a line of its own"


def test_a_missing_file_is_an_os_error(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_cases(file, COMPLEXITY)


def test_rows_are_read_one_at_a_time(file: Path) -> None:
    file.write_bytes(line() + b"{broken\n")
    rows = iter_rows(file)
    assert next(rows)[0] == 1
    with pytest.raises(CaseError, match=":2: "):
        next(rows)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (line(), "cases"),
        (b"\n\n" + line(), "cases"),
        (b"[" + line() + b"]", "cases"),
        (b'{"prompt": "x", "expected_output": {}}', "cases"),
        (b'{"schema_id": "rating", "id": "typo-in-the-others", "promt": ""}', "cases"),
        (b"{broken", "cases"),
        (b"[{broken", "cases"),
        (b"\xff\xfd", "cases"),
        (b"\x1f\x8bbroken", "cases"),
        (b'{"prompt": "x", "completion": "y"}', "other"),
        (b'{"prompt": "x", "expected_output": "y"}', "other"),
        (b'{"text": "training data"}', "other"),
        (b"[1]", "other"),
        (b'"text"', "other"),
        (b'{"edgejson": 1, "schema_id": "x"}', "results"),
        (b'{"edgejson_audit": 1}', "results"),
        (b'{"case_id": "a", "schema_id": "rating", "output": "{}", "latency_s": NaN}', "results"),
        (b"", "empty"),
        (b"\n", "empty"),
        (b"\xff\xfe", "empty"),
    ],
)
def test_what_files_in_a_folder_are_meant_to_hold(file: Path, content: bytes, expected: str) -> None:
    file.write_bytes(content)
    assert kind_of_file(file) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[" + line() + b"]", "cases"),
        (line(), "cases"),
        (b'{"type":\n"object"}', "other"),
        (b"[", "other"),
        (b"", "other"),
    ],
)
def test_other_json_documents_are_no_broken_suite(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    assert kind_of_file(file) == expected


def test_what_macos_puts_beside_a_file_is_none_of_cases(tmp_path: Path) -> None:
    file = tmp_path / "._a.jsonl"
    file.write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    assert kind_of_file(file) == "other"


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    assert kind_of_file(tmp_path / "missing.jsonl") == "cases"
    (tmp_path / "folder.jsonl").mkdir()
    assert kind_of_file(tmp_path / "folder.jsonl") == "cases"
