"""The backend `openai` and the real server of llama.cpp."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from helpers.gguf_models import NANO, make_gguf, smollm2
from helpers.llamacpp_server import KEY, free_port, serving
from helpers.projects import completions_in
from helpers.waiting import wait_until
from helpers.watching import Witness

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec, Server
from pytest_edgejson.suite.cases import Case

pytest.importorskip("openai", reason="openai is not installed: pip install 'pytest-edgejson[server]'")
if find_spec("xllamacpp") is None:
    pytest.skip("xllamacpp is not installed: pip install 'pytest-edgejson[gguf]'", allow_module_level=True)

ROOT = Path(__file__).parents[3]
CHAT = "{{ bos_token }}{% for each in messages %}{{ each.content }}{% endfor %}"
SCHEMA = {
    "type": "object",
    "properties": {"stars": {"type": "integer", "enum": [1, 2, 3]}},
    "required": ["stars"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(NANO, tmp_path_factory.mktemp("gguf") / "nano.gguf", chat_template=CHAT)


@pytest.fixture(scope="module")
def url(nano: Path) -> Iterator[str]:
    port = free_port()
    with serving(nano, port):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_KEY", KEY)


def load(url: str, endpoint: str = "chat", *, spec: Any = None, **settings: Any) -> Any:
    server = Server(url, api_key_env="LLAMA_KEY", endpoint=endpoint, concurrency=3)
    spec = {"prompt": "v3", "server": server, **(spec or {})}
    generation = GenerationSettings(**{"max_new_tokens": 200, **settings})
    return load_backend(ModelSpec("tested", "openai", "nano", **spec), generation, LoadOptions())


def ratings(count: int) -> list[Case]:
    lines = (ROOT / "cases/test/simple/rating.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines[:count])
    return [Case(row["id"], "rating", "simple", row["prompt"], row["expected_output"]) for row in rows]


def answers(backend: Any, cases: list[Case], **further: Any) -> dict[str, Completion]:
    asked = [Request(case.id, backend.render(case), case, **further) for case in cases]
    return {each.key: each for each in backend.generate(asked)}


@pytest.mark.parametrize("endpoint", ["chat", "completions", "llamacpp"])
def test_each_endpoint_answers_and_counts(url: str, endpoint: str) -> None:
    backend = load(url, endpoint)
    backend.check(lambda: True)
    # Texts become other tokens than nano's own here, so that what it says is not looked at.
    found = answers(load(url, endpoint, max_new_tokens=5), ratings(3))
    assert len(found) == 3
    for each in found.values():
        assert (each.finish_reason, each.output_tokens) == ("length", 5)
        assert each.prompt_tokens > 20
        assert each.text
        assert each.latency_s > 0


def test_it_answers_as_the_same_file_does_in_this_process(tmp_path: Path) -> None:
    """The tokens are those of nano's own tokenizer in both, though the file names another."""
    file = make_gguf(NANO, tmp_path / "nano.gguf", splits="gpt-2")
    spec = {"tokenizer": str(NANO)}
    own = load_backend(
        ModelSpec("nano", "llama.cpp", str(file), prompt="v3", **spec),
        GenerationSettings(200),
        LoadOptions(batch_size=2),
    )
    cases = ratings(6)
    port = free_port()
    with serving(file, port):
        served = answers(load(f"http://127.0.0.1:{port}/v1", "llamacpp", spec=spec), cases)
    here = answers(own, cases)
    assert [each.prompt_tokens for _, each in sorted(served.items())] == [
        each.prompt_tokens for _, each in sorted(here.items())
    ]
    # Rounding differs. What is the same must be most of it.
    assert sum(served[case.id].text == here[case.id].text for case in cases) >= 5


@pytest.mark.parametrize(
    ("endpoint", "field"),
    [("chat", "json_schema"), ("completions", "json_schema"), ("llamacpp", None), ("llamacpp", "grammar")],
)
def test_answers_are_held_to_a_schema(url: str, endpoint: str, field: str | None) -> None:
    from pytest_edgejson.backends.constraint.probe import probe

    server = Server(url, api_key_env="LLAMA_KEY", endpoint=endpoint, constrain_field=field)
    backend = load(url, endpoint, spec={"server": server}, constrain="schema")
    case = Case("a", "s", "simple", "Say hello.", {})
    asked = Request("a", backend.render(case), case, constraint=json.dumps(SCHEMA))
    probe(backend, "tested", asked)
    (found,) = backend.generate([asked])
    assert json.loads(found.text)["stars"] in (1, 2, 3)


