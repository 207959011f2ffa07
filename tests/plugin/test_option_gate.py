"""`--edgejson-gate`: decides the exit code, forgives misses only, and never a part of the cases."""

from __future__ import annotations

import json

import jsonschema
import pytest
from helpers.projects import Project, run_pytest

from pytest_edgejson.results.file import SCHEMA_FILE
from pytest_edgejson.results.gates.evaluate import UNMEASURABLE_EXIT

OK, FAILED, INTERRUPTED, INTERNAL, USAGE, NO_TESTS = range(6)

HOLDS = "--edgejson-gate=json_exact>=0.5"
FAILS = "--edgejson-gate=json_exact[medium]>=0.9"
WRONG = {"bill-001": "{}"}


def model(project: Project) -> str:
    return f"--edgejson-model={project.record(WRONG)}"


@pytest.mark.parametrize(
    "extra",
    ["", "-pno:terminal", *(pytest.param(extra, marks=pytest.mark.slow) for extra in ("-n2", "-n2 -pno:terminal"))],
)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((HOLDS,), OK),
        ((HOLDS, FAILS), FAILED),
        ((HOLDS, "-k", "contact"), UNMEASURABLE_EXIT),
        ((HOLDS, FAILS, "-k", "bill"), FAILED),
    ],
    ids=["holds", "fails", "a part", "a part in which another gate fails"],
)
def test_exit_codes(
    project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...], extra: str, code: int
) -> None:
    result = run_pytest(pytester, model(project), *arguments, *extra.split())
    assert result.ret == code
    if "no:terminal" in extra:
        expected = {OK: [], FAILED: ["  FAIL *medium*"], UNMEASURABLE_EXIT: ["  UNMEASURABLE *3 of 6 cases ran"]}
        result.stderr.fnmatch_lines(expected[code])
        assert bool(result.errlines) == (code != OK)


def test_what_is_shown(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(model(project), HOLDS, FAILS, "--edgejson-gate=worst_schema(field_f1)>=0.1")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*= FAILURES =*",
            "all *6 *",
            "gates of replay:answers",
            "  PASS          json_exact>=0.5              83.3 % ?43.6, 97.0?, n 6, margin +33.3 points",
            "  FAIL          json_exact?medium?>=0.9      50.0 % ?9.5, 90.5?, n 2, margin -40.0 points",
            "  PASS          worst_schema(field_f1)>=0.1 *, n 2, margin +*: bill",
            "gate: replay:answers may not be released: 1 of 3 gates fails",
            "*1 failed, 5 passed*",
        ],
    )
    assert result.ret == FAILED
    assert result.stderr.str() == ""


