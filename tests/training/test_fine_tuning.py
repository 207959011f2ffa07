"""Fine-tuning: adapters are really trained here, on very little."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from pytest_edgejson.backends.interface import GenerationSettings, Request
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.cli import main
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.files import CaseRow
from pytest_edgejson.suite.schemas import Schemas
from pytest_edgejson.suite.suites import SchemaFinder
from pytest_edgejson.training.checkpoints import TrainingError
from pytest_edgejson.training.precision import has_bf16
from pytest_edgejson.training.presets import PRESETS, LoraSettings
from pytest_edgejson.training.train_cases import read, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_edgejson.training.examples import Example

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'pytest-edgejson[train]'")
pytest.importorskip("transformers")
pytest.importorskip("peft")
pytest.importorskip("matplotlib")

NANO = bundled.ROOT / "models" / "nano"
pytestmark = pytest.mark.usefixtures("one_thread")

SCHEMAS = Schemas(bundled.SCHEMAS)
TUNING = replace(PRESETS["maaza-135m"], batch_size=1, accumulation=1, epochs=2)


def _row(number: int, name: str = "Zoë") -> CaseRow:
    expected = {"rating": number, "name": name}
    case = Case(f"rating-{number}", "rating", "simple", f"Stars: {number}, from {name}", expected, line=number)
    return CaseRow(Path("cases.jsonl"), case, SCHEMAS["rating"])


ROWS = [_row(1), _row(2)]


@cache
def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(NANO)


def _save(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    return _save(LlamaForCausalLM(config), tmp_path_factory.mktemp("bases") / "llama")


def _tune(base: Path | str, folder: Path, rows: Sequence[CaseRow] = ROWS, **options: Any) -> dict[str, Any]:
    from pytest_edgejson.training.lora import fine_tune

    tuning = options.pop("settings", TUNING)
    options.setdefault("checkpoints", folder / "checkpoints")
    return fine_tune(str(base), rows, "v3", folder / "adapter", tuning, **options)


def _weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


def _same(one: Path, two: Path) -> bool:
    first, second = _weights(one), _weights(two)
    # A checkpoint is in float32, the adapter made of it in half precision.
    return first.keys() == second.keys() and all(torch.equal(first[name].half(), second[name].half()) for name in first)


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("tuned")
    return folder, _tune(base, folder)


def _cut_off(tuned: Path, folder: Path) -> Path:
    """Copy a training's checkpoints less the last, as if it had been killed in its second epoch."""
    shutil.copytree(tuned / "checkpoints", folder / "checkpoints")
    shutil.rmtree(folder / "checkpoints/checkpoint-4")
    return folder / "checkpoints"


# Presets and options


