"""`edgejson show`: one case, and what each model made of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from helpers.answers import HOSTILE

from pytest_edgejson.cli import main
from pytest_edgejson.values.text import columns

if TYPE_CHECKING:
    from collections.abc import Callable

RIGHT_TEXT = "tea from the hills in the north, picked by hand and dried in the sun"


@pytest.fixture
def results(project, pytester) -> str:
    """The results of three models: bill-002 is exact, wrong in two fields, and no JSON at all."""
    pytester.runpytest_inprocess("--edgejson-model=control:gold", "--edgejson-results=gold.jsonl")
    wrong = {"number": "B-2", "lines": [{"text": "oil", "price": 9.5}], "note": HOSTILE}
    project.record({"bill-002": f"Sure:\n```json\n{json.dumps(wrong)}\n```"}, "wrong.jsonl")
    project.record({"bill-002": "Sorry " + HOSTILE.replace("\ud800", "")}, "sorry.jsonl")
    options = ("--edgejson-model=replay:wrong.jsonl", "--edgejson-model=replay:sorry.jsonl")
    pytester.runpytest_inprocess(*options, "--edgejson-results=run.jsonl", "--edgejson-report-only")
    return "run.jsonl"


@pytest.fixture
def shown(results, capsys) -> Callable[..., list[str]]:
    def show(*arguments: str) -> list[str]:
        capsys.readouterr()
        assert main(["show", *arguments]) == 0
        return capsys.readouterr().out.splitlines()

    return show


def test_a_case_is_shown_with_all_answers_of_all_files(shown):
    text = "\n".join(shown("gold.jsonl", "run.jsonl", "bill-002", "--width=100"))
    assert text.startswith("bill-002: bill, medium, 3 fields\n\nprompt (")
    assert text.count("  | Text of bill-002:") == 1
    assert text.count("expected output (") == 1
    for name in ("control:gold", "replay:wrong", "replay:sorry"):
        assert re.search(rf"^{name} +\d\.\d{{3}} +(yes|no) ", text, re.MULTILINE)
        assert re.search(rf"^{name}: ", text, re.MULTILINE)
    assert "value: as expected" in text
    assert "lenient extraction: an object, in a code fence, with prose around it" in text
    assert "  | Sure:\n  | ```json\n" in text
    assert "no object to compare: replay:sorry" in text
    assert "exact no, FieldF1 0.286" in text


def test_wrong_fields_stand_side_by_side(shown):
    lines = shown("gold.jsonl", "run.jsonl", "bill-002", "--width=100", "--model=control:gold", "--model=replay:wrong")
    start = next(number for number, line in enumerate(lines) if line.startswith("wrong in any"))
    cells = [re.split(r"  +", line) for line in lines[start : lines.index("", start)]]
    assert cells[0] == ["wrong in any", "expected", "control:gold", "replay:wrong"]
    assert cells[1] == ["lines[0].text", '"ink"', "=", '"oil"']
    assert cells[2] == ["lines[0].price", "9.99", "=", "9.5"]
    assert cells[3][:3] == ["note", "–", "="]


def test_one_model_only(shown):
    text = "\n".join(shown("run.jsonl", "bill-002", "--model", "replay:wrong"))
    assert "replay:sorry" not in text
    assert "wrong in any" not in text
    assert '    text   hallucinated  "ink" → "oil"' in text


def test_a_model_of_two_files_is_told_apart(shown, project):
    (project.root / "other.jsonl").write_bytes((project.root / "gold.jsonl").read_bytes())
    text = "\n".join(shown("gold.jsonl", "other.jsonl", "bill-002"))
    assert "control:gold gold: exact" in text
    assert "control:gold other: exact" in text


def test_a_case_that_was_changed_in_between_is_shown_twice(shown, project):
    file = project.root / "gold.jsonl"
    changed = file.read_text(encoding="utf-8").replace("Text of bill-002", "Other text of bill-002")
    (project.root / "other.jsonl").write_text(changed, encoding="utf-8")
    lines = shown("gold.jsonl", "other.jsonl", "bill-002")
    assert lines.count("bill-002: bill, medium, 3 fields") == 2


def test_strings_too_long_for_a_cell_begin_where_they_differ(project, pytester, capsys):
    case = {"id": "long-1", "schema_id": "contact", "complexity": "simple", "prompt": "x"}
    expected = {"name": RIGHT_TEXT, "age": 1}
    project.write_cases("cases/test/simple/contact.jsonl", [{**case, "expected_output": expected}])
    for name, word in (("a", "head"), ("b", "hoof")):
        project.record({"long-1": json.dumps({**expected, "name": RIGHT_TEXT.replace("hand", word)})}, f"{name}.jsonl")
    models = ("--edgejson-model=replay:a.jsonl", "--edgejson-model=replay:b.jsonl")
    pytester.runpytest_inprocess(*models, "--edgejson-results=run.jsonl", "-k", "long-1", "--edgejson-report-only")
    capsys.readouterr()
    assert main(["show", "run.jsonl", "long-1", "--width=80"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("name  "))
    assert all(word in row for word in ("hand", "head", "hoof"))


@pytest.mark.parametrize("options", [(), ("--raw",), ("--width=60",), ("--width=20",)])
def test_nothing_a_terminal_acts_on_comes_out(shown, options):
    lines = shown("gold.jsonl", "run.jsonl", "bill-002", *options)
    assert all(line.isprintable() for line in lines)
    assert "\\x1b[31m" in "\n".join(lines)


def test_tables_and_diffs_fit_into_the_width(shown):
    for width in (60, 90):
        lines = shown("gold.jsonl", "run.jsonl", "bill-002", f"--width={width}")
        start = next(number for number, line in enumerate(lines) if "FieldF1  schema" in line)
        for line in lines[start:]:
            assert columns(line) <= width or line.startswith("  | ")


def test_colour_is_there_when_asked_for_and_only_paint(shown, monkeypatch):
    arguments = ("gold.jsonl", "run.jsonl", "bill-002")
    plain = shown(*arguments)
    assert shown(*arguments, "--color=never") == plain
    painted = shown(*arguments, "--color=always")
    assert "\x1b[31m" in "\n".join(painted)
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in painted] == plain


def test_raw_shows_all_of_a_long_output(project, pytester, capsys):
    project.record({"contact-001": "word " * 5_000}, "long.jsonl")
    pytester.runpytest_inprocess(
        "--edgejson-model=replay:long.jsonl", "--edgejson-results=run.jsonl", "--edgejson-report-only"
    )
    capsys.readouterr()
    assert main(["show", "run.jsonl", "contact-001"]) == 0
    short = capsys.readouterr().out
    assert "characters left out, --raw shows them" in short
    assert main(["show", "run.jsonl", "contact-001", "--raw"]) == 0
    assert "word " * 5_000 in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run.jsonl", "bill-003"], "no result of case bill-003; the nearest: bill-002, bill-001"),
        (["run.jsonl", "bill-002", "--model=replay:wrog"], "no result of model replay:wrog; the nearest: replay:wrong"),
        (["nowhere.jsonl", "bill-002"], "nowhere.jsonl"),
    ],
)
def test_what_is_not_there_is_one_line(results, capsys, arguments, message):
    capsys.readouterr()
    assert main(["show", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edgejson: ")
    assert err.count("\n") == 1
    assert message in err
