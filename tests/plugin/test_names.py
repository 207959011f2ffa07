"""Folders and ids of any name: what is printed to run a case again runs it, and each way to name a case works."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from helpers.projects import Project, run_pytest

FOLDERS = ["with space", "it's", 'so "said"', "runs [old]", "[", "$(touch pwned)", "`id`;&|", "line\nfeed", "tab\t\x1b",
           "-dash", "@at", "a::b", "back\\slash", "*?", "हिन्दी", "mark\u202e", "\u0085x"]  # fmt: skip
IDS = ["a b", "train/0", "a::b", "a::b::c", "::", "a[1]", "[1]", "a]b[", "a[m]", "-x", "--collect-only", "@x", "it's",
       "$(id)", "100%", 'say "so"', "हिन्दी-१", "مثال", "e\u0301", "👩‍💻", "全角\u3000空白", "a.jsonl::b", "#", "\\",
       "a-r2"]  # fmt: skip


def _words(command: str) -> list[str]:
    """Split a command as bash does, which runs what is not quoted."""
    words = subprocess.run(["bash", "-c", f'printf "%s\\0" {command}'], capture_output=True, check=True).stdout
    return words.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _reruns(result: pytest.RunResult) -> list[list[str]]:
    return [_words(line.partition(": ")[2]) for line in result.outlines if line.startswith("run it again: ")]


def _make(project: Project, folder: str, *ids: str) -> None:
    cases = [{"id": each, "schema_id": "contact", "prompt": "x", "expected_output": {"name": each}} for each in ids]
    project.write_cases(f"{folder}/c.jsonl", cases)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_printed_command_runs_the_case_in_a_folder_of_any_name(
    project: Project, pytester: pytest.Pytester, folder: str
) -> None:
    _make(project, f"suite/{folder}", "a", "b")
    _make(project, "suite", "c")
    result = pytester.runpytest(
        "suite", "--edgejson-model=control:empty", "--edgejson-diffs=all", f"--edgejson-store={folder}.s"
    )
    result.assert_outcomes(failed=3)
    reruns = [words for words in _reruns(result) if words[1].endswith("c.jsonl::a[control:empty]")]
    assert len(reruns) == 1
    again = pytester.runpytest(*reruns[0][1:])
    again.assert_outcomes(failed=1)
    assert not (project.root / "pwned").exists()


@pytest.mark.parametrize("folder", ["runs [old]", "a::b"])
def test_a_folder_that_pytest_cannot_take_may_be_named(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    _make(project, folder, "a", "b")
    _make(project, f"{folder}/deeper", "c")
    _make(project, "other", "d", "e")
    gold = "--edgejson-model=control:gold"
    pytester.runpytest(folder, gold).assert_outcomes(passed=3)
    pytester.runpytest(f"--edgejson-cases={folder}", gold).assert_outcomes(passed=3)
    pytester.runpytest(str(project.root / folder), gold).assert_outcomes(passed=3)
    pytester.runpytest(f"{folder}/c.jsonl", gold).assert_outcomes(passed=2)
    pytester.runpytest(f"{folder}/c.jsonl::b", "other/c.jsonl::d[control:gold]", gold).assert_outcomes(passed=2)
    pytester.runpytest(f"{folder}/c.jsonl", gold, "--edgejson-gate=json_exact>=1").assert_outcomes(passed=2)
    wrong = pytester.runpytest(f"{folder}/c.jsonl::none", gold)
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines([f"ERROR: not found: {folder.replace('[', '?')}/c.jsonl::none"])
    monkeypatch.chdir(project.root / folder)
    pytester.runpytest(str(project.root / folder / "c.jsonl"), gold).assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_case_of_any_id_can_be_named(project: Project, pytester: pytest.Pytester) -> None:
    _make(project, "suite", *IDS)
    run = ("suite", "--edgejson-model=control:empty", "--edgejson-diffs=all", "--junitxml=out.xml")
    result = pytester.runpytest(*run)
    result.assert_outcomes(failed=len(IDS))
    reruns = _reruns(result)
    assert len(reruns) == len(IDS)
    for case_id, words in zip(IDS, reruns, strict=True):
        pytester.runpytest(*words[1:]).assert_outcomes(failed=1)
        pytester.runpytest(f"suite/c.jsonl::{case_id}", run[1]).assert_outcomes(failed=1)
    named = [case.get("classname", "") + case.get("name", "") for case in ElementTree.parse("out.xml").iter("testcase")]
    assert len(set(named)) == len(IDS)
    pytester.runpytest(*run, "--lf").assert_outcomes(failed=len(IDS))


@pytest.mark.slow
def test_workers_take_any_id(project: Project, pytester: pytest.Pytester) -> None:
    _make(project, "suite [1]", *IDS)
    run = ("suite [1]", "--edgejson-model=control:empty", "--edgejson-results=r.jsonl", "--edgejson-repeat=2")
    result = run_pytest(pytester, *run, "-n2")
    result.assert_outcomes(failed=2 * len(IDS))
    assert sorted(row["case_id"] for row in project.results("r.jsonl")[1]) == sorted(IDS * 2)


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("हिन्दी", 1),
        ("हिन्दी-१ or 👩‍💻", 2),
        ("not e\u0301", len(IDS) - 1),
        ("مثال", 1),
        ("空白", 1),
        ("a::b", 2),
        ("a[1]", 1),
    ],
)
def test_k_takes_any_script(project: Project, pytester: pytest.Pytester, expression: str, count: int) -> None:
    _make(project, "suite", *IDS)
    result = pytester.runpytest("suite", "--edgejson-model=control:gold", "-k", expression)
    result.assert_outcomes(passed=count, deselected=len(IDS) - count)


def test_a_recording_and_its_results_know_any_id(project: Project, pytester: pytest.Pytester) -> None:
    _make(project, "suite", *IDS)
    rows = [{"case_id": each, "output": json.dumps({"name": each})} for each in IDS]
    (project.root / "rec.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    run = pytester.runpytest("suite", "--edgejson-model=replay:rec.jsonl", "--edgejson-results=r.jsonl")
    run.assert_outcomes(passed=len(IDS))
    pytester.runpytest("suite", "--edgejson-model=replay:r.jsonl").assert_outcomes(passed=len(IDS))
