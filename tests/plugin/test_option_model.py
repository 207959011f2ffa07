"""`--edgejson-model`, `--edgejson-models`: which models run, and their comparison."""

from __future__ import annotations

import pytest
from helpers.projects import Project

from pytest_edgejson.cli import main


def test_models_run_one_after_the_other_and_are_compared(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=control:gold", "--edgejson-model=control:empty", "-v")
    result.assert_outcomes(passed=6, failed=6)
    order = [
        line.partition("[")[2].partition("]")[0] for line in result.outlines if " PASSED" in line or " MISS" in line
    ]
    assert order == ["control:gold"] * 6 + ["control:empty"] * 6
    result.stdout.fnmatch_lines(
        ["JSONExact *n  control:gold *control:empty*", "simple *3  100.0 %* 0.0 %*", "all *6  100.0 %* 0.0 %*"]
    )


def test_a_model_named_twice_runs_once(project: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=control:gold", "--edgejson-model=control:gold")
    pytester.runpytest(*run).assert_outcomes(passed=6)


def test_one_model_is_loaded_at_a_time(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pytest_edgejson.backends import control

        loaded = 0
        generate, close = control.ControlBackend.generate, control.ControlBackend.close

        def counting(self, requests):
            global loaded
            loaded += 1
            assert loaded == 1
            return generate(self, requests)

        def closing(self):
            global loaded
            loaded = 0
            return close(self)

        control.ControlBackend.generate, control.ControlBackend.close = counting, closing
        """
    )
    models = ("--edgejson-model=control:gold", "--edgejson-model=control:empty", "--edgejson-model=control:rules")
    pytester.runpytest_subprocess(*models, "-p", "no:cacheprovider").assert_outcomes(passed=6, failed=12)


@pytest.mark.slow
def test_a_gguf_file_of_an_unknown_architecture_is_told_once_before_the_run(
    project: Project, pytester: pytest.Pytester, model_environment: None
) -> None:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: pip install 'pytest-edgejson[gguf]'")
    from helpers.gguf_models import NANO, make_gguf

    file = make_gguf(NANO, project.root / "new.gguf", architecture="fancynew")
    result = pytester.runpytest_subprocess(f"--edgejson-model={file}", "--edgejson-prompt=v3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.endswith(f"new: llama.cpp cannot load {file}: unknown model architecture: 'fancynew'")


def test_models_file(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "more.toml").write_text(
        '[models.best]\nbackend = "control"\nmodel = "gold"\ndescription = "knows it all"\n', encoding="utf-8"
    )
    run = ("--edgejson-model=best", "--edgejson-models=more.toml")
    result = pytester.runpytest(*run)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["edgejson: model best (knows it all)"])
    result = pytester.runpytest("--edgejson-model=best")
    result.stderr.fnmatch_lines(["ERROR: unknown model 'best'*the models file has: *nano*"])


def test_a_projects_own_models_file_is_read(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "models.toml").write_text('[models.ours]\nbackend = "control"\nmodel = "gold"\n', encoding="utf-8")
    pytester.runpytest("--edgejson-model=ours").assert_outcomes(passed=6)


def test_an_unknown_model_names_the_files_that_were_read(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "more.toml").touch()
    result = pytester.runpytest("--edgejson-model=ours")
    own = project.root / "models.toml"
    read = f"; read: the bundled models.toml; {own} at pytest's rootdir, which is not there; "
    result.stderr.fnmatch_lines([f"ERROR: unknown model 'ours'*{read}no --edgejson-models"])
    own.touch()
    result = pytester.runpytest("--edgejson-model=ours", "--edgejson-models=more.toml")
    read = f"; read: the bundled models.toml; {own} at pytest's rootdir; --edgejson-models=*more.toml"
    result.stderr.fnmatch_lines([f"ERROR: unknown model 'ours'*{read}"])


@pytest.mark.slow
def test_a_models_file_here_that_the_rootdir_leaves_out_is_named(
    project: Project, pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = project.root / "models.toml"
    own.write_text('[models.ours]\nbackend = "control"\nmodel = "gold"\n', encoding="utf-8")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (project.root / "cases").rename(elsewhere / "cases")
    (project.root / "schemas").rename(elsewhere / "schemas")
    run = (elsewhere / "cases", "--edgejson-model=ours")
    result = pytester.runpytest_subprocess(*run)
    fix = "add --edgejson-models=models.toml or --rootdir=."
    result.stderr.fnmatch_lines([f"ERROR: unknown model 'ours'*; but not {own}, as the rootdir is elsewhere: {fix}"])
    pytester.runpytest_subprocess(*run, "--edgejson-models=models.toml").assert_outcomes(passed=6)
    pytester.runpytest_subprocess(*run, "--rootdir=.").assert_outcomes(passed=6)


def test_ini_names_the_models_for_case_files_that_are_given(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_model =\n    control:gold\n    control:empty\n")
    pytester.runpytest("cases/test/complex").assert_outcomes(passed=1, failed=1)
    pytester.runpytest("cases/test/complex", "--edgejson-model=control:gold").assert_outcomes(passed=1)
    pytester.runpytest("cases/test/complex/tree.jsonl::tree-001[control:rules]").assert_outcomes(failed=1)


def test_published_results_stand_under_the_table(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "models.toml").write_text(
        '[models.ours]\nbackend = "control"\nmodel = "gold"\n'
        '[[models.ours.published]]\nsource = "our card"\njson_exact = 0.551\nfield_f1 = 0.729\n',
        encoding="utf-8",
    )
    line = "published for ours: JSONExact 55.1 %, FieldF1 0.729 (our card)"
    pytester.runpytest("--edgejson-model=ours", "-v").stdout.fnmatch_lines([line])
    pytester.runpytest("--edgejson-model=ours").stdout.no_fnmatch_line(line)


def test_folders_of_the_same_name_are_told_apart(project: Project, pytester: pytest.Pytester) -> None:
    for run in ("first", "second"):
        folder = project.root / run / "final"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    result = pytester.runpytest("--edgejson-model=first/final", "--edgejson-model=second/final", "--co", "-q")
    result.stdout.fnmatch_lines(["*contact-001?final?", "*contact-001?second-final?"])


def test_an_entry_names_the_models_own_marks_of_thoughts(pytester: pytest.Pytester, project: Project) -> None:
    draft, answer = '{"name": "Ada", "age": 63}', '{"name": "Ada", "age": 36}'
    project.record({"contact-001": f"<plan>{draft}</plan> {answer}"})
    entry = '[models.planner]\nbackend = "replay"\nmodel = "answers.jsonl"\n'
    (project.root / "models.toml").write_text(entry, encoding="utf-8")
    run = ("--edgejson-model=planner", "--edgejson-results=results.jsonl")
    pytester.runpytest_inprocess(*run).assert_outcomes(passed=5, failed=1)
    (project.root / "models.toml").write_text(entry + 'thoughts = [["<plan>", "</plan>"]]\n', encoding="utf-8")
    pytester.runpytest_inprocess(*run).assert_outcomes(passed=6)
    assert project.results()[1][0]["extraction"]["thoughts"] == [["<plan>", "</plan>"]]
    assert main(["rescore", "results.jsonl"]) == 0
