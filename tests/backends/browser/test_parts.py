"""The backend browser without a browser: what it needs, what it refuses, and what a page is served from."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from helpers.web_models import fake_web

from pytest_edgejson.backends.browser.server import Site
from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.cli import main

pytest.importorskip("transformers")

NANO = Path(__file__).parents[3] / "models" / "nano"


def install(place: Path, package: str, version: str, *files: str) -> None:
    folder = place / "node_modules" / package
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"version": version}))
    for file in files:
        (folder / "dist" / file).touch()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for all that is installed; return a folder below it, which is the working directory."""
    install(tmp_path, "@huggingface/transformers", "4.3.1", "transformers.min.js")
    install(tmp_path, "onnxruntime-web", "1.31.0", "ort.wasm")
    programs = tmp_path / "programs"
    programs.mkdir()
    chromium = programs / "chromium"
    chromium.write_text("#!/bin/sh\necho Chromium 156.0.8078.108 built on Debian\n")
    chromium.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.delenv("NODE_PATH", raising=False)
    monkeypatch.setitem(sys.modules, "playwright", sys)
    below = tmp_path / "project" / "folder"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return below


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return fake_web(tmp_path / "model", NANO, "model_int8.onnx")


def load(folder: object, *, device: str | None = None, adapter: str | None = None, **settings: Any) -> Any:
    spec = ModelSpec("tested", "browser", str(folder), adapter=adapter)
    return load_backend(spec, GenerationSettings(**settings), LoadOptions(device=device))


def refusal(folder: object, **settings: Any) -> str:
    with pytest.raises(BackendError) as caught:
        load(folder, **settings)
    return str(caught.value).removeprefix("tested: ")


@pytest.mark.usefixtures("installed")
def test_what_it_is_tells_all_that_decides_answers(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    backend = load(model)
    told = backend.description
    assert (told["backend"], told["device"], told["dtype"], told["threads"]) == ("browser", "wasm", "int8", 3)
    assert told["bytes"] == len(b"no network")
    assert told["versions"]["chromium"] == "156.0.8078.108"
    assert told["versions"]["transformers.js"] == "4.3.1"
    assert told["versions"]["onnxruntime-web"] == "1.31.0"
    assert load(model).fingerprint == backend.fingerprint

    found = {backend.fingerprint, load(model, device="webgpu").fingerprint}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    found.add(load(model).fingerprint)
    (model / "onnx" / "model_int8.onnx").write_bytes(b"another")
    found.add(load(model).fingerprint)
    package = tmp_path / "node_modules" / "onnxruntime-web" / "package.json"
    package.write_text('{"version": "1.32.0"}')
    found.add(load(model).fingerprint)
    (tmp_path / "programs" / "chromium").write_text("#!/bin/sh\necho Google Chrome 157.0.1.2\n")
    found.add(load(model).fingerprint)
    assert len(found) == 6


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("names", "dtype"),
    [(["model.onnx"], "fp32"), (["model_quantized.onnx"], "q8"), (["model_q4.onnx", "model_q4.onnx_data"], "q4")],
)
def test_the_files_name_says_the_form(tmp_path: Path, names: list[str], dtype: str) -> None:
    told = load(fake_web(tmp_path / "model", NANO, *names)).description
    assert (told["dtype"], told["bytes"]) == (dtype, len(names) * len(b"no network"))


@pytest.mark.usefixtures("installed")
def test_folders_that_hold_no_model(model: Path, tmp_path: Path) -> None:
    fix = "edgejson export MODEL --to onnx makes one"
    assert refusal(NANO) == f"the folder {NANO} holds no onnx/model*.onnx: {fix}"
    assert refusal("org/name") == f"the backend browser runs a folder, and org/name is none: {fix}"
    assert refusal(model, adapter="x") == "the backend browser runs no adapters: export the model with its adapter"
    two = fake_web(tmp_path / "two", NANO, "model.onnx", "model_q4.onnx")
    names = "model.onnx, model_q4.onnx"
    assert refusal(two) == f"{two / 'onnx'} holds several models, {names}: leave one of them there"
    (model / "config.json").write_text("{}")
    assert refusal(model) == f"{model / 'config.json'}: describes no decoder: it has no vocab_size"
    (model / "config.json").write_text("[]")
    assert refusal(model) == f"{model / 'config.json'}: cannot be read: it holds no JSON object"


