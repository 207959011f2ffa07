"""The openvino backend: small real models with random weights, converted and run, against the transformers backend."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from helpers.models import make_adapter, make_model, make_scripted, prompts, requests
from helpers.watching import Witness

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.models import load_registry, resolve_model
from pytest_edgejson.backends.openvino.convert import Conversion
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec

pytest.importorskip("torch")
pytest.importorskip("transformers")
# Not by importing it: the backend decides how.
if find_spec("openvino_genai") is None:
    pytest.skip("openvino-genai is not installed: pip install 'pytest-edgejson[openvino]'", allow_module_level=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openvino")


def load(
    folder: Path | ModelSpec,
    cache: Path | None,
    *,
    backend: str = "openvino",
    batch_size: int | None = 3,
    device: str | None = None,
    **settings: Any,
) -> Any:
    spec = folder if isinstance(folder, ModelSpec) else ModelSpec("tested", backend, str(folder), prompt="{prompt}")
    generation = GenerationSettings(**{"max_new_tokens": 24, **settings})
    return load_backend(spec, generation, LoadOptions(device=device, batch_size=batch_size, cache=cache))


def content(backend: Any, asked: list[Request]) -> dict[str, tuple[Any, ...]]:
    found: list[Completion] = list(backend.generate(asked))
    assert len(found) == len(asked)
    return {
        each.key: (each.text, each.finish_reason, each.prompt_tokens, each.output_tokens, each.error) for each in found
    }


def test_answers_are_those_of_transformers(model: Path, cache: Path) -> None:
    asked = requests([*prompts(9), *prompts(2, longest=40, seed=3)])
    expected = content(load(model, None, backend="transformers"), asked)
    assert len({text for text, *_ in expected.values()}) > 5
    backend = load(model, cache, batch_size=4)
    assert content(backend, asked) == expected
    assert content(backend, asked[::-1]) == expected
    alone = [Request(each.key, each.text, each.case, alone=True) for each in asked[:3]]
    assert content(backend, alone) == {each.key: expected[each.key] for each in alone}
    for each in backend.generate(asked[:2]):
        assert 0 < each.compute_s <= each.latency_s
    assert backend.description["backend"] == "openvino"
    assert backend.description["dtype"] == "float32"


def test_a_run_that_was_left_does_not_disturb_the_next(model: Path, cache: Path) -> None:
    asked = requests(prompts(6))
    backend = load(model, cache, batch_size=2)
    expected = content(backend, asked)
    stream = backend.generate(asked)
    next(stream)
    stream.close()
    assert content(backend, asked) == expected


def test_a_case_ends_with_its_root_object(tmp_path: Path, cache: Path) -> None:
    folder = make_scripted(tmp_path / "scripted", '{"a": {"b": "ü}"}} and more, {"c": 1}')
    backend = load(folder, cache, max_new_tokens=60)
    assert content(backend, requests(["x"]))["case-0"][:2] == ('{"a": {"b": "ü}"}}', "stop")
    whole = load(folder, cache, max_new_tokens=60, stop_at_root=False)
    assert content(whole, requests(["x"]))["case-0"][:2] == ('{"a": {"b": "ü}"}} and more, {"c": 1}', "stop")
    short = load(folder, cache, max_new_tokens=6)
    assert content(short, requests(["x"]))["case-0"][1::2] == ("length", 6)


def test_a_case_that_takes_too_long_is_a_timeout_with_what_it_said(tmp_path: Path, cache: Path) -> None:
    backend = load(make_scripted(tmp_path / "scripted", '{"a": 1}'), cache)
    (asked,) = requests(["x"])
    (found,) = backend.generate([Request(asked.key, asked.text, asked.case, timeout_s=0.0)])
    assert (found.finish_reason, found.text, found.output_tokens) == ("timeout", "{", 1)


def test_an_adapter_is_merged_into_its_base(model: Path, cache: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", model, base=str(model))
    asked = requests(prompts(4))
    spec = ModelSpec("adapted", "openvino", str(model), adapter=str(adapter), prompt="{prompt}")
    plain = ModelSpec("adapted", "transformers", str(model), adapter=str(adapter), prompt="{prompt}")
    found = content(load(spec, cache), asked)
    assert found == content(load(plain, None), asked)
    assert found != content(load(model, cache), asked)


def test_a_model_is_converted_once_and_again_when_its_files_change(tmp_path: Path) -> None:
    folder, kept, witness = make_model(tmp_path / "model", layers=1), tmp_path / "kept", Witness()

    def run() -> Path:
        backend = load(folder, kept)
        backend.watch = witness
        content(backend, requests(["a"]))
        return Conversion(backend._spec, backend._files, backend._hashes, kept).folder

    first = run()
    times = {file: file.stat().st_mtime_ns for file in first.iterdir()}
    assert run() == first
    assert {file: file.stat().st_mtime_ns for file in first.iterdir()} == times
    assert witness.notes == ["edgejson: tested: converting the model for OpenVINO, which is done once"]
    make_model(folder, seed=1, layers=1)
    assert run() != first
    assert len(witness.notes) == 2


def test_a_conversion_that_was_killed_is_made_anew(model: Path, tmp_path: Path) -> None:
    backend = load(model, tmp_path)
    conversion = Conversion(backend._spec, backend._files, backend._hashes, tmp_path)
    partial = conversion.folder.with_suffix(".partial")
    partial.mkdir()
    (partial / "openvino_model.bin").write_bytes(b"half of it")
    assert not conversion.is_there
    assert content(backend, requests(["a"]))
    assert conversion.is_there
    assert not partial.exists()


@pytest.fixture(scope="module")
def converted(model: Path, cache: Path) -> Path:
    """Return a folder in OpenVINO's form: what a conversion makes, with the tokenizer, and no other weights."""
    backend = load(model, cache)
    content(backend, requests(["a"]))
    folder = cache.parent / "converted"
    shutil.copytree(Conversion(backend._spec, backend._files, backend._hashes, cache).folder, folder)
    backend._tokenizer.save_pretrained(folder)
    return folder


