"""`edgejson export`: small real models as GGUF files, checked and run by the real llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers.gguf_models import smollm2
from helpers.models import END, make_model, make_scripted, requests

from pytest_edgejson.backends.gguf_file import read_header
from pytest_edgejson.backends.interface import GenerationSettings
from pytest_edgejson.backends.llamacpp.engine import Engine
from pytest_edgejson.backends.local.loading import read_network
from pytest_edgejson.backends.models import known_models, load_registry, resolve_model
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.cli import main
from pytest_edgejson.results.file import read_run
from pytest_edgejson.suite import bundled
from pytest_edgejson.training.export import quantise
from pytest_edgejson.training.export.agreement import ROOM, agrees
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.export.exported import Exported
from pytest_edgejson.training.export.scored import score

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: pip install 'pytest-edgejson[export]'")
gguf = pytest.importorskip("gguf")
torch = pytest.importorskip("torch")
pytest.importorskip("peft")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

MODELS = bundled.ROOT / "models"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Export what cannot be exported; return the last line on stderr."""

    def run(*arguments: object) -> str:
        assert main(["export", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        return err.splitlines()[-1]

    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("small") / "model")


def answers(model: str, prompts: list[str]) -> list[str]:
    backend = load_backend(resolve_model(model, {}), GenerationSettings(max_new_tokens=24))
    found = {each.key: each.text for each in backend.generate(requests(prompts))}
    backend.close()
    return [found[key] for key in sorted(found)]


def test_an_export_is_checked_and_written_once(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., str]
) -> None:
    assert main(["export", str(small), "--out", str(tmp_path)]) == 0
    file = tmp_path / "model-f16.gguf"
    out = capsys.readouterr().out
    assert out.startswith(f"wrote {file}: 0.2 MB in f16; the weights it was made of take 0.3 MB\n")
    assert "1,000 of 1,000 texts have the same tokens, by llama.cpp's pattern gpt-2\n" in out
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    written = file.read_bytes()

    assert main(["export", str(small), "--out", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"there already, the same: {file}: ")

    other = make_model(tmp_path / "other", seed=1)
    assert refused(other, "--out", file) == (
        f"edgejson: {file} is there already, and would be replaced: use --force, or another --out"
    )
    assert file.read_bytes() == written
    assert main(["export", str(other), "--out", str(file), "--force"]) == 0
    assert file.read_bytes() != written


def test_an_adapter_is_merged(tmp_path: Path) -> None:
    prompts = ["Rating: 4 stars\nReviewer: Ana\n", "City: Oslo\nCountry: Norway\n"]
    assert main(["export", str(MODELS / "nano-1m-lora"), "--out", str(tmp_path)]) == 0
    assert answers(str(tmp_path / "nano-1m-lora-f16.gguf"), prompts) == answers(str(MODELS / "nano-1m-lora"), prompts)


@pytest.mark.parametrize(("quant", "expected"), [("q8_0", {"F32", "Q8_0"}), ("Q4_K_M", {"F32", "Q4_K", "Q6_K"})])
def test_it_is_quantised(quant: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ik_llama_cpp", reason="no quantiser: pip install 'pytest-edgejson[export]'")
    # Blocks of the K kinds are 256 weights.
    model = make_model(tmp_path / "model", layers=1, hidden_size=256, intermediate_size=256)
    assert main(["export", str(model), "--out", str(tmp_path), "--quant", quant]) == 0
    file = tmp_path / f"model-{quant.lower()}.gguf"
    assert {tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors} == expected
    assert f" in {quant.lower()} by llama-quantize of ik-llama-cpp-python " in capsys.readouterr().out


def test_the_real_model_of_a_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = smollm2()
    assert main(["export", "smollm2-135m-instruct", "--out", str(tmp_path), "--ollama"]) == 0
    assert "1,000 of 1,000 texts have the same tokens, by llama.cpp's pattern smollm\n" in capsys.readouterr().out
    before, after = (read_header(file, "m") for file in (source, tmp_path / "smollm2-135m-instruct-f16.gguf"))
    for key in ("chat_template", "ggml.tokens", "ggml.merges", "ggml.token_type", "ggml.eos_token_id"):
        assert after.metadata[f"tokenizer.{key}"] == before.metadata[f"tokenizer.{key}"]
    # A chat is left to the template in the file.
    assert "TEMPLATE" not in (tmp_path / "smollm2-135m-instruct-f16.Modelfile").read_text()


def test_a_modelfile_decodes_as_a_run_does(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(small), "--out", str(tmp_path), "--ollama"]) == 0
    assert (tmp_path / "model-f16.Modelfile").read_text() == (
        "FROM ./model-f16.gguf\n"
        'TEMPLATE """{{ .Prompt }}"""\n'
        "PARAMETER temperature 0\n"
        "PARAMETER repeat_penalty 1\n"
        "PARAMETER num_ctx 192\n"
        "PARAMETER num_predict 2048\n"
        f'PARAMETER stop "{END}"\n'
    )
    assert f"ollama create model-f16 -f {tmp_path / 'model-f16.Modelfile'}\n" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["Qwen2", "Qwen3"])
