"""GGUF files through the transformers backend: found, loaded, run, trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.gguf_models import make_gguf, smollm2
from helpers.models import make_adapter, make_model, prompts, requests
from safetensors.numpy import load_file

from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local.shared_bases import Bases
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite.cases import Case

CHAT = "{% for each in messages %}[{{ each.role }}] {{ each.content }} {% endfor %}[answer]"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def file(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(model, tmp_path_factory.mktemp("gguf") / "small.gguf", chat_template=CHAT)


def load(place: Path, *, batch_size: int = 4, max_new_tokens: int = 24, **spec: Any) -> Any:
    return load_backend(
        ModelSpec("tested", "transformers", str(place), **{"prompt": "{prompt}", **spec}),
        GenerationSettings(max_new_tokens),
        LoadOptions(device="cpu", batch_size=batch_size),
    )


def content(backend: Any, asked: list[Request]) -> dict[str, tuple[Any, ...]]:
    return {each.key: (each.text, each.finish_reason, each.prompt_tokens) for each in backend.generate(asked)}


def test_answers_are_those_of_the_folder_it_was_made_of(model: Path, file: Path) -> None:
    asked = requests(prompts(9))
    backend = load(file)
    found = content(backend, asked)
    assert found == content(load(model), asked)
    assert len({text for text, *_ in found.values()}) > 5
    # In slots, one by one, and beside others.
    assert content(load(file, batch_size=1), asked) == found
    assert backend.description["model"] == "small.gguf"
    assert backend.description["parameters"] == load(model).description["parameters"]
    assert "gguf" in backend.description["versions"]


def test_no_library_writes_on_the_terminal(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content(load(file), requests(["a"]))
    assert capfd.readouterr() == ("", "")


def test_a_chat_prompt_has_the_template_of_the_file(file: Path) -> None:
    case = Case("one", "rating", "simple", "Four stars.", {})
    assert load(file, prompt="chat").render(case).startswith("[user] Extract the structured JSON data from the")


def test_the_store_knows_other_weights_and_not_another_place(model: Path, file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.gguf"
    moved.write_bytes(file.read_bytes())
    other = make_gguf(make_model(tmp_path / "other", seed=1), tmp_path / "small.gguf", chat_template=CHAT)
    first = load(file).fingerprint
    assert load(moved).fingerprint == first
    assert load(other).fingerprint != first
    assert load(model).fingerprint != first


def test_an_adapter_on_a_file_shares_its_base(model: Path, file: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", model, base=str(file))
    asked = requests(prompts(4))
    adapted = load(file, adapter=str(adapter))
    found = content(adapted, asked)
    assert found == content(load(model, adapter=str(adapter)), asked)
    plain = load(file)
    assert adapted.base == plain.base is not None
    bases = Bases()
    plain.keeps_base = True
    plain.load_model(bases)
    again = load(file, adapter=str(adapter))
    again.load_model(bases)
    assert content(again, asked) == found
    assert content(plain, asked) == content(load(model), asked)


def test_an_adapter_names_its_base_by_file_or_by_entry(model: Path, file: Path, tmp_path: Path) -> None:
    make_adapter(tmp_path / "adapter", model, base="small")
    entries = {"small": ModelSpec("small", model=str(file), prompt="chat")}
    spec = resolve_model(str(tmp_path / "adapter"), entries)
    assert (spec.name, spec.model, spec.adapter) == ("adapter", str(file), str((tmp_path / "adapter").resolve()))
    # It was trained on the prompt of cases, whatever its base is asked with.
    assert spec.prompt == "v3"
    entry = ModelSpec("tuned", adapter=str(tmp_path / "adapter"))
    assert resolve_model("tuned", {**entries, "tuned": entry}).model == str(file)


def test_what_is_no_gguf_file_or_not_all_of_one_is_said_in_a_line(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for number, (content_, message) in enumerate(
        [
            (b"", "is no GGUF file: fetch it with `git lfs pull`"),
            (b"version https://git-lfs.github.com/spec/v1\n", "is no GGUF file: fetch it with `git lfs pull`"),
            (b"PK\3\4" + whole[4:], "is no GGUF file: name another file"),
            (b"GGUF\1\0\0\0" + whole[8:], "is of GGUF version 1, which is not known: convert it anew"),
            (whole[:5000], "is a GGUF file of which not all is there: fetch it again"),
            (whole[: len(whole) // 4], "is a GGUF file of which not all is there: fetch it again"),
            (whole[:16] + b"\xff" * 200, "is a GGUF file of which not all is there: fetch it again"),
        ]
    ):
        broken = tmp_path / f"{number}.gguf"
        broken.write_bytes(content_)
        with pytest.raises(BackendError) as caught:
            load(broken)
        assert str(caught.value) == f"tested: {broken} {message}"


def test_a_file_whose_last_tensor_is_cut_off_is_said_in_a_line(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "cut.gguf"
    broken.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BackendError, match=r"^tested: the (model|tokenizer) cannot be loaded: [^\n]*$"):
        content(load(broken), requests(["a"]))


@pytest.mark.slow
def test_a_base_of_a_file_is_trained_further_and_saved(file: Path, tmp_path: Path) -> None:
    from pytest_edgejson.training.base import find_base, load_base

    tokenizer, network = load_base(str(file), find_base(str(file)))
    network.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    assert "quantization_config" not in json.loads((tmp_path / "saved" / "config.json").read_text())
    asked = requests(prompts(3))
    assert content(load(tmp_path / "saved"), asked) == content(load(file), asked)


@pytest.mark.slow
def test_an_adapter_is_trained_on_the_entry_whose_weights_a_package_carries(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    smollm2()
    monkeypatch.setenv("CI", "")
    command = ("edgejson", "train", "--lora", "--base=smollm2-135m-instruct", "--out=adapter")
    cases = Path(__file__).parents[3] / "cases" / "train" / "simple" / "rating.jsonl"
    trained = pytester.run(*command, f"--cases={cases}", "--max-cases=1", "--epochs=2")
    assert trained.ret == 0, trained.stderr.str()
    config = json.loads((pytester.path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "smollm2-135m-instruct"
    # The first step is warm-up, which changes nothing.
    assert any(
        tensor.any() for name, tensor in load_file("adapter/adapter_model.safetensors").items() if "lora_B" in name
    )
    run = pytester.runpytest_subprocess(
        "--edgejson-model=adapter", "--edgejson-max-new-tokens=8", "-k", "rating-001", "--edgejson-report-only"
    )
    assert run.ret == pytest.ExitCode.OK
    run.stdout.fnmatch_lines(["*rating-001*adapter*"])
