"""`edgejson export --to openvino`: real models as folders for OpenVINO, checked and run by the real openvino-genai."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers.models import END, make_model, make_scripted, prompts, requests
from helpers.openvino_models import export, need_openvino

from pytest_edgejson.backends.interface import GenerationSettings
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.openvino.pipeline import import_openvino, load_apart
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.training.export.openvino_tokenizer import write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
need_openvino()

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

RUN_AND_INTERRUPT = """
import signal, sys
from helpers.models import requests
from pytest_edgejson.backends.interface import GenerationSettings
from pytest_edgejson.backends.models import resolve_model
from pytest_edgejson.backends.registry import load_backend

backend = load_backend(resolve_model(sys.argv[1], {}), GenerationSettings(max_new_tokens=4))
print(len(list(backend.generate(requests(["one", "two"])))))
backend.close()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
TEXTS = ["Rating: 4 stars\nReviewer: Ana\n", "City: Oslo\nCountry: Norway\n"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("small") / "model", layers=1)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Make a small model whose tokenizer has a part that another one has not."""

    def make(**parts: Any) -> Path:
        from transformers import AutoTokenizer

        folder = make_model(tmp_path / "changed", layers=1)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for name, part in parts.items():
            setattr(tokenizer.backend_tokenizer, name, part)
        tokenizer.save_pretrained(folder)
        return folder

    return make


def answers(model: Path | str, texts: list[str]) -> list[str]:
    backend = load_backend(resolve_model(str(model), {}), GenerationSettings(max_new_tokens=24))
    found = {each.key: each.text for each in backend.generate(requests(texts))}
    backend.close()
    return [found[key] for key in sorted(found)]


def test_a_folder_is_written_once(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out" / "small"

    def run() -> str:
        # OpenVINO numbers what it makes by all that the process has made.
        command = [sys.executable, "-m", "pytest_edgejson.cli", "export", str(small), "--to", "openvino"]
        return subprocess.run([*command, "--out", str(folder)], check=True, capture_output=True, text=True).stdout

    told = run()
    assert told.startswith(f"wrote {folder}: ")
    assert "1,000 of 1,000 texts have the same tokens, by openvino-genai's tokenizer too\n" in told
    assert [path.name for path in folder.parent.iterdir()] == ["small"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {"openvino_model.xml", "openvino_model.bin", "config.json", "tokenizer.json"} < set(before)
    assert run().startswith(f"there already, the same: {folder}: ")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    other = ["export", str(make_model(tmp_path / "other", seed=1, layers=1)), "--to", "openvino", "--out", str(folder)]
    assert main(other) == 2
    assert f"edgejson: {folder} is there already, and would be replaced: use --force" in capsys.readouterr().err
    assert main([*other, "--force"]) == 0
    assert (folder / "openvino_model.bin").read_bytes() != before["openvino_model.bin"]


def test_an_adapter_is_merged_and_others_run_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = bundled.ROOT / "models" / "nano-1m-lora"
    folder = export(source, tmp_path / "out")
    assert "loss_type" not in capsys.readouterr().err
    expected = answers(source, TEXTS)
    assert answers(folder, TEXTS) == expected

    import_openvino()
    import openvino_genai

    precision = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
    pipeline = load_apart(openvino_genai.LLMPipeline, folder, "CPU", **precision)
    said = [pipeline.generate(text, max_new_tokens=24) for text in TEXTS]
    # An answer ends with its root object here, there it goes on.
    assert all(whole.startswith(answer) for whole, answer in zip(said, expected, strict=True))


def test_a_process_that_ran_one_can_still_be_interrupted(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its script needs the helpers.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=os.pathsep)
    command = [sys.executable, "-c", RUN_AND_INTERRUPT, str(export(small, tmp_path / "out"))]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stdout) == (0, "2\ninterrupted\n")


@pytest.mark.parametrize(("quant", "kinds"), [("int8", {"u8"}), ("INT4", {"u8", "u4"})])
def test_weights_are_quantised(tmp_path: Path, quant: str, kinds: set[str]) -> None:
    # Groups of weights are 32 or more.
    model = make_model(tmp_path / "model", layers=1, hidden_size=64, intermediate_size=96)
    folder = export(model, tmp_path / "out", quant)
    read = import_openvino().Core().read_model(folder / "openvino_model.xml")
    kept = {node.get_element_type().get_type_name() for node in read.get_ops() if node.get_type_name() == "Constant"}
    assert kept & {"u8", "u4", "i8", "i4"} == kinds
    assert all(answers(folder, prompts(2)))
    assert json.loads((folder / "edgejson.json").read_text())["quant"] == quant.lower()


def test_a_tokenizer_that_splits_otherwise_is_refused(
    changed: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tokenizers import normalizers

    folder = tmp_path / "out" / "x"
    assert (
        main(["export", str(changed(normalizer=normalizers.Lowercase())), "--to", "openvino", "--out", str(folder)])
        == 2
    )
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith('edgejson: changed: exported, openvino-genai splits texts otherwise: "Café, ')
    assert " becomes 163 tokens instead of 164, other from the 31. on: " in said
    assert list(folder.parent.iterdir()) == []


def test_a_tokenizer_that_cannot_be_converted_is_left_out(
    changed: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tokenizers import pre_tokenizers

    parts = [pre_tokenizers.UnicodeScripts(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    model = changed(pre_tokenizer=pre_tokenizers.Sequence(parts))
    folder = export(model, tmp_path / "out")
    assert (
        "1,000 of 1,000 texts have the same tokens; openvino_genai.LLMPipeline does not run it, as openvino-tokenizers "
        "cannot convert them: Pre-tokenizer type 'UnicodeScripts' is not supported" in capsys.readouterr().out
    )
    assert not list(folder.glob("openvino_*tokenizer.*"))
    assert answers(folder, TEXTS) == answers(model, TEXTS)


def test_space_before_digits_that_are_alone(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    plain.pre_tokenizer = pre_tokenizers.Sequence(steps)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    text = "ages:\n      18 24\n      x 7 \n"
    plain.train_from_iterator([text] * 9, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token=END)
    expected = tokenizer.encode(text)
    assert tokenizer.encode("\n      ") in ([token] for token in expected)
    own = write_tokenizer(tmp_path, tokenizer)
    assert own.encode(text).input_ids.data[0].tolist() == tokenizer.encode(text) == expected
    assert own.decode(expected) == text


def test_every_end_is_in_the_config(tmp_path: Path) -> None:
    # Its tokenizer names another one than its config.
    model = make_model(tmp_path / "model", layers=1, eos_token_id=7)
    folder = export(model, tmp_path / "out")
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [0, 7]


def test_what_cannot_be_exported_is_said_in_a_line(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(small), "--to", "openvino", "--quant", "q8_0"]) == 2
    assert capsys.readouterr().err == ("edgejson: --quant q8_0: with --to openvino it is one of f32, int8, int4\n")
    folder = export(make_scripted(tmp_path / "gpt2", '{"a": 1}'), tmp_path / "out")
    assert answers(folder, ["x"]) == ['{"a": 1}']
    capsys.readouterr()
    assert main(["export", str(folder), "--to", "openvino"]) == 2
    assert capsys.readouterr().err == (
        f'edgejson: out: {folder} holds a model in OpenVINO\'s form: run it with backend = "openvino"\n'
    )


def test_an_export_is_scored_beside_its_source(
    suite: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--pytest=--edgejson-cases=suite --edgejson-max-new-tokens=64"
    assert main(["export", "nano-1m-lora", "--to", "openvino", "--gate=regressions<=0", options]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("wrote nano-1m-lora-f32-openvino: ")
    assert "No difference: nano-1m-lora and nano-1m-lora-f32-openvino gave the same 2 outputs.\n" in out
    assert "gate: nano-1m-lora-f32-openvino may be released\n" in out
    assert "which is done once" not in err