def test_other_architectures(kind: str, tmp_path: Path) -> None:
    import transformers

    folder = make_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    keep = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    keep += ("num_key_value_heads", "max_position_embeddings", "initializer_range", "eos_token_id", "bos_token_id")
    torch.manual_seed(0)
    # More rows than tokens, as the published ones have.
    values = {**{key: config[key] for key in keep}, "vocab_size": 328, "tie_word_embeddings": True}
    made: Any = getattr(transformers, f"{kind}Config")(**values)
    getattr(transformers, f"{kind}ForCausalLM")(made).save_pretrained(folder)
    assert main(["export", str(folder), "--out", str(tmp_path / "x.gguf")]) == 0
    assert read_header(tmp_path / "x.gguf", "m").architecture == kind.lower()


def test_an_export_that_computes_otherwise_is_found(small: Path, tmp_path: Path) -> None:
    assert main(["export", str(small), "--out", str(tmp_path / "x.gguf")]) == 0
    other = make_model(tmp_path / "other")
    engine = Engine("x", tmp_path / "x.gguf", slots=1, tokens=ROOM, on_cpu=True)
    network, _ = read_network(other, "float32")
    assert agrees(network, engine)
    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.q_proj.weight.mul_(1.1)
    assert not agrees(network, engine)
    engine.close()


def test_a_tokenizer_that_llamacpp_has_no_pattern_for(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    from tokenizers import normalizers
    from transformers import AutoTokenizer

    folder = make_model(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.save_pretrained(folder)
    said = refused(folder, "--out", tmp_path / "out" / "x.gguf")
    assert said.startswith(
        "edgejson: model: llama.cpp has no pattern by which it splits texts as the model does: with the one that comes "
        'furthest, gpt-2, "Caf'
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_exported_is_said_in_a_line(
    small: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused("control:gold") == (
        "edgejson: control:gold: there are no weights to export: name an entry, a folder or a hub id"
    )
    assert refused("nano", "--gate=regressions<=0", "--gate=no_such_metric>1").startswith(
        "edgejson: --gate no_such_metric>1: unknown metric 'no_such_metric': there are: json_exact, "
    )
    assert refused("openai:gpt").startswith("edgejson: openai:gpt: there are no weights to export")
    other = make_scripted(tmp_path / "gpt2", "{}")
    assert refused(other, "--out", tmp_path / "x.gguf") == (
        "edgejson: gpt2: models of the kind gpt2 are not exported to GGUF: llama, qwen2, qwen3 are"
    )
    scaled = make_model(tmp_path / "scaled", rope_parameters={"rope_theta": 1e4, "rope_type": "linear", "factor": 2.0})
    assert refused(scaled, "--out", tmp_path / "x.gguf") == (
        "edgejson: scaled: its config.json sets rope_type, which is not exported to GGUF"
    )
    monkeypatch.setattr(quantise, "_PACKAGE", "not_installed_here")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(small, "--quant", "q8_0") == (
        "edgejson: model: llama-quantize of llama.cpp is not there: pip install 'pytest-edgejson[export]', or put it "
        "on the PATH"
    )
    program = tmp_path / "llama-quantize"
    program.write_text("#!/bin/sh\necho it is broken\nexit 3\n")
    program.chmod(0o755)
    said = refused(small, "--quant", "q8_0", "--out", tmp_path / "x.gguf")
    assert said == f"edgejson: model: {program} ended with exit code 3 and said: it is broken"
    assert not list(tmp_path.glob("*.gguf"))


def test_an_export_of_the_same_name_is_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_edgejson.training.export.scored.run_benchmark", lambda *_: 4)
    exported = Exported(
        place=tmp_path / "nano", backend="onnx", is_new=True, bytes=1, source_bytes=1, maker=None, checked=""
    )
    with pytest.raises(ExportError, match="nano: the benchmark ended with exit code 4"):
        score(resolve_model("nano", known_models()), exported, [], [], tmp_path / "scores", print)
    (models,) = (tmp_path / "scores").glob("*.toml")
    registry = load_registry(models)
    assert {name: spec.backend for name, spec in registry.items()} == {"nano": "transformers", "nano-exported": "onnx"}


def test_both_answer_a_suite_and_gates_decide(
    suite: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export = ["export", "nano-1m-lora", "--out", "out"]
    pytest_options = "--pytest=--edgejson-cases=suite --edgejson-max-new-tokens=64"
    assert main([*export, "--gate=regressions<=0", pytest_options]) == 0
    out = capfd.readouterr().out
    assert "No difference: nano-1m-lora and nano-1m-lora-f16.gguf gave the same 2 outputs.\n" in out
    assert "gates of nano-1m-lora-f16.gguf\n  PASS          regressions<=0  0, n 2, margin +0\n" in out
    assert "gate: nano-1m-lora-f16.gguf may be released\n" in out
    folder = tmp_path / "out" / "edgejson-scores"
    assert f"results: {folder / 'nano-1m-lora.jsonl'}, {folder / 'nano-1m-lora-f16.gguf.jsonl'}\n" in out

    # The same file, and no answer is generated again.
    assert main([*export, "--gate=json_exact>baseline", pytest_options]) == 1
    out = capfd.readouterr().out
    assert out.startswith("there already, the same: out/nano-1m-lora-f16.gguf: ")
    assert "gate: nano-1m-lora-f16.gguf may not be released: 1 of 1 gate fails\n" in out
    assert all(result["stored"] for result in read_run(folder / "nano-1m-lora-f16.gguf.jsonl").results)

    assert main([*export, "--score", pytest_options]) == 0
    assert "no gate: nothing decides whether nano-1m-lora-f16.gguf may be released" in capfd.readouterr().out