def test_colours(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(model(project), HOLDS, FAILS, "--color=yes")
    text = result.stdout.str()
    assert "\x1b[32m  PASS" in text
    assert "\x1b[31m  FAIL" in text
    assert "\x1b[31mgate: " in text
    plain = pytester.runpytest(model(project), HOLDS, FAILS, "--color=no")
    assert "\x1b" not in plain.stdout.str()


def test_the_reason_is_shown_without_a_summary(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(model(project), FAILS, "--no-summary")
    assert result.ret == FAILED
    # Before pytest 9.2 no plugin could write a summary then.
    shown = result.outlines + result.errlines
    assert shown.count("gate: replay:answers may not be released: 1 of 1 gate fails") == 1


def test_a_gate_can_fail_though_every_case_passes(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-gate=errors>=1")
    result.assert_outcomes(passed=6)
    assert result.ret == FAILED


# What must never be forgiven: the gate holds, or would hold, in each.


def test_another_test_that_fails(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="def test_own(): assert False")
    result = pytester.runpytest(model(project), HOLDS, ".")
    result.assert_outcomes(passed=5, failed=2)
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["gate: * may not be released: its gates hold, but 1 other test failed"])


def test_a_fixture_that_breaks_after_a_miss(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_teardown(item):
            yield
            assert "bill-001" not in item.name
        """
    )
    result = pytester.runpytest(model(project), HOLDS)
    result.assert_outcomes(passed=5, failed=1, errors=1)
    assert result.ret == FAILED


def test_a_backend_that_breaks(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "one.jsonl").write_text('{"case_id": "tree-001", "output": "{}"}\n', encoding="utf-8")
    gates = ("--edgejson-gate=json_exact>=0", "--edgejson-gate=json_exact[complex]>=0", "--edgejson-gate=errors<=9")
    result = pytester.runpytest("--edgejson-model=replay:one.jsonl", *gates)
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(
        [
            "  UNMEASURABLE  json_exact>=0 *5 of 6 cases could not be run",
            "  PASS          json_exact?complex?>=0 *",
            "  PASS          errors<=9 *5, n 6, margin +4",
        ]
    )


@pytest.mark.parametrize("extra", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_collection_errors(project: Project, pytester: pytest.Pytester, extra: tuple[str, ...]) -> None:
    (project.root / "cases/test/simple/contact.jsonl").write_text("{broken\n", encoding="utf-8")
    gate = "--edgejson-gate=json_exact[medium]>=0"
    # pytest-xdist calls this a failure.
    assert run_pytest(pytester, model(project), gate, *extra).ret == (FAILED if extra else INTERRUPTED)
    result = run_pytest(pytester, model(project), gate, "--continue-on-collection-errors", *extra)
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["  UNMEASURABLE *contact.jsonl:1: not JSON*"])


def test_collection_errors_of_other_tests(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="import nowhere_to_be_found")
    assert pytester.runpytest(model(project), HOLDS, ".").ret == INTERRUPTED
    assert pytester.runpytest(model(project), HOLDS, "--continue-on-collection-errors", ".").ret == FAILED


def test_stopping_early(project: Project, pytester: pytest.Pytester) -> None:
    gate = "--edgejson-gate=json_exact>=0"
    result = pytester.runpytest(model(project), gate, "-x")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["  UNMEASURABLE *2 of 6 cases ran"])
    assert pytester.runpytest(model(project), gate, "--maxfail=1").ret == FAILED


@pytest.mark.slow
def test_stopping_early_with_workers(project: Project, pytester: pytest.Pytester) -> None:
    # pytest-xdist calls this an interrupt.
    assert run_pytest(pytester, model(project), "--edgejson-gate=json_exact>=0", "-x", "-n2").ret == INTERRUPTED


@pytest.mark.slow
def test_an_interrupt(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "def pytest_runtest_setup(item):\n    if 'bill-002' in item.name:\n        raise KeyboardInterrupt\n"
    )
    result = pytester.runpytest_subprocess(model(project), "--edgejson-gate=json_exact>=0")
    assert result.ret == INTERRUPTED
    result.stdout.fnmatch_lines(["  UNMEASURABLE *2 of 6 cases ran"])


def test_an_internal_error(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "def pytest_runtest_logfinish(nodeid):\n    if 'bill-002' in nodeid:\n        raise ZeroDivisionError\n"
    )
    result = pytester.runpytest_subprocess(model(project), "--edgejson-gate=json_exact>=0")
    assert result.ret == INTERNAL


@pytest.mark.slow
def test_a_worker_that_dies(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import os

        def pytest_runtest_call(item):
            if "bill-002" in item.name:
                os._exit(9)
        """
    )
    run = (model(project), "--edgejson-gate=json_exact[simple]>=0", "--edgejson-gate=json_exact[medium]>=0")
    result = pytester.runpytest_subprocess(*run, "-n2", "--max-worker-restart=0")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["  UNMEASURABLE *medium* of 2 cases ran", "gate: * may not be released: *"])


@pytest.mark.parametrize("extra", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_no_tests(project: Project, pytester: pytest.Pytester, extra: tuple[str, ...]) -> None:
    result = run_pytest(pytester, model(project), "--edgejson-gate=json_exact>=0", "-k", "nothing", *extra)
    assert result.ret == NO_TESTS


# A part of the cases is unmeasurable, however it came about.


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("-k", "contact or tree"), 4),
        (("-m", "simple"), 3),
        (("--deselect", "cases/test/complex/tree.jsonl::tree-001[replay:answers]"), 5),
        (("cases/test/medium",), 2),
        (("cases/test/simple/contact.jsonl",), 3),
        (("cases/test/simple/contact.jsonl::contact-002[replay:answers]",), 1),
        (("cases/test/simple", "cases/test/medium"), 5),
        (("--ignore=cases/test/complex",), 5),
    ],
)
def test_a_part_of_the_cases(
    project: Project, pytester: pytest.Pytester, arguments: tuple[str, ...], count: int
) -> None:
    result = pytester.runpytest(model(project), "--edgejson-gate=json_exact>=0", *arguments)
    assert result.ret == UNMEASURABLE_EXIT
    result.stdout.fnmatch_lines(
        [
            f"  UNMEASURABLE  json_exact>=0  {count} of 6 cases ran",
            "gate: replay:answers may not be released: 1 of 1 gate cannot be measured",
        ]
    )


