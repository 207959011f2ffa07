"""`--edgejson-baseline`: the results of an earlier run, on exactly the same cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.projects import Project

OK, FAILED, USAGE, UNMEASURABLE = 0, 1, 4, 6

BASELINE = "--edgejson-baseline=baseline.jsonl"
GATE = "--edgejson-gate=json_exact>=baseline-0.02"
REPLAY = "--edgejson-model=replay:answers.jsonl"


def model(project: Project, *wrong: str) -> str:
    return f"--edgejson-model={project.record(dict.fromkeys(wrong, '{}'))}"


@pytest.fixture
def baseline(project: Project, pytester: pytest.Pytester) -> Path:
    """The results of a run that misses bill-001."""
    pytester.runpytest(model(project, "bill-001"), "--edgejson-results=baseline.jsonl", "-p", "no:cacheprovider")
    return project.root / "baseline.jsonl"


def test_better_worse_and_merely_different(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    gates = (BASELINE, GATE, "--edgejson-gate=regressions<=0")
    assert pytester.runpytest(model(project), *gates).ret == OK
    result = pytester.runpytest(model(project, "tree-001"), *gates)
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(
        [
            "  PASS  *json_exact>=baseline-0.02  83.3 % *, n 6, bound 81.3 %, margin +2.0 points",
            "  FAIL  *regressions<=0 *1, n 6, margin -1: tree-001",
            "gate: replay:answers may not be released: 1 of 2 gates fails",
        ]
    )
    result = pytester.runpytest(model(project, "bill-001", "bill-002", "tree-001"), *gates)
    result.stdout.fnmatch_lines(["  FAIL *50.0 % *bound 81.3 %*", "  FAIL *2, n 6, margin -2: bill-002, tree-001"])


@pytest.mark.slow
def test_under_xdist(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    result = pytester.runpytest_subprocess(
        model(project, "tree-001"), BASELINE, "--edgejson-gate=regressions<=0", "-n2"
    )
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["  FAIL *regressions<=0 *1, n 6, margin -1: tree-001"])


def test_a_part_of_the_cases_is_unmeasurable(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    run = (model(project), BASELINE, "-k", "tree")
    for gate in (GATE, "--edgejson-gate=regressions<=9"):
        assert pytester.runpytest(*run, gate).ret == UNMEASURABLE
    assert pytester.runpytest(*run, "--edgejson-gate=json_exact[complex]>=baseline").ret == OK


def usage_error(pytester: pytest.Pytester, *arguments: str) -> str:
    """Run, and return the error, which comes before any case has run."""
    result = pytester.runpytest(*arguments)
    assert result.ret == USAGE
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert "EdgeJSON ===" not in result.stdout.str()
    (error,) = [line for line in result.errlines if line.startswith("ERROR: ")]
    return error


def change_cases(project: Project, complexity_and_schema: str, **changes: object) -> None:
    file = project.root / f"cases/test/{complexity_and_schema}.jsonl"
    first, *rest = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    project.write_cases(f"cases/test/{complexity_and_schema}.jsonl", [first | changes, *rest])


def test_a_changed_suite_is_refused_with_the_differences(
    project: Project, pytester: pytest.Pytester, baseline: Path
) -> None:
    change_cases(project, "complex/tree", prompt="another text")
    change_cases(project, "medium/bill", id="bill-009", expected_output={"number": "x", "lines": []})
    assert usage_error(pytester, model(project), BASELINE, GATE) == (
        f"ERROR: baseline {baseline}: made on other cases: 3 cases differ: tree-001 (prompt changed), "
        "bill-009 (not in the baseline), bill-001 (not in this suite): make it anew on the whole suite with "
        "--edgejson-results"
    )


def test_a_changed_schema_changes_every_case_of_it(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    schema = project.root / "schemas/simple/contact.json"
    schema.write_text(json.dumps(json.loads(schema.read_text()) | {"maxProperties": 3}), encoding="utf-8")
    error = usage_error(pytester, model(project), BASELINE, GATE)
    assert "3 cases differ: contact-001 (schema changed), contact-002 (schema changed)" in error


def test_a_baseline_of_a_part_is_refused(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(model(project), "--edgejson-results=baseline.jsonl", "-k", "tree")
    error = usage_error(pytester, model(project), BASELINE, GATE)
    assert "5 cases differ: bill-001 (not in the baseline), " in error
    assert ", and 2 more" in error


def test_a_baseline_with_cases_that_could_not_be_run_is_refused(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "one.jsonl").write_text('{"case_id": "tree-001", "output": "{}"}\n', encoding="utf-8")
    pytester.runpytest("--edgejson-model=replay:one.jsonl", "--edgejson-results=baseline.jsonl")
    error = usage_error(pytester, model(project), BASELINE, GATE)
    assert "5 cases differ: bill-001 (could not be run in the baseline)" in error


def test_a_baseline_with_a_repeat_that_could_not_be_run_is_refused(project: Project, pytester: pytest.Pytester) -> None:
    project.record()
    rows = [json.loads(line) for line in (project.root / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    twice = [row | {"repeat": repeat} for row in rows for repeat in (1, 2)]
    answers = "".join(json.dumps(row) + "\n" for row in twice if (row["case_id"], row["repeat"]) != ("tree-001", 2))
    (project.root / "answers.jsonl").write_text(answers, encoding="utf-8")
    pytester.runpytest(REPLAY, "--edgejson-repeat=2", "--edgejson-results=baseline.jsonl")
    error = usage_error(pytester, REPLAY, "--edgejson-repeat=2", BASELINE, "--edgejson-gate=regressions<=1")
    assert "1 case differs: tree-001 (could not be run in the baseline)" in error


def test_counts_are_compared_with_those_of_as_many_repeats(
    project: Project, pytester: pytest.Pytester, baseline: Path
) -> None:
    run = ("--edgejson-model=control:gold", "--edgejson-repeat=3", BASELINE)
    for gate in ("misses<=baseline", "cost<=baseline", "regressions<=1", "p_worse>=0.05"):
        assert usage_error(pytester, *run, f"--edgejson-gate={gate}") == (
            f"ERROR: the gate {gate} needs a baseline with as many repeats: {baseline} has 1, "
            "this run has 3: use the same --edgejson-repeat"
        )
    assert pytester.runpytest(*run, GATE, "--edgejson-gate=misses<=0").ret == OK


def test_which_model_of_the_baseline(project: Project, pytester: pytest.Pytester) -> None:
    both = ("--edgejson-model=control:gold", "--edgejson-model=control:empty")
    pytester.runpytest(*both, "--edgejson-results=baseline.jsonl")
    gate = "--edgejson-gate=json_exact>=baseline"
    # The same name.
    assert pytester.runpytest(*both, BASELINE, gate).ret == OK
    error = usage_error(pytester, model(project), BASELINE, gate)
    assert "which model is replay:answers to be compared with? it has control:gold, control:empty: name it" in error
    assert error.endswith("baseline.jsonl#control:gold")
    assert pytester.runpytest(model(project, "tree-001"), f"{BASELINE}#control:empty", gate).ret == OK
    assert pytester.runpytest(model(project, "tree-001"), f"{BASELINE}#control:gold", gate).ret == FAILED
    error = usage_error(pytester, model(project), f"{BASELINE}#control:rules", gate)
    assert error.endswith("baseline.jsonl: no model 'control:rules': it has control:gold, control:empty")


def test_other_usage_errors(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    gold = "--edgejson-model=control:gold"
    assert "gone.jsonl: cannot be read" in usage_error(pytester, gold, GATE, "--edgejson-baseline=gone.jsonl")
    assert "answers.jsonl:1: " in usage_error(pytester, gold, GATE, "--edgejson-baseline=answers.jsonl")
    error = usage_error(pytester, gold, GATE, BASELINE, "--edgejson-results=baseline.jsonl")
    assert "would replace the baseline" in error
    error = usage_error(pytester, gold, GATE, BASELINE, "--edgejson-extraction=strict")
    assert "made with --edgejson-extraction=lenient, this run has strict" in error


def test_without_a_gate_nothing_is_forgiven(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    assert pytester.runpytest(model(project), BASELINE).ret == OK
    result = pytester.runpytest(model(project, "tree-001"), BASELINE)
    assert result.ret == FAILED
    result.stdout.no_fnmatch_line("gate*")


def test_a_failed_run_leaves_the_baseline_alone(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    before = baseline.read_bytes()
    wrong = model(project, "tree-001", "bill-001")
    assert pytester.runpytest(wrong, BASELINE, GATE, "--edgejson-results=now.jsonl").ret == FAILED
    assert baseline.read_bytes() == before


def test_the_baseline_of_models_toml_is_relative_to_it_and_gives_way_to_the_option(
    project: Project, pytester: pytest.Pytester, baseline: Path
) -> None:
    (project.root / "kept").mkdir()
    baseline.rename(project.root / "kept/baseline.jsonl")
    (project.root / "kept/models.toml").write_text(
        '[models.mine]\nbackend = "control"\nmodel = "empty"\n'
        '[models.mine.gate]\nrequire = ["regressions==5"]\nbaseline = "baseline.jsonl"\n',
        encoding="utf-8",
    )
    run = ("--edgejson-models=kept/models.toml", "--edgejson-model=mine")
    assert pytester.runpytest(*run).ret == OK
    pytester.runpytest("--edgejson-model=control:gold", "--edgejson-results=gold.jsonl")
    result = pytester.runpytest(*run, "--edgejson-baseline=gold.jsonl")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["  FAIL *6, n 6, *"])


def test_misses_are_those_of_this_runs_assertion(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    wrong = project.record({"tree-001": '{"root": {}}'})
    run = (f"--edgejson-model={wrong}", BASELINE)
    assert pytester.runpytest(*run, "--edgejson-gate=regressions==1").ret == OK
    assert pytester.runpytest(*run, "--edgejson-gate=regressions==0", "--edgejson-assert=schema").ret == OK


def test_ini(project: Project, pytester: pytest.Pytester, baseline: Path) -> None:
    pytester.makeini("[pytest]\nedgejson_baseline = baseline.jsonl\n")
    # Without a gate there is nothing to compare.
    assert pytester.runpytest(model(project)).ret == OK
    assert pytester.runpytest(model(project, "tree-001"), "--edgejson-gate=regressions==1").ret == OK
