"""`--edgejson-constrain`, and the same in an entry of models.toml."""

from __future__ import annotations

import json

import pytest
from helpers.projects import Project, completions_in

USAGE = 4
# Two that answer with the case's text: one obeys the constraint as far as the probe sees, one does not know of any.
BACKENDS = """
import json
from pytest_edgejson.backends.interface import Backend, BackendType, Completion

class Obeying(Backend):
    fingerprint = "obeying"
    description = {"backend": "obeying"}
    constrains = True

    def __init__(self, spec, settings, options):
        self.settings = settings

    def render(self, case):
        return case.prompt

    def answer(self, request):
        text = request.text.partition(": ")[2]
        if request.constraint is not None:
            with open("held", "a") as file:
                print(request.constraint, file=file)
            nonce = json.loads(request.constraint).get("properties", {}).get("nonce")
            if nonce:
                return Completion(request.key, json.dumps({"nonce": nonce["enum"][0]}), "stop")
        elif "contact-001" in request.text:
            return Completion(request.key, "Here you are: " + text[:-1], "stop")
        return Completion(request.key, text, "stop")

class Ignoring(Obeying):
    def answer(self, request):
        if self.settings.constrain == "json" and "nonce" in request.constraint:
            return super().answer(request)
        return Completion(request.key, request.text.partition(": ")[2] + " That is all.", "stop")

class Free(Ignoring):
    constrains = False

def pytest_edgejson_backends(config):
    return {"obeying": BackendType(Obeying), "ignoring": BackendType(Ignoring), "free": BackendType(Free)}
"""
BOTH = "--edgejson-constrain=both"
RESULTS = "--edgejson-results=results.jsonl"


@pytest.fixture
def project(project: Project, pytester: pytest.Pytester) -> Project:
    pytester.makeconftest(BACKENDS)
    return project


