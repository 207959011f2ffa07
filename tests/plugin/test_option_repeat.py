"""`--edgejson-repeat` and the options of sampling."""

from __future__ import annotations

import json
import shutil

import pytest
from helpers.projects import Project, run_pytest


@pytest.fixture
def repeated(project: Project) -> str:
    """Return a model that answers contact-001 right twice, contact-002 once and contact-003 never, of three times."""
    rights = {"contact-001": 2, "contact-002": 1, "contact-003": 0}
    lines = [
        {
            "case_id": case_id,
            "repeat": repeat,
            "output": json.dumps(expected) if repeat <= rights.get(case_id, 3) else "{}",
        }
        for case_id, expected in project.expected.items()
        for repeat in (1, 2, 3)
    ]
    (project.root / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return "--edgejson-model=replay:answers.jsonl"


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_each_repeat_is_an_item_of_its_own(
    project: Project, pytester: pytest.Pytester, repeated: str, workers: tuple[str, ...]
) -> None:
    result = run_pytest(pytester, repeated, "--edgejson-repeat=3", "--edgejson-results=results.jsonl", *workers)
    result.assert_outcomes(passed=12, failed=6)
    _, rows = project.results()
    assert len({(row["case_id"], row["repeat"]) for row in rows}) == 18
    result.stdout.fnmatch_lines(
        [
            "all * 18  66.7 % *",
            "replay:answers: 3 answers to each of 6 cases",
            "JSONExact * 66.7 % * 16.7 % * 50.0 % * 83.3 %",
            "*1  66.7 % *66.7 % *",
            "*2  77.8 % *55.6 % *",
            "*3  83.3 % *50.0 % *",
            "all 3 answers are the same text in 4 of 6 cases",
            "*bootstrap over cases*",
        ]
    )


def test_intervals_do_not_take_repeats_for_more_cases(
    project: Project, pytester: pytest.Pytester, repeated: str
) -> None:
    pytester.runpytest(repeated, "--edgejson-repeat=3", "--edgejson-badge=badge.json", "--junitxml=junit.xml")
    text = (project.root / "junit.xml").read_text(encoding="utf-8")
    low = float(text.partition('name="edgejson.replay:answers.json_exact.low" value="')[2].partition('"')[0])
    # Eighteen independent answers would have given Wilson's 43.7 %; three of six cases pass always, the others vary.
    assert low < 0.43


def test_one_repeat_is_run_again_by_its_node_id(project: Project, pytester: pytest.Pytester, repeated: str) -> None:
    whole = pytester.runpytest(repeated, "--edgejson-repeat=3")
    whole.stdout.fnmatch_lines(
        ["run it again: pytest 'cases/test/simple/contact.jsonl::contact-00?[[]replay:answers-r?]'*"]
    )
    one = pytester.runpytest("cases/test/simple/contact.jsonl::contact-002[replay:answers-r2]", repeated)
    one.assert_outcomes(failed=1)
    last = pytester.runpytest(repeated, "--edgejson-repeat=3", "--lf")
    last.assert_outcomes(failed=6)


@pytest.fixture
def adapters(project: Project) -> Project:
    """Add a model whose name ends as a repeat does, and one of the name before that."""
    entries = {"adapter": "gold", "adapter-r2": "empty", "adapter-r8": "empty"}
    text = "".join(f'[models.{name}]\nbackend = "control"\nmodel = "{model}"\n' for name, model in entries.items())
    (project.root / "models.toml").write_text(text, encoding="utf-8")
    return project


def test_a_name_that_ends_as_a_repeat_does_is_a_name(adapters: Project, pytester: pytest.Pytester) -> None:
    run = pytester.runpytest("--edgejson-model=adapter-r8", "cases/test/simple")
    run.assert_outcomes(failed=3)
    run.stdout.fnmatch_lines(["run it again: pytest 'cases/test/simple/contact.jsonl::contact-001[[]adapter-r8]'"])
    place = "cases/test/simple/contact.jsonl::contact-001"
    for arguments in (["[adapter-r8]"], ["[adapter-r8]", "--edgejson-model=adapter-r8"]):
        one = pytester.runpytest(place + arguments[0], *arguments[1:], "--edgejson-results=results.jsonl")
        one.assert_outcomes(failed=1)
        (row,) = adapters.results()[1]
        assert (row["model"], row["repeat"]) == ("adapter-r8", 1)
    # No model is called that.
    pytester.runpytest(f"{place}[adapter-r3]").assert_outcomes(passed=1)
    pytester.runpytest(f"{place}[adapter-r3]", f"{place}[adapter-r8]").assert_outcomes(passed=1, failed=1)
    unknown = pytester.runpytest(f"{place}[adaptor-r3]")
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
    unknown.stderr.fnmatch_lines(["ERROR: unknown model 'adaptor': did you mean 'adapter'?*"])


def test_the_command_for_a_repeat_names_the_model(project: Project, pytester: pytest.Pytester) -> None:
    run = pytester.runpytest("--edgejson-model=control:empty", "--edgejson-repeat=2", "-k", "contact-001")
    place = "'cases/test/simple/contact.jsonl::contact-001[[]control:empty"
    run.stdout.fnmatch_lines(
        [f"run it again: pytest {place}]'", f"run it again: pytest {place}-r2]' --edgejson-model=control:empty"]
    )


def test_two_models_whose_items_would_have_the_same_name(adapters: Project, pytester: pytest.Pytester) -> None:
    both = ("--edgejson-model=adapter", "--edgejson-model=adapter-r2")
    pytester.runpytest(*both).assert_outcomes(passed=6, failed=6)
    result = pytester.runpytest(*both, "--edgejson-repeat=2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: 'adapter-r2' is a model, and what repeat 2 of 'adapter' is called: run them one after the other, "
            "or name one otherwise in models.toml"
        ]
    )


