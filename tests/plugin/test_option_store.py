"""`--edgejson-store`: nothing is generated twice, and nothing that changed is taken for the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.projects import Project, completions_in, run_pytest

RUN = ("--edgejson-model=control:rules", "--edgejson-results=results.jsonl")


def stored(project: Project) -> list[str]:
    _, results = project.results()
    return sorted(result["case_id"] for result in results if result["stored"])


def test_a_second_run_generates_nothing(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(*RUN)
    assert stored(project) == []
    result = pytester.runpytest(*RUN)
    assert len(stored(project)) == 6
    result.stdout.fnmatch_lines(["6 of 6 completions are from the store*"])


def test_another_assertion_or_extraction_generates_nothing(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(*RUN)
    pytester.runpytest(*RUN, "--edgejson-assert=schema", "--edgejson-extraction=strict")
    assert len(stored(project)) == 6


def test_other_settings_generate_again(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(*RUN)
    pytester.runpytest(*RUN, "--edgejson-max-new-tokens=7")
    assert stored(project) == []


def test_a_changed_case_is_generated_again(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(*RUN)
    file = project.root / "cases/test/simple/contact.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("Text of contact-002", "A text"), encoding="utf-8")
    pytester.runpytest(*RUN)
    assert set(project.expected) - set(stored(project)) == {"contact-002"}


def test_a_model_does_not_get_the_answers_of_another(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest("--edgejson-model=control:gold").assert_outcomes(passed=6)
    pytester.runpytest("--edgejson-model=control:empty").assert_outcomes(failed=6)
    recording = project.record()
    pytester.runpytest(f"--edgejson-model={recording}").assert_outcomes(passed=6)
    project.record({"tree-001": "changed"})
    pytester.runpytest(f"--edgejson-model={recording}").assert_outcomes(passed=5, failed=1)


@pytest.mark.slow
def test_a_killed_run_is_taken_up(project: Project, pytester: pytest.Pytester) -> None:
    conftest = pytester.makeconftest(
        """
        import os

        def pytest_edgejson_result(result):
            if result["case_id"] == "bill-002":
                os._exit(9)
        """
    )
    assert pytester.runpytest_subprocess(*RUN).ret == 9
    conftest.unlink()
    pytester.runpytest_subprocess(*RUN)
    assert {"tree-001", "bill-001", "bill-002"} <= set(stored(project))


def test_the_store_is_where_the_option_says(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest(*RUN, "--edgejson-store=kept/store.sqlite", "-p", "no:cacheprovider")
    assert (project.root / "kept/store.sqlite").is_file()
    assert not (project.root / ".pytest_cache").exists()
    pytester.runpytest(*RUN, "--edgejson-store=kept/store.sqlite")
    assert len(stored(project)) == 6


def test_without_a_cache_directory_it_is_in_memory(project: Project, pytester: pytest.Pytester) -> None:
    def files() -> set[Path]:
        return {path for path in project.root.rglob("*") if "__pycache__" not in path.parts}

    before = files() | {project.root / "results.jsonl"}
    for _ in range(2):
        pytester.runpytest(*RUN, "-p", "no:cacheprovider")
        assert stored(project) == []
    assert files() == before


def test_a_cache_directory_that_cannot_be_made_is_a_note(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / ".pytest_cache").touch()
    # pytest warns of it, which the run around this one makes an error.
    quiet = ("-W", "ignore::pytest.PytestCacheWarning")
    result = pytester.runpytest("--edgejson-model=control:gold", *quiet)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(
        [
            "note: pytest's cache directory cannot be written: Not a directory; completions are kept in memory and "
            "lost with this run: name a file for them with --edgejson-store"
        ]
    )
    again = pytester.runpytest("--edgejson-model=control:gold", *quiet, "--edgejson-store=store.sqlite")
    again.stdout.no_fnmatch_line("note: *")


def test_cases_that_broke_are_tried_again(project: Project, pytester: pytest.Pytester) -> None:
    recording = project.root / "one.jsonl"
    recording.write_text('{"case_id": "tree-001", "output": "{}"}\n', encoding="utf-8")
    run = ("--edgejson-model=replay:one.jsonl", "--edgejson-results=results.jsonl")
    pytester.runpytest(*run).assert_outcomes(failed=1, errors=5)
    with recording.open("a", encoding="utf-8") as lines:
        lines.writelines(
            json.dumps({"case_id": case_id, "output": json.dumps(expected)}) + "\n"
            for case_id, expected in project.expected.items()
            if case_id != "tree-001"
        )
    pytester.runpytest(*run).assert_outcomes(failed=1, passed=5)


def test_a_damaged_store_names_the_file_and_the_way_out(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "store.sqlite").write_text("no database", encoding="utf-8")
    result = pytester.runpytest(*RUN, "--edgejson-store=store.sqlite")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *store.sqlite*--edgejson-store*"])


@pytest.mark.parametrize("extra", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_a_full_disk_costs_no_case(project: Project, pytester: pytest.Pytester, extra: tuple[str, ...]) -> None:
    pytester.makeconftest(
        """
        from pytest_edgejson.backends import control, store

        prepare, generate = store.Store._prepare, control.ControlBackend.generate

        def prepare_on_a_full_disk(self):
            prepare(self)
            if self._path is not None:
                self._connection.execute("PRAGMA max_page_count = 4")

        def counting(self, requests):
            with open("calls", "a") as file:
                file.write("call\\n")
            return generate(self, requests)

        def pytest_configure():
            store.Store._prepare, control.ControlBackend.generate = prepare_on_a_full_disk, counting

        def pytest_unconfigure():
            store.Store._prepare, control.ControlBackend.generate = prepare, generate
        """
    )
    run = (*RUN, "--edgejson-store=store.sqlite", "--edgejson-repeat=5", *extra)
    result = run_pytest(pytester, *run)
    result.assert_outcomes(failed=30)
    assert (project.root / "calls").read_text(encoding="utf-8").split() == ["call"] * (1 + len(extra))
    (line,) = [line for line in result.outlines if "store.sqlite cannot be used as a store" in line]
    assert line.endswith(
        "database or disk is full; choose another with --edgejson-store; completions are kept in memory from here on, "
        "and lost with this run"
    )
    assert len(project.results()[1]) == 30
    assert 0 < completions_in(project.root / "store.sqlite") < 30


def test_ini(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nedgejson_store = kept.sqlite\n")
    (project.root / "below").mkdir()
    pytester.runpytest("--edgejson-model=control:gold", "--rootdir=.", "cases")
    assert (project.root / "kept.sqlite").is_file()
