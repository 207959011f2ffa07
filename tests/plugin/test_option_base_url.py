"""`--edgejson-base-url`, and runs whose model a server has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from helpers.projects import Project, completions_in
from helpers.servers import KEY, FakeServer, Handler, hang, right, running

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
        ('constrain_field = "grammar"', "'constrain_field' must be one of response_format, "),
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


@pytest.mark.slow
def test_a_run_that_was_broken_off_goes_on_where_it_was(
    project: Project, server: FakeServer, pytester: pytest.Pytester
) -> None:
    def reply(handler: Handler) -> None:
        (hang(20) if "bill" in handler.text or "tree" in handler.text else right)(handler)

    server.answer = reply
    command = [sys.executable, "-m", "pytest", MODEL, at(server), "--edgejson-store=store.sqlite"]
    store = project.root / "store.sqlite"
    process = subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, text=True)
    until_s = time.monotonic() + 30
    while time.monotonic() < until_s and not (store.exists() and completions_in(store) == 3):
        time.sleep(0.05)
    began_s = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert time.monotonic() - began_s < 8
    assert "KeyboardInterrupt" in out
    assert completions_in(store) == 3
    server.answer = right
    before = len(server.cases)
    pytester.runpytest(*command[3:]).assert_outcomes(passed=6)
    assert len(server.cases) == before + 3


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