@pytest.mark.usefixtures("installed")
def test_settings_that_cannot_be_had(model: Path) -> None:
    assert refusal(model, device="cuda").endswith("or use --edgejson-device=webgpu")
    assert "--edgejson-temperature" in refusal(model, temperature=0.5)
    assert refusal(model, constrain="json") == "a browser holds answers to no schema: leave out --edgejson-constrain"
    assert refusal(model, dtype="bfloat16").endswith("leave out the dtype")


def test_what_is_missing_is_named_with_the_command(
    installed: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "node_modules" / "@huggingface" / "transformers"
    (library / "package.json").write_text('{"version": "3.8.1"}')
    newer = "npm install --ignore-scripts @huggingface/transformers@latest"
    assert refusal(model) == f"transformers.js 3.8.1 in {library} is too old: {newer}"
    (library / "package.json").unlink()
    command = "npm install --ignore-scripts @huggingface/transformers, in the working directory or a folder above it"
    assert refusal(model) == f"transformers.js is not installed: {command}"
    install(installed, "@huggingface/transformers", "4.0.0")
    nearer = installed / "node_modules" / "@huggingface" / "transformers"
    assert refusal(model) == f"transformers.js in {nearer} is not complete: {command}"

    elsewhere = tmp_path / "elsewhere"
    install(elsewhere, "@huggingface/transformers", "4.5.0", "transformers.min.js")
    (nearer / "package.json").unlink()
    monkeypatch.setenv("NODE_PATH", str(elsewhere / "node_modules"))
    assert load(model).description["versions"]["transformers.js"] == "4.5.0"

    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(model) == (
        "there is no Chromium on the PATH: apt-get install chromium, or put the folder of Chrome there"
    )
    monkeypatch.setitem(sys.modules, "playwright", None)
    assert refusal(model) == "playwright is not installed: pip install 'pytest-edgejson[browser]'"


@pytest.mark.usefixtures("installed")
def test_measure_refuses_what_is_not_exported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "nano", "--browser"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("edgejson: browser:nano: the folder ")
    assert said.endswith("holds no onnx/model*.onnx: edgejson export MODEL --to onnx makes one")


def test_a_site_serves_its_folders_alone(tmp_path: Path) -> None:
    for name in ("page/index.html", "page/model/hidden.json", "model/onnx/model.onnx", "secret.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    site = Site({"": tmp_path / "page", "model/": tmp_path / "model"})

    def get(address: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=10) as answer:
            return answer.read().decode(), answer.headers

    try:
        assert site.address.startswith("http://127.0.0.1:")
        text, headers = get(site.address)
        assert (text, headers["Content-Type"]) == ("page/index.html", "text/html; charset=utf-8")
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert get(f"{site.address}model/onnx/model.onnx")[0] == "model/onnx/model.onnx"
        root = site.address.rstrip("/").rpartition("/")[0]
        for refused in (
            f"{site.address}model/",
            f"{site.address}model/onnx",
            f"{site.address}model/hidden.json",
            f"{site.address}../secret.txt",
            f"{site.address}model/..%2f..%2fsecret.txt",
            f"{site.address}model/%2fetc/passwd",
            f"{root}/index.html",
            f"{root}/wrong/index.html",
        ):
            with pytest.raises(urllib.error.HTTPError) as caught:
                get(refused)
            caught.value.close()
            assert caught.value.code == 404, refused
    finally:
        site.close()
    with pytest.raises(urllib.error.URLError):
        get(site.address)
