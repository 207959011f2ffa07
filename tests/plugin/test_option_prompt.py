"""`--edgejson-prompt`, `-system`, `-chat-template-kwargs`, `-shots`, `-shots-from`: what a model is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers.projects import Project

from pytest_edgejson.cli import main

USAGE = 4
# A model that writes down what it is asked, and answers with the text of the case.
BACKEND = """
import json
from dataclasses import asdict

import pytest

from pytest_edgejson.backends.interface import Backend, BackendType, Completion
from pytest_edgejson.backends.prompts import Prompts

class Asked(Backend):
    description = {"backend": "asked"}
    fingerprint = ""

    def __init__(self, spec, settings, options):
        self.prompts = Prompts(spec, options)
        self.fingerprint = json.dumps(self.prompts.identity)

    def render(self, case):
        return self.prompts.make(case)

    def answer(self, request):
        asked = request.prompt if isinstance(request.prompt, str) else [asdict(each) for each in request.prompt]
        with open("asked.jsonl", "a") as file:
            print(json.dumps([request.case.id, asked]), file=file)
        return Completion(request.key, json.dumps(request.case.expected_output), "stop")

@pytest.hookimpl(optionalhook=True)
def pytest_edgejson_backends(config):
    return {"asked": BackendType(Asked)}
