"""The bundled suites beside EdgeJSON: what they hold, and that building anew gives the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.suites import find_suite
from pytest_edgejson.values.jsonvalue import leaves

NAMES = ["edgeintent", "edgefunccall"]


def rows(name: str, split: str) -> Iterator[dict[str, Any]]:
    for file in sorted((bundled.SUITES / name / "cases" / split).rglob("*.jsonl")):
        yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ("cases", "schemas")
        for path in (folder / part).rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", NAMES)
def test_building_anew_gives_the_shipped_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "build", name, "--out", str(tmp_path)]) == 0
    assert "wrote 750 cases" in capsys.readouterr().out
    assert files(tmp_path) == files(bundled.SUITES / name)
    assert main(["suite", "build", name, "--out", str(tmp_path), "--seed", "2"]) == 0
    assert files(tmp_path) != files(bundled.SUITES / name)
    assert main(["suite", "check", str(tmp_path / "cases"), "--schemas", str(tmp_path / "schemas")]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_determined_by_its_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "check", str(bundled.SUITES / name)]) == 0
    assert capsys.readouterr().out == "750 cases, no problems\n"
    assert main(["suite", "audit", str(bundled.SUITES / name)]) == 0
    assert "no unsound label" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_slices(name: str) -> None:
    suite = find_suite(name)
    test, train = [*rows(name, "test")], [*rows(name, "train")]
    assert (len(test), len(train)) == (150, 600)
    for split in (test, train):
        assert Counter(row[suite.slices.key] for row in split).keys() == set(suite.slices.values)


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_no_text(name: str) -> None:
    test, train = ({row["prompt"] for row in rows(name, split)} for split in ("test", "train"))
    assert not test & train
    assert len(test) == 150
    assert len(train) == 600


def test_intents_are_complete_and_their_splits_share_no_value() -> None:
    test, train = [*rows("edgeintent", "test")], [*rows("edgeintent", "train")]
    for split, outside in ((test, 24), (train, 90)):
        assert sum(row["expected_output"]["intent"] == "out_of_scope" for row in split) == outside
    for row in (*test, *train):
        assert all(value in row["prompt"] for value in row["expected_output"]["slots"].values())
    values = [
        {value for row in split for value in row["expected_output"]["slots"].values() if not value.isdigit()}
        for split in (test, train)
    ]
    assert not values[0] & values[1]


def test_calls_are_as_their_category_says() -> None:
    for split in ("test", "train"):
        for row in rows("edgefunccall", split):
            count = len(row["expected_output"])
            expected = {"single": {1}, "multiple": {1}, "irrelevant": {0}, "missing": {0}}
            assert count in expected.get(row["category"], {2, 3}), row
            for path, value in leaves(row["expected_output"]).items():
                assert not path or path[-1] == "name" or str(value) in row["prompt"], row