def test_repeats_can_be_selected(project: Project, pytester: pytest.Pytester, repeated: str) -> None:
    pytester.runpytest(repeated, "--edgejson-repeat=3", "-k", "r3").assert_outcomes(passed=3, failed=3)


def test_a_greedy_model_says_that_its_repeats_are_identical(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-repeat=2")
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["all 2 answers are the same text in 6 of 6 cases"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("repeat=0", "'0' is no whole number of at least 1"),
        ("temperature=-1", "'-1' is no number of at least 0; 0 is greedy"),
        ("temperature=warm", "'warm' is no number of at least 0; 0 is greedy"),
        ("top-p=0", "'0' is no probability above 0 and up to 1"),
        ("top-p=1.5", "'1.5' is no probability above 0 and up to 1"),
        ("repetition-penalty=0", "'0' is no number above 0; 1 is no penalty"),
        ("seed=-1", "'-1' is no whole number of at least 0"),
    ],
)
def test_wrong_values(project: Project, pytester: pytest.Pytester, option: str, message: str) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", f"--edgejson-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}"])


def outputs(project: Project, pytester: pytest.Pytester, *arguments: str) -> dict[tuple[str, int], tuple[str, bool]]:
    result = pytester.runpytest_subprocess(
        "--edgejson-model=nano", "--edgejson-results=results.jsonl", "--edgejson-max-new-tokens=20", *arguments
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    manifest, rows = project.results()
    assert manifest["settings"]["generation"]["nano"]["temperature"] == (
        1.5 if "--edgejson-temperature=1.5" in arguments else 0
    )
    return {(row["case_id"], row["repeat"]): (row["output"], row["stored"]) for row in rows}


@pytest.mark.slow
def test_a_real_model_draws_reproducibly_whatever_the_batch(project: Project, pytester: pytest.Pytester) -> None:
    pytest.importorskip("torch")
    shutil.rmtree(project.root / "cases" / "test" / "complex")
    sampled = ("--edgejson-temperature=1.5", "--edgejson-repeat=2")
    first = outputs(project, pytester, *sampled)
    assert len(first) == 10
    assert len({text for text, _ in first.values()}) > 5
    again = outputs(project, pytester, *sampled, "--edgejson-batch-size=1", "--edgejson-store=other.sqlite")
    assert {key: text for key, (text, _) in again.items()} == {key: text for key, (text, _) in first.items()}
    assert not any(stored for _, stored in again.values())
    other = outputs(project, pytester, *sampled, "--edgejson-seed=1")
    assert not any(stored for _, stored in other.values())
    assert {key: text for key, (text, _) in other.items()} != {key: text for key, (text, _) in first.items()}
    kept = outputs(project, pytester, *sampled)
    assert all(stored for _, stored in kept.values())
