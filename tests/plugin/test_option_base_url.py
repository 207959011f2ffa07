"""`--edgejson-base-url`, and runs whose model a server has."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.projects import Project, completions_in
from helpers.servers import KEY, FakeServer, Handler, expected, hang, right, running
from helpers.waiting import wait_until

pytest.importorskip("openai", reason="openai is not installed: pip install 'pytest-edgejson[server]'")

USAGE = 4
MODEL = "--edgejson-model=openai:m"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running(FakeServer()) as server:
        yield server


def at(server: FakeServer) -> str:
    return f"--edgejson-base-url={server.url}"


def entry(project: Project, server: FakeServer, more: str = "") -> str:
    text = f'[models.served]\nbackend = "openai"\nmodel = "m"\nbase_url = "{server.url}"\n{more}'
    (project.root / "models.toml").write_text(text)
    return "--edgejson-model=served"


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.slow)])
def test_a_model_of_a_server_is_run_and_stored(
    project: Project, server: FakeServer, pytester: pytest.Pytester, workers: list[str]
) -> None:
    run = (MODEL, at(server), "--edgejson-results=results.jsonl", "--edgejson-store=store.sqlite", *workers)
    start = pytester.runpytest_subprocess if workers else pytester.runpytest
    start(*run).assert_outcomes(passed=6)
    assert len(server.cases) == 6
    manifest, rows = project.results()
    assert {row["model"] for row in rows} == {"openai:m"}
    assert {(row["prompt_tokens"], row["output_tokens"]) for row in rows} == {(11, 22)}
    assert manifest["models"]["openai:m"]["base_url"] == server.url
    start(*run).assert_outcomes(passed=6)
    assert len(server.cases) == 6


def test_what_is_stored_needs_no_server(project: Project, pytester: pytest.Pytester) -> None:
    with running(FakeServer()) as server:
        pytester.runpytest(MODEL, at(server)).assert_outcomes(passed=6)
    pytester.runpytest(MODEL, at(server)).assert_outcomes(passed=6)
    result = pytester.runpytest(MODEL, at(server), "--edgejson-seed=1", "--edgejson-temperature=1")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines([f"ERROR: openai:m: no server answers at {server.url} (*"])


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.slow)])
def test_a_wrong_key_is_one_usage_error(
    project: Project, server: FakeServer, pytester: pytest.Pytester, workers: list[str]
) -> None:
    server.answer = lambda handler: handler.reply(401, {"error": {"message": "who are you"}})
    result = pytester.runpytest_subprocess(MODEL, at(server), *workers)
    assert result.ret == USAGE
    errors = [line for line in result.errlines if "ERROR" in line]
    assert errors == [
        f"ERROR: openai:m: the server at {server.url} refuses who has no key (HTTP 401: who are you): "
        "name the environment variable that holds the key: api_key_env in models.toml"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([MODEL, "--edgejson-base-url=127.0.0.1:8000"], "'127.0.0.1:8000' is no base URL, such as http://"),
        ([MODEL, "--edgejson-base-url=http://me:secret@host/v1"], "a base URL may hold no password"),
        ([MODEL, "--edgejson-base-url=http://host/v1?a=b"], "a base URL ends before ? and #, such as http://host/v1"),
        (["--edgejson-model=control:gold", "--edgejson-base-url=http://host/v1"], "is for models of servers"),
    ],
)
def test_an_address_that_is_none_is_refused(
    project: Project, pytester: pytest.Pytester, arguments: list[str], message: str
) -> None:
    result = pytester.runpytest(*arguments)
    assert result.ret == USAGE
    assert message in result.stderr.str()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            'endpoint = "chats"',
            "'endpoint' must be one of chat, completions, llamacpp, ollama, got 'chats': did you mean",
        ),
        ("concurrency = 0", "'concurrency' must be at least 1, got 0"),
        ("headers = {a = 1}", "'headers': 'a' must be a string"),
        ("prices = {input = 1}", "'prices': 'output' is missing"),
        ("prices = {input = 1, outptu = 2}", "'prices': unknown key 'outptu': did you mean 'output'?"),
        (f'api_key_env = "{KEY}"', "'api_key_env' must be the name of an environment variable"),
        ('constrain_field = "gbnf"', "'constrain_field' must be one of response_format, "),
    ],
)
def test_an_entry_that_is_wrong_is_refused(
    project: Project, server: FakeServer, pytester: pytest.Pytester, more: str, message: str
) -> None:
    result = pytester.runpytest(entry(project, server, more))
    assert result.ret == USAGE
    assert f"models.served: {message}" in result.stderr.str()
    assert KEY not in result.stderr.str()


def test_keys_of_servers_are_for_models_of_servers(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "models.toml").write_text('[models.m]\nmodel = "org/m"\nbase_url = "http://host/v1"\n')
    result = pytester.runpytest("--edgejson-model=m")
    assert result.ret == USAGE
    assert "'base_url' is for models that a server runs: add backend = \"openai\"" in result.stderr.str()


@pytest.mark.slow
def test_the_key_stands_in_nothing_that_is_written(
    project: Project, server: FakeServer, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends it back in all places, and breaks on some cases."""
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("TEAM_TOKEN", "team-token-42")

    def reply(handler: Handler) -> None:
        said = f"{handler.headers['Authorization']} {handler.headers['X-Team']}"
        if handler.is_trial:
            right(handler)
        elif "contact-001" in handler.text:
            handler.reply(400, {"error": {"message": said, "code": said}})
        elif "contact-002" in handler.text:
            handler.reply(200, said.encode(), content_type="text/plain")
        elif "contact-003" in handler.text:
            handler.reply(200, {"choices": said})
        else:
            handler.say(said, thought=said)

    server.answer = reply
    model = entry(project, server, 'api_key_env = "MY_KEY"\nheaders = {"X-Team" = "${TEAM_TOKEN}"}\n')
    result = pytester.runpytest_subprocess(
        model,
        "-vv",
        "--showlocals",
        "--tb=long",
        "--log-level=DEBUG",
        "--log-file=run.log",
        "--log-file-level=DEBUG",
        "--junitxml=junit.xml",
        "--edgejson-results=results.jsonl",
        "--edgejson-report=report.md",
        "--edgejson-store=store.sqlite",
    )
    result.assert_outcomes(failed=3, errors=3)
    assert "Bearer ***" in result.stdout.str()
    secrets = (KEY, "team-token-42")
    assert not any(secret in result.stdout.str() + result.stderr.str() for secret in secrets)
    for file in project.root.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert not any(secret.encode() in content for secret in secrets), file
    assert (project.root / "run.log").stat().st_size > 0


