"""`edgejson suite check`: every kind of flaw is found and named, a sound suite is left in peace."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.audit.check import SuiteCheck, case_problems, check_suite, summary_text
from pytest_edgejson.suite.cases import Case, read_cases
from pytest_edgejson.suite.rendering import render_prompt
from pytest_edgejson.suite.schemas import Schema, Schemas, complexity_of

SCHEMAS = Schemas(bundled.SCHEMAS)
V3 = Path(__file__).resolve().parents[4] / "shared" / "edgejson-v3" / "train.jsonl"
needs_v3 = pytest.mark.skipif(not V3.exists(), reason=f"the EdgeJSON v3 data is not at {V3}")

INVOICE: dict[str, Any] = {
    "invoice_number": "INV-7",
    "invoice_date": "2024-03-01",
    "customer_name": 'Zoë "Z" O\'Hara',
    "line_items": [
        {"description": "Blue {lamp}", "quantity": 2, "unit_price": 10.5, "total": 21.0},
        {"description": "007", "quantity": 1, "unit_price": 4},
    ],
    "total_amount": 25.0,
}
RATING: dict[str, Any] = {"rating": 4, "review_text": "Lamp", "reviewer_name": "Åsa"}


def row(case_id: str, schema_id: str, record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    prompt = render_prompt(record, f"New {case_id}", schema_id)
    return {"id": case_id, "schema_id": schema_id, "prompt": prompt, "expected_output": record, **changes}


def good() -> list[dict[str, Any]]:
    return [row("invoice-1", "invoice", INVOICE), row("rating-1", "rating", RATING)]


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def check(*paths: Path) -> SuiteCheck:
    return check_suite(paths, lambda file: SCHEMAS)


def problems(file: Path, rows: list[dict[str, Any]]) -> list[str]:
    return [str(problem) for problem in check(write(file, rows)).problems]


def planted(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(record), **changes}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.jsonl"


# Sound suites


def test_a_sound_suite_has_no_problems(file: Path) -> None:
    found = check(write(file, good()))
    assert found.problems == []
    assert summary_text(found) == "2 cases, no problems"


def test_the_bundled_suite_is_sound() -> None:
    found = check(bundled.TEST_CASES, bundled.TRAIN_CASES)
    assert [str(problem) for problem in found.problems] == []
    assert found.cases == 158 + 629


def test_cases_in_free_text_are_sound_when_the_values_are_there(file: Path) -> None:
    prompt = "Please turn this into JSON: Åsa gave the Lamp 4.0 of 5 stars."
    assert problems(file, [row("rating-1", "rating", RATING, prompt=prompt)]) == []


def test_a_file_is_checked_once_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "test/cases.jsonl", good())
    monkeypatch.chdir(tmp_path)
    found = check(Path("test"), tmp_path, Path("test/cases.jsonl"))
    assert found.problems == []
    assert found.cases == 2


def test_files_of_a_folder_that_hold_no_cases_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "cases.jsonl", good())
    write(tmp_path / "results.jsonl", [{"edgejson": 1}, {"case_id": "rating-1", "output": "{}"}])
    assert summary_text(check(tmp_path)) == "2 cases, no problems"


# Values that the text lacks


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("reviewer_name", "Zed", '"Zed"'),
        ("reviewer_name", "åsa", '"åsa"'),
        ("rating", 3, "3"),
        ("rating", -4, "-4"),
    ],
)
def test_a_value_that_is_not_in_the_text_is_named(file: Path, key: str, value: Any, shown: str) -> None:
    rows = [good()[0], row("rating-1", "rating", planted(RATING, **{key: value}), prompt=good()[1]["prompt"])]
    assert f"{file}:2: rating-1: {key} is {shown}, which is nowhere in the prompt" in problems(file, rows)


def test_a_value_in_an_array_is_named_with_its_path(file: Path) -> None:
    record = copy.deepcopy(INVOICE)
    record["line_items"][1]["description"] = "Green lamp"
    [problem] = problems(file, [row("invoice-1", "invoice", record, prompt=good()[0]["prompt"])])
    assert problem == f'{file}:1: invoice-1: line_items[1].description is "Green lamp", which is nowhere in the prompt'


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "14",
        "4.5",
        "0.4",
        "4.4",
        "x4",
        "4x",
        "4_",
        "1,004",
        "4,000",
        "4e1",
        "4.5.6",
        "1.4",
        "-4",
        "four",
        "٤٢",
        "４２",
    ],
)
def test_a_number_inside_a_longer_one_is_not_there(file: Path, text: str) -> None:
    prompt = f"Åsa rated the Lamp {text}, she says."
    [problem] = problems(file, [row("rating-1", "rating", RATING, prompt=prompt)])
    assert problem.endswith("rating-1: rating is 4, which is nowhere in the prompt")


@pytest.mark.parametrize("text", ["4", "4.", "4,", "(4)", "4.0", "4/5", "+4", "$4", "4%", "4e0", "#4", "3,4", "4-5"])
def test_a_number_is_there_however_it_is_set(file: Path, text: str) -> None:
    assert problems(file, [row("rating-1", "rating", RATING, prompt=f"Åsa rated the Lamp {text} she says.")]) == []


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234.50"), (1234567, "1,234,567"), (0.1, "0.10"), (-5, "-5.00")]
)
def test_numbers_are_compared_by_value(value: float, text: str) -> None:
    record = {"currency": "EUR", "amount": value}
    case = Case("t-1", "transaction_record", "medium", f"EUR {text}", record)
    assert not [problem for problem in case_problems(case, SCHEMAS["transaction_record"]) if "nowhere" in problem]


def test_large_whole_numbers_are_compared_digit_by_digit() -> None:
    for value, missing in ((9007199254740993, False), (9007199254740992, True)):
        case = Case("t-1", "x", "medium", "Id 9007199254740993", {"id": value})
        assert any("nowhere" in problem for problem in case_problems(case, SCHEMAS["api_response"])) is missing


@pytest.mark.parametrize(
    ("value", "prompt", "there"),
    [
        (True, "Verified: True", True),
        (True, "it is enabled", True),
        (True, "Verified: False", False),
        (False, "not verified", True),
        (False, "Verified: True", False),
    ],
)
def test_booleans_need_a_word_for_them(value: bool, prompt: str, there: bool) -> None:
    case = Case("a-1", "x", "simple", prompt, {"verified": value})
    assert any("nowhere" in problem for problem in case_problems(case, SCHEMAS["rating"])) is not there


def test_a_long_or_hostile_value_is_shown_on_one_short_line(file: Path) -> None:
    value = "\x1b[31m\n\x9b2J\u202e" + "x" * 100_000
    found = problems(file, [row("rating-1", "rating", planted(RATING, reviewer_name=value), prompt="Lamp 4")])
    [problem] = [problem for problem in found if "reviewer_name" in problem]
    assert problem.isprintable()
    assert len(problem) < len(str(file)) + 250


# Structure


def test_array_boundaries_that_the_text_loses_are_named(file: Path) -> None:
    record = planted(INVOICE)
    record["line_items"] = [
        {"description": "a", "quantity": 1, "unit_price": 5},
        {"description": "b", "quantity": 1, "unit_price": 5, "total": 5},
    ]
    record["total_amount"] = 10
    tags = {"tags": ["x"], "errors": [{"code": "A1"}, {"field": "f", "message": "m"}]}
    response = {"status": "error", "errors": [{"code": "E1"}, {"message": "broken"}]}
    schema = Schema(
        "api_response",
        "medium",
        {
            "properties": {
                "errors": {"type": "array", "items": {"type": "object"}},
                "tags": {"type": "array", "items": {"type": "string"}},
            }
        },
        str(file),
    )
    for expected in (tags, response):
        for delimited in (True, False):
            prompt = render_prompt(expected, "T", "order", delimited=delimited)
            case = Case("a-1", "api_response", "medium", prompt, expected)
            found = list(case_problems(case, schema))
            assert found == (
                [] if delimited else ["the prompt does not determine where the items of errors begin and end"]
            )
    # The first key of each item repeats: nothing is lost.
    prompt = render_prompt(record, "T", "invoice", delimited=False)
    assert problems(file, [row("invoice-1", "invoice", record, prompt=prompt)]) == []


def test_values_in_the_wrong_place_are_named(file: Path) -> None:
    swapped = planted(RATING, review_text="Åsa", reviewer_name="Lamp")
    [problem] = problems(file, [row("rating-1", "rating", swapped, prompt=good()[1]["prompt"])])
    assert problem == f"{file}:1: rating-1: the text does not say what is expected at review_text, reviewer_name"


def test_items_in_another_order_are_a_matter_of_values_not_of_boundaries(file: Path) -> None:
    record = planted(INVOICE, line_items=INVOICE["line_items"][:1] * 2, total_amount=42.0)
    record["line_items"] = [{**record["line_items"][0], "description": name} for name in ("a1", "b2")]
    swapped = planted(record, line_items=record["line_items"][::-1])
    [problem] = problems(file, [row("invoice-1", "invoice", swapped, prompt=row("x", "invoice", record)["prompt"])])
    assert problem.endswith(
        "the text does not say what is expected at line_items[0].description, line_items[1].description"
    )


def test_a_value_of_the_text_that_is_not_expected_is_named(file: Path) -> None:
    expected = {key: value for key, value in RATING.items() if key != "review_text"}
    [problem] = problems(file, [row("rating-1", "rating", expected, prompt=good()[1]["prompt"])])
    assert problem.endswith("the text does not say what is expected at review_text")


# Totals and schemas


def test_a_wrong_total_is_named_with_the_right_one(file: Path) -> None:
    record = planted(INVOICE, total_amount=26.0)
    assert problems(file, [row("invoice-1", "invoice", record)]) == [
        f"{file}:1: invoice-1: total_amount is 26.0, its parts give 25.0"
    ]


def test_schema_violations_are_named(file: Path) -> None:
    bad = planted(RATING, rating="4", colour="red")
    del bad["reviewer_name"]
    found = problems(file, [*good()[:1], row("rating-2", "rating", bad)])
    assert f"{file}:2: rating-2: expected output against its schema, reviewer_name: is missing" in found
    assert any("schema, rating: must be a" in problem and "is a string" in problem for problem in found)
    assert any("colour: is not in the schema" in problem for problem in found)


def test_a_suites_own_schema_of_a_known_name_is_no_crash(tmp_path: Path) -> None:
    documents: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"properties": {"amount": {"type": "number"}}}, {"amount": 5}),
        ({}, {"line_items": [{"quantity": "two", "unit_price": 5}], "total_amount": 5}),
        ({}, {"line_items": {"quantity": 2}, "total_amount": 5}),
        ({}, {"line_items": [{"quantity": 1e300, "unit_price": 1e300}], "total_amount": 5}),
        ({"properties": {"amount": True, "items": {"type": "array", "items": True}}}, {"amount": 5, "items": [1]}),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"items": {"items": [{}, {}]}}},
            {"items": ["a", 2]},
        ),
    ]
    for document, record in documents:
        schema = Schema("invoice", "medium", document, "invoice.json")
        prompt = render_prompt(record, "T", "invoice") if "line_items" not in record else "two 2 5 1e300"
        found = list(case_problems(Case("a-1", "invoice", "medium", prompt, record), schema))
        assert found in ([], ["its totals are beyond what can be added up"])


def test_totals_too_large_to_add_up_are_said() -> None:
    record = {"items": [{"name": "a", "quantity": 1, "price": 1e300}], "total_amount": 1.0}
    schema = Schema("order_details", "medium", {}, "order_details.json")
    case = Case("a-1", "order_details", "medium", "a 1 1e300 1.0", record)
    assert list(case_problems(case, schema)) == ["its totals are beyond what can be added up"]


# Duplicates


def duplicate(what: str) -> list[dict[str, Any]]:
    first, second = row("rating-1", "rating", RATING), row("rating-2", "rating", planted(RATING, rating=5))
    if what == "id":
        second["id"] = first["id"]
    elif what == "prompt":
        first["expected_output"] = planted(RATING, rating=5)
        second["expected_output"] = RATING
        first["prompt"] = second["prompt"] = "Åsa rated the Lamp 4, no 5."
    else:
        # As equal as scores see it: 4 is 4.0, the order of keys does not matter.
        second["prompt"] = first["prompt"].replace("rating-1", "rating-2")
        second["expected_output"] = dict(reversed(planted(RATING, rating=4.0).items()))
    return [first, second]


@pytest.mark.parametrize("what", ["id", "prompt", "expected output"])
def test_duplicates_are_named_with_their_first_place(tmp_path: Path, what: str) -> None:
    first, second = duplicate(what)
    one = tmp_path / "one.jsonl"
    name = second["id"]
    assert problems(one, [*good()[:1], first, second]) == [f"{one}:3: {name}: its {what} stands already in {one}:2"]
    write(one, [first])
    two = write(tmp_path / "train/two.jsonl", [good()[0], second])
    message = f"{two}:2: {name}: its {what} stands already in {one}:1"
    assert [str(problem) for problem in check(one, two).problems] == [message]
    assert [str(problem) for problem in check(tmp_path).problems] == [message]


def test_nearly_equal_is_not_twice(file: Path) -> None:
    records = [RATING, planted(RATING, rating=5), planted(RATING, reviewer_name="åsa")]
    assert problems(file, [row(f"rating-{n}", "rating", record) for n, record in enumerate(records)]) == []


# Broken lines and files


def test_the_check_goes_on_after_a_schema_that_cannot_be_used(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "schemas/simple"
    folder.mkdir(parents=True)
    (folder / "rating.json").write_text(json.dumps(SCHEMAS["rating"].document), encoding="utf-8")
    (folder / "broken.json").write_text('{"type": "objekt"}', encoding="utf-8")
    rows = [row(f"rating-{number}", "rating", RATING) | {"schema_id": "broken"} for number in (1, 2)]
    write(file, [*rows, row("rating-3", "rating", RATING | {"rating": 5}, prompt="Lamp by Åsa: 4")])
    found = check_suite([file], lambda file: Schemas(tmp_path / "schemas")).problems
    assert [(each.line, "broken.json: no valid schema" in each.message) for each in found] == [(1, True), (3, False)]


def test_the_check_goes_on_after_broken_lines(file: Path) -> None:
    lines = [json.dumps(row) for row in good()]
    closing = "Please extract the rating information as JSON."
    deep = "\n".join("  " * depth + "A:" for depth in range(3000))
    hostile = [f"T\n\nA: {'1' * 5000}\n\n{closing}", f"T\n\n{deep}\n\n{closing}", "1e99999999 " + "1,111" * 2000]
    record = planted(RATING, rating=10**30)
    bad = ["{broken", "[]", '{"id": "x"}', '{"id": "a", "id": "b"}', '{"id": NaN}', '{"id": 1e999}']
    bad += [json.dumps(row(f"rating-8{n}", "rating", record, prompt=prompt)) for n, prompt in enumerate(hostile)]
    bad += [json.dumps(row("rating-9", "rating", RATING, prompt="\ud83d"))]
    content = "\n".join([*bad, lines[0].replace("25.0", "26.0"), "", lines[1]]).encode() + b"\n\xff\n"
    file.write_bytes(content)
    found = check(file)
    assert {problem.line for problem in found.problems} == {*range(1, 12), 14}
    assert found.cases == 5
    assert [problem.message for problem in found.problems if problem.line in (1, 11, 14)] == [
        "not JSON: Expecting property name enclosed in double quotes at column 2; each line is one object",
        "invoice-1: total_amount is 26.0, its parts give 25.0",
        "not UTF-8: byte 1 of the line is invalid; save the file as UTF-8",
    ]
    assert summary_text(found) == f"5 cases, {len(found.problems)} problems"


def test_a_file_without_cases_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", good())
    empty = write(tmp_path / "b.jsonl", [])
    assert [str(problem) for problem in check(tmp_path).problems] == [f"{empty}: the file holds no case"]
    assert [str(problem) for problem in check(empty).problems] == [f"{empty}: the file holds no case"]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", good())
    broken = tmp_path / "b.jsonl"
    broken.symlink_to("gone.jsonl")
    found = check(tmp_path)
    assert [str(problem) for problem in found.problems] == [f"{broken}: cannot be read: No such file or directory"]
    assert found.cases == 2
    assert summary_text(found) == "2 cases, 1 problem"


def test_a_missing_path_and_a_folder_without_cases_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such path"):
        check(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"no \.jsonl file of cases in it"):
        check(tmp_path)


@settings(deadline=None, max_examples=60)
@given(
    prompt=st.text(max_size=80),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    schema_id=st.sampled_from(["invoice", "order_details", "shopping_cart", "rating"]),
)
def test_any_case_is_checked_without_a_crash(prompt: str, value: Any, schema_id: str) -> None:
    expected = {"line_items": value, "items": value, "total_amount": value, "total": value}
    for schema in (SCHEMAS[schema_id], Schema(schema_id, "medium", {}, "x.json")):
        for message in case_problems(Case("a-1", schema_id, "medium", prompt, expected), schema):
            assert message.isprintable()


# EdgeJSON v3


@needs_v3
def test_every_v3_row_is_read_and_valid() -> None:
    cases = read_cases(V3, complexity_of(SCHEMAS))
    assert len(cases) == 629
    assert Counter(case.complexity for case in cases) == {"simple": 350, "medium": 192, "complex": 87}
    assert sum(not case.states_complexity for case in cases) == 72
    assert {case.schema_id for case in cases if not case.states_complexity} == {
        "shopping_cart",
        "invoice",
        "order_details",
    }
    assert [case.id for case in cases if not SCHEMAS[case.schema_id].is_valid(case.expected_output)] == []


@needs_v3
def test_the_known_flaws_of_v3_are_found() -> None:
    found = check(V3)
    assert found.cases == 629
    messages = {problem.message for problem in found.problems}
    absent = {message.partition(":")[0] for message in messages if "nowhere in the prompt" in message}
    unsaid = {message.partition(":")[0] for message in messages if "does not say" in message}
    lost = {message.partition(":")[0] for message in messages if "begin and end" in message}
    # Of the 27 rows that FACTS.md counts, the other 8 say the same in another order or spelling: see the audit.
    assert len(absent | unsaid) == 19
    assert len(lost) == 69
    assert 'edgejson_notification_qwen_029: priority is "normal", which is nowhere in the prompt' in messages
    boundaries = "the prompt does not determine where the items of action_items begin and end"
    assert f"edgejson_meeting_notes_template_015: {boundaries}" in messages
    # Nothing else is wrong with it: no duplicates, no invalid rows, no wrong totals.
    assert len(found.problems) == len(messages)
    assert all(any(kind in message for kind in ("nowhere", "does not say", "begin and end")) for message in messages)