def test_the_presets_are_the_published_settings_and_ours() -> None:
    shared = {
        "dropout": 0.1,
        "targets": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        "epochs": 3,
        "batch_size": 4,
        "accumulation": 8,
        "warmup_ratio": 0.1,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
    }
    assert {
        "maaza-135m": LoraSettings(rank=16, alpha=32, learning_rate=2e-4, **shared),
        "maaza-360m": LoraSettings(rank=32, alpha=64, learning_rate=1.5e-4, **shared),
    }.items() <= PRESETS.items()
    # The same proportions for our own small bases.
    ours = {name: (preset.rank, preset.alpha) for name, preset in PRESETS.items() if name.startswith("nano")}
    assert ours == {"nano-1m": (16, 32), "nano-4m": (32, 64)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rank", "8"], "--rank is for adapters: add --lora"),
        (["--max-cases", "8"], "--max-cases is for adapters: add --lora"),
        (["--skip-long"], "--skip-long is for adapters: add --lora"),
        (["--lora", "--base", "x/y", "--patience", "2"], "--patience is for early stopping: add --validate"),
        (["--lora", "--base", "x/y", "--max-cases", "630"], "--max-cases 630: there are 629 cases to train on"),
        (["--lora", "--base", "x/y", "--validate", "0.0001"], "--validate 0.0001: that is 0 of 629 cases"),
        (["--lora", "--base", "x/y", "--validate", "nowhere"], "nowhere: there is no such path"),
    ],
)
def test_options_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["train", "--out", str(tmp_path / "adapter"), *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--validate", "1.5"], ["--learning-rate", "0"], ["--learning-rate", "inf"]])
def test_numbers_that_are_none(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--lora", "--base", "x/y", "--out", "adapter", *arguments])
    assert f"argument {arguments[0]}: '{arguments[1]}' is no " in capsys.readouterr().err


# Training


# A deprecation that transformers raises where peft calls it.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_an_adapter_is_small_and_fits_its_base(base: Path, tuned: tuple[Path, dict[str, Any]]) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, outcome = tuned
    config = json.loads((folder / "adapter/adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (16, 32, 0.1)
    assert set(config["target_modules"]) == set(TUNING.targets)
    assert config["base_model_name_or_path"] == str(base)
    weights = _weights(folder / "adapter")
    assert sum(weight.numel() for weight in weights.values()) == outcome["parameters"]
    assert any(bool(weight.any()) for name, weight in weights.items() if "lora_B" in name)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder / "adapter")
    assert model.peft_config["default"].r == 16
    assert AutoTokenizer.from_pretrained(folder / "adapter").eos_token == _tokenizer().eos_token


def test_an_adapter_learns_with_the_published_schedule(tuned: tuple[Path, dict[str, Any]]) -> None:
    folder, outcome = tuned
    assert [step for step, _ in outcome["loss"]] == [1, 2, 3, 4]
    state = json.loads((folder / "checkpoints/checkpoint-4/trainer_state.json").read_text())
    rates = [entry["learning_rate"] for entry in state["log_history"] if "learning_rate" in entry]
    # Warm-up over a tenth of four steps, rounded up to one, then cosine.
    assert rates[:2] == [0.0, TUNING.learning_rate]
    assert rates[1] > rates[2] > rates[3] > 0


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[Example]]:
    """The examples of each forward pass of the trainings in a test."""
    from pytest_edgejson.training import lora

    collate = lora.collate
    made: list[list[Example]] = []

    def collate_and_note(examples: list[Example], pad_token_id: int) -> Any:
        made.append(examples)
        return collate(examples, pad_token_id)

    monkeypatch.setattr(lora, "collate", collate_and_note)
    return made


@pytest.mark.slow
def test_cases_of_a_step_are_random_and_those_of_a_pass_of_similar_length(
    base: Path, tmp_path: Path, passes: list[list[Example]]
) -> None:
    rows = [_row(number, "n" * (4 * number)) for number in range(1, 13)]
    settings = replace(TUNING, batch_size=2, accumulation=3)
    _tune(base, tmp_path / "one", rows, settings=settings)
    lengths = [[len(example.input_ids) for example in examples] for examples in passes]
    assert len(set(map(tuple, lengths))) > 1
    # Two epochs of two steps of three passes, each with two cases on average.
    steps = [lengths[start : start + 3] for start in range(0, 12, 3)]
    assert len(lengths) == 12
    for step in steps:
        assert sum(map(len, step)) == 6
        in_order = sorted((max(part), min(part)) for part in step)
        assert all(before[0] < after[1] for before, after in pairwise(in_order))
    epochs = [Counter(length for step in steps[half : half + 2] for part in step for length in part) for half in (0, 2)]
    assert epochs[0] == epochs[1]
    assert set(epochs[0].values()) == {1}
    assert len(epochs[0]) == 12
    # Another order in the second epoch, and with another seed.
    assert steps[:2] != steps[2:]
    passes.clear()
    _tune(base, tmp_path / "two", rows, settings=replace(settings, seed=1))
    assert [[len(example.input_ids) for example in examples] for examples in passes] != lengths


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="of a CPU")
def test_a_large_base_learns_the_same_of_one_case_a_pass(
    base: Path, tmp_path: Path, passes: list[list[Example]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_edgejson.training import lora

    rows = [_row(number, "n" * (4 * number)) for number in range(1, 13)]
    settings = replace(TUNING, batch_size=2, accumulation=3, dropout=0.0)
    several = _tune(base, tmp_path / "several", rows, settings=settings)
    passes.clear()
    monkeypatch.setattr(lora, "_LARGE", 0)
    one = _tune(base, tmp_path / "one", rows, settings=settings)
    assert {len(examples) for examples in passes} == {1}
    assert [loss for _, loss in one["loss"]] == pytest.approx([loss for _, loss in several["loss"]], rel=1e-3)


def test_a_few_cases_are_seen_once_an_epoch(base: Path, tmp_path: Path, passes: list[list[Example]]) -> None:
    _tune(base, tmp_path, [_row(1, "n"), _row(2, "nn"), _row(3, "nnn")], settings=replace(TUNING, accumulation=8))
    seen = Counter(len(example.input_ids) for examples in passes for example in examples)
    assert sorted(seen.values()) == [TUNING.epochs] * 3


def test_an_adapter_that_was_cut_off_ends_in_the_same_weights(
    base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    last = _cut_off(tuned[0], tmp_path) / "checkpoint-2/adapter_model.safetensors"
    made = last.stat().st_mtime_ns
    outcome = _tune(base, tmp_path)
    assert last.stat().st_mtime_ns == made, "it began anew"
    assert [step for step, _ in outcome["loss"]] == [1, 2, 3, 4]
    assert _same(tmp_path / "adapter", tuned[0] / "adapter")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]
)
def test_a_checkpoint_of_which_a_file_is_cut_off_is_not_taken(
    base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path, name: str
) -> None:
    shutil.copytree(tuned[0] / "checkpoints", tmp_path / "checkpoints")
    broken = tmp_path / "checkpoints/checkpoint-4" / name
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    _tune(base, tmp_path)
    assert broken.stat().st_size >= len(whole) - 50, "it was not written again"
    assert _same(tmp_path / "adapter", tuned[0] / "adapter")


def test_checkpoints_of_another_adapter_are_not_taken(
    base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    others: dict[str, dict[str, Any]] = {
        "seed": {"settings": replace(TUNING, seed=1)},
        "cases": {"rows": ROWS[:1]},
        "steps": {"max_steps": 3},
        "validation": {"validation": ROWS[:1]},
    }
    for what, options in others.items():
        with pytest.raises(TrainingError, match=f"another training, its {what} differ: remove the folder"):
            _tune(base, tmp_path, checkpoints=tuned[0] / "checkpoints", **options)


@pytest.mark.slow
def test_float32_is_taken_where_the_hardware_has_no_bf16(
    base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_edgejson.training.trainer.has_bf16", lambda: False)
    outcome = _tune(base, tmp_path)
    assert dict(outcome["loss"]) == pytest.approx(dict(tuned[1]["loss"]), rel=0.01)
    # What this machine has is what the other was trained in.
    assert _same(tmp_path / "adapter", tuned[0] / "adapter") is not has_bf16()


@pytest.mark.slow
def test_a_base_of_smollm2s_shape_has_as_many_parameters_to_train_as_published(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=576,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        intermediate_size=1536,
        max_position_embeddings=256,
        tie_word_embeddings=True,
    )
    # 107 million weights: made once, in the precision they are stored in.
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.to(torch.bfloat16).to_empty(device="cpu")
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    base = _save(model, tmp_path / "base")
    del model
    outcome = _tune(base, tmp_path, ROWS[:1], max_steps=2)
    # 4.88M are published, and half precision takes two bytes of each.
    assert outcome["parameters"] == 4_884_480
    assert [step for step, _ in outcome["loss"]] == [1, 2]
    assert all(5 < loss < 9 for _, loss in outcome["loss"])
    assert (tmp_path / "adapter/adapter_model.safetensors").stat().st_size < 10_000_000


@pytest.mark.slow
def test_a_base_with_other_layers_gets_an_adapter_on_all_that_are_linear(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=1024, n_embd=32, n_layer=1, n_head=2, n_positions=256)
    base = _save(GPT2LMHeadModel(config), tmp_path / "gpt2")
    _tune(base, tmp_path, settings=replace(TUNING, learning_rate=0.1))
    assert {name.split(".lora_")[0].rpartition("h.0.")[2] for name in _weights(tmp_path / "adapter")} == {
        "attn.c_attn",
        "attn.c_proj",
        "mlp.c_fc",
        "mlp.c_proj",
    }
    request = Request("a", "Stars: 1", ROWS[0].case)
    answers = []
    for adapter in (None, str(tmp_path / "adapter")):
        backend = load_backend(ModelSpec("gpt2", model=str(base), adapter=adapter), GenerationSettings(8))
        answers += [completion.text for completion in backend.generate([request])]
    assert answers[0] != answers[1]


# Validation


def _evaluated(err: str) -> list[int]:
    return [int(step) for step in re.findall(r"^step (\d+): JSONExact", err, re.MULTILINE)]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that the command ended early: its first step changes nothing, all others destroy the model."""
    folder = tmp_path_factory.mktemp("stopped")
    # A destroyed model goes on until its context is full.
    base = shutil.copytree(NANO, folder / "base")
    config = json.loads((NANO / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 384}))
    for name, source, count in (("cases", "train/simple/rating", 2), ("held-out", "test/simple/tag_list", 4)):
        lines = (bundled.ROOT / "cases" / f"{source}.jsonl").read_bytes().splitlines(keepends=True)
        (folder / f"{name}.jsonl").write_bytes(b"".join(lines[:count]))
    command = ["train", "--lora", "--base", base, "--preset", "nano-1m", "--seed", "3", "--out", folder / "adapter"]
    command += ["--cases", folder / "cases.jsonl", "--validate", folder / "held-out.jsonl", "--patience", "2"]
    command += ["--rank", "4", "--epochs", "5", "--learning-rate", "0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest_edgejson.cli", *map(str, command)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    (folder / "out.txt").write_text(done.stdout)
    (folder / "err.txt").write_text(done.stderr)
    return folder


@pytest.mark.slow
def test_a_training_ends_when_validation_has_not_been_better_for_a_while(stopped: Path) -> None:
    record = json.loads((stopped / "adapter/training.json").read_text())
    assert [found["step"] for found in record["validation"]] == [1, 2, 3]
    best, *others = record["validation"]
    assert best["json_exact"] > 0
    assert all(found["json_exact"] < best["json_exact"] for found in others)
    assert (record["settings"]["cases"], record["settings"]["validation_cases"]) == (2, 4)
    assert _same(stopped / "adapter", stopped / "adapter-checkpoints/checkpoint-1")
    # The best one is kept, and the newest, to go on from.
    kept = sorted(folder.name for folder in (stopped / "adapter-checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-1", "checkpoint-3"]


@pytest.mark.slow
def test_validation_says_what_the_benchmark_says(stopped: Path, pytester: pytest.Pytester) -> None:
    file = stopped / "held-out.jsonl"
    result = pytester.runpytest_subprocess(
        file,
        f"--edgejson-model={stopped / 'adapter'}",
        f"--edgejson-schemas={bundled.SCHEMAS}",
        "--edgejson-report-only",
        "--edgejson-results=results.jsonl",
    )
    assert result.ret == 0
    lines = map(json.loads, (pytester.path / "results.jsonl").read_text(encoding="utf-8").splitlines())
    results = [line for line in lines if "case_id" in line]
    [best, *_] = json.loads((stopped / "adapter/training.json").read_text())["validation"]
    assert best["json_exact"] == sum(result["json_exact"] for result in results) / 4
    assert best["field_f1"] == pytest.approx(sum(result["field_f1"] for result in results) / 4)


@pytest.mark.slow
def test_what_is_printed_can_be_read(stopped: Path) -> None:
    number = r"\d+\.\d+"
    exact = rf"JSONExact {number} % \(\d of 4 validation cases\), FieldF1 {number}, "
    expected = [
        rf"step 1 of 5, epoch 1, loss {number}",
        rf"step 1: {exact}the best so far",
        rf"step 2 of 5, epoch 2, loss {number}",
        rf"step 2: {exact}the best was step 1",
        rf"step 3 of 5, epoch 3, loss {number}",
        rf"step 3: {exact}the best was step 1",
    ]
    lines = (stopped / "err.txt").read_text().splitlines()
    assert len(lines) == len(expected), lines
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), line
    said = (stopped / "out.txt").read_text()
    assert re.fullmatch(
        r"\d[\d,]+ trained parameters in .*adapter, [\d.]+ (s|min); of 3 checkpoints that were evaluated, "
        r"step 1 is the best\n",
        said,
    )


@pytest.mark.slow
def test_the_card_says_how_an_adapter_was_made(stopped: Path) -> None:
    record = json.loads((stopped / "adapter/training.json").read_text())
    settings = record["settings"]
    assert settings["base"] == str(stopped / "base")
    assert (settings["rank"], settings["alpha"], settings["epochs"], settings["learning_rate"]) == (4, 8, 5, 0.5)
    assert settings["seed"] == 3
    assert json.loads((stopped / "adapter/adapter_config.json").read_text())["lora_alpha"] == 8
    assert record["precision"] == ("bf16" if has_bf16() else "float32")
    assert record["versions"].keys() >= {"torch", "transformers", "peft", "matplotlib"}
    card = (stopped / "adapter/README.md").read_text(encoding="utf-8")
    assert card.startswith("# adapter\n")
    assert f"in {record['precision']}; {record['parameters']:,} trained parameters" in card
    assert "![loss over steps](loss.svg)" in card
    best = record["validation"][0]
    assert f"| 1 | {100 * best['json_exact']:.1f} % | {best['field_f1']:.3f} | this adapter |\n| 2 |" in card


@pytest.mark.slow
def test_a_training_that_is_over_only_saves_its_adapter_again(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(stopped / "adapter-checkpoints", tmp_path / "adapter-checkpoints")
    command = json.loads((stopped / "adapter/training.json").read_text())["command"].split()[1:]
    command[command.index("--out") + 1] = str(tmp_path / "adapter")
    assert main(command) == 0
    assert capsys.readouterr().err == ""
    assert _same(tmp_path / "adapter", stopped / "adapter")
    one, two = (json.loads((folder / "adapter/training.json").read_text()) for folder in (stopped, tmp_path))
    assert (one["validation"], one["loss"]) == (two["validation"], two["loss"])


@pytest.mark.slow
def test_ties_end_a_training_and_the_first_is_the_best(base: Path, tmp_path: Path) -> None:
    # A model of random weights answers nothing right, at any step.
    outcome = _tune(base, tmp_path, validation=[_row(3)], patience=1, settings=replace(TUNING, epochs=6))
    assert [found["step"] for found in outcome["validation"]] == [2, 4]
    assert outcome["step"] == 2
    assert _same(tmp_path / "adapter", tmp_path / "checkpoints/checkpoint-2")


@pytest.mark.slow
def test_validation_changes_no_weights(base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _tune(base, tmp_path, validation=[_row(3)])
    assert _same(tmp_path / "checkpoints/checkpoint-4", tuned[0] / "checkpoints/checkpoint-4")


@pytest.mark.slow
@pytest.mark.parametrize("forgotten", [False, True])
def test_a_training_that_goes_on_evaluates_each_checkpoint_once(
    base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str], forgotten: bool
) -> None:
    held_out = [_row(3)]
    whole = _tune(base, tmp_path / "whole", validation=held_out)
    assert _evaluated(capsys.readouterr().err) == [2, 4]
    _cut_off(tmp_path / "whole", tmp_path)
    if forgotten:
        # Killed while the checkpoint was evaluated.
        (tmp_path / "checkpoints/validation.json").unlink()
    outcome = _tune(base, tmp_path, validation=held_out)
    assert _evaluated(capsys.readouterr().err) == ([2, 4] if forgotten else [4])
    assert outcome["validation"] == whole["validation"]
    assert _same(tmp_path / "checkpoints/checkpoint-4", tuned[0] / "checkpoints/checkpoint-4")


@pytest.mark.slow
def test_a_validation_case_that_cannot_be_answered_is_named(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints").mkdir()
    shutil.copytree(base, tmp_path / "base")
    # Gone by the time of the first evaluation.
    from pytest_edgejson.training import validation

    monkeypatch.setattr(validation, "load", lambda *given, **more: _without_weights(tmp_path / "base", given, more))
    with pytest.raises(
        TrainingError, match=r"the validation cases cannot be answered: checkpoint-2: .*is no safetensors file"
    ) as told:
        _tune(tmp_path / "base", tmp_path, validation=[_row(3)])
    assert "\n" not in str(told.value)
    assert (tmp_path / "checkpoints/checkpoint-2/trainer_state.json").is_file()


def _without_weights(base: Path, given: Any, more: Any) -> Any:
    from pytest_edgejson.backends.local.transformers import load

    (base / "model.safetensors").write_bytes(b"")
    return load(*given, **more)


# Which cases


def _ids(rows: Sequence[CaseRow]) -> set[str]:
    return {row.case.id for row in rows}


def test_any_first_part_of_the_cases_is_like_the_whole() -> None:
    rows = read(bundled.TRAIN_CASES, SchemaFinder())
    spreads = [spread(rows, seed) for seed in (0, 1)]
    whole = Counter(row.case.schema_id for row in rows)
    assert all(_ids(order) == _ids(rows) and len(order) == 629 for order in spreads)
    assert spread(rows, 0) == spreads[0] != spreads[1]
    for order in spreads:
        for count in (63, 157, 314):
            part = Counter(row.case.schema_id for row in order[:count])
            assert all(abs(part[schema] - whole[schema] * count / 629) <= 1.01 for schema in whole)
    assert _ids(spreads[0][:157]) != _ids(spreads[1][:157])


def _suite(folder: Path, *names: str) -> Path:
    """Write the first three cases of each of the bundled train files."""
    folder.mkdir(parents=True)
    for name in names:
        lines = (bundled.TRAIN_CASES / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
        (folder / Path(name).name).with_suffix(".jsonl").write_bytes(b"".join(lines[:3]))
    return folder


def _command(base: Path, cases: Path, *options: object) -> list[str]:
    # The base's context holds 256 tokens; a template of nothing but the text leaves room.
    out = cases.parent / "adapter"
    command = ["train", "--lora", "--base", base, "--cases", cases, "--out", out, "--steps", 1, "--prompt", "{prompt}"]
    return list(map(str, [*command, *options]))


@pytest.mark.slow
def test_cases_of_a_suite_are_trained_on_with_its_prompt_and_scored_as_it_compares(base: Path, tmp_path: Path) -> None:
    cases = _suite(tmp_path / "moods" / "cases", "simple/rating")
    (tmp_path / "moods/suite.toml").write_text(
        """prompt = "A {schema} of {prompt}"\n[comparators.rating]\nreviewer_name = "ignored"\n""", encoding="utf-8"
    )
    schema = tmp_path / "moods/schemas/simple/rating.json"
    schema.parent.mkdir(parents=True)
    schema.write_bytes((bundled.SCHEMAS / "simple/rating.json").read_bytes())
    command = _command(base, cases)[:-2]
    assert main(command) == 2, "the schema is in the prompt, and longer than the base's context"
    document = json.loads(schema.read_text(encoding="utf-8"))
    schema.write_text(json.dumps({"type": "object", "properties": {"reviewer_name": {}}}), encoding="utf-8")
    assert main([*command, "--validate", "0.34"]) == 0
    schema.write_text(json.dumps(document), encoding="utf-8")
    assert main([*command, "--prompt", "{prompt}"]) == 2, "the checkpoints are of another training"


@pytest.mark.slow
def test_a_share_is_held_out_of_each_schema_and_only_some_cases_are_taken(base: Path, tmp_path: Path) -> None:
    cases = _suite(tmp_path / "cases", "simple/rating", "simple/location")
    assert main(_command(base, cases, "--validate", 0.34, "--max-cases", 3)) == 0
    record = json.loads((tmp_path / "adapter/training.json").read_text())
    assert (record["settings"]["cases"], record["settings"]["validation_cases"]) == (3, 2)
    assert [found["step"] for found in record["validation"]] == [1]


@pytest.mark.slow
def test_cases_that_fail_their_check_are_not_trained_on(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _suite(tmp_path / "cases", "simple/rating") / "rating.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows[1:]:
        row["expected_output"]["reviewer_name"] = "Nobody At All"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(_command(base, file)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f'edgejson: {file}:2: {rows[1]["id"]}: reviewer_name is "Nobody At All", which is nowhere in')
    assert f"; 2 such problems in all: mend them (edgejson suite check {file} shows them), or train on the" in err
    assert "--unchecked" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "adapter").exists()
    assert main(_command(base, file, "--unchecked")) == 0


@pytest.mark.slow
def test_cases_are_not_validated_with(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = _suite(tmp_path / "cases", "simple/rating")
    held_out = tmp_path / "held-out.jsonl"
    shutil.copyfile(cases / "rating.jsonl", held_out)
    assert main(_command(base, cases, "--validate", held_out)) == 2
    assert (
        f"held-out.jsonl:1: rating-train-001: its id stands already in {cases / 'rating.jsonl'}:1; "
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_cases_longer_than_the_context_are_named_or_left_out(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = [replace(row, case=replace(row.case, prompt="word " * 300, line=7)) for row in ROWS]
    with pytest.raises(
        TrainingError, match=r"cases\.jsonl:7: rating-1 has [\d,]+ tokens with its answer, .*llama"
    ) as told:
        _tune(base, tmp_path, [*ROWS, *long])
    assert "holds 256; 2 of 4 cases are too long: --skip-long leaves them out" in str(told.value)
    with pytest.raises(TrainingError, match="2 of 2 cases are too long: name a base with a longer one"):
        _tune(base, tmp_path, long, skip_long=True)
    with pytest.raises(TrainingError, match="1 of 1 cases are too long"):
        _tune(base, tmp_path, validation=long[:1])
    assert not (tmp_path / "checkpoints").exists()
    cases = _suite(tmp_path / "cases", "simple/rating", "complex/medical_encounter")
    assert main(_command(base, cases, "--skip-long")) == 0
    assert "; 3 cases were longer than the base's context and left out" in capsys.readouterr().out
    settings = json.loads((tmp_path / "adapter/training.json").read_text())["settings"]
    assert (settings["cases"], settings["skipped"]) == (3, 3)


# A full disk


@contextlib.contextmanager
def _files_end_at(size: int) -> Iterator[None]:
    """Let no file be written beyond so many bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# The adapter has 70,000 bytes, the optimizer's state twice as many.
@pytest.mark.slow
@pytest.mark.parametrize("size", [50_000, 100_000])
def test_a_full_disk_is_said_and_the_same_training_goes_on(
    base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path, size: int
) -> None:
    checkpoints = _cut_off(tuned[0], tmp_path)
    with (
        pytest.raises(TrainingError, match=f"^{re.escape(str(checkpoints))} cannot be written: ") as told,
        _files_end_at(size),
    ):
        _tune(base, tmp_path)
    assert "\n" not in str(told.value)
    assert str(told.value).endswith(
        f"{checkpoints / 'checkpoint-2'} is kept: make room, and the same command goes on from it"
    )
    _tune(base, tmp_path)
    assert _same(tmp_path / "adapter", tuned[0] / "adapter")


def test_a_full_disk_for_the_adapter_itself(base: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match=r"adapter cannot be written: .*; .*checkpoint-4 is kept: "),
        _files_end_at(50_000),
    ):
        _tune(base, tmp_path, checkpoints=tuned[0] / "checkpoints")


@pytest.mark.slow
def test_a_disk_that_is_full_from_the_start_ends_with_a_line(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = _suite(tmp_path / "cases", "simple/rating")
    with _files_end_at(50_000):
        assert main(_command(base, cases)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"edgejson: {tmp_path / 'adapter-checkpoints'} cannot be written: ")
    assert err.endswith("; there is no complete checkpoint yet: make room, and the same command begins anew\n")
    assert err.count("\n") == 1


# The plot


def test_a_plot_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    from pytest_edgejson.training.plot import plot_loss

    loss = [(step, 5.0 / step) for step in range(1, 40)]
    for name in ("one.svg", "two.svg"):
        plot_loss(tmp_path / name, loss, [(20, 0.25), (39, 0.5)])
    plot_loss(tmp_path / "alone.svg", loss)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    texts = {
        name: "".join(ElementTree.parse(tmp_path / f"{name}.svg").getroot().itertext()) for name in ("one", "alone")
    }
    assert all("loss (nats per answer token)" in text for text in texts.values())
    assert "validation JSONExact" in texts["one"]
    assert "validation JSONExact" not in texts["alone"]


@pytest.mark.slow
def test_an_adapter_comes_with_its_plot(stopped: Path) -> None:
    text = "".join(ElementTree.parse(stopped / "adapter/loss.svg").getroot().itertext())
    assert "validation JSONExact" in text


# What cannot be trained


def _broken(base: Path, folder: Path, change: Callable[[Path], object]) -> Path:
    copy = folder / "broken"
    shutil.copytree(base, copy)
    change(copy)
    return copy


def _with_config(file: str, **changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> object:
        config = json.loads((folder / file).read_text())
        return (folder / file).write_text(json.dumps({**config, **changes}))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "cannot be had: the model is not there: no folder"),
        (lambda folder: (folder / "config.json").write_text("{"), "not a valid JSON file"),
        (lambda folder: (folder / "config.json").unlink(), "cannot be had: .*it has no config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be had: .*has no model.safetensors"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100),
            "cannot be had: .*is no safetensors file",
        ),
        (_with_config("config.json", hidden_size=64), "cannot be loaded"),
    ],
)
def test_a_base_that_cannot_be_loaded_is_said_in_one_line(
    base: Path, tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        _tune(_broken(base, tmp_path, change), tmp_path)
    assert "\n" not in str(caught.value)
    assert "name a hub id that can be reached, or a folder with config.json" in str(caught.value)
    assert not (tmp_path / "adapter").exists()
    assert not (tmp_path / "checkpoints").exists()


def test_the_command_says_so_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tmp_path / "no-such-base"
    assert main(["train", "--lora", "--base", str(base), "--out", str(tmp_path / "adapter")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"edgejson: the base '{base}' cannot be had: the model is not there: ")
    assert err.count("\n") == 1


def test_pickled_weights_are_not_loaded(base: Path, tmp_path: Path) -> None:
    def pickle(folder: Path) -> None:
        from safetensors.torch import load_file

        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        torch.save(weights, folder / "pytorch_model.bin")

    with pytest.raises(TrainingError, match=r"cannot be had: .*has no model\.safetensors"):
        _tune(_broken(base, tmp_path, pickle), tmp_path)


def test_an_adapter_is_no_base(tuned: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="adapter' is an adapter: name the model that it was made for"):
        _tune(tuned[0] / "adapter", tmp_path)


def test_a_base_whose_tokenizer_knows_no_end_is_named(base: Path, tmp_path: Path) -> None:
    broken = _broken(base, tmp_path, _with_config("tokenizer_config.json", eos_token=None, pad_token=None))
    with pytest.raises(TrainingError, match="has no end of sequence to teach: set its eos_token"):
        _tune(broken, tmp_path)