def test_a_folder_in_openvinos_form_is_run_as_it_is(model: Path, converted: Path, tmp_path: Path) -> None:
    asked = requests(prompts(4))
    witness, kept = Witness(), tmp_path / "kept"
    backend = load(converted, kept)
    backend.watch = witness
    assert content(backend, asked) == content(load(model, None, backend="transformers"), asked)
    assert witness.notes == []
    assert not kept.exists()
    assert backend.description["parameters"] is None

    # The store's key is made of its files, wherever they are.
    copy = tmp_path / "copy"
    shutil.copytree(converted, copy)
    assert load(copy, None).fingerprint == backend.fingerprint
    (copy / "openvino_model.xml").write_bytes((copy / "openvino_model.xml").read_bytes() + b"\n")
    assert load(copy, None).fingerprint != backend.fingerprint


def test_a_folder_in_openvinos_form_needs_no_prefix(converted: Path, tmp_path: Path) -> None:
    for name in (str(converted), f"openvino:{converted}"):
        assert resolve_model(name, {}).backend == "openvino"
    registry = tmp_path / "models.toml"
    registry.write_text(f'[models.a]\nmodel = "{converted}"\n')
    assert load_registry(registry)["a"].backend == "openvino"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"adapter": "org/a"}, "holds a converted model, whose weights stay as they are: leave out 'adapter', or "),
        ({"weights": "int8"}, "holds a converted model, whose weights stay as they are: leave out 'weights', or "),
        ({"backend": "transformers"}, "holds a model in OpenVINO's form: run it with backend = "),
    ],
)
def test_what_a_folder_in_openvinos_form_is_not_run_with(converted: Path, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(BackendError) as caught:
        load(ModelSpec(**{"name": "tested", "backend": "openvino", "model": str(converted), **spec}), None)
    assert str(caught.value).startswith(f"tested: {converted} {message}")


def test_a_damaged_folder_is_one_line(converted: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(converted, copy)
    content_of = (copy / "openvino_model.xml").read_bytes()
    (copy / "openvino_model.xml").write_bytes(content_of[: len(content_of) // 2])
    with pytest.raises(BackendError) as caught:
        list(load(copy, None).generate(requests(["a"])))
    assert str(caught.value).startswith(f"tested: OpenVINO cannot load {copy}: ")
    assert "\n" not in str(caught.value)
    (copy / "openvino_model.bin").unlink()
    with pytest.raises(BackendError) as caught:
        load(copy, None)
    assert str(caught.value) == f"tested: the folder {copy} has no openvino_model.bin: fetch it again, or export it"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("nncf") is None, reason="nncf is not installed: pip install 'pytest-edgejson[openvino]'")
def test_bfloat16_and_int8_are_other_models_to_the_store(model: Path, cache: Path) -> None:
    int8 = ModelSpec("tested", "openvino", str(model), prompt="{prompt}", weights="int8")
    backends = [load(model, cache), load(model, cache, dtype="bfloat16"), load(int8, cache)]
    assert len({backend.fingerprint for backend in backends}) == 3
    for backend in backends:
        assert {reason for _, reason, *_ in content(backend, requests(prompts(3))).values()} <= {"stop", "length"}
    assert backends[1].description["dtype"] == "bfloat16"
    assert backends[2].description["weights"] == "int8"

    def size(backend: Any) -> int:
        folder = Conversion(backend._spec, backend._files, backend._hashes, cache).folder
        return (folder / "openvino_model.bin").stat().st_size

    assert size(backends[1]) == size(backends[0]) > 2.5 * size(backends[2])


def test_bfloat16_needs_a_processor_that_has_it(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": False})
    with pytest.raises(BackendError, match=r"tested: openvino needs .* bfloat16: use --edgejson-dtype=float32"):
        load(model, cache, dtype="bfloat16")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.7}, "tested: openvino draws other tokens than transformers"),
        ({"repetition_penalty": 1.1}, "tested: openvino draws other tokens than transformers"),
        ({"merge_adapter": False}, "tested: openvino runs adapters merged only: leave out --edgejson-unmerged"),
        ({"constrain": "schema"}, "tested: openvino is given tokens and no tokenizer"),
        ({"dtype": "float16"}, "tested: openvino computes in float32 or bfloat16: use --edgejson-dtype=bfloat16"),
        ({"device": "cuda"}, "tested: openvino runs on the CPU, not on cuda: use --edgejson-device=cpu"),
        ({"batch_size": 0}, "tested: the batch size must be at least 1, got 0"),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_runs(model: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BackendError) as caught:
        load(model, None, **settings)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_without_the_library_it_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    with pytest.raises(BackendError) as caught:
        load(model, None)
    assert str(caught.value) == ("tested: openvino-genai is not installed: pip install 'pytest-edgejson[openvino]'")


def test_a_model_with_a_sliding_window_is_refused(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, MistralConfig, MistralForCausalLM

    folder = make_model(tmp_path / "model")
    config = MistralConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(folder)),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=8,
    )
    MistralForCausalLM(config).save_pretrained(folder)
    kept = tmp_path / "kept"
    with pytest.raises(BackendError) as caught:
        list(load(folder, kept).generate(requests(["a"])))
    assert str(caught.value) == (
        "tested: MistralForCausalLM keeps more than keys and values of each token: "
        'run it with backend = "transformers" (tested)'
    )
    assert [file.suffix for file in kept.iterdir()] == [".lock"]


@pytest.mark.slow
def test_nano_answers_as_before(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(pytester.mkdir("home")))
    monkeypatch.setenv("CI", "")
    few = ("-k", "rating-00", "--edgejson-report-only", "--edgejson-results=results.jsonl")
    result = pytester.runpytest_subprocess("--edgejson-model=nano", "--edgejson-model=openvino:nano", *few)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*edgejson: openvino:nano: converting the model for OpenVINO, which is done once"])
    manifest, *rows = map(json.loads, (pytester.path / "results.jsonl").read_text(encoding="utf-8").splitlines())
    assert manifest["models"]["openvino:nano"]["backend"] == "openvino"
    answers: dict[str, dict[str, Any]] = {}
    for row in rows:
        if "schema" not in row:
            answers.setdefault(row["model"], {})[row["case_id"]] = (row["output"], row["output_tokens"])
    assert answers["openvino:nano"] == answers["nano"]
    # Where OpenVINO's libraries keep the number under which they report their use.
    assert not (pytester.path / "home" / "intel").exists()
