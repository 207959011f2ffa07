"""`edgejson suite generate`: objects that a model tells in words become a suite."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled

pytest.importorskip("faker", reason="Faker is not installed")

PARCEL: dict[str, Any] = {
    "type": "object",
    "title": "Parcel",
    "properties": {
        "sender": {"type": "string"},
        "weight": {"type": "number", "minimum": 1, "maximum": 90},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["sender", "weight", "items"],
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "count": {"type": "integer", "minimum": 100, "maximum": 900}},
            "required": ["name", "count"],
        }
    },
}
NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}, "minItems": 2}


@pytest.fixture
def schemas(pytester: pytest.Pytester) -> Path:
    folder = pytester.path / "mine"
    (folder / "simple").mkdir(parents=True)
    for name, document in {"parcel": PARCEL, "names": NAMES}.items():
        (folder / "simple" / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def generate(*arguments: str, teacher: str = "control:teller") -> int:
    return main(["suite", "generate", "--schemas", "mine", "--teacher", teacher, "--out", "out", *arguments])


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("out", name).read_text(encoding="utf-8").splitlines()]


def test_texts_that_hold_every_value_become_a_suite_that_is_sound_and_runs(
    schemas: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate("-n", "12") == 0
    out = capsys.readouterr().out
    assert "accepted         12   100.0 %" in out
    assert "wrote 12 cases to out/cases.jsonl; pytest out runs them" in out
    cases = rows("cases.jsonl")
    assert {row["schema_id"] for row in cases} == {"parcel", "names"}
    assert len({row["id"] for row in cases}) == len({json.dumps(row["expected_output"]) for row in cases}) == 12
    assert {row["teacher"] for row in cases} == {"control:teller"}
    assert not Path("out/rejects.jsonl").exists()
    assert main(["suite", "check", "out"]) == 0
    assert main(["suite", "audit", "out"]) == 0
    pytester.runpytest_inprocess("out", "--edgejson-model=control:gold").assert_outcomes(passed=12)


def test_a_text_that_drops_a_value_is_a_reject_with_the_reason(
    schemas: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate("-n", "4", "--most", "8", teacher="control:forgetful") == 1
    captured = capsys.readouterr().out
    assert "absent_value          8   100.0 %  a value has no place of its own in the text" in captured
    assert "4 fewer than asked for: out/rejects.jsonl says why" in captured
    rejects = rows("rejects.jsonl")
    assert len(rejects) == 8
    assert {row["reason"] for row in rejects} == {"absent_value"}
    assert all("prompt" in row["message"] or "no place of its own" in row["message"] for row in rejects)
    assert not Path("out/cases.jsonl").exists()
    # Rejects are no cases to anyone who reads the folder.
    assert (
        pytester.runpytest_inprocess("out", "--edgejson-model=control:gold").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    )


def test_it_goes_on_where_it_ended_and_asks_nothing_twice(schemas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_edgejson.backends.control import ControlBackend

    asked: list[str] = []
    answer = ControlBackend.answer

    def counting(self: ControlBackend, request: Any) -> Any:
        asked.append(request.prompt)
        if len(asked) == 7:
            raise KeyboardInterrupt
        return answer(self, request)

    monkeypatch.setattr(ControlBackend, "answer", counting)
    assert generate("-n", "10") == 2
    assert len(rows("cases.jsonl")) == 6
    first = Path("out/cases.jsonl").read_bytes()
    assert generate("-n", "10") == 0
    assert len(asked) == 11
    assert len(set(asked)) == 10
    whole = Path("out/cases.jsonl").read_bytes()
    assert whole.startswith(first)
    assert generate("-n", "14") == 0
    assert len(asked) == 15
    assert Path("out/cases.jsonl").read_bytes().startswith(whole)


def test_a_teacher_may_propose_the_objects(schemas: Path) -> None:
    # Gold proposes what it is to make a proposal around, and then tells it as JSON.
    assert generate("-n", "2", "--most", "2", "--propose", teacher="control:gold") == 1
    assert [row["reason"] for row in rows("rejects.jsonl")] == ["leak", "leak"]
    for name, wrong, reason in (("in-words", "control:teller", "no_object"), ("none", "control:empty", "empty")):
        Path("out").rename(name)
        assert generate("-n", "2", "--most", "2", "--propose", teacher=wrong) == 1
        assert [row["reason"] for row in rows("rejects.jsonl")] == [reason, reason]


def test_proposals_are_held_to_the_schema_and_told_like_others(schemas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_edgejson.backends.control import ControlBackend

    proposals = ['Sure: {"sender": "Ada Lovelace", "weight": 7, "items": []}', '{"sender": "Ada", "weight": 100}']
    tell = ControlBackend.answer
    # The store finds answers by what is asked, which a model reads and a control does not.
    monkeypatch.setattr(ControlBackend, "render", lambda self, case: case.prompt)

    def answer(self: ControlBackend, request: Any) -> Any:
        if "Invent one realistic Parcel" in request.text:
            return replace(tell(self, request), text=proposals.pop(0))
        return tell(self, request)

    monkeypatch.setattr(ControlBackend, "answer", answer)
    (schemas / "simple/names.json").unlink()
    assert generate("-n", "2", "--most", "2", "--propose") == 1
    [case], [reject] = rows("cases.jsonl"), rows("rejects.jsonl")
    assert case["prompt"] == "The sender is Ada Lovelace. The weight is 7."
    assert case["expected_output"] == {"sender": "Ada Lovelace", "weight": 7, "items": []}
    assert reject["reason"] == "schema_invalid"
    assert reject["message"].startswith("the teacher's proposal: ")


def test_another_plan_is_refused(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("-n", "2") == 0
    assert generate("-n", "2", "--seed", "1") == 2
    assert (
        "out: holds cases that were made with another seed: name another folder with --out" in capsys.readouterr().err
    )
    assert generate("-n", "2", teacher="control:forgetful") == 2
    assert "made with another teacher" in capsys.readouterr().err
    Path("out/teacher.json").unlink()
    assert generate("-n", "2") == 2
    assert "out: holds cases already; nothing is written over" in capsys.readouterr().err


def test_what_is_there_already_is_not_asked_for(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("-n", "6") == 0
    cases = rows("cases.jsonl")
    Path("known").mkdir()
    Path("out").rename("known/out")
    assert generate("-n", "3", "--most", "6", "--against", "known") == 1
    assert [(row["reason"], row["message"]) for row in rows("rejects.jsonl")] == [
        ("duplicate", f"its expected output is that of {row['id']}") for row in cases
    ]
    assert all(row["prompt"] == "" for row in rows("rejects.jsonl"))


def test_none_is_in_either_split_of_the_bundled_suite(schemas: Path) -> None:
    for file in (schemas / "simple").iterdir():
        file.unlink()
    known = [
        json.loads((split / "simple/rating.jsonl").read_text(encoding="utf-8").splitlines()[0])
        for split in (bundled.TEST_CASES, bundled.TRAIN_CASES)
    ]
    # A schema that allows what EdgeJSON has already, and nothing else.
    own = {"type": "object", "enum": [row["expected_output"] for row in known]}
    (schemas / "simple/rating.json").write_text(json.dumps(own), encoding="utf-8")
    assert generate("-n", "1", "--most", "60") == 1
    messages = [row["message"] for row in rows("rejects.jsonl")]
    # It ends by itself: there is nothing new to try.
    assert len(messages) == 50
    assert {*messages} == {f"its expected output is that of {row['id']}" for row in known}


@pytest.mark.parametrize(
    ("arguments", "teacher", "message"),
    [
        ([], "control:told", "unknown control 'control:told'"),
        (["--schemas", "nowhere"], "control:teller", "nowhere: no such folder; schemas are looked for at nowhere/<"),
        (["--against", "nowhere"], "control:teller", "nowhere: there is no such path"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    schemas: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], teacher: str, message: str
) -> None:
    assert generate(*arguments, teacher=teacher) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_schema_whose_values_cannot_be_made_names_the_field(
    schemas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {
        "type": "object",
        "properties": {"code": {"type": "string", "not": {"type": "string"}}},
        "required": ["code"],
    }
    (schemas / "simple/odd.json").write_text(json.dumps(document), encoding="utf-8")
    assert generate("-n", "3") == 2
    assert "odd.json: no value could be made for code, which" in capsys.readouterr().err
