"""What a miss, an error and a wrong option do to the outcome and the exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers.projects import Project, run_pytest


def test_gold_is_perfect_and_empty_is_nothing(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["all *6 *100.0 %*1.000*100.0 %*"])
    result = pytester.runpytest("--edgejson-model=control:empty")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["all *6 *0.0 %*0.000*0.0 %*"])


def test_a_failure_reads(project: Project, pytester: pytest.Pytester) -> None:
    wrong = '{"number": "B-1", "lines": [{"text": "tea", "price": 25}, {"text": "cake", "price": 4}]}'
    result = pytester.runpytest(f"--edgejson-model={project.record({'bill-001': wrong})}")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*bill-001?replay:answers?: 1 of 5 fields wrong: lines?0?.price 2.5 → 25*",
            "*lines?0?.price*",
            f"*{wrong[:40].replace('[', '?')}*",
            "run it again: pytest 'cases/test/medium/bill.jsonl::bill-001?replay:answers?' --edgejson-model=replay*",
            "MISS cases/test/medium/bill.jsonl::bill-001*1 of 5 fields wrong*",
        ]
    )


def test_the_printed_command_runs_just_this_case(project: Project, pytester: pytest.Pytester) -> None:
    import shlex

    result = pytester.runpytest(f"--edgejson-model={project.record({'tree-001': '{}'})}", "--edgejson-assert=schema")
    command = next(line.partition(": ")[2] for line in result.outlines if line.startswith("run it again: pytest "))
    again = pytester.runpytest(*shlex.split(command)[1:])
    again.assert_outcomes(failed=1)
    assert "--edgejson-assert=schema" in command


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["two words", "it's", 'a "quote"', "$(touch owned)", "`x`", "a;b&c"])
def test_the_printed_command_runs_in_a_shell_whatever_the_folder_is_called(
    project: Project, pytester: pytest.Pytester, folder: str
) -> None:
    (project.root / "cases" / "test").rename(project.root / folder)
    model = f"--edgejson-model={project.record({'tree-001': '{}'}, name=f'{folder}.jsonl')}"
    result = pytester.runpytest(folder, model, "--edgejson-schemas=schemas")
    command = next(line.partition(": ")[2] for line in result.outlines if line.startswith("run it again: pytest "))
    again = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m {command}"], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert "1 failed" in again.stdout, again.stdout + again.stderr
    assert not (project.root / "owned").exists()


def test_very_verbose_shows_the_whole_output(project: Project, pytester: pytest.Pytester) -> None:
    text = "words " * 2000 + "THE MIDDLE " + "words " * 2000
    model = f"--edgejson-model={project.record({'tree-001': text})}"
    pytester.runpytest(model).stdout.no_fnmatch_line("*THE MIDDLE*")
    pytester.runpytest(model, "-vv").stdout.fnmatch_lines(["*THE MIDDLE*"])


@pytest.mark.slow
def test_escape_sequences_of_an_output_do_not_reach_the_terminal(project: Project, pytester: pytest.Pytester) -> None:
    model = project.record({"tree-001": '{"root": "\\u001b[31m"} \x1b[2J\x07 \ud800'})
    for arguments in ((), ("-n2",)):
        result = run_pytest(pytester, f"--edgejson-model={model}", "--color=no", *arguments)
        result.assert_outcomes(passed=5, failed=1)
        assert "\x1b" not in result.stdout.str()
        assert "\x07" not in result.stdout.str()


def test_a_case_that_could_not_be_run_is_an_error(project: Project, pytester: pytest.Pytester) -> None:
    recording = project.root / project.record().removeprefix("replay:")
    lines = recording.read_text(encoding="utf-8").splitlines()
    recording.write_text("\n".join(line for line in lines if "contact-001" not in line) + "\n", encoding="utf-8")
    result = pytester.runpytest("--edgejson-model=replay:answers.jsonl", "--edgejson-report-only")
    result.assert_outcomes(passed=5, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "contact-001?replay:answers?: could not be run: no recorded output*",
            "ERROR *contact-001*could not be run*",
            "*1 case could not be run and counts in no metric*",
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--edgejson-model=nanoo"], "ERROR: *unknown model 'nanoo'*did you mean 'nano'*"),
        (["--edgejson-model=replay:gone.jsonl"], "ERROR: *gone.jsonl*"),
        (["--edgejson-model=./gone"], "ERROR: no model at './gone'*"),
        (["--edgejson-model=control:silver"], "ERROR: unknown control*control:gold*"),
        (["--edgejson-model=control:gold", "--edgejson-models=gone.toml"], "ERROR: *gone.toml*"),
        (["--edgejson-model=control:gold", "--edgejson-cases=gone"], "ERROR: --edgejson-cases: there is no *gone"),
        (["--edgejson-model=control:gold", "--edgejson-schemas=gone"], "ERROR: --edgejson-schemas: there is no *gone"),
        (["--edgejson-model=control:gold", "--edgejson-assert=f1"], "*'f1' is none of: exact, schema, field_f1>=X*"),
        (["--edgejson-model=control:gold", "--edgejson-profile=v2"], "*'v2' is none of: default, v3"),
        (["--edgejson-model=control:gold", "--edgejson-diffs=few"], "*'few' is none of: a number, all, none"),
        (["--edgejson-model=control:gold", "--edgejson-batch-size=0"], "*'0' is no whole number of at least 1"),
        (["--edgejson-model=control:gold", "--edgejson-dtype=int4"], "*'int4' is none of: auto, float32*"),
        (["--edgejson-model=control:gold", "--edgejson-max-new-tokens=x"], "*'x' is no whole number of at least 1"),
        (["--edgejson-model=control:gold", "--edgejson-results=."], "ERROR: cannot write *name a writable file"),
        (["--edgejson-model=control:gold", "--edgejson-store=cases"], "ERROR: *cases*"),
        (["--edgejson-results=x.jsonl"], "ERROR: --edgejson-results needs a model*--edgejson-model=NAME*"),
    ],
)
def test_wrong_options_are_usage_errors(
    project: Project, pytester: pytest.Pytester, arguments: list[str], message: str
) -> None:
    result = pytester.runpytest(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_wrong_ini_value_names_the_file_and_the_key(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_model = control:gold\nedgejson_diffs = few\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *tox.ini: edgejson_diffs: 'few' is none of*"])


def test_a_miss_keeps_its_place_in_the_failures_and_its_word(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(f"--edgejson-model={project.record({'tree-001': '{}'})}", "-v")
    result.stdout.fnmatch_lines(["*tree-001?replay:answers? MISS*", "*= FAILURES =*"])


def test_options_in_addopts_wait_for_a_model(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = --edgejson-report-only --edgejson-diffs=none\n")
    pytester.makepyfile(test_own="def test_own(): pass")
    pytester.runpytest().assert_outcomes(passed=1)
    assert pytester.runpytest("--edgejson-model=control:empty").ret == pytest.ExitCode.OK
