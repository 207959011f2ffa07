"""The onnx backend: small real models with random weights, exported and run, against the transformers backend."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from helpers.models import WINDOW, make_model, prompts, requests
from helpers.onnx_models import export, need_onnx

from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.models import load_registry, resolve_model
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch")
pytest.importorskip("transformers")
need_onnx()

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The runtime wants heads of a multiple of 8.
    return make_model(tmp_path_factory.mktemp("models") / "model", hidden_size=64)


@pytest.fixture(scope="module")
def folder(model: Path) -> Path:
    return export(model, model.parent / "exported")


def load(place: Path, backend: str = "onnx", *, options: LoadOptions | None = None, **settings: Any) -> Any:
    spec = ModelSpec("tested", backend, str(place), prompt="{prompt}")
    generation = GenerationSettings(**{"max_new_tokens": 24, **settings})
    return load_backend(spec, generation, options or LoadOptions(batch_size=3))


def content(backend: Any, asked: list[Request]) -> dict[str, tuple[Any, ...]]:
    found = list(backend.generate(asked))
    assert len(found) == len(asked)
    return {
        each.key: (each.text, each.finish_reason, each.prompt_tokens, each.output_tokens, each.error) for each in found
    }


def test_answers_are_those_of_transformers(model: Path, folder: Path) -> None:
    asked = requests([*prompts(9), *prompts(2, longest=40, seed=3)])
    expected = content(load(model, "transformers"), asked)
    assert len({text for text, *_ in expected.values()}) > 5
    backend = load(folder)
    assert content(backend, asked) == expected
    alone = [Request(each.key, each.text, each.case, alone=True) for each in asked[:3]]
    assert content(backend, alone) == {each.key: expected[each.key] for each in alone}
    # One that was left in the middle does not disturb the next.
    stream = backend.generate(asked)
    next(stream)
    stream.close()
    assert content(backend, asked) == expected
    description = backend.description
    assert (description["backend"], description["dtype"], description["weights"]) == ("onnx", "float32", "f32")
    assert description["parameters"] == load(model, "transformers").description["parameters"]


def test_rows_have_limits_of_their_own(folder: Path) -> None:
    asked = requests(prompts(4))
    asked = [replace(each, max_new_tokens=number + 1) for number, each in enumerate(asked)]
    found = {each.key: each.output_tokens for each in load(folder, options=LoadOptions(batch_size=4)).generate(asked)}
    assert found == {each.key: each.max_new_tokens for each in asked}


def test_prompts_of_unequal_lengths_may_be_answered_up_to_the_window(model: Path, folder: Path) -> None:
    asked = requests([*prompts(2), *prompts(2, longest=40, seed=3)])
    further = {"max_new_tokens": 2 * WINDOW, "stop_at_root": False, "loops": "keep"}
    found = content(load(folder, **further), asked)
    assert found == content(load(model, "transformers", **further), asked)
    assert {reason for _, reason, *_ in found.values()} <= {"stop", "length"}


def test_tokens_are_drawn_as_elsewhere(model: Path, folder: Path) -> None:
    asked = requests(prompts(5))
    drawn = {"temperature": 0.8, "seed": 3}
    expected = content(load(model, "transformers", **drawn), asked)
    assert content(load(folder, **drawn), asked) == expected
    assert content(load(folder), asked) != expected


def test_answers_in_a_run_are_held_to_their_schemas(folder: Path, pytester: pytest.Pytester) -> None:
    pytest.importorskip("llguidance")
    pytester.makefile(".toml", models=f'[models.small]\nmodel = "{folder}"\n')
    case = {"id": "a", "schema_id": "tiny", "complexity": "simple", "prompt": "Size: 3", "expected_output": {"size": 3}}
    cases = pytester.mkdir("cases")
    (cases / "tiny.jsonl").write_text(json.dumps(case) + "\n")
    schemas = cases / "schemas" / "simple"
    schemas.mkdir(parents=True)
    schema = {
        "type": "object",
        "properties": {"size": {"enum": [3, 4]}},
        "required": ["size"],
        "additionalProperties": False,
    }
    (schemas / "tiny.json").write_text(json.dumps(schema))
    result = pytester.runpytest_subprocess(
        "cases", "--edgejson-model=small", "--edgejson-constrain=schema", "--edgejson-results=r.jsonl", "--tb=no"
    )
    assert result.ret in (0, 1)
    rows = [json.loads(line) for line in (pytester.path / "r.jsonl").read_text().splitlines()]
    found = next(row for row in rows if row.get("case_id") == "a")
    assert json.loads(found["output"]) in ({"size": 3}, {"size": 4})


def test_a_folder_names_its_backend(folder: Path, model: Path, tmp_path: Path) -> None:
    assert resolve_model(str(folder), {}).backend == "onnx"
    entries = tmp_path / "models.toml"
    entries.write_text(f'[models.a]\nmodel = "{folder}"\n[models.b]\nmodel = "{model}"\n')
    assert [spec.backend for spec in load_registry(entries).values()] == ["onnx", "transformers"]


def test_what_it_does_not_run_is_said_in_a_line(folder: Path, model: Path, tmp_path: Path) -> None:
    def said(place: Path = folder, options: LoadOptions | None = None, **settings: Any) -> str:
        with pytest.raises(BackendError) as caught:
            load(place, options=options, **settings)
        return str(caught.value)

    assert said(model) == (
        f"tested: the backend onnx runs a folder with genai_config.json, and {model} is none: "
        "edgejson export MODEL --to onnx makes one"
    )
    assert "onnx runs on the CPU, not on cuda" in said(options=LoadOptions(device="cuda"))
    assert "onnx computes in float32 here, not in bfloat16" in said(dtype="bfloat16")
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "onnx" / "model.onnx").unlink()
    assert f"{broken / 'genai_config.json'} names onnx/model.onnx, which is not there" in said(broken)
    (broken / "onnx" / "model.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(BackendError, match="tested: the model cannot be loaded: "):
        list(load(broken).generate(requests(["a"])))
    (broken / "genai_config.json").write_text('{"model": {}}')
    assert "describes no decoder that can be run" in said(broken)
    (broken / "genai_config.json").write_text("[")
    assert "genai_config.json: cannot be read" in said(broken)
    with pytest.raises(BackendError, match="the backend onnx runs no adapters"):
        load_backend(ModelSpec("tested", "onnx", str(folder), adapter="./a"), GenerationSettings(), LoadOptions())
