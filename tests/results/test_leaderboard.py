from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from helpers.chromium import opened, started
from helpers.runs import answers, cases, result_of, right, write_run

from pytest_edgejson.cli import main
from pytest_edgejson.results.compare.pairing import ComparisonError
from pytest_edgejson.results.leaderboard import _letters, make_leaderboard

MISSES = {"best": (), "good": range(1), "fair": range(4), "poor": range(30), "none": range(60)}


def runs(folder: Path, **settings: Any) -> list[Any]:
    """Five models on sixty cases; the first two cannot be told apart."""
    return [
        write_run(
            folder / f"{name}.jsonl",
            answers(60, misses, name),
            {name: {"parameters": 1_000_000, "bytes": 4_000_000}},
            {"generation": {name: {"loops": "end", **settings.get(name, {})}}},
        )
        for name, misses in reversed(MISSES.items())
    ]


def test_ranks_are_ranges_and_letters_tell_who_cannot_be_told_apart(tmp_path: Path) -> None:
    board = make_leaderboard(runs(tmp_path), {})
    found = {place.model.label: (place.first, place.last, place.group) for place in board.places}
    assert found == {
        "best": (1, 3, "a"),
        "good": (1, 3, "a"),
        "fair": (1, 3, "a"),
        "poor": (4, 4, "b"),
        "none": (5, 5, "c"),
    }
    assert list(found) == list(MISSES)


def test_letters_are_shared_just_where_nothing_tells_apart() -> None:
    # 0 and 2 differ, 1 differs from neither.
    assert _letters(3, {(0, 2)}) == ["a", "ab", "b"]
    assert _letters(2, set()) == ["a", "a"]
    apart = {(0, 2), (0, 3), (1, 3), (0, 4), (2, 4)}
    letters = _letters(5, apart)
    for one in range(5):
        for two in range(one + 1, 5):
            assert bool(set(letters[one]) & set(letters[two])) == ((one, two) not in apart)


def test_text_markdown_and_csv_tell_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(run.path) for run in runs(tmp_path)]
    assert main(["leaderboard", *files]) == 0
    text = capsys.readouterr().out
    assert "1-3     a        best     none          100.0 % [94.0, 100.0]" in text
    assert "4.0 MB" in text
    assert main(["leaderboard", *files, "--format", "markdown"]) == 0
    assert "| 1-3    | a       | `best`  | none" in capsys.readouterr().out
    assert main(["leaderboard", *files, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["model"] for row in rows] == list(MISSES)
    assert float(rows[3]["json_exact"]) == 0.5
    assert rows[0]["bytes"] == "4000000"


def test_a_model_named_like_a_formula_is_text_in_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "r.jsonl", answers(6, (), '=HYPERLINK("http://x")'))
    assert main(["leaderboard", str(run.path), "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["model"] == '\'=HYPERLINK("http://x")'


def test_another_setting_is_refused_by_name(tmp_path: Path) -> None:
    mixed = runs(tmp_path, fair={"temperature": 0.7}, best={"temperature": 0.0}, none={"temperature": 0.0})
    with pytest.raises(
        ComparisonError, match=r"fair\.jsonl: fair was run with temperature 0\.7, none of .* with 0\.0; a"
    ):
        make_leaderboard(mixed, {})


def test_another_suite_is_refused_with_the_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_run(tmp_path / "one.jsonl", answers(6))
    two = write_run(tmp_path / "two.jsonl", answers(4, (), "other"))
    assert main(["leaderboard", str(one.path), str(two.path)]) == 2
    error = capsys.readouterr().err
    assert "2 cases (case-004, case-005) only in" in error
    assert "a leaderboard is of one suite" in error


def test_free_and_held_models_stand_beside_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results: list[Any] = [result_of(case, right(case), "m") for case in cases(6)]
    results += [{**result, "model": "m+schema", "constrain": "schema"} for result in results]
    run = write_run(tmp_path / "r.jsonl", results)
    assert main(["leaderboard", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "m         none" in out
    assert "m+schema  schema" in out


def test_its_page_is_one_in_a_browser(tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="of the extra html")
    pytest.importorskip("matplotlib", reason="of the extra html")
    page = tmp_path / "board.html"
    assert main(["leaderboard", *(str(run.path) for run in runs(tmp_path)), "--html", str(page)]) == 0
    with started() as chromium, opened(chromium, page, java_script_enabled=False) as shown:
        assert shown.locator("#ranking tbody tr").count() == len(MISSES)
        assert shown.locator("#ranking svg").count() == 1
