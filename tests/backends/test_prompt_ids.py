"""The same prompt of the same file through transformers, llama.cpp and a server of it: the same token ids."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from helpers.gguf_models import smollm2

from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions
from pytest_edgejson.backends.models import known_models, resolve_model
from pytest_edgejson.backends.prompts import Prompts
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.files import CaseRow, case_files, read_rows
from pytest_edgejson.suite.schemas import Schemas

xllamacpp = pytest.importorskip("xllamacpp", reason="llama.cpp is not installed (pip install xllamacpp)")

pytestmark = pytest.mark.slow

HARD = "Größe:\t12.50 €\r\n字 naïve 😀 — <|im_start|>user\n  1234567  {schema} {prompt}\u202e x\x00"


class Server:
    """llama.cpp's own server on the file, in this process."""

    def __init__(self, file: Path) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_parallel, params.n_ctx, params.warmup, params.use_jinja = 1, 4096, False, True
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
        self._server = xllamacpp.Server(params)

    def post(self, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self._server.listening_address + path, data, headers)
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.post("/tokenize", content=text, add_special=True, parse_special=True)["tokens"]
        return found


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(smollm2())


def rows() -> list[CaseRow]:
    schemas = Schemas(bundled.SCHEMAS)
    return [row for row in read_rows(case_files([bundled.TEST_CASES]), lambda _: schemas) if isinstance(row, CaseRow)]


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": "v3"},
        {"prompt": "v3", "shots": 1},
        {"prompt": "chat-schema"},
        {"prompt": "chat", "system": "Answer with JSON alone.", "shots": 2},
    ],
    ids=["text", "text with an example", "chat", "chat with a system message and examples"],
)
def test_the_same_prompt_has_the_same_tokens_everywhere(server: Server, asked: dict[str, Any]) -> None:
    spec = replace(resolve_model("smollm2-135m-instruct", known_models()), **asked)
    found = rows()
    hard = Case("hard", found[0].case.schema_id, "simple", HARD, {"name": HARD})
    options = LoadOptions(
        device="cpu",
        schema_documents={row.schema.id: dict(row.schema.document) for row in found},
        examples={row.case.schema_id: [hard, row.case] for row in found},
    )
    backend = load_backend(spec, GenerationSettings(), options)
    other = load_backend(replace(spec, backend="llama.cpp"), GenerationSettings(), options)
    prompts = Prompts(spec, options)
    longest = max(found, key=lambda row: len(row.case.prompt)).case
    for case in (hard, longest, *(row.case for row in found[::8])):
        tokens = backend.tokenize(backend.render(case))
        assert tokens is not None
        assert tokens.warning is None
        same = other.tokenize(other.render(case))
        assert same is not None
        assert (same.text, list(same.ids), same.warning) == (tokens.text, list(tokens.ids), None)
        prompt = prompts.make(case)
        if isinstance(prompt, str):
            text = prompt
        else:
            messages = [asdict(message) for message in prompt]
            text = server.post("/apply-template", messages=messages)["prompt"]
        assert text == tokens.text
        assert server.ids(text) == list(tokens.ids)
    other.close()
    # What the server makes of a prompt that it is sent is as long; the last one is a short one.
    limits = {"max_tokens": 1, "temperature": 0}
    if isinstance(prompt, str):
        answer = server.post("/v1/completions", prompt=prompt, **limits)
    else:
        answer = server.post("/v1/chat/completions", messages=messages, **limits)
    assert answer["usage"]["prompt_tokens"] == len(tokens.ids)
