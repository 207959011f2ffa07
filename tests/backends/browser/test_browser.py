"""The backend browser: nano exported to ONNX, run by transformers.js in the Chromium that is installed."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.chromium import started
from helpers.onnx_models import export, need_onnx
from helpers.servers import FakeServer, running
from helpers.waiting import wait_until
from helpers.web_models import need_browser

from pytest_edgejson.backends.browser.server import Site
from pytest_edgejson.backends.interface import (
    BackendError,
    BatchError,
    Completion,
    GenerationSettings,
    LoadOptions,
    Request,
)
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.backends.watch import Watch
from pytest_edgejson.cli import main
from pytest_edgejson.suite.files import CaseRow, read_rows
from pytest_edgejson.suite.suites import SchemaFinder

need_onnx()

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

ROOT = Path(__file__).parents[3]
NANO = ROOT / "models" / "nano"
RATING = ROOT / "cases" / "test" / "simple" / "rating.jsonl"


@pytest.fixture(scope="module", autouse=True)
def _browser() -> None:
    need_browser()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(NANO, tmp_path_factory.mktemp("models") / "nano")


def load(folder: Path, *, backend: str = "browser", tokenizer: Path | None = None, **settings: Any) -> Any:
    spec = ModelSpec("tested", backend, str(folder), tokenizer=None if tokenizer is None else str(tokenizer))
    return load_backend(spec, GenerationSettings(**{"max_new_tokens": 200, **settings}), LoadOptions())


def requests(backend: Any, count: int = 2) -> list[Request]:
    rows = [row for row in read_rows([RATING], SchemaFinder()) if isinstance(row, CaseRow)][:count]
    return [Request(row.case.id, backend.render(row.case), row.case) for row in rows]


def content(backend: Any, asked: list[Request]) -> dict[str, tuple[Any, ...]]:
    found: list[Completion] = list(backend.generate(asked))
    assert len(found) == len(asked)
    return {each.key: (each.text, each.finish_reason, each.prompt_tokens, each.output_tokens) for each in found}


class Hasty(Watch):
    """Has no time left as soon as there is a token."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def step(self, tokens: int) -> None:
        if tokens:
            self._backend.deadline = 0.0


def test_answers_are_those_of_transformers(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, plain = load(model), load(NANO, backend="transformers")
    asked = requests(backend)
    expected = content(plain, asked)
    assert {reason for _, reason, *_ in expected.values()} == {"stop"}
    try:
        assert content(backend, asked) == expected
        # What is left in the middle is stopped, and does not disturb what follows.
        backend.watch = Hasty(backend)
        assert list(backend.generate(asked)) == []
        backend.watch, backend.deadline = Watch(), math.inf
        (first, *_) = asked
        (short,) = backend.generate([replace(first, max_new_tokens=5)])
        assert (short.finish_reason, short.output_tokens) == ("length", 5)
        assert expected[first.key][0].startswith(short.text)
        assert 0 < short.compute_s <= short.latency_s
        (late,) = backend.generate([replace(first, timeout_s=0.0)])
        assert late.finish_reason == "timeout"
        assert content(backend, [first]) == {first.key: expected[first.key]}
        os.kill(backend.process, signal.SIGKILL)
        with pytest.raises(BatchError, match=r"^tested: the page broke: "):
            list(backend.generate(asked))
    finally:
        backend.close()
    # Loaded again, with threads.
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    try:
        assert content(backend, asked) == expected
    finally:
        backend.close()


def test_a_case_goes_on_to_its_end_where_the_root_object_is_no_end(model: Path) -> None:
    settings = {"stop_at_root": False, "loops": "keep"}
    backend, plain = load(model, **settings), load(NANO, backend="transformers", **settings)
    asked = requests(backend, 1)
    expected = content(plain, asked)
    try:
        assert content(backend, asked) == expected
    finally:
        backend.close()


def test_another_tokenizer_than_the_pages_is_an_error(model: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((NANO / "tokenizer.json").read_text())
    tokenizer["model"]["merges"].clear()
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    shutil.copy(NANO / "tokenizer_config.json", tmp_path)
    backend = load(model, tokenizer=tmp_path)
    asked = requests(backend, 1)
    try:
        with pytest.raises(BackendError, match=r"rating-001: transformers\.js splits the prompt otherwise"):
            list(backend.generate(asked))
    finally:
        backend.close()


def test_a_network_that_cannot_be_read_is_one_line(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "onnx").mkdir(parents=True)
    for file in model.glob("*.json"):
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "onnx" / "model.onnx").write_bytes(b"no network")
    backend = load(broken)
    with pytest.raises(BackendError, match=r"^tested: transformers\.js cannot load the model: .*protobuf"):
        list(backend.generate(requests(backend, 1)))


def test_a_page_reaches_no_other_server(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    site = Site({"": tmp_path})
    try:
        with running(FakeServer()) as server, started() as browser:
            page = browser.new_page()
            page.goto(site.address)
            assert page.evaluate("crossOriginIsolated")
            assert page.evaluate("fetch('.').then(answer => answer.ok)")
            assert page.evaluate("address => fetch(address).catch(() => 'refused')", server.url) == "refused"
    finally:
        site.close()


def run(model: Path, folder: Path, *arguments: str, mark: str = "none") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", str(RATING), f"--edgejson-model=browser:{model}", *arguments]
    command += ["-p", "no:cacheprovider", "--rootdir", str(folder), "-c", os.devnull]
    environment = {**os.environ, "EDGEJSON_MARK": mark}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def marked(mark: str) -> list[str]:
    """Return the commands of the processes that a run started, and those that these did."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"EDGEJSON_MARK={mark}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_a_run_of_pytest_is_scored_and_leaves_nothing(model: Path, tmp_path: Path) -> None:
    results, mark = tmp_path / "results.jsonl", tmp_path.name
    arguments = ("-k", "rating-001 or rating-002", f"--edgejson-results={results}", "--edgejson-report-only")
    process = run(model, tmp_path, *arguments, mark=mark)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    manifest, *rest = map(json.loads, results.read_text().splitlines())
    assert manifest["models"]["browser:nano"]["backend"] == "browser"
    scored = [line for line in rest if "case_id" in line]
    assert [line["failure"] for line in scored if line["failure"] == "runtime_error"] == []
    assert len(scored) == 2
    wait_until(lambda: not marked(mark))


def test_ctrl_c_leaves_nothing(model: Path, tmp_path: Path) -> None:
    mark = tmp_path.name
    process = run(model, tmp_path, mark=mark)
    try:
        wait_until(lambda: any("--type=" in command for command in marked(mark)), 120)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    wait_until(lambda: not marked(mark))


def test_measured_in_the_browser(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ("--n", "1", "--passes", "1", "--warm-up", "1", "--max-new-tokens", "100", "--format", "json")
    assert main(["measure", str(model), "--browser", "--cases", str(RATING), *quick]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["model"] == "browser:nano"
    assert found["backend"]["backend"] == "browser"
    assert found["threads"] == 1
    assert 0 < found["load_s"] < found["start_s"]
    assert found["peak_bytes"] > found["backend"]["bytes"]
    assert found["idle_bytes"] is None
    figures = found["figures"]
    assert figures["errors"] == 0
    assert 0 < figures["first_token_p50_s"] < figures["answer_p50_s"]
    assert figures["decode_tokens_per_s"] > 0
