"""Audit files: written, read back, applied; a mark belongs to one label and to no other."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case, kind_of_file, read_cases
from pytest_edgejson.suite.marks import Marks, MarksError, label_fingerprint, read_marks
from pytest_edgejson.suite.schemas import Schemas, complexity_of

PROMPT = "Review\n\nRating: 4\nReviewer Name: Åsa\n\nPlease extract the review information as JSON."
GOOD = {
    "id": "good-1",
    "schema_id": "rating",
    "prompt": PROMPT,
    "expected_output": {"rating": 4, "reviewer_name": "Åsa"},
}
BAD = {
    **GOOD,
    "id": "bad-1",
    "prompt": PROMPT.replace("Review\n", "Rating\n"),
    "expected_output": {"rating": 5, "reviewer_name": "Åsa"},
}
HEAD = '{"edgejson_audit": 1}'


@pytest.fixture
def marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Marks, list[Case]]:
    """Audit a suite of a good and a bad case."""
    suite = tmp_path / "cases.jsonl"
    suite.write_text("".join(json.dumps(row) + "\n" for row in (GOOD, BAD)), encoding="utf-8")
    assert main(["suite", "audit", str(suite), "--write", str(tmp_path / "out/audit.jsonl")]) == 1
    assert "wrote 1 mark to" in capsys.readouterr().out
    return read_marks(tmp_path / "out/audit.jsonl"), read_cases(suite, complexity_of(Schemas(bundled.SCHEMAS)))


def result(case: Case) -> dict[str, Any]:
    return {"case_id": case.id, "prompt": case.prompt, "expected_output": case.expected_output}


def test_what_an_audit_wrote_marks_the_unsound_cases(marked: tuple[Marks, list[Case]]) -> None:
    marks, cases = marked
    assert [case.suspect for case in marks.apply(cases)] == [(), ("text_differs",)]


def test_the_file_says_why(marked: tuple[Marks, list[Case]]) -> None:
    head, mark = [json.loads(line) for line in marked[0].path.read_text(encoding="utf-8").splitlines()]
    assert (head["edgejson_audit"], head["cases"]) == (1, 2)
    assert mark["case_id"] == "bad-1"
    assert mark["findings"][0] == {
        "kind": "text_differs",
        "paths": ["rating"],
        "message": "the text has 4 for rating, expected is 5",
    }


def test_it_is_no_file_of_cases(marked: tuple[Marks, list[Case]]) -> None:
    assert kind_of_file(marked[0].path) == "results"


@pytest.mark.parametrize("change", [{"prompt": PROMPT + " "}, {"expected_output": {"rating": 6}}, {"id": "bad-2"}])
def test_a_mark_does_not_outlive_the_label(marked: tuple[Marks, list[Case]], change: dict[str, Any]) -> None:
    marks, (_, bad) = marked
    [case] = marks.apply([replace(bad, **change)])
    assert case.suspect == ()


def test_the_order_of_keys_is_no_part_of_a_label() -> None:
    assert label_fingerprint("p", {"a": 1, "b": 2}) == label_fingerprint("p", {"b": 2, "a": 1})
    assert label_fingerprint("p", {"a": 1}) != label_fingerprint("p", {"a": 2}) != label_fingerprint("q", {"a": 2})


def test_used_stale_and_foreign_marks_are_counted(marked: tuple[Marks, list[Case]]) -> None:
    marks, (good, bad) = marked
    assert marks.describe([result(good), result(bad), result(bad)]).endswith(
        "audit.jsonl marks 1 of 2 cases as having unsound labels"
    )
    changed = replace(bad, expected_output={"rating": 6})
    assert marks.describe([result(changed)]).endswith(
        "marks 0 of 1 cases as having unsound labels; 1 of its marks is ignored, of a label that has changed"
    )
    assert marks.describe([result(good)]).endswith("; 1 is of cases that did not run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "audit.jsonl: the file is empty; make one with edgejson suite audit PATH --write FILE.jsonl"),
        ('{"edgejson": 1}\n', "audit.jsonl:1: no audit file: its first line has no edgejson_audit"),
        ('{"edgejson_audit": 2}\n', "audit.jsonl:1: format 2 of audit files is not known, 1 is"),
        (f"{HEAD}\n\n[]\n", "audit.jsonl:3: a case is a JSON object, this line is an array"),
        (f"{HEAD}\n{{broken\n", "audit.jsonl:2: not JSON"),
        (f'{HEAD}\n{{"case_id": "a-1", "sha256": "0"}}\n', "audit.jsonl:2: a mark has case_id, sha256 and findings"),
        (f'{HEAD}\n{{"case_id": "a-1", "sha256": "0", "findings": []}}\n', "audit.jsonl:2: a mark has"),
        (f'{HEAD}\n{{"case_id": "a-1", "sha256": "0", "findings": [{{}}]}}\n', "audit.jsonl:2: a mark has"),
        (f'{HEAD}\n{{"case_id": "a-1", "sha256": "0", "findings": [{{"kind": []}}]}}\n', "audit.jsonl:2: a mark has"),
        (f'{HEAD}\n{{"case_id": 1, "sha256": "0", "findings": [{{"kind": "x"}}]}}\n', "audit.jsonl:2: a mark has"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(MarksError, match=re.escape(str(tmp_path / message))) as caught:
        read_marks(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MarksError, match=r"missing\.jsonl: cannot be read: No such file"):
        read_marks(tmp_path / "missing.jsonl")