def _holds(store: Path, count: int) -> bool:
    with contextlib.suppress(sqlite3.OperationalError):
        return store.exists() and completions_in(store) == count
    return False


@pytest.mark.slow
def test_a_run_that_was_broken_off_goes_on_where_it_was(
    project: Project, server: FakeServer, pytester: pytest.Pytester
) -> None:
    def reply(handler: Handler) -> None:
        (hang(120) if "bill" in handler.text or "tree" in handler.text else right)(handler)

    server.answer = reply
    command = [sys.executable, "-m", "pytest", MODEL, at(server), "--edgejson-store=store.sqlite"]
    store = project.root / "store.sqlite"
    process = subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: _holds(store, 3))
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in out
    assert completions_in(store) == 3
    server.answer = right
    before = len(server.cases)
    pytester.runpytest(*command[3:]).assert_outcomes(passed=6)
    assert len(server.cases) == before + 3


@pytest.mark.slow
def test_a_server_that_dies_ends_the_model_with_one_reason(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_edgejson.backends.server.pool.FIRST_WAIT_S", 0.01)
    with running(FakeServer()) as server:

        def reply(handler: Handler) -> None:
            if handler.is_trial or "tree" in handler.text:
                right(handler)
            else:
                handler.server.shutdown()
                handler.server.server_close()
                handler.cut()

        server.answer = reply
        run = (MODEL, at(server), "--edgejson-batch-size=1", "--edgejson-store=store.sqlite")
        result = pytester.runpytest(*run)
    result.assert_outcomes(passed=1, errors=5)
    assert completions_in(project.root / "store.sqlite") == 1
    assert f"openai:m: the server at {server.url} is not there any more (" in result.stdout.str()


@pytest.mark.slow
def test_workers_share_the_concurrency(project: Project, server: FakeServer, pytester: pytest.Pytester) -> None:
    def reply(handler: Handler) -> None:
        time.sleep(0.2)
        right(handler)

    server.answer = reply
    result = pytester.runpytest_subprocess(entry(project, server, "concurrency = 2\n"), "-n2")
    result.assert_outcomes(passed=6)
    assert server.most <= 2


def test_what_answers_cost_stands_in_table_results_and_properties(
    project: Project, server: FakeServer, pytester: pytest.Pytester
) -> None:
    counts = {"prompt_tokens_details": {"cached_tokens": 1}}
    server.answer = lambda handler: handler.say(expected(handler), **counts)
    model = entry(project, server, "prices = {input = 100, output = 200, cached_input = 50}\n")
    result = pytester.runpytest(model, "--edgejson-results=results.jsonl", "--junitxml=junit.xml")
    result.assert_outcomes(passed=6)
    each = (10 * 100 + 1 * 50 + 22 * 200) / 1_000_000
    assert [row["cost"] for row in project.results()[1]] == [pytest.approx(each)] * 6
    result.stdout.re_match_lines([r"\s+n\s.*\s+cost$", rf"all\s.*\s{6 * each:.4f}$"])
    assert f'"edgejson.served.cost" value="{6 * each:.4f}"' in (project.root / "junit.xml").read_text()
    free = pytester.runpytest("--edgejson-model=control:gold")
    free.stdout.no_re_match_line(r"\s+n\s.*\s+cost")
    # What is scored anew, or gated, has it still.
    gated = pytester.runpytest(model, f"--edgejson-gate=cost<={5.5 * each}")
    assert gated.ret == 1
    gated.stdout.fnmatch_lines(["*FAIL*cost<=*"])


def test_a_thought_is_told_apart_counted_and_shown(
    project: Project, server: FakeServer, pytester: pytest.Pytester
) -> None:
    def reply(handler: Handler) -> None:
        counts = {"completion_tokens_details": {"reasoning_tokens": 20}}
        if "tree" in handler.text:
            handler.say("", thought='I wonder whether {"root": 1} is right', finish="length", **counts)
        else:
            handler.say(expected(handler), thought='{"a": "draft"}', **counts)

    server.answer = reply
    run = ("--edgejson-results=results.jsonl", "--edgejson-store=store.sqlite")
    result = pytester.runpytest(MODEL, at(server), *run)
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        ["*truncated at 22 tokens, in its thought*", "thought (37 characters):", "output: none"]
    )
    result.stdout.re_match_lines([r"\s+n\s.*\s+thought tokens$", r"all\s+6\s.*\s120$"])
    for again in (pytester.runpytest(MODEL, at(server), *run), None):
        rows = {row["case_id"]: row for row in project.results()[1]}
        assert rows["tree-001"]["failure"] == "truncated"
        assert (rows["tree-001"]["output"], rows["tree-001"]["thought_tokens"]) == ("", 20)
        assert rows["bill-001"]["thought"] == '{"a": "draft"}'
        assert again is None or all(row["stored"] for row in rows.values())
    replayed = pytester.runpytest("--edgejson-model=replay:results.jsonl")
    replayed.assert_outcomes(passed=5, failed=1)
    replayed.stdout.fnmatch_lines(["*truncated at 22 tokens, in its thought*"])


