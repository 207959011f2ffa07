from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.chromium import opened, started
from helpers.runs import answers, cases, result_of, right, write_run

from pytest_edgejson.backends.measuring.measurement import Answer, Measurement, Pass, read_measurements
from pytest_edgejson.cli import main
from pytest_edgejson.report.measured import as_documents
from pytest_edgejson.results.compare.pairing import ComparisonError
from pytest_edgejson.results.leaderboard import _letters, make_leaderboard
from pytest_edgejson.results.measured import Figures, figures

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


def test_what_the_projects_own_models_file_has_published_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = '[models.best]\nmodel = "x/y"\n[[models.best.published]]\nsource = "our notes"\njson_exact = 0.61\n'
    (tmp_path / "models.toml").write_text(entry, encoding="utf-8")
    files = [str(run.path) for run in runs(tmp_path)]
    for command in (["leaderboard", *files], ["compare", *files], ["report", *files]):
        assert main(command) == 0
        assert "61.0" in capsys.readouterr().out


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


def measurement(model: str, **changes: Any) -> Measurement:
    answers = (
        Answer("a", True, 2.0, "{}", prompt_tokens=100, output_tokens=11, first_s=1.0, first_tokens=1),
        Answer("b", False, 4.0, "{}", prompt_tokens=300, output_tokens=31, first_s=3.0, first_tokens=1),
        Answer("c", False, 9.0, error="it broke"),
    )
    values: dict[str, Any] = {
        "backend": {"backend": "llama.cpp", "bytes": 4_000_000},
        "machine": {"processor": "P", "cores": 4, "memory_bytes": 8_000_000_000, "system": "S"},
        "threads": 2,
        "passes": (Pass(0.0, 6.0, answers, joules=12.0),),
        "warm_up": 1,
        "max_new_tokens": 512,
        "created": "2026-01-01T00:00:00+00:00",
        "energy": "a meter's records, m.csv",
        "load_s": 0.25,
        "peak_bytes": 50_000_000,
    }
    return Measurement(model, **{**values, **changes})


def test_what_models_cost_are_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(run.path) for run in runs(tmp_path)]
    found = measurement("best")
    assert figures(found.passes) == Figures(
        answers=2,
        right=1,
        errors=1,
        prefill_tokens_per_s=100.0,
        decode_tokens_per_s=20.0,
        tokens_per_s=7.0,
        first_token_p50_s=1.0,
        first_token_p95_s=3.0,
        token_s=0.05,
        answer_p50_s=2.0,
        answer_p95_s=4.0,
        joules_per_answer=6.0,
        joules_per_right_answer=12.0,
    )
    silent = measurement("good", passes=(Pass(0.0, 1.0, ()),), peak_bytes=None, energy="not measured: x")
    measured = tmp_path / "measured.json"
    measured.write_text(json.dumps(as_documents([found, silent])))
    assert read_measurements(measured) == [found, silent]

    assert main(["leaderboard", *files, "--measured", str(measured), "--format", "csv"]) == 0
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    names = ("load_s", "peak_bytes", "first_token_p50_s", "decode_tokens_per_s", "joules_per_right_answer")
    assert [rows["best"][name] for name in names] == ["0.25", "5e+07", "1", "20", "12"]
    assert [rows["good"][name] for name in names] == ["0.25", "", "", "", ""]
    assert [rows["fair"][name] for name in names] == [""] * 5

    assert main(["leaderboard", *files, "--measured", str(measured), "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    assert "load | peak memory | first token p50" in " ".join(page.split())
    assert "250 ms | 50.0 MB | 1 s | 100 tokens/s | 20 tokens/s | 12 J |" in " ".join(page.split())
    assert "Measured one case at a time on: llama.cpp, P, 4 cores, 8.0 GB, S, 2 threads." in page


def test_measurements_that_belong_to_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(run.path) for run in runs(tmp_path)]
    measured = tmp_path / "measured.json"
    for content, message in (
        (as_documents([measurement("beast")]), "beast was measured and is in no results file: did you mean 'best'?"),
        (as_documents([measurement("best")] * 2), "best was measured twice: give one measurement of each model"),
        ([{"edgejson_measured": 2}], f"{measured}: no file of edgejson measure --out: it is of version 2: name one"),
        ([{"model": "x"}], f"{measured}: no file of edgejson measure --out: 'edgejson_measured': name one"),
    ):
        measured.write_text(json.dumps(content))
        assert main(["leaderboard", *files, "--measured", str(measured)]) == 2
        assert capsys.readouterr().err.startswith(f"edgejson: {message}")
