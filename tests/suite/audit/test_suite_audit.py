"""`edgejson suite audit`: what makes a label unsound, what is a remark, and what is not claimed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.audit.findings import REMARKS, UNSOUND, Audit
from pytest_edgejson.suite.audit.rules import audit_suite
from pytest_edgejson.suite.audit.similarity import near_duplicates, words_of
from pytest_edgejson.suite.cases import Case, read_cases
from pytest_edgejson.suite.rendering import render_prompt, splits
from pytest_edgejson.suite.schemas import Schema, Schemas, complexity_of

SCHEMAS = Schemas(bundled.SCHEMAS)
V3 = Path(__file__).resolve().parents[4] / "shared" / "edgejson-v3"
needs_v3 = pytest.mark.skipif(not V3.is_dir(), reason="the EdgeJSON v3 data is not at hand")

INVOICE: dict[str, Any] = {
    "invoice_number": "INV-7",
    "invoice_date": "2024-03-01",
    "customer_name": "Zoë O'Hara",
    "line_items": [
        {"description": "Blue lamp", "quantity": 2, "unit_price": 10.5, "total": 21.0},
        {"description": "Shade", "quantity": 1, "unit_price": 4},
    ],
    "total_amount": 25.0,
}
RATING: dict[str, Any] = {"rating": 4, "review_text": "Lamp", "reviewer_name": "Åsa"}
# Objects in a list whose keys are all optional: what EdgeJSON v3 has, and renders without separators.
STEPS = Schema(
    "steps",
    "medium",
    {
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"task": {"type": "string"}, "owner": {"type": "string"}, "day": {"type": "integer"}},
                },
            }
        },
    },
    "steps.json",
)


def row(
    schema_id: str, record: dict[str, Any], case_id: str = "a-1", *, delimited: bool = True, **changes: Any
) -> dict[str, Any]:
    prompt = render_prompt(record, f"New {case_id}", schema_id, delimited=delimited)
    return {"id": case_id, "schema_id": schema_id, "prompt": prompt, "expected_output": record, **changes}


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def audit(*paths: Path) -> Audit:
    return audit_suite(paths, lambda file: {**SCHEMAS, "steps": STEPS})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.jsonl"


def found(file: Path, *rows: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.kind, finding.paths) for finding in audit(write(file, list(rows))).findings]


def changed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(record), **changes}


# Values


@pytest.mark.parametrize(
    ("expected", "kind", "path"),
    [
        (changed(RATING, rating=3), "text_differs", "rating"),
        (changed(RATING, rating=-4), "text_differs", "rating"),
        (changed(RATING, review_text="La"), "text_differs", "review_text"),
        (changed(RATING, date="2024-01-01"), "absent_value", "date"),
        ({"rating": 4, "reviewer_name": "Åsa"}, "omitted_value", "review_text"),
        (changed(RATING, review_text="Åsa", reviewer_name="Lamp"), "text_differs", "review_text"),
    ],
)
def test_a_label_that_the_text_contradicts_is_unsound(
    file: Path, expected: dict[str, Any], kind: str, path: str
) -> None:
    write(file, [row("rating", RATING, expected_output=expected)])
    [first] = [finding for finding in audit(file).findings if finding.kind != "schema_invalid"]
    assert (first.kind, first.paths[0], first.is_unsound) == (kind, path, True)
    assert (first.place, first.case_id, first.complexity) == (f"{file}:1", "a-1", "simple")


def test_a_message_names_what_the_text_has_and_what_is_expected(file: Path) -> None:
    write(file, [row("rating", RATING, expected_output=changed(RATING, rating=3))])
    assert [finding.message for finding in audit(file).findings] == ["the text has 4 for rating, expected is 3"]


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        (dict(reversed(RATING.items())), "key_order"),
        (changed(RATING, rating=4.0), "written_otherwise"),
        (changed(RATING, review_text="LAMP"), "written_otherwise"),
    ],
)
def test_the_same_said_in_another_way_is_a_remark(file: Path, expected: dict[str, Any], kind: str) -> None:
    write(file, [row("rating", RATING, expected_output=expected)])
    [finding] = audit(file).findings
    assert (finding.kind, finding.is_unsound) == (kind, False)


@pytest.mark.parametrize("written", ["March 1, 2024", "1 March 2024", "03/01/2024", "01/03/2024"])
def test_a_date_may_be_written_otherwise(file: Path, written: str) -> None:
    prompt = row("invoice", INVOICE)["prompt"].replace("2024-03-01", written)
    assert found(file, row("invoice", INVOICE, prompt=prompt)) == [("written_otherwise", ("invoice_date",))]


def test_what_the_schema_does_not_know_was_not_asked_for(file: Path) -> None:
    prompt = row("rating", RATING)["prompt"].replace("Rating: 4", "Rating: 4\nShelf Number: 12")
    assert found(file, row("rating", RATING, prompt=prompt)) == []


def test_a_text_of_several_lines_is_read(file: Path) -> None:
    record = {"latitude": 1.5, "longitude": 2.5, "address": "12 Mill Lane\nYork, YO1 7PR"}
    assert found(file, row("location", record)) == []
    other = changed(record, address="12 Mill Lane")
    assert found(file, row("location", record, expected_output=other)) == [("text_differs", ("address",))]


# Boundaries of arrays


def steps(*items: dict[str, Any], expected: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    case = row("steps", {"steps": list(items)}, delimited=False)
    return case if expected is None else {**case, "expected_output": {"steps": expected}}


def test_a_boundary_that_repeated_labels_do_not_give_is_unsound(file: Path) -> None:
    case = steps({"task": "a"}, {"owner": "b"}, {"task": "c"})
    assert found(file, case) == [("ambiguous_boundary", ("steps",))]


def test_a_message_tells_whether_the_order_of_the_schemas_keys_would_tell(file: Path) -> None:
    told = steps({"owner": "b"}, {"task": "a"})
    untold = {**steps({"task": "a"}, {"owner": "b"}), "id": "a-2"}
    first, second = audit(write(file, [told, untold])).unsound
    assert first.message.endswith("begin and end; the order of the schema's keys would tell")
    assert second.message.endswith("begin and end")


def test_a_boundary_that_a_reader_assumes_is_a_remark(file: Path) -> None:
    case = steps({"task": "a", "owner": "b"}, {"task": "c", "owner": "d"})
    assert found(file, case) == [("assumed_boundary", ("steps",))]


def test_an_empty_item_leaves_no_line(file: Path) -> None:
    assert found(file, steps({"task": "a"}, expected=[{"task": "a"}, {}])) == [("ambiguous_boundary", ("steps",))]
    bare = steps({"task": "a"}, expected=[{}])
    bare["prompt"] = bare["prompt"].replace("\n  Task: a", "")
    assert found(file, bare) == [("ambiguous_boundary", ("steps",))]


def test_a_boundary_that_the_schema_settles_is_none(file: Path) -> None:
    # Each item needs its description: nothing else can begin one, and every key of these items is there.
    items = [{"description": word, "quantity": 1, "unit_price": 5} for word in ("a1", "b2", "c3")]
    record = changed(INVOICE, line_items=items, total_amount=15.0)
    assert found(file, row("invoice", record, delimited=False)) == []
    # An optional total before the next description belongs to one item or the other.
    optional = row("invoice", INVOICE, delimited=False)
    assert found(file, optional) == [("assumed_boundary", ("line_items",))]


def test_the_number_of_items_that_the_schema_asks_for_can_settle_a_boundary(file: Path, tmp_path: Path) -> None:
    document = copy.deepcopy(dict(STEPS.document))
    document["properties"]["steps"]["minItems"] = 2
    schema = Schema("steps", "medium", document, "steps.json")
    write(file, [steps({"task": "a"}, {"owner": "b"})])
    assert audit_suite([file], lambda file: {"steps": schema}).findings == ()
    assert [finding.kind for finding in audit(file).findings] == ["ambiguous_boundary"]


def test_delimited_items_are_never_ambiguous(file: Path) -> None:
    record = {"steps": [{"task": "a"}, {"owner": "b"}, {"task": "c", "day": 1}]}
    assert found(file, row("steps", record)) == []
    moved = {"steps": [{"task": "a", "owner": "b"}, {"task": "c", "day": 1}]}
    assert found(file, row("steps", record, expected_output=moved))[0][0] == "text_differs"


def test_items_in_another_order_are_a_matter_of_values(file: Path) -> None:
    items = [{"task": "a", "owner": "b"}, {"task": "c", "owner": "d"}]
    assert found(file, steps(*items, expected=items[::-1]))[0][0] == "text_differs"


@settings(deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=6), st.sets(st.sampled_from("abcd")))
def test_every_way_to_cut_is_found_once(objects: list[set[str]], required: set[str]) -> None:
    keys = [key for each in objects for key in sorted(each | required)]
    ways = list(splits(keys, required))
    assert [len(each | required) for each in objects] in ways
    assert len({tuple(way) for way in ways}) == len(ways)
    for way in ways:
        rest = iter(keys)
        cut = [[next(rest) for _ in range(length)] for length in way]
        assert next(rest, None) is None
        assert all(len(set(item)) == len(item) > 0 and set(item) >= required for item in cut)


def test_finding_a_way_to_cut_a_long_array_is_quick() -> None:
    # All but the last key can be cut in exponentially many ways, and none of them ends well.
    keys = [*("ab" * 2000), "b"]
    assert next(splits(keys, {"a"}), None) is None
    assert sum(next(splits(keys[:-1], set()))) == 4000


# Free text


FREE = "{name} wrote to us on the 3rd of May, was charged 12 pounds and gave {stars} stars."


def free(number: int, name: str, rating: int, prompt: str = FREE) -> dict[str, Any]:
    return {
        "id": f"a-{number}",
        "schema_id": "rating",
        "prompt": prompt.format(name=name, stars=rating),
        "expected_output": {"rating": rating, "reviewer_name": name},
    }


def test_values_of_free_text_are_judged_by_how_the_field_is_written_elsewhere(file: Path) -> None:
    rows = [free(number, f"Person{number}", 3) for number in range(1, 10)]
    odd = free(10, "Person10", 3)
    odd["expected_output"]["reviewer_name"] = "Nobody"
    [finding] = [finding for finding in audit(write(file, [*rows, odd])).findings if finding.kind != "near_duplicate"]
    assert (finding.kind, finding.paths, finding.line) == ("absent_value", ("reviewer_name",), 10)
    # Where nothing shows that the field is copied from the text, it may follow from it.
    assert found(file, odd) == [("unseen_value", ("reviewer_name",))]


@pytest.mark.parametrize(
    ("schema_id", "prompt", "expected"),
    [
        ("rating", "ÅSA   gave it 4/5.", {"rating": 4, "reviewer_name": "Åsa"}),
        ("invoice", "Invoice INV-7 of 1 March 2024: 1,250.00 for Zoë", {"invoice_date": "2024-03-01"}),
        ("simple_config", "Please keep it dark, and spare me the pings.", {"theme": "dark"}),
        ("simple_config", "No pings!", {"notifications_enabled": False}),
    ],
)
def test_other_spellings_and_choices_are_no_alarm(
    file: Path, schema_id: str, prompt: str, expected: dict[str, Any]
) -> None:
    document = {**SCHEMAS[schema_id].document, "required": []}
    schema = Schema(schema_id, "simple", document, "x.json")
    write(file, [{"id": "a-1", "schema_id": schema_id, "prompt": prompt, "expected_output": expected}])
    assert audit_suite([file], lambda file: {schema_id: schema}).findings == ()


# Schemas, totals, lengths, duplicates, rows that are none


def test_schema_and_format(file: Path) -> None:
    bad = changed(RATING, rating="4", colour="red")
    naive = {"sensor_id": "s1", "temperature": 1.5, "timestamp": "2005-07-03T17:42:53"}
    [invalid, *_], [format_invalid] = (
        audit(write(file, [row(schema_id, record)])).findings
        for schema_id, record in (("rating", bad), ("sensor_reading", naive))
    )
    assert (invalid.kind, invalid.is_unsound, set(invalid.paths)) == ("schema_invalid", True, {"rating", "colour"})
    assert (format_invalid.kind, format_invalid.is_unsound) == ("format_invalid", False)
    assert format_invalid.paths == ("timestamp",)


def test_a_wrong_total(file: Path) -> None:
    write(file, [row("invoice", changed(INVOICE, total_amount=26.0))])
    [finding] = audit(file).findings
    assert (finding.kind, finding.is_unsound, finding.paths) == ("wrong_total", True, ("total_amount",))
    assert finding.message == "total_amount is 26.0, its parts give 25.0"


def test_lengths_are_counted_with_the_tokens_that_are_given(file: Path) -> None:
    write(file, [row("rating", RATING), row("rating", changed(RATING, review_text="Lamp " * 30), "a-2")])
    result = audit_suite([file], lambda file: SCHEMAS, count_tokens=len, tokenizer="letters", limits=(500, 100))
    [finding] = [finding for finding in result.findings if finding.kind != "near_duplicate"]
    assert (finding.kind, finding.line, finding.is_unsound) == ("too_long", 2, False)
    assert finding.message.endswith("tokens of letters, more than 100")
    assert result.tokens == tuple(len(json.dumps(case.expected_output, ensure_ascii=False)) for case in cases_of(file))
    assert result.limits == (100, 500)


def cases_of(file: Path) -> list[Case]:
    return read_cases(file, complexity_of(SCHEMAS))


def test_duplicates_and_contradictions_between_files(tmp_path: Path) -> None:
    prompt = "Åsa rated the Lamp 4, no 5."
    write(tmp_path / "test.jsonl", [row("rating", RATING, prompt=prompt)])
    twice = row("rating", dict(reversed(RATING.items())), "a-2", prompt=prompt)
    other = row("rating", changed(RATING, rating=5), "a-3", prompt=prompt)
    write(tmp_path / "train.jsonl", [twice, other, row("invoice", INVOICE, "a-1")])
    result = audit(tmp_path)
    kinds = [(finding.case_id, finding.kind) for finding in result.findings]
    assert ("a-2", "duplicate") in kinds
    assert ("a-3", "contradiction") in kinds
    assert ("a-1", "duplicate") in kinds
    # Which of the labels of one prompt is right is not known: each is suspect.
    assert [finding.place for finding in result.unsound if finding.kind == "contradiction"] == [
        f"{tmp_path / 'test.jsonl'}:1",
        f"{tmp_path / 'train.jsonl'}:1",
        f"{tmp_path / 'train.jsonl'}:2",
    ]
    first = next(item for item in result.findings if (item.case_id, item.kind) == ("a-2", "duplicate"))
    assert f"its prompt is that of a-1 ({tmp_path / 'test.jsonl'}:1)" in first.message


def test_near_duplicates_are_found_by_their_values(tmp_path: Path) -> None:
    review = "The lamp arrived broken, the shade was torn, and nobody answered my letters about it for three weeks."
    record = changed(RATING, review_text=review)
    near = changed(record, review_text=review.replace("three", "four"))
    others = [changed(RATING, review_text=f"Word{number} and more{number}") for number in range(20)]
    write(tmp_path / "test.jsonl", [row("rating", record)])
    write(tmp_path / "train.jsonl", [row("rating", near, "a-2"), *(row("rating", each, f"b-{n}") for n, each in
                                                                   enumerate(others))])  # fmt: skip
    [finding] = audit(tmp_path).findings
    assert (finding.kind, finding.case_id, finding.is_unsound) == ("near_duplicate", "a-2", False)
    assert str(tmp_path / "test.jsonl") in finding.message


@settings(deadline=None)
@given(st.lists(st.frozensets(st.tuples(st.just("f"), st.sampled_from("abcdefgh"))), max_size=12), st.floats(0.1, 1))
def test_no_near_duplicate_is_overlooked(sets: list[frozenset[tuple[str, str]]], threshold: float) -> None:
    every = {(one, other): value for one, other, value in near_duplicates(sets, 1e-9)}
    best = {one: value for (one, _), value in every.items() if value >= threshold + 1e-9}
    kept = {one: value for one, _, value in near_duplicates(sets, threshold)}
    assert best.keys() <= kept.keys()
    assert all(value == kept[one] for one, value in best.items())


def test_the_same_records_are_alike_and_others_are_not() -> None:
    sets = [words_of(record) for record in (INVOICE, INVOICE, changed(INVOICE, customer_name="A B"), RATING)]
    pairs = {one: (other, value) for one, other, value in near_duplicates(sets, 0.5)}
    assert pairs[1] == (0, 1.0)
    assert pairs[2][1] < 1
    assert 3 not in pairs


def test_the_audit_goes_on_after_broken_rows(file: Path) -> None:
    file.write_text('{broken\n{"id": "x"}\n' + json.dumps(row("rating", RATING)) + "\n", encoding="utf-8")
    result = audit(file)
    assert [(finding.kind, finding.line, finding.case_id) for finding in result.findings] == [
        ("broken_row", 1, None),
        ("broken_row", 2, None),
    ]
    assert len(result.rows) == 1


@settings(deadline=None, max_examples=100)
@given(
    body=st.text(alphabet=" \n-:AB1ab\x1b\u202e", max_size=60),
    form=st.booleans(),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    schema_id=st.sampled_from(["invoice", "order_details", "rating", "open"]),
)
def test_any_case_is_audited_without_a_crash(
    tmp_path_factory: pytest.TempPathFactory, body: str, form: bool, value: Any, schema_id: str
) -> None:
    prompt = f"T\n\n{body}\n\nPlease extract the x information as JSON." if form else body
    expected = {"line_items": value, "items": value, "a": value, "b": [value], "total_amount": value}
    schemas = {**SCHEMAS, "open": Schema("open", "simple", {"properties": {"a": {"type": "array"}}}, "x.json")}
    case = {"id": "a-1", "schema_id": schema_id, "prompt": prompt, "expected_output": expected}
    file = tmp_path_factory.mktemp("any") / "cases.jsonl"
    file.write_text(json.dumps(case) + "\n", encoding="utf-8")
    for finding in audit_suite([file], lambda file: schemas).findings:
        assert finding.message.isprintable()
        assert finding.kind in (*UNSOUND, *REMARKS)


# The command


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main(["suite", "audit", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_the_table_counts_rows_by_kind_and_complexity(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = changed(INVOICE, total_amount=26.0)
    write(file, [row("rating", RATING, expected_output=changed(RATING, rating=3)), row("invoice", bad, "b-1")])
    code, out = run(capsys, file)
    assert code == 1
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()[2:6]}
    assert lines == {
        "cases": ["1", "1", "0", "2"],
        "unsound": ["1", "1", "-", "2"],
        "text_differs": ["1", "-", "-", "1"],
        "wrong_total": ["-", "1", "-", "1"],
    }
    assert f"{file}:1: a-1: text_differs: the text has 4 for rating, expected is 3" in out.splitlines()
    assert "Expected outputs that differ from the text: 1, 1 of them in what they say." in out
    assert out.splitlines()[-1] == "2 cases, 2 unsound labels."


def test_remarks_alone_are_a_success_and_shown_when_asked_for(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, [row("rating", RATING, expected_output=dict(reversed(RATING.items())))])
    code, out = run(capsys, file)
    assert code == 0
    assert "a-1: key_order" not in out
    assert "Not shown: 1 remark; --verbose shows all" in out
    code, out = run(capsys, file, "--verbose")
    assert code == 0
    assert f"{file}:1: a-1: key_order: the expected output has its keys in another order than the text" in out


def test_many_findings_are_cut_with_a_note(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = changed(RATING, rating=3)
    write(file, [row("rating", changed(RATING, review_text=f"w{n}"), f"a-{n}", expected_output={**wrong,
                     "review_text": f"w{n}"}) for n in range(30)])  # fmt: skip
    _, out = run(capsys, file)
    assert out.count(": text_differs: ") == 20
    assert "Not shown: 10 unsound; --verbose shows all" in out


def test_json_holds_every_finding(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, [row("rating", RATING, expected_output=changed(RATING, rating=3))])
    code, out = run(capsys, file, "--format", "json")
    assert code == 1
    report = json.loads(out)
    assert (report["cases"], report["unsound_cases"], report["kinds"]) == (1, 1, {"text_differs": 1})
    assert report["longer"] is None
    assert report["findings"] == [
        {
            "file": str(file),
            "line": 1,
            "case_id": "a-1",
            "complexity": "simple",
            "kind": "text_differs",
            "unsound": True,
            "paths": ["rating"],
            "message": "the text has 4 for rating, expected is 3",
        }
    ]


def test_markdown_is_a_table_and_a_list_that_no_value_breaks(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = changed(RATING, review_text="a|b *c*")
    write(file, [row("rating", RATING, expected_output=record)])
    _, out = run(capsys, file, "--format", "markdown")
    assert out.splitlines()[1].startswith("|:-")
    assert f'- `{file}:1`: a-1: text_differs: the text has "Lamp" for review\\_text, expected is "a\\|b \\*c\\*"' in out


def test_nothing_that_a_terminal_obeys_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, [row("rating", RATING, expected_output=changed(RATING, review_text="\x1b[31m\u202e"))])
    _, out = run(capsys, file, "--verbose")
    assert r"\u001b[31m" in out or r"\x1b[31m" in out
    assert all(line.isprintable() for line in out.splitlines())


def test_the_tokens_of_a_model_are_counted(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    write(file, [row("rating", RATING), row("rating", changed(RATING, review_text="Lamp " * 300), "a-2")])
    code, out = run(capsys, file, "--model", "nano")
    assert code == 0
    assert "Expected outputs of more than 512 tokens of nano: 0." not in out
    assert "Expected outputs of more than 2048 tokens of nano: 0." in out
    _, out = run(capsys, file, "--model", "nano", "--limit", "5")
    assert "Expected outputs of more than 5 tokens of nano: 2 (2 simple, 0 medium, 0 complex)." in out


def test_without_a_model_the_audit_says_that_lengths_are_not_checked(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(file, [row("rating", RATING)])
    _, out = run(capsys, file)
    assert "Lengths are not checked: --model NAME counts the tokens of a model." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "missing.jsonl: there is no such path"),
        (["cases.jsonl", "--model", "nanno"], "unknown model 'nanno': did you mean 'nano'?"),
        (["cases.jsonl", "--model", "control:gold"], "--model control:gold: control has no tokenizer"),
        (["cases.jsonl", "--schemas", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    write(file, [row("rating", RATING)])
    monkeypatch.chdir(file.parent)
    assert main(["suite", "audit", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("edgejson: ")
    assert message in err
    assert err.count("\n") == 1


# Real suites


def test_the_bundled_suite_has_nothing_to_find() -> None:
    result = audit(bundled.TEST_CASES, bundled.TRAIN_CASES)
    assert len(result.rows) == 158 + 629
    assert result.findings == ()


@needs_v3
def test_the_flaws_of_v3_are_found() -> None:
    result = audit_suite([V3 / "train.jsonl"], lambda file: Schemas(V3 / "schemas"))
    rows: dict[str, set[int]] = {kind: set() for kind in (*UNSOUND, *REMARKS)}
    for finding in result.findings:
        rows[finding.kind].add(finding.line)
    differ = [
        rows[kind] for kind in ("absent_value", "text_differs", "omitted_value", "key_order", "written_otherwise")
    ]
    # FACTS.md, section 3: 27 rows whose expected output differs from the text.
    assert len(set.union(*differ)) == 27
    assert len(set.union(*differ[:3])) == 19
    assert len(rows["ambiguous_boundary"]) == 69
    assert {kind for kind in UNSOUND if rows[kind]} == {
        "absent_value",
        "text_differs",
        "omitted_value",
        "ambiguous_boundary",
    }
    assert not rows["duplicate"]


@needs_v3
def test_another_form_of_the_v3_rows_raises_no_alarm(file: Path) -> None:
    # The same data as JSON in a sentence: nothing is in EdgeJSON's form, everything is in the text.
    lines = [json.loads(line) for line in (V3 / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [{**line, "prompt": f"Store this: {json.dumps(line['expected_output'])}."} for line in lines]
    result = audit_suite([write(file, rows)], lambda file: SCHEMAS)
    assert Counter(finding.kind for finding in result.findings).keys() <= {"format_invalid", "unseen_value"}