def test_a_constraint_is_sent_and_one_that_is_ignored_is_told(
    project: Project, server: FakeServer, pytester: pytest.Pytester
) -> None:
    result = pytester.runpytest(MODEL, at(server), "--edgejson-constrain=schema")
    result.assert_outcomes(errors=6)
    result.stdout.fnmatch_lines(
        ["*--edgejson-constrain is not in force: the only answer that the probe's schema allows*"]
    )
    # The request before the cases, and the probe.
    assert len(server.requests) == 2

    def obey(handler: Handler) -> None:
        held = handler.asked.get("response_format")
        if held is not None:
            assert held["json_schema"]["strict"] is True
            nonce = held["json_schema"]["schema"]["properties"].get("nonce")
            if nonce is not None:
                handler.say(json.dumps({"nonce": nonce["enum"][0]}))
                return
        right(handler)

    server.answer = obey
    result = pytester.runpytest(MODEL, at(server), "--edgejson-constrain=both")
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["what the grammar brings *"])
    schemas = [
        body["response_format"]["json_schema"]["schema"] for body in server.requests if "response_format" in body
    ]
    assert any("age" in schema["properties"] for schema in schemas)


@pytest.mark.parametrize(
    ("field", "held"),
    [
        ("json_schema", lambda body: body["json_schema"]),
        ("structured_outputs", lambda body: body["structured_outputs"]["json"]),
        ("guided_json", lambda body: body["guided_json"]),
        ("format", lambda body: body["format"]),
    ],
)
def test_an_entry_says_how_its_server_is_told_of_a_schema(
    project: Project, server: FakeServer, pytester: pytest.Pytester, field: str, held: Any
) -> None:
    def obey(handler: Handler) -> None:
        schema = {} if handler.is_trial else held(handler.asked)
        nonce = schema.get("properties", {}).get("nonce")
        handler.say(json.dumps({"nonce": nonce["enum"][0]}) if nonce else expected(handler))

    server.answer = obey
    model = entry(project, server, f'constrain = "schema"\nconstrain_field = "{field}"\n')
    pytester.runpytest(model).assert_outcomes(passed=6)
    assert "response_format" not in server.requests[-1]


def test_a_schema_that_a_server_cannot_express_is_that_cases_error(
    project: Project, server: FakeServer, pytester: pytest.Pytester
) -> None:
    def obey(handler: Handler) -> None:
        if "response_format" not in handler.asked:
            right(handler)
            return
        schema = handler.asked["response_format"]["json_schema"]["schema"]
        nonce = schema["properties"].get("nonce")
        if "lines" in schema["properties"]:
            handler.reply(400, {"error": {"message": "schema keyword 'items' is not supported"}})
        else:
            handler.say(json.dumps({"nonce": nonce["enum"][0]}) if nonce else expected(handler))

    server.answer = obey
    result = pytester.runpytest(MODEL, at(server), "--edgejson-constrain=schema")
    result.assert_outcomes(passed=4, errors=2)
    result.stdout.fnmatch_lines(["ERROR *bill-001*HTTP 400: schema keyword 'items' is not supported"])
