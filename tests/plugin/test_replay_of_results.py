"""The results of a run as a recording, and names of recordings."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from helpers.projects import Project, run_pytest

WORKERS = pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n2",), marks=pytest.mark.slow)], ids=["alone", "with workers"]
)
SCORES = (
    "case_id",
    "repeat",
    "output",
    "finish_reason",
    "value",
    "json_exact",
    "field_f1",
    "failure",
    "fields",
    "flags",
)


def scores(project: Project, name: str, model: str) -> list[dict[str, Any]]:
    rows = [row for row in project.results(name)[1] if row["model"] == model]
    return sorted(({key: row[key] for key in SCORES} for row in rows), key=lambda row: (row["case_id"], row["repeat"]))


@WORKERS
@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_a_run_is_replayed_with_the_same_scores(
    project: Project, pytester: pytest.Pytester, workers: tuple[str, ...], suffix: str
) -> None:
    rows = [
        {"case_id": case_id, "repeat": repeat, "output": json.dumps(expected), "output_tokens": 7}
        | ({"finish_reason": "error"} if case_id == "bill-001" else {})
        for case_id, expected in project.expected.items()
        for repeat in (1, 2)
    ]
    (project.root / "rec.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    models = ("--edgejson-model=replay:rec.jsonl", "--edgejson-model=control:empty")
    first = run_pytest(pytester, *models, "--edgejson-repeat=2", f"--edgejson-results=one.{suffix}", *workers)
    first.assert_outcomes(passed=10, failed=12, errors=2)
    if suffix.endswith("gz"):
        file = project.root / "one.jsonl.gz"
        (project.root / "one.jsonl").write_bytes(gzip.decompress(file.read_bytes()))
        again = run_pytest(pytester, *models, f"--edgejson-results=one.{suffix}", "-k", "tree", *workers)
        again.assert_outcomes(passed=1, failed=1)
        file.write_bytes(gzip.compress((project.root / "one.jsonl").read_bytes()))
    for model, errors in (("replay:rec", 2), ("control:empty", 0)):
        model_again = f"--edgejson-model=replay:one.{suffix}#{model}"
        again = run_pytest(pytester, model_again, "--edgejson-repeat=2", "--edgejson-results=two.jsonl", *workers)
        assert again.parseoutcomes().get("errors", 0) == errors
        assert scores(project, "two.jsonl", f"replay:{model}") == scores(project, "one.jsonl", model)
    several = run_pytest(pytester, f"--edgejson-model=replay:one.{suffix}", *workers)
    assert several.ret == pytest.ExitCode.USAGE_ERROR
    several.stderr.fnmatch_lines(
        [f"ERROR: recording *one.{suffix}: holds the outputs of several models: choose one with*"]
    )


def test_recordings_of_any_name_keep_apart(project: Project, pytester: pytest.Pytester) -> None:
    names = ["a #1.jsonl", "b #1.jsonl", "#.jsonl", "c#d#e.jsonl.gz", "x/out.jsonl", "y/out.jsonl", "[1].NDJSON"]
    for number, name in enumerate(names):
        file = project.root / name
        file.parent.mkdir(exist_ok=True)
        rows = [json.dumps({"case_id": case_id, "output": str(number)}) for case_id in project.expected]
        text = "\n".join(rows).encode()
        file.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    run = [f"--edgejson-model=replay:{name}" for name in names]
    pytester.runpytest(*run, "--edgejson-results=r.jsonl").assert_outcomes(failed=len(names) * 6)
    outputs = {(row["model"], row["output"]) for row in project.results("r.jsonl")[1]}
    labels = ["a-1", "b-1", "#", "c-d-e", "out", "out", "1"]
    assert len(outputs) == len({model for model, _ in outputs}) == len(names)
    for label, (model, _) in zip(labels, sorted(outputs, key=lambda each: int(each[1])), strict=True):
        assert label == "#" or label in model


def test_the_same_model_in_several_files(project: Project, pytester: pytest.Pytester) -> None:
    for name in ("one", "two", "three"):
        rows = [json.dumps({"case_id": case_id, "output": "", "model": "m"}) for case_id in project.expected]
        (project.root / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    run = [f"--edgejson-model=replay:{name}.jsonl#m" for name in ("one", "two", "three")]
    pytester.runpytest(*run, "--edgejson-results=r.jsonl").assert_outcomes(failed=18)
    assert list(project.results("r.jsonl")[0]["models"]) == ["replay:m", "replay:two-m", "replay:three-m"]


def test_a_baseline_with_a_number_sign_in_its_name(project: Project, pytester: pytest.Pytester) -> None:
    gold = "--edgejson-model=control:gold"
    pytester.runpytest(gold, "--edgejson-results=run #1.jsonl.gz").assert_outcomes(passed=6)
    gate = ("--edgejson-gate=json_exact>=baseline", gold)
    assert pytester.runpytest(*gate, "--edgejson-baseline=run #1.jsonl.gz").ret == 0
    assert pytester.runpytest(*gate, "--edgejson-baseline=run #1.jsonl.gz#control:gold").ret == 0
    wrong = pytester.runpytest(*gate, "--edgejson-baseline=run #1.jsonl.gz#other")
    wrong.stderr.fnmatch_lines(["ERROR: baseline *run #1.jsonl.gz: no model 'other'*"])
