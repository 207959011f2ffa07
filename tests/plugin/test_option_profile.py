"""`--edgejson-profile=v3` and `--edgejson-extraction`: how an answer is judged."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project

# A nested answer followed by prose: the published regular expression finds a part of it only.
RUN_ON = '{"root": {"left": {"leaf": 1}, "right": {"leaf": 2}}} and more'


def test_v3_scores_as_published(project: Project, pytester: pytest.Pytester) -> None:
    answers = {
        "tree-001": RUN_ON,
        # The published scorer's equality takes true for 1.
        "contact-002": '{"name": "Grace", "age": 85, "vip": 1}',
    }
    model = f"--edgejson-model={project.record(answers)}"
    ours = pytester.runpytest(model, "--edgejson-results=ours.jsonl")
    ours.assert_outcomes(passed=5, failed=1)
    v3 = pytester.runpytest(model, "--edgejson-profile=v3", "--edgejson-results=v3.jsonl")
    v3.assert_outcomes(passed=5, failed=1)
    assert {row["case_id"] for row in project.results("ours.jsonl")[1] if not row["json_exact"]} == {"contact-002"}
    assert {row["case_id"] for row in project.results("v3.jsonl")[1] if not row["v3"]["json_exact"]} == {"tree-001"}
    v3.stdout.fnmatch_lines(["complex *1  0.0 %*", "*as EdgeJSON v3 was published*"])


def test_v3_generates_as_published(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(
        "--edgejson-model=control:gold", "--edgejson-profile=v3", "--edgejson-results=results.jsonl", "-k", "tree"
    )
    manifest, _ = project.results()
    assert manifest["settings"]["generation"]["control:gold"] == {
        "prompt": "v3",
        "system": None,
        "shots": 0,
        "chat_template_kwargs": {},
        "max_new_tokens": 512,
        "stop_at_root": False,
        "loops": "keep",
        "dtype": "float32",
        "merge_adapter": True,
        "temperature": 0.0,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "seed": 0,
        "constrain": "none",
        "thoughts": [],
    }


def test_v3_leaves_rows_without_complexity_out_of_its_table(project: Project, pytester: pytest.Pytester) -> None:
    file = project.root / "cases/test/medium/bill.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        del row["complexity"]
    project.write_cases("cases/test/medium/bill.jsonl", rows)
    result = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-profile=v3")
    result.stdout.no_fnmatch_line("medium*")
    result.stdout.fnmatch_lines(["all *6 *"])
    pytester.runpytest("--edgejson-model=control:gold").stdout.fnmatch_lines(["medium *2 *"])


def test_an_output_on_which_the_published_code_crashes_is_a_failure_that_says_so(
    project: Project, pytester: pytest.Pytester
) -> None:
    model = f"--edgejson-model={project.record({'tree-001': '{' + '[' * 5000})}"
    result = pytester.runpytest(model, "--edgejson-profile=v3")
    result.assert_outcomes(passed=5, failed=1)


def test_strict_extraction_wants_the_object_alone(project: Project, pytester: pytest.Pytester) -> None:
    model = f"--edgejson-model={project.record({'tree-001': RUN_ON})}"
    pytester.runpytest(model).assert_outcomes(passed=6)
    result = pytester.runpytest(model, "--edgejson-extraction=strict")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["*strict extraction*"])
