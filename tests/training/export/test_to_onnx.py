"""`edgejson export --to onnx`: small real models as folders in ONNX, checked and run by the real onnxruntime-genai."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from helpers.models import make_adapter, make_model, make_scripted, prompts, requests
from helpers.onnx_models import export, need_onnx

from pytest_edgejson.backends.interface import GenerationSettings
from pytest_edgejson.backends.local.loading import read_network
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.onnx.backend import OnnxModel
from pytest_edgejson.backends.onnx.folder import read_folder
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.cli import main
from pytest_edgejson.training.export.agreement import agrees

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
need_onnx()

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

# The runtime wants heads of a multiple of 8.
SIZE = {"hidden_size": 64}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("small") / "model", **SIZE)


def answers(model: Path | str, texts: list[str]) -> list[str]:
    backend = load_backend(resolve_model(str(model), {}), GenerationSettings(max_new_tokens=24))
    found = {each.key: each.text for each in backend.generate(requests(texts))}
    backend.close()
    return [found[key] for key in sorted(found)]


def test_a_folder_is_written_once(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = export(small, tmp_path / "out" / "small")
    out = capsys.readouterr().out
    assert out.startswith(f"wrote {folder}: ")
    assert "1,000 of 1,000 texts have the same tokens by tokenizer.json; " in out
    assert [path.name for path in folder.parent.iterdir()] == ["small"]
    assert (folder / "onnx" / "model.onnx").is_file()
    again = ["export", str(small), "--to", "onnx", "--out", str(folder)]
    assert main(again) == 0
    assert capsys.readouterr().out.startswith(f"there already, the same: {folder}: ")

    other = ["export", str(make_model(tmp_path / "other", seed=1, **SIZE)), "--to", "onnx", "--out"]
    assert main([*other, str(folder)]) == 2
    assert f"edgejson: {folder} is there already, and would be replaced: use --force" in capsys.readouterr().err
    before = (folder / "onnx" / "model.onnx").read_bytes()
    assert main([*other, str(folder), "--force"]) == 0
    assert (folder / "onnx" / "model.onnx").read_bytes() != before

    # What is no export is never replaced.
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    assert main([*other, str(mine), "--force"]) == 2
    assert f"edgejson: {mine} is there already and is no export" in capsys.readouterr().err
    assert (mine / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(("quant", "name", "bits"), [("int8", "model_int8.onnx", 8), ("INT4", "model_q4.onnx", 4)])
def test_weights_are_quantised(small: Path, tmp_path: Path, quant: str, name: str, bits: int) -> None:
    import onnx

    folder = export(small, tmp_path / "out", quant)
    graph = onnx.load(folder / "onnx" / name).graph
    kept = [node for node in graph.node if node.op_type == "MatMulNBits"]
    assert kept
    assert {each.i for node in kept for each in node.attribute if each.name == "bits"} == {bits}
    assert all(answers(folder, prompts(2)))


def test_an_adapter_is_merged_and_the_template_kept(small: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    adapter = make_adapter(tmp_path / "adapter", small, base=str(small))
    tokenizer = AutoTokenizer.from_pretrained(small)
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    tokenizer.save_pretrained(adapter)
    texts = prompts(4)
    folder = export(adapter, tmp_path / "out")
    assert answers(folder, texts) == answers(adapter, texts) != answers(small, texts)
    assert AutoTokenizer.from_pretrained(folder).chat_template == tokenizer.chat_template


def test_a_gguf_file_is_exported(small: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: pip install 'pytest-edgejson[export]'")
    file = tmp_path / "small.gguf"
    assert main(["export", str(small), "--out", str(file)]) == 0
    texts = prompts(4)
    assert answers(export(file, tmp_path / "out"), texts) == answers(f"transformers:{file}", texts)


def test_an_export_that_computes_otherwise_is_found(small: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    spec = resolve_model(str(export(small, tmp_path / "out")), {})
    engine = OnnxModel("x", read_folder(spec), AutoTokenizer.from_pretrained(small))
    network, _ = read_network(small, "float32")
    assert agrees(network, engine)
    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.q_proj.weight.mul_(1.1)
    assert not agrees(network, engine)


def test_what_cannot_be_exported_is_said_in_a_line(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: object) -> str:
        assert main(["export", *map(str, arguments), "--to", "onnx"]) == 2
        return capsys.readouterr().err.splitlines()[-1]

    assert said(small, "--quant", "q8_0") == "edgejson: --quant q8_0: with --to onnx it is one of f32, int8, int4"
    assert said(small, "--ollama") == "edgejson: --ollama: Ollama runs GGUF files: use --to gguf"
    scripted = make_scripted(tmp_path / "gpt2", "{}")
    folder = tmp_path / "out" / "x"
    assert said(scripted, "--out", folder).startswith("edgejson: gpt2: onnxruntime-genai cannot build it in f32, and ")
    assert said(make_model(tmp_path / "odd"), "--out", folder) == (
        "edgejson: odd: the export cannot be loaded: Non-zero status code returned while running GroupQueryAttention "
        "node. Name:'/model/layers.0/attn/GroupQueryAttention' Status Message: head_size must be a multiple of 8. Got "
        "head_size % 8 == 4"
    )
    assert list(folder.parent.iterdir()) == []


def test_an_export_is_scored_beside_its_source(
    suite: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "small", max_position_embeddings=1024, **SIZE)
    options = "--pytest=--edgejson-cases=suite --edgejson-max-new-tokens=8"
    assert main(["export", "small", "--to", "onnx", "--gate=regressions<=0", options]) == 0
    assert "gate: small-f32-onnx may be released\n" in capfd.readouterr().out