"""
TRAIN = [
    ({"name": f"Name {number}", "age": number}, f"Name {number} is {number}.") for number in range(1, 5)
]  # fmt: skip


@pytest.fixture
def project(project: Project, pytester: pytest.Pytester) -> Project:
    pytester.makeconftest(BACKEND)
    write_train(project)
    return project


def write_train(project: Project, folder: str = "cases/train") -> None:
    rows = [
        {"id": f"contact-t{number}", "schema_id": "contact", "prompt": text, "expected_output": expected}
        for number, (expected, text) in enumerate(TRAIN, 1)
    ]
    project.write_cases(f"{folder}/simple/contact.jsonl", rows)


def asked(project: Project) -> dict[str, Any]:
    """Return what the model was asked, by case id."""
    file = project.root / "asked.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return dict(map(json.loads, lines))


def run(pytester: pytest.Pytester, *options: str, model: str = "asked:m") -> pytest.RunResult:
    return pytester.runpytest(f"--edgejson-model={model}", *options)


def test_a_text_takes_the_place_of_the_entrys_prompt(project: Project, pytester: pytest.Pytester) -> None:
    entry = '[models.m]\nbackend = "asked"\nmodel = "m"\nprompt = "schema"\n'
    (project.root / "models.toml").write_text(entry, encoding="utf-8")
    run(pytester, "-k", "contact-001", model="m")
    assert "Schema: {" in asked(project)["contact-001"]
    run(pytester, "-k", "contact-001", "--edgejson-prompt=As JSON: {prompt} {x}", model="m")
    assert asked(project)["contact-001"].startswith("As JSON: Text of contact-001")
    # The profile has its own prompt, which an option replaces too.
    run(pytester, "-k", "contact-001", "--edgejson-profile=v3", model="m")
    assert asked(project)["contact-001"].startswith("Extract the structured")
    run(pytester, "-k", "contact-001", "--edgejson-profile=v3", "--edgejson-prompt=> {prompt}", model="m")
    assert asked(project)["contact-001"].startswith("> Text of")


def test_a_file_holds_a_prompt_or_a_system_message(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "ask.txt").write_text("Größe?\n{prompt}\n\nJSON:\n", encoding="utf-8")
    (project.root / "role.txt").write_text("You know {schema}.\n", encoding="utf-8")
    run(pytester, "-k", "contact-001", "--edgejson-prompt=@ask.txt")
    assert asked(project)["contact-001"].startswith("Größe?\nText of contact-001")
    assert run(pytester, "-k", "contact-002", "--edgejson-prompt=chat:@ask.txt", "--edgejson-system=@role.txt").ret == 0
    system, user = asked(project)["contact-002"]
    assert system["role"] == "system"
    assert system["content"].startswith('You know {"type": "object"')
    assert user["role"] == "user"
    assert user["content"].endswith("\n\nJSON:")


def test_an_entry_and_the_configuration_name_files_beside_themselves(
    project: Project, pytester: pytest.Pytester
) -> None:
    entry = '[models.m]\nbackend = "asked"\nmodel = "m"\nprompt = "chat:@ask.txt"\nsystem = "Be brief."\n'
    (project.root / "conf").mkdir()
    (project.root / "conf" / "ask.txt").write_text("<{prompt}>", encoding="utf-8")
    (project.root / "conf" / "models.toml").write_text(entry, encoding="utf-8")
    run(pytester, "-k", "contact-001", "--edgejson-models=conf/models.toml", model="m")
    assert [each["role"] for each in asked(project)["contact-001"]] == ["system", "user"]
    run(pytester, "-k", "contact-001", "--edgejson-models=conf/models.toml", "--edgejson-system=", model="m")
    assert [each["role"] for each in asked(project)["contact-001"]] == ["user"]
    (project.root / "ask.txt").write_text("({prompt})", encoding="utf-8")
    pytester.makeini("[pytest]\nedgejson_prompt = @ask.txt\n")
    run(pytester, "-k", "contact-002")
    assert asked(project)["contact-002"].startswith("(Text of")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--edgejson-prompt=As JSON: {text}"], "*unknown prompt 'As JSON: {text}': use one of v3, schema, *{prompt}*"),
        (["--edgejson-prompt=shcema"], "*did you mean 'schema'*"),
        (["--edgejson-prompt=@none.txt"], "*--edgejson-prompt: *none.txt: cannot be read: No such file*"),
        (["--edgejson-prompt=@conftest.py"], "*--edgejson-prompt: *{prompt}*"),
        (["--edgejson-system=Be brief."], "*asked:m: --edgejson-system is for chats, and the prompt 'v3' is a text*"),
        (["--edgejson-chat-template-kwargs={}x"], "*is no JSON object, such as*"),
        (['--edgejson-chat-template-kwargs={"a": 1}'], "*-kwargs is for chats*"),
        (["--edgejson-shots=-1"], "*no whole number of at least 0*"),
        (["--edgejson-shots=1", "--edgejson-shots-from=none"], "*none: there is no such path*--edgejson-shots-from*"),
        (["--edgejson-shots=1", "--edgejson-shots-from=cases"], "*holds cases that are asked: name*"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    project: Project, pytester: pytest.Pytester, options: list[str], message: str
) -> None:
    result = run(pytester, *options)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines([message])
    assert asked(project) == {}


def test_examples_come_before_a_text(project: Project, pytester: pytest.Pytester) -> None:
    options = ("--edgejson-prompt={prompt} ->", "--edgejson-shots=2", "--edgejson-results=results.jsonl")
    run(pytester, *options).stdout.fnmatch_lines(
        ["*2 schemas have fewer examples than prompts are to show: bill has 0, …"]
    )
    prompts = asked(project)
    *shown, question = prompts["contact-001"].split("\n\n")
    known = {f"{text} -> {json.dumps(expected)}" for expected, text in TRAIN}
    assert len(shown) == 2
    assert known.issuperset(shown)
    assert question.startswith("Text of contact-001")
    assert "\n\n" not in prompts["bill-001"]
    manifest, rows = project.results()
    made = manifest["settings"]["generation"]["asked:m"]
    assert (made["shots"], made["shots_seed"], made["prompt"]) == (2, 0, "{prompt} ->")
    ids = {row["case_id"]: row.get("shots") for row in rows}
    assert ids["bill-001"] is None
    assert ids["contact-001"] == ids["contact-002"]
    assert [TRAIN[int(each[-1]) - 1][1] for each in ids["contact-001"]] == [each.split(" ->")[0] for each in shown]
    # The same ones each time, from the store; others with another seed.
    run(pytester, *options)
    assert asked(project) == {}
    seeds = {tuple(ids["contact-001"])}
    for seed in range(1, 8):
        run(pytester, *options, f"--edgejson-seed={seed}", "-k", "contact-001")
        seeds.add(tuple(project.results()[1][0]["shots"]))
    assert len(seeds) > 1


def test_examples_are_turns_of_a_chat(project: Project, pytester: pytest.Pytester) -> None:
    run(pytester, "--edgejson-prompt=chat", "--edgejson-system=Be brief.", "--edgejson-shots=1", "-k", "contact-001")
    messages = asked(project)["contact-001"]
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "user"]
    assert json.loads(messages[2]["content"]) in [expected for expected, _ in TRAIN]


def test_a_case_of_the_train_split_is_no_example_for_itself(project: Project, pytester: pytest.Pytester) -> None:
    run(pytester, "cases/train", "--edgejson-shots=4", "--edgejson-prompt={prompt} ->")
    prompts = asked(project)
    assert len(prompts) == 4
    for number, (_, text) in enumerate(TRAIN, 1):
        assert prompts[f"contact-t{number}"].count(text) == 1
        assert prompts[f"contact-t{number}"].count("->") == 4


def test_a_suite_without_a_train_split_names_its_examples(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "cases" / "test").rename(project.root / "mine")
    write_train(project, "others")
    options = ("mine/simple", "--edgejson-prompt={prompt} ->", "--edgejson-shots=1")
    result = run(pytester, *options)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*no examples for *contact.jsonl: *--edgejson-shots-from=PATH"])
    run(pytester, *options, "--edgejson-shots-from=others").assert_outcomes(passed=3)
    assert all(prompt.count("->") == 2 for prompt in asked(project).values())


def test_a_baseline_of_the_same_model_is_asked_the_same(
    project: Project, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    run(pytester, "--edgejson-results=before.jsonl")
    gate = "--edgejson-gate=regressions<=0"
    assert run(pytester, gate, "--edgejson-baseline=before.jsonl").ret == 0
    for option in ("--edgejson-prompt=As JSON: {prompt}", "--edgejson-shots=1"):
        result = run(pytester, gate, "--edgejson-baseline=before.jsonl", option)
        assert result.ret == USAGE
        result.stderr.fnmatch_lines(["*before.jsonl: asked:m was asked otherwise there: *before.jsonl#asked:m"])
        compared = (gate, "--edgejson-baseline=before.jsonl#asked:m", option, "--edgejson-results=after.jsonl")
        assert run(pytester, *compared).ret == 0
        assert main(["compare", "before.jsonl", "after.jsonl"]) == 0
        assert "asked:m (before.jsonl) and asked:m (after.jsonl) were asked otherwise: " in capsys.readouterr().out
    assert main(["compare", "before.jsonl", "before.jsonl"]) == 0
    assert "asked otherwise" not in capsys.readouterr().out


@pytest.mark.slow
def test_workers_show_the_same_examples_and_their_controller_says_what_is_short(
    project: Project, pytester: pytest.Pytester
) -> None:
    options = (
        "--edgejson-model=asked:m",
        "--edgejson-shots=2",
        "--edgejson-results=results.jsonl",
        "-p",
        "no:cacheprovider",
    )
    pytester.runpytest(*options)
    alone = {row["case_id"]: row.get("shots") for row in project.results()[1]}
    result = pytester.runpytest_subprocess(*options, "-n2")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["*2 schemas have fewer examples*"])
    assert {row["case_id"]: row.get("shots") for row in project.results()[1]} == alone
