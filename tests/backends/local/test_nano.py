"""The shipped model through the whole plugin, and the options that decide how a local model runs."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from pytest_edgejson.suite import bundled

pytest.importorskip("torch")
pytest.importorskip("transformers")

NANO = bundled.ROOT / "models" / "nano"
FEW = ("-k", "rating-00 or contact-info-00", "--edgejson-report-only", "--edgejson-results=results.jsonl")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("--edgejson-model=nano", *FEW, *arguments)


def read(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    manifest, *results = map(json.loads, lines)
    return manifest, {result["case_id"]: result for result in results if "schema" not in result}


def outputs(folder: Path) -> dict[str, tuple[str, int]]:
    return {case_id: (result["output"], result["output_tokens"]) for case_id, result in read(folder)[1].items()}


@pytest.mark.parametrize("name", ["nano", "nano-1m", "nano-1m-lora", "nano-4m", "nano-4m-lora", "maaza-135m-remade"])
def test_what_ships_is_small_and_says_how_it_was_made(name: str) -> None:
    folder = bundled.ROOT / "models" / name
    assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) < 10e6
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["settings"]["seed"] == 0
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"`{record['command']}`" in card
    assert f"`pytest --edgejson-model={name} --edgejson-report-only -v`" in card


def test_a_benchmark_ends_with_the_table_and_exit_code_0(pytester: pytest.Pytester) -> None:
    result = run(pytester)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["edgejson: model nano (*", "*JSONExact*tok/s", "simple *11 *", "all *11 *"])
    manifest, results = read(pytester.path)
    assert manifest["models"]["nano"]["dtype"] == "float32"
    assert sum(result["json_exact"] for result in results.values()) > 0
    for one in results.values():
        assert one["prompt_tokens"] > 10
        assert one["output_tokens"] > 1
        assert 0 < one["compute_s"] <= one["latency_s"]


@pytest.mark.slow
def test_batches_workers_and_precision_are_as_asked_for(pytester: pytest.Pytester) -> None:
    run(pytester, "--edgejson-batch-size=1")
    alone = outputs(pytester.path)
    assert read(pytester.path)[0]["models"]["nano"]["batch_size"] == 1
    for arguments in (["--edgejson-batch-size=5"], ["-n2", "--edgejson-device=cpu,cpu"]):
        run(pytester, *arguments, "-p", "no:cacheprovider")
        assert outputs(pytester.path) == alone
    run(pytester, "--edgejson-dtype=bfloat16", "--edgejson-device=cpu")
    manifest, results = read(pytester.path)
    assert manifest["models"]["nano"]["dtype"] == "bfloat16"
    assert not any(result["stored"] for result in results.values())


@pytest.mark.slow
def test_a_run_that_was_killed_generates_nothing_twice(pytester: pytest.Pytester) -> None:
    conftest = pytester.makeconftest(
        """
        import os

        seen = 0

        def pytest_edgejson_result(result):
            global seen
            seen += 1
            if seen == 4:
                os.kill(os.getpid(), 9)
        """
    )
    assert run(pytester, "--edgejson-batch-size=2").ret == -9
    conftest.unlink()
    run(pytester)
    stored = sum(result["stored"] for result in read(pytester.path)[1].values())
    assert 4 <= stored < 11
    result = run(pytester, "--lf")
    assert all(result["stored"] for result in read(pytester.path)[1].values())
    result.stdout.fnmatch_lines(["*completions are from the store*"])


@pytest.mark.slow
def test_the_token_limit(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--edgejson-max-new-tokens=5")
    result.stdout.fnmatch_lines(["*rating-001?nano?: truncated at 5 tokens*"])
    assert {tokens for _, tokens in outputs(pytester.path).values()} == {5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--edgejson-device=tpu"], "ERROR: *tpu*"),
        (["--edgejson-device=cuda:99"], "ERROR: nano: *cuda*"),
    ],
)
def test_a_device_that_is_not_there(pytester: pytest.Pytester, arguments: list[str], message: str) -> None:
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.slow
def test_an_adapter_merged_and_not(pytester: pytest.Pytester) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    # Of a size that some answers are others by it.
    config = LoraConfig(
        r=2, lora_alpha=32, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    with warnings.catch_warnings():
        # peft's of this version about what transformers of that version will drop
        warnings.simplefilter("ignore", FutureWarning)
        base = AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32)
        get_peft_model(base, config).save_pretrained(pytester.path / "adapter")
    adapter = ("--edgejson-model=./adapter", *FEW)
    found = []
    for arguments in ((), ("--edgejson-unmerged",)):
        pytester.runpytest_subprocess(*adapter, *arguments)
        manifest, results = read(pytester.path)
        found.append({case_id: result["output"] for case_id, result in results.items()})
        assert manifest["models"]["adapter"]["adapter_merged"] is not bool(arguments)
        assert not any(result["stored"] for result in results.values())
    merged, unmerged = found
    assert sum(merged[case_id] == unmerged[case_id] for case_id in merged) >= 9, "float32 may turn a close decision"
    run(pytester)
    assert {case_id: output for case_id, (output, _) in outputs(pytester.path).items()} != merged


@pytest.mark.slow
def test_progress_on_a_terminal(pytester: pytest.Pytester) -> None:
    import pty
    import subprocess
    import sys

    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "pytest", "--edgejson-model=nano", "-k", "rating-00", "-p", "no:cacheprovider"]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, cwd=pytester.path)
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(controller, 4096):
            shown += piece
    except OSError:  # the terminal's other end is closed
        pass
    process.wait()
    assert b"nano: 0/7 cases" in shown
    assert b"tok/s" in shown