def test_last_failed(project: Project, pytester: pytest.Pytester) -> None:
    run = (model(project), "--edgejson-gate=json_exact>=0.5")
    assert pytester.runpytest(*run).ret == OK
    result = pytester.runpytest(*run, "--lf")
    result.assert_outcomes(failed=1)
    assert result.ret == UNMEASURABLE_EXIT
    result.stdout.fnmatch_lines(["  UNMEASURABLE *1 of 6 cases ran"])


def test_cases_that_are_skipped(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.skip("not today"))
        """
    )
    result = pytester.runpytest(model(project), "--edgejson-gate=json_exact>=0")
    result.assert_outcomes(passed=4, failed=1, skipped=1)
    assert result.ret == UNMEASURABLE_EXIT


def test_a_slice_that_ran_whole_can_be_measured(project: Project, pytester: pytest.Pytester) -> None:
    run = (model(project), "--edgejson-gate=json_exact[simple]==1", "--edgejson-gate=json_exact[contact]==1")
    assert pytester.runpytest(*run, "-k", "contact").ret == OK
    assert pytester.runpytest(*run, "cases/test/simple").ret == OK


def test_another_suite_is_a_whole_of_its_own(project: Project, pytester: pytest.Pytester) -> None:
    rows = [
        {"id": f"more-{number}", "schema_id": "contact", "prompt": f"p{number}", "expected_output": {}, "lang": lang}
        for number, lang in enumerate(["de", "en", "en"])
    ]
    project.write_cases("more/a.jsonl", rows[:2])
    project.write_cases("more/b.jsonl", rows[2:])
    run = ("--edgejson-model=control:gold", "--edgejson-gate=json_exact==1")
    assert pytester.runpytest(*run, "more").ret == OK
    assert pytester.runpytest(*run, "more/a.jsonl").ret == UNMEASURABLE_EXIT
    assert pytester.runpytest(*run, "more/a.jsonl", "more/b.jsonl").ret == OK
    assert pytester.runpytest(*run, "more/a.jsonl", "--edgejson-cases=more/a.jsonl").ret == OK
    assert pytester.runpytest(*run, "--edgejson-cases=more").ret == OK
    assert pytester.runpytest(*run, ".").ret == OK
    by_tag = ("--edgejson-model=control:gold", "--edgejson-gate=misses[lang=de]==0", "--edgejson-gate=misses[en]==0")
    assert pytester.runpytest(*by_tag, "more").ret == OK


# Models.


def test_several_models(project: Project, pytester: pytest.Pytester) -> None:
    models = ("--edgejson-model=control:gold", "--edgejson-model=control:empty")
    result = pytester.runpytest(*models, "--edgejson-gate=json_exact==1", "--edgejson-gate=errors==0")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(
        [
            "gates of control:gold",
            "  PASS *",
            "  PASS *",
            "gates of control:empty",
            "  FAIL *",
            "  PASS *",
            "gate: control:gold may be released",
            "gate: control:empty may not be released: 1 of 2 gates fails",
        ],
        consecutive=True,
    )
    both = pytester.runpytest(*models, "--edgejson-gate=json_exact>=0", "-k", "control:gold")
    assert both.ret == UNMEASURABLE_EXIT


def write_models(project: Project, require: str, extra: str = "") -> None:
    (project.root / "models.toml").write_text(
        f'[models.mine]\nbackend = "control"\nmodel = "empty"\n[models.mine.gate]\nrequire = [{require}]\n{extra}',
        encoding="utf-8",
    )


def test_gates_of_models_toml_apply_to_their_model(project: Project, pytester: pytest.Pytester) -> None:
    write_models(project, '"json_exact>=0", "misses<=6"')
    assert pytester.runpytest("--edgejson-model=mine").ret == OK
    # The misses of a model without a gate fail the run as ever.
    result = pytester.runpytest("--edgejson-model=mine", "--edgejson-model=control:empty")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["gate: mine may not be released: its gates hold, but 6 other tests failed"])
    # Those of the command line hold beside them.
    result = pytester.runpytest("--edgejson-model=mine", "--edgejson-gate=misses<=5", "--edgejson-gate=json_exact>=0")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["gate: mine may not be released: 1 of 3 gates fails"])


def test_a_wrong_gate_of_models_toml_is_a_usage_error_that_names_the_place(
    project: Project, pytester: pytest.Pytester
) -> None:
    write_models(project, '"errors==0", "json_exat>=0.5"')
    result = pytester.runpytest("--edgejson-model=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: *models.toml: models.mine.gate: unknown metric 'json_exat'*", "  json_exat>=0.5"]
    )


def test_report_only_leaves_the_exit_code_alone(project: Project, pytester: pytest.Pytester) -> None:
    write_models(project, '"json_exact>=0.5"')
    result = pytester.runpytest("--edgejson-model=mine", "--edgejson-report-only")
    assert result.ret == OK
    result.stdout.fnmatch_lines(["gate: mine may not be released: 1 of 1 gate fails (--edgejson-report-only: *"])
    assert pytester.runpytest("--edgejson-model=mine", "--edgejson-report-only", "-k", "bill").ret == OK


# Options.


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--edgejson-gate=json_exat>=1"], ["*--edgejson-gate: unknown metric*json_exact?*", "  json_exat>=1", "  ^"]),
        (
            ["--edgejson-gate=json_exact[simpel]>=1"],
            [
                "ERROR: no case is in the slice 'simpel': did you mean 'simple'*",
                "  json_exact?simpel?>=1",
                " " * 13 + "^",
            ],
        ),
        (
            ["--edgejson-gate=regressions<=3"],
            ["ERROR: the gate regressions<=3 needs a baseline: *--edgejson-baseline*"],
        ),
        (["--edgejson-gate=json_exact>=1", "--edgejson-report-only"], ["ERROR: *drop one of them"]),
    ],
)
def test_usage_errors(project: Project, pytester: pytest.Pytester, arguments: list[str], lines: list[str]) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", *arguments)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(lines)
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.slow
def test_an_unknown_slice_is_a_usage_error_under_xdist(project: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=control:gold", "--edgejson-gate=json_exact[simpel]>=1", "-n2")
    result = pytester.runpytest_subprocess(*run)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["ERROR: no case is in the slice 'simpel'*"])


def test_a_gate_needs_a_model(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-gate=json_exact>=1")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["ERROR: --edgejson-gate needs a model*"])


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_gate =\n    json_exact>=0.5\n    json_exact[medium]>=0.9\n")
    assert pytester.runpytest(model(project)).ret == FAILED
    assert pytester.runpytest(model(project), HOLDS).ret == OK
    assert pytester.runpytest(model(project), "--edgejson-report-only").ret == OK
    pytester.makeini("[pytest]\nedgejson_gate = json_exact>0.5>0.4\n")
    result = pytester.runpytest(model(project))
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(
        ["ERROR: *tox.ini: edgejson_gate: a gate ends after its bound*", "  json_exact>0.5>0.4"]
    )


def test_other_assertions_and_profiles(project: Project, pytester: pytest.Pytester) -> None:
    changed = project.record({"contact-001": '{"name": "Ada", "age": 35}', "bill-001": '{"number": 1}'})
    run = (f"--edgejson-model={changed}", "--edgejson-assert=schema", "--edgejson-gate=misses==1")
    assert pytester.runpytest(*run).ret == OK
    # The published scorer's FieldF1 is that of the top-level keys.
    result = pytester.runpytest(f"--edgejson-model={changed}", "--edgejson-profile=v3", "--edgejson-gate=field_f1>=0")
    result.stdout.fnmatch_lines(["all *6 *", "  PASS *field_f1>=0 *0.750 *"])


def test_nothing_is_decided_when_cases_are_only_collected(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(model(project), FAILS, "--co", "-q")
    assert result.ret == OK
    assert "gate" not in result.stdout.str()


def test_the_rerun_command_runs_one_case_without_gates(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(model(project), FAILS)
    assert result.ret == FAILED
    assert not [line for line in result.outlines if line.startswith("run it again") and "gate" in line]


def test_the_results_file_has_what_the_gates_said(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(
        model(project), HOLDS, FAILS, "--edgejson-gate=latency_p95<1", "--edgejson-results=results.jsonl"
    )
    manifest, _ = project.results()
    jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))).validate(manifest)
    assert [(each["gate"], each["outcome"]) for each in manifest["gates"]] == [
        ("json_exact>=0.5", "pass"),
        ("json_exact[medium]>=0.9", "fail"),
        ("latency_p95<1", "unmeasurable"),
    ]
    assert manifest["gates"][1] | {"interval": None} == {
        "model": "replay:answers",
        "gate": "json_exact[medium]>=0.9",
        "outcome": "fail",
        "note": "",
        "value": 0.5,
        "interval": None,
        "n": 2,
        "bound": 0.9,
    }