@pytest.mark.parametrize("endpoint", ["chat", "completions", "llamacpp"])
@pytest.mark.parametrize("thought", ["no, wait", "😀"])
def test_thoughts_among_an_answer_are_counted_where_each_token_is_streamed(
    url: str, endpoint: str, thought: str
) -> None:
    """nano has no thoughts of its own, and an emoji in its tokens only byte by byte, which come as one piece."""
    said = json.dumps(f'<think>{thought}</think>{{"stars": 2}}', ensure_ascii=False)
    extra = {"grammar": f"root ::= {said}"}
    server = Server(url, api_key_env="LLAMA_KEY", endpoint=endpoint, extra_body=extra)
    backend = load(url, endpoint, spec={"server": server})
    backend.watch = witness = Witness()
    (case,) = ratings(1)
    found = answers(backend, [case], streamed=True)[case.id]
    assert found.text == json.loads(said)
    heard = [text for _, text in witness.heard]
    places = [next(place for place, text in enumerate(heard) if mark in text) for mark in ("<think>", "</think>")]
    # The end of the sequence is a token too, which llama.cpp's own endpoint is not waited for.
    is_each = found.output_tokens - len(heard) == (endpoint != "llamacpp")
    assert is_each == (thought != "😀")
    assert found.thought_tokens == (places[1] - places[0] + 1 if is_each else None)


def test_a_wrong_key_is_told_before_the_first_case(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_KEY", "another-key")
    with pytest.raises(BackendError, match=r"refuses the key \(HTTP 401: Invalid API Key\): check the key in"):
        load(url).check(lambda: True)


@pytest.mark.parametrize("endpoint", ["chat", "completions", "llamacpp"])
def test_a_prompt_that_does_not_fit_is_that_cases_error(url: str, endpoint: str) -> None:
    case = Case("long", "rating", "simple", "much too long " * 3000, {})
    found = answers(load(url, endpoint), [*ratings(1), case])
    assert found["long"].finish_reason == "error"
    assert "HTTP 400: " in found["long"].error
    assert "context size" in found["long"].error
    assert found[ratings(1)[0].id].finish_reason == "stop"


def _holds_some(store: Path) -> bool:
    with contextlib.suppress(sqlite3.OperationalError):
        return store.exists() and completions_in(store) > 5
    return False


@pytest.mark.slow
def test_a_server_that_is_killed_costs_nothing_that_was_finished(nano: Path, tmp_path: Path) -> None:
    port = free_port()
    store = tmp_path / "store.sqlite"
    (tmp_path / "models.toml").write_text(
        f'[models.served]\nbackend = "openai"\nmodel = "nano"\nbase_url = "http://127.0.0.1:{port}"\n'
        f'api_key_env = "LLAMA_KEY"\nendpoint = "llamacpp"\ntokenizer = "{NANO}"\nconcurrency = 2\n'
    )
    # Enough that the server is killed before it has answered them all.
    command = [sys.executable, "-m", "pytest", str(ROOT / "cases/test/simple"), "--edgejson-model=served"]
    command += ["--edgejson-models=models.toml", f"--edgejson-store={store}", "--edgejson-report-only"]
    command += ["-p", "no:cacheprovider", "-q", "--edgejson-results"]
    # It is asked again five times, after twice as long each time.
    hurried = "from pytest_edgejson.backends.server import pool\npool.FIRST_WAIT_S = 0.02\n"
    (tmp_path / "hurried.py").write_text(hurried, encoding="utf-8")
    with serving(nano, port) as server:
        first = [*command, "first.jsonl", "-p", "hurried"]
        run = subprocess.Popen(first, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: _holds_some(store), 180)
        server.kill()
        out, _ = run.communicate(timeout=120)
    assert "is not there any more" in out, out
    finished = completions_in(store)
    with serving(nano, port):
        again = subprocess.run([*command, "second.jsonl"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stdout
    rows = [json.loads(line) for line in (tmp_path / "second.jsonl").read_text().splitlines()]
    stored = [row["stored"] for row in rows if "case_id" in row]
    assert 5 < sum(stored) == finished < len(stored) == completions_in(store)


@pytest.mark.slow
def test_smollm2_is_given_the_same_tokens_as_through_transformers() -> None:
    pytest.importorskip("transformers")
    model, port = smollm2(), free_port()
    cases = ratings(3)
    spec = {"prompt": "chat-schema", "tokenizer": str(model)}
    documents = {"rating": json.loads((ROOT / "schemas/simple/rating.json").read_text(encoding="utf-8"))}
    with serving(model, port, tokens=8192):
        counts = []
        for endpoint in ("chat", "llamacpp", "completions"):
            server = Server(f"http://127.0.0.1:{port}/v1", api_key_env="LLAMA_KEY", endpoint=endpoint)
            backend = load_backend(
                ModelSpec("tested", "openai", "smollm2", server=server, **spec),
                GenerationSettings(4),
                LoadOptions(schema_documents=documents),
            )
            found = answers(backend, cases)
            counts.append([found[case.id].prompt_tokens for case in cases])
            if endpoint == "llamacpp":
                counts.append([len(backend.tokenize(backend.render(case)).ids) for case in cases])
    assert counts == [counts[0]] * 4
