"""The bundled suite is what `edgejson suite build` writes, byte for byte."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.make.build import COUNTS, build_suite
from pytest_edgejson.suite.make.random_values import Values
from pytest_edgejson.suite.make.records import generate_record
from pytest_edgejson.suite.schemas import Schemas, complexity_of
from pytest_edgejson.values.jsonvalue import leaves

if TYPE_CHECKING:
    from pathlib import Path

CASES = bundled.ROOT / "cases"
SCHEMAS = Schemas(bundled.SCHEMAS)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in folder.rglob("*.jsonl") for line in file.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite") / "cases"
    assert build_suite(SCHEMAS, folder) == 158 + 629
    return folder


def test_building_again_gives_the_committed_bytes(built: Path) -> None:
    new, committed = contents(built), contents(CASES)
    assert new.keys() == committed.keys()
    assert [name for name in new if new[name] != committed[name]] == []


def test_the_counts_are_those_of_v3() -> None:
    for index, split in enumerate(("test", "train")):
        found = Counter(row["schema_id"] for row in rows(CASES / split))
        assert found == Counter({schema_id: counts[index] for schema_id, counts in COUNTS.items()})
    assert COUNTS["event_registration"] == (0, 9)
    assert COUNTS["tag_list"] == (10, 40)
    assert COUNTS["invoice"] == (5, 26)
    assert COUNTS["nested_organization"] == (2, 2)


@pytest.mark.parametrize(
    ("split", "total", "simple", "medium", "complex_"), [("test", 158, 76, 57, 25), ("train", 629, 350, 192, 87)]
)
def test_the_splits(split: str, total: int, simple: int, medium: int, complex_: int) -> None:
    found = Counter(row["complexity"] for row in rows(CASES / split))
    assert found == {"simple": simple, "medium": medium, "complex": complex_}
    assert found.total() == total


def test_every_file_is_read_as_cases_of_its_schema() -> None:
    files = list(CASES.rglob("*.jsonl"))
    assert len(files) == 24 + 25
    for file in files:
        for case in read_cases(file, complexity_of(SCHEMAS)):
            assert case.schema_id == file.stem
            assert case.complexity == file.parent.name
            assert case.states_complexity


def test_cases_are_as_large_as_those_of_v3() -> None:
    sizes: dict[str, list[int]] = {"simple": [], "medium": [], "complex": []}
    for row in rows(CASES / "test"):
        sizes[row["complexity"]].append(len(leaves(row["expected_output"])))
    means = {complexity: sum(found) / len(found) for complexity, found in sizes.items()}
    assert means == {
        "simple": pytest.approx(4.0, rel=0.25),
        "medium": pytest.approx(14.0, rel=0.25),
        "complex": pytest.approx(48.4, rel=0.25),
    }


def test_all_headings_occur() -> None:
    first = {row["prompt"].partition("\n")[0] for row in rows(CASES / "test") if row["schema_id"] == "tag_list"}
    assert {heading[:3] for heading in first} == {"Ite", "New", "==="}


def test_the_splits_share_no_expected_string_that_can_be_learned_by_heart() -> None:
    def people(split: str) -> set[str]:
        names = {"name", "full_name", "reviewer_name", "customer_name", "city", "street", "address", "email"}
        return {
            value
            for row in rows(CASES / split)
            for path, value in leaves(row["expected_output"]).items()
            if isinstance(value, str) and path[-1] in names
        }

    assert len(people("test")) > 50
    assert not people("test") & people("train")


def test_another_seed_gives_other_cases(built: Path, tmp_path: Path) -> None:
    assert build_suite(SCHEMAS, tmp_path, seed=4) == 158 + 629
    assert contents(tmp_path).keys() == contents(built).keys()
    here, there = rows(tmp_path), rows(built)
    assert {row["id"] for row in here} == {row["id"] for row in there}
    # A form of four settings has few ways to be filled in.
    assert len({row["prompt"] for row in here} & {row["prompt"] for row in there}) <= 5


def test_files_are_replaced(built: Path, tmp_path: Path) -> None:
    old = tmp_path / "test/simple/rating.jsonl"
    old.parent.mkdir(parents=True)
    old.write_text("x" * 100_000, encoding="utf-8")
    build_suite(SCHEMAS, tmp_path)
    assert contents(tmp_path) == contents(built)


def test_training_can_never_meet_a_test_case() -> None:
    # Other schemas have names, numbers or identifiers enough; these settings alone could be met as a whole.
    schema = SCHEMAS["simple_config"]
    values = Values(0, "train")
    drawn = {
        json.dumps(generate_record(schema.id, schema.document, values, 0.7), sort_keys=True) for _ in range(20_000)
    }
    rows = (CASES / "test/simple/simple_config.jsonl").read_text(encoding="utf-8").splitlines()
    assert drawn.isdisjoint(json.dumps(json.loads(row)["expected_output"], sort_keys=True) for row in rows)
