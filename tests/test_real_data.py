"""The real EdgeJSON v3 train split, where it is at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import read_cases
from pytest_edgejson.suite.schemas import Schemas, complexity_of

V3 = Path(__file__).resolve().parents[2] / "shared" / "edgejson-v3"

pytestmark = pytest.mark.skipif(not V3.is_dir(), reason="the EdgeJSON v3 data is not at hand")


def test_all_rows_are_read_and_valid_against_the_bundled_schemas() -> None:
    schemas = Schemas(bundled.SCHEMAS)
    cases = read_cases(V3 / "train.jsonl", complexity_of(schemas))
    assert len(cases) == 629
    assert [case.id for case in cases if schemas[case.schema_id].violations(case.expected_output)] == []
    assert sum(not case.states_complexity for case in cases) == 72


def test_no_row_of_the_bundled_suite_stands_in_it() -> None:
    rows = [json.loads(line) for line in (V3 / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    prompts = {row["prompt"] for row in rows}
    own = [
        json.loads(line)["prompt"]
        for file in bundled.TEST_CASES.parent.rglob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert len(own) == 787
    assert prompts.isdisjoint(own)


@pytest.mark.parametrize("schemas", [V3 / "schemas", bundled.SCHEMAS], ids=["its own schemas", "the bundled schemas"])
def test_a_single_file_with_all_schemas_runs(pytester: pytest.Pytester, schemas: Path) -> None:
    run = ("--edgejson-model=control:gold", f"--edgejson-schemas={schemas}")
    result = pytester.runpytest(str(V3 / "train.jsonl"), *run, "-q")
    result.assert_outcomes(passed=629)
    result.stdout.fnmatch_lines(["simple *350 *", "medium *192 *", "complex *87 *", "all *629 *"])
    deselected = pytester.runpytest(str(V3 / "train.jsonl"), *run, "-q", "-k", "complex", "--co")
    deselected.stdout.fnmatch_lines(["*87/629 tests collected*"])


@pytest.mark.parametrize("schemas", [V3 / "schemas", bundled.SCHEMAS], ids=["its own schemas", "the bundled schemas"])
def test_grammars_exclude_no_expected_output(schemas: Path) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed (extra `constrain`)")
    from pytest_edgejson.backends.constraint.coverage import check_grammars

    coverage = check_grammars([V3 / "train.jsonl"], lambda file: Schemas(schemas))
    assert (coverage.declared, coverage.empirical) == (25, 629)