def test_both_runs_each_model_free_and_held_to_its_schemas(project: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=obeying:m", BOTH, RESULTS)
    result = pytester.runpytest(*run)
    result.assert_outcomes(passed=11, failed=1)
    result.stdout.fnmatch_lines(["MISS *::contact-001[[]obeying:m]*"])
    manifest, rows = project.results()
    assert {(row["model"], row["constrain"]) for row in rows} == {("obeying:m", "none"), ("obeying:m+schema", "schema")}
    assert {name: each["constrain"] for name, each in manifest["settings"]["generation"].items()} == {
        "obeying:m": "none",
        "obeying:m+schema": "schema",
    }
    # One probe, then each case's own schema.
    held = [json.loads(line) for line in (project.root / "held").read_text().splitlines()]
    assert "nonce" in held[0]["properties"]
    assert len(held) == 7
    pytester.runpytest(*run)
    assert all(row["stored"] for row in project.results()[1])
    assert len((project.root / "held").read_text().splitlines()) == 7


def test_the_summary_tells_what_the_grammar_brings(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=obeying:m", BOTH, "--edgejson-report=report.md")
    result.stdout.fnmatch_lines(
        [
            "obeying:m+schema against free, on 6 answers each; *McNemar*",
            "what the grammar brings * obeying:m * obeying:m+schema *",
            "JSONExact *83.3 % * 100.0 %  +16.7 [[]*[]] * 1 * 0  1.00",
            "SchemaCompliance *83.3 % * 100.0 %  +16.7 [[]*[]] * 1 * 0  1.00",
            "answers that ended * 6 * 6",
            "compliant of those *83.3 % * 100.0 % *",
        ]
    )
    assert "| what the grammar brings" in (project.root / "report.md").read_text(encoding="utf-8")
    free = pytester.runpytest("--edgejson-model=obeying:m")
    free.stdout.no_fnmatch_line("what the grammar brings*")


@pytest.mark.parametrize(
    ("named", "options", "items"),
    [
        ("obeying:m", ["--edgejson-constrain=schema"], "obeying:m+schema"),
        ("obeying:m", ["--edgejson-constrain=json"], "obeying:m+json"),
        ("obeying:m+schema", [], "obeying:m+schema"),
        ("obeying:m+json", [BOTH], "obeying:m+json"),
        ("entry", [], "entry+schema"),
        ("entry", ["--edgejson-constrain=none"], "entry"),
        ("entry", ["--edgejson-profile=v3"], "entry"),
    ],
)
def test_who_decides_what_answers_are_held_to(
    project: Project, pytester: pytest.Pytester, named: str, options: list[str], items: str
) -> None:
    (project.root / "models.toml").write_text(
        '[models.entry]\nbackend = "obeying"\nmodel = "m"\nconstrain = "schema"\n', encoding="utf-8"
    )
    pytester.runpytest(f"--edgejson-model={named}", RESULTS, *options)
    assert {row["model"] for row in project.results()[1]} == {items}


def test_a_node_id_names_what_its_answer_is_held_to(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("cases/test/simple/contact.jsonl::contact-002[obeying:m+schema]", RESULTS)
    result.assert_outcomes(passed=1)
    assert [row["constrain"] for row in project.results()[1]] == ["schema"]


def test_what_ignores_the_constraint_is_told(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=ignoring:m+schema", RESULTS)
    result.assert_outcomes(errors=6)
    (error,) = {row["error"] for row in project.results()[1]}
    assert error.startswith("ignoring:m+schema: --edgejson-constrain is not in force: the only answer")
    assert "\n" not in error


def test_an_answer_that_is_no_object_tells_it_too(project: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest("--edgejson-model=ignoring:m+json", RESULTS).assert_outcomes(errors=6)
    errors = [row["error"] for row in project.results()[1]]
    assert all("is not in force: the answer is no JSON object" in error for error in errors)
    assert "That is all." in errors[0]


@pytest.mark.parametrize("way", ["json", "schema"])
def test_answers_may_be_what_a_schema_has_for_its_root(project: Project, pytester: pytest.Pytester, way: str) -> None:
    roots: dict[str, object] = {"array": [{"call": "f"}], "string": "tea", "number": 17, "boolean": True, "null": None}
    for name, expected in roots.items():
        (project.root / f"schemas/simple/{name}.json").write_text(json.dumps({"type": name}), encoding="utf-8")
        row = {"id": name, "prompt": f"Text: {json.dumps(expected)}", "expected_output": expected}
        project.write_cases(f"cases/test/simple/{name}.jsonl", [{**row, "schema_id": name, "complexity": "simple"}])
    answered = [f"cases/test/simple/{name}.jsonl" for name in roots]
    pytester.runpytest(f"--edgejson-model=obeying:m+{way}", *answered).assert_outcomes(passed=len(roots))
    ignoring = ("--edgejson-model=ignoring:m+json", "--edgejson-store=other.sqlite", RESULTS)
    pytester.runpytest(*ignoring, *answered).assert_outcomes(errors=len(roots))
    errors = [str(row["error"]) for row in project.results()[1]]
    assert all(any(f"the answer is no JSON {name}, it ends with" in error for error in errors) for name in roots)


def test_a_backend_that_constrains_nothing_is_refused(project: Project, pytester: pytest.Pytester) -> None:
    for model in ("free:m", "control:gold"):
        result = pytester.runpytest(f"--edgejson-model={model}", BOTH)
        assert result.ret == USAGE
        result.stderr.fnmatch_lines([f"ERROR: {model}+schema: its backend '{model.partition(':')[0]}' holds answers *"])


def test_wrong_values(project: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--edgejson-model=obeying:m", "--edgejson-constrain=regex")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*'regex' is none of: none, json, schema, both"])
    (project.root / "models.toml").write_text(
        '[models.entry]\nbackend = "obeying"\nmodel = "m"\nconstrain = "yes"\n', encoding="utf-8"
    )
    result = pytester.runpytest("--edgejson-model=entry")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*models.entry: 'constrain' must be one of none, json, schema, both, got 'yes'"])


def test_baselines_and_gates_refuse_a_mix(project: Project, pytester: pytest.Pytester) -> None:
    free = ("--edgejson-model=obeying:m", "--edgejson-report-only")
    pytester.runpytest(*free, "--edgejson-results=free.jsonl")
    result = pytester.runpytest(*free, "--edgejson-constrain=schema", "--edgejson-baseline=free.jsonl")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*free.jsonl: made with --edgejson-constrain=none, this run has schema: use the same"])
    result = pytester.runpytest("--edgejson-model=obeying:m", BOTH, "--edgejson-gate=json_exact>=0.5")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*gates decide on one way to run obeying:m, free or held to its schemas: choose *"])


def test_a_recording_says_what_its_answers_were_held_to(project: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=obeying:m", "--edgejson-report-only", BOTH, "--edgejson-results=made.jsonl")
    pytester.runpytest(*run)
    both = ("--edgejson-model=replay:made.jsonl#obeying:m", "--edgejson-model=replay:made.jsonl#obeying:m+schema")
    result = pytester.runpytest(*both, "--edgejson-report-only", RESULTS)
    result.stdout.fnmatch_lines(["replay:obeying:m+schema against free, on *"])
    manifest, rows = project.results("results.jsonl")
    names = {name: generation["constrain"] for name, generation in manifest["settings"]["generation"].items()}
    assert names == {"replay:obeying:m": "none", "replay:obeying:m+schema": "schema"}
    assert {(row["model"], row["constrain"]) for row in rows} == set(names.items())
    free = ("--edgejson-baseline=made.jsonl#obeying:m", "--edgejson-report-only")
    result = pytester.runpytest(both[1], *free)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*made.jsonl: made with --edgejson-constrain=none, this run has schema: use the same"])
    assert pytester.runpytest(both[0], *free).ret == 0


def test_the_store_keeps_them_apart(project: Project, pytester: pytest.Pytester) -> None:
    run = ("--edgejson-model=obeying:m", "--edgejson-store=s.sqlite")
    for number, way in enumerate(("none", "json", "schema"), 1):
        pytester.runpytest(*run, f"--edgejson-constrain={way}")
        assert completions_in(project.root / "s.sqlite") == 6 * number
