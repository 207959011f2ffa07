"""`--edgejson-suite`: suites by name, each with slices, metrics and a prompt of its own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.projects import Project

from pytest_edgejson.cli import main
from pytest_edgejson.report.compare import render_markdown
from pytest_edgejson.report.explain import explain
from pytest_edgejson.results.compare.pairing import ComparisonError
from pytest_edgejson.results.compare.runs import compare_runs
from pytest_edgejson.results.file import read_run

GOLD = "--edgejson-model=control:gold"
TOML = """
title = "Moods"
version = "2"
licence = "CC0-1.0"
metrics = ["json_exact", "key_f1"]
prompt = "How does the writer feel? {prompt}"
max_new_tokens = 64

[slices]
key = "topic"
title = "topic of the note"
values = ["work", "home"]
"""
SCHEMA = {"type": "object", "properties": {"mood": {"type": "string"}}, "required": ["mood"]}


def make_suite(folder: Path, toml: str = TOML, split: str = "test") -> Path:
    """Write a suite of four cases: two about home, one about work, one about both."""
    rows = [
        {"id": f"mood-{number}", "schema_id": "mood", "prompt": f"I am {mood}.", "expected_output": {"mood": mood}}
        | {"topic": topic}
        for number, (mood, topic) in enumerate(
            [("glad", "home"), ("tired", "work"), ("calm", "home"), ("angry", ["home", "work"])], 1
        )
    ]
    for place, text in {
        "suite.toml": toml,
        "schemas/simple/mood.json": json.dumps(SCHEMA),
        f"cases/{split}/mood.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
    return folder


def recorded(folder: Path, **outputs: str) -> str:
    lines = [
        {
            "case_id": row["id"],
            "output": outputs.get(row["expected_output"]["mood"], json.dumps(row["expected_output"])),
        }
        for row in map(json.loads, (folder / "cases/test/mood.jsonl").read_text(encoding="utf-8").splitlines())
    ]
    (folder.parent / "said.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return "--edgejson-model=replay:said.jsonl"


@pytest.mark.parametrize("way", ["--edgejson-suite=moods", "moods", "moods/cases/test/mood.jsonl::mood-4"])
def test_a_folder_with_a_suite_file(pytester: pytest.Pytester, way: str) -> None:
    make_suite(pytester.path / "moods")
    result = pytester.runpytest(GOLD, way, "--edgejson-results=r.jsonl")
    result.assert_outcomes(passed=1 if "::" in way else 4)
    result.stdout.fnmatch_lines(["edgejson: suite moods (Moods 2)"])
    suite = read_run(pytester.path / "r.jsonl").suite
    assert (suite.name, suite.version, suite.slices.values) == ("moods", "2", ("work", "home"))


def test_a_folder_in_the_configuration_is_relative_to_that(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_suite(pytester.path / "moods")
    pytester.makeini("[pytest]\nedgejson_suite = moods\n")
    below = pytester.mkdir("below")
    monkeypatch.chdir(below)
    pytester.runpytest(GOLD).assert_outcomes(passed=4)
    # What is typed is relative to where it is.
    pytester.runpytest(GOLD, "--edgejson-suite=../moods").assert_outcomes(passed=4)
    monkeypatch.setenv("HOME", str(pytester.path))
    pytester.runpytest(GOLD, "--edgejson-suite=~/moods").assert_outcomes(passed=4)


def test_tables_are_by_its_slices_and_of_its_metrics(pytester: pytest.Pytester) -> None:
    model = recorded(make_suite(pytester.path / "moods"), glad='{"mood": "sad"}')
    run = (model, "moods", "--edgejson-results=r.jsonl", "--edgejson-report=r.md", "--junit-xml=r.xml", "-v")
    result = pytester.runpytest(*run)
    table = result.stdout.str().partition("= EdgeJSON =")[2]
    heads = [line.split()[:3] for line in table.splitlines() if line.split()]
    assert ["n", "JSONExact", "KeyF1"] in heads
    assert [row[:2] for row in heads if row[0] in ("work", "home", "all")][:3] == [
        ["work", "2"],
        ["home", "3"],
        ["all", "4"],
    ]
    assert "SchemaCompliance" not in table
    assert "Failure kinds by topic of the note" in table
    report = (pytester.path / "r.md").read_text(encoding="utf-8")
    assert report.startswith("## Moods")
    assert "SchemaCompliance" not in report
    properties = {each.get("name"): each.get("value") for each in ElementTree.parse("r.xml").iter("property")}
    assert properties["edgejson.replay:said.json_exact[home]"] == f"{2 / 3:.6f}"
    assert properties["topic"]
    assert "by topic of the note" in explain([pytester.path / "r.jsonl"])


def test_gates_take_its_slices(pytester: pytest.Pytester) -> None:
    model = recorded(make_suite(pytester.path / "moods"), glad="{}")
    gates = [
        f"--edgejson-gate={gate}" for gate in ("json_exact[work]==1", "worst_slice(json_exact)>=0.6", "key_f1>=0.7")
    ]
    assert pytester.runpytest(model, "moods", *gates).ret == 0
    result = pytester.runpytest(model, "moods", "--edgejson-gate=json_exact[school]>=0.6")
    result.stderr.fnmatch_lines(
        ["*no case is in the slice 'school': there are: slices by topic of the note work, home;*"]
    )


def test_a_gate_on_slices_that_no_case_is_in_is_a_usage_error(pytester: pytest.Pytester) -> None:
    make_suite(pytester.path / "moods", TOML.replace('key = "topic"', 'key = "theme"'))
    result = pytester.runpytest(GOLD, "moods", "--edgejson-gate=worst_slice(json_exact)>=0.5")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: worst_slice has no groups, as no case says its theme: take worst_schema"])


def test_comparisons_take_its_slices_and_refuse_a_mix(project: Project, pytester: pytest.Pytester) -> None:
    folder = make_suite(pytester.path / "moods")
    for name, wrong in (("a", {}), ("b", {"glad": "{}"})):
        pytester.runpytest(recorded(folder, **wrong), "moods", f"--edgejson-results={name}.jsonl")
    pytester.runpytest(GOLD, "--edgejson-results=other.jsonl")
    one, two, other = (read_run(pytester.path / f"{name}.jsonl") for name in ("a", "b", "other"))
    text = render_markdown(compare_runs([one, two]))
    assert "work" in text
    assert "simple" not in text
    (folder / "suite.toml").write_text(TOML.replace('"2"', '"3"'), encoding="utf-8")
    pytester.runpytest(recorded(folder), "moods", "--edgejson-results=newer.jsonl")
    with pytest.raises(ComparisonError, match=r"newer\.jsonl is of the suite moods 3, .*a\.jsonl of moods 2"):
        compare_runs([one, read_run(pytester.path / "newer.jsonl")], common=True)
    result = pytester.runpytest(recorded(folder), "moods", "--edgejson-baseline=a.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*a.jsonl: of the suite moods 2, this run is of moods 3*"])
    assert not other.suite.name


def test_its_prompt_takes_the_place_of_the_built_in_ones(pytester: pytest.Pytester) -> None:
    make_suite(pytester.path / "moods")
    pytester.makeconftest(
        """
        from pytest_edgejson.backends.interface import Backend, BackendType, Completion
        from pytest_edgejson.backends.prompts import Prompts

        class Echo(Backend):
            fingerprint = "echo"
            description = {}

            def __init__(self, spec, settings, options):
                self.prompts, self.limit = Prompts(spec, options), settings.max_new_tokens

            def render(self, case):
                return self.prompts.make(case)

            def answer(self, request):
                return Completion(request.key, f"{self.limit} {request.prompt}", "stop")

        def pytest_edgejson_backends():
            return {"echo": BackendType(Echo, asks=True)}
        """
    )
    for entry in ("plain", "own", "chats"):
        more = {"plain": "", "own": 'prompt = "Mine: {prompt}"', "chats": 'prompt = "chat"'}[entry]
        (pytester.path / "models.toml").write_text(
            f'[models.m]\nbackend = "echo"\nmodel = "{entry}"\n{more}\n', encoding="utf-8"
        )
        pytester.runpytest("--edgejson-model=m", "moods", "--edgejson-results=r.jsonl", "-p", "no:cacheprovider")
        output = read_run(pytester.path / "r.jsonl").results[0]["output"]
        asked = "Mine: I am glad." if entry == "own" else "How does the writer feel? I am glad."
        assert output.startswith("64 ")
        assert asked in output
        assert ("user" in output) == (entry == "chats")


COMPARED = TOML + '[comparators.mood]\nmood = "case"\n'


def test_its_comparators_are_those_of_scores_results_baselines_and_rescore(pytester: pytest.Pytester) -> None:
    folder = make_suite(pytester.path / "moods")
    model = recorded(folder, glad='{"mood": "GLAD"}')
    pytester.runpytest(model, "moods", "--edgejson-results=exact.jsonl").assert_outcomes(passed=3, failed=1)
    (folder / "suite.toml").write_text(COMPARED, encoding="utf-8")
    pytester.runpytest(model, "moods", "--edgejson-results=case.jsonl").assert_outcomes(passed=4)
    exact, case = (read_run(pytester.path / f"{name}.jsonl") for name in ("exact", "case"))
    assert [result.get("comparators") for result in (*exact.results[:1], *case.results[:1])] == [
        None,
        {"mood": ["case"]},
    ]
    assert exact.manifest.get("comparators_sha256") != case.manifest["comparators_sha256"]
    refused = pytester.runpytest(model, "moods", "--edgejson-baseline=exact.jsonl")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*exact.jsonl*comparators*"])
    with pytest.raises(ComparisonError, match="comparators"):
        compare_runs([exact, case])
    assert main(["rescore", "exact.jsonl", "--schemas", "moods/schemas", "--out", "again.jsonl"]) == 0
    assert [result["json_exact"] for result in read_run(pytester.path / "again.jsonl").results] == [True] * 4


def test_show_and_explain_tell_what_its_comparators_accept(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_suite(pytester.path / "moods", COMPARED)
    pytester.runpytest(recorded(folder, glad='{"mood": "GLAD"}'), "moods", "--edgejson-results=r.jsonl")
    capsys.readouterr()
    assert main(["show", "r.jsonl", "mood-1"]) == 0
    shown = capsys.readouterr().out
    assert 'counts as expected:\n  mood  "glad" → "GLAD"  accepted: case\n' in shown
    assert "value: as expected" not in shown
    assert main(["show", "r.jsonl", "mood-1", "--color=always"]) == 0
    assert "\x1b[2m" in capsys.readouterr().out.partition("counts as expected")[0].splitlines()[-1]
    assert main(["show", "r.jsonl", "mood-2"]) == 0
    assert "counts as expected" not in capsys.readouterr().out
    told = explain([pytester.path / "r.jsonl"])
    assert "Differences that count as none" in told
    assert re.search(r"^mood\.mood +1 +case$", told, re.MULTILINE)


def test_comparators_of_no_field_are_one_line_whatever_the_files(pytester: pytest.Pytester) -> None:
    folder = make_suite(pytester.path / "moods", COMPARED.replace("mood =", "mod ="))
    other = (folder / "cases/test/mood.jsonl").read_text(encoding="utf-8").replace("mood-", "more-")
    (folder / "cases/test/more.jsonl").write_text(other, encoding="utf-8")
    result = pytester.runpytest(GOLD, "moods")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*suite.toml: [[]comparators.mood[]] mod: the schema has no field 'mod': did you*"])
    assert sum("has no field" in line for line in result.errlines) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--edgejson-suite="], "*--edgejson-suite: a name is missing: name a suite, or leave the option out for *"),
        (["--edgejson-suite=mood"], "*unknown suite 'mood': * edgejson*or a folder with a suite.toml*"),
        (["moods", "other"], "*cases of the suites moods and other: run them one after the other*"),
        (
            ["moods", "--edgejson-profile=v3"],
            "*--edgejson-profile=v3 is for EdgeJSON: leave it out for the suite moods*",
        ),
    ],
)
def test_what_cannot_run_is_one_line(pytester: pytest.Pytester, arguments: list[str], message: str) -> None:
    make_suite(pytester.path / "moods")
    make_suite(pytester.path / "other")
    result = pytester.runpytest(GOLD, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("version", "versoin"), "*suite.toml: unknown key 'versoin': did you mean 'version'?*"),
        (('title = "Moods"', "title = 3"), "*suite.toml: 'title' must be a text in quotes, got 3*"),
        (("64", "0"), "*suite.toml: 'max_new_tokens' must be a whole number of at least 1, got 0*"),
        (("{prompt}", ""), "*suite.toml: 'prompt' has no {prompt} where the case's text belongs*"),
        (('"key_f1"', '"key_f2"'), "*suite.toml: unknown metric 'key_f2': did you mean 'key_f1'?*"),
        (('key = "topic"', "keys = 1"), "*suite.toml: [[]slices[]] has a 'key'*"),
        (
            ('values = ["work", "home"]', 'values = "work"'),
            "*suite.toml: 'values' must be a list of texts, got 'work'*",
        ),
        (("title =", "title"), "*suite.toml: not TOML: *"),
    ],
)
def test_a_bad_suite_file_names_the_key(pytester: pytest.Pytester, change: tuple[str, str], message: str) -> None:
    make_suite(pytester.path / "moods", TOML.replace(*change))
    result = pytester.runpytest(GOLD, "moods")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_file_of_another_suite_is_a_collection_error(project: Project, pytester: pytest.Pytester) -> None:
    make_suite(pytester.path / "moods")
    result = pytester.runpytest(GOLD, ".")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*mood.jsonl is of the suite moods, this run is of edgejson: run the folder of one suite"]
    )


def test_a_package_brings_a_suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    site = pytester.path / "site"
    make_suite(site / "acme_moods")
    (site / "acme_moods/__init__.py").touch()
    (site / "acme-1.dist-info").mkdir()
    (site / "acme-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n", encoding="utf-8")
    (site / "acme-1.dist-info/entry_points.txt").write_text(
        "[pytest_edgejson.suites]\nacme-moods = acme_moods\n", encoding="utf-8"
    )
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    pytester.runpytest(GOLD, "--edgejson-suite=acme-moods").assert_outcomes(passed=4)
    result = pytester.runpytest(GOLD, "--edgejson-suite=acme")
    result.stderr.fnmatch_lines(["*unknown suite 'acme': use edgejson, *acme-moods*"])


@pytest.mark.slow
def test_under_xdist(pytester: pytest.Pytester) -> None:
    make_suite(pytester.path / "moods")
    result = pytester.runpytest_subprocess(GOLD, "--edgejson-suite=moods", "-n2", "--edgejson-results=r.jsonl")
    result.assert_outcomes(passed=4)
    assert read_run(pytester.path / "r.jsonl").suite.name == "moods"
