"""How fast answers come: the published one-at-a-time loop, transformers' batches, and this project's decoder.

    python benchmarks/decoding.py --data train.jsonl            SmolLM2-135M's shape, random weights, true lengths
    python benchmarks/decoding.py --model models/nano           a real model on the bundled cases

All engines answer the same prompts with the same weights and the same numbers of tokens, one after the other, as often
as --runs says; the table shows medians. A row is a tokens-per-second figure of useful tokens: those that a batch
computes beyond a row's end don't count. CPU/wall says whether the machine was free: with 2 threads it should be near 2.

OMP_WAIT_POLICY=passive gives steadier figures where other programs run beside.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from pytest_edgejson import bundled
from pytest_edgejson.backends import GenerationSettings, Request
from pytest_edgejson.backends.batches import Row
from pytest_edgejson.backends.local_model import Device, LocalModel
from pytest_edgejson.backends.model_files import locate
from pytest_edgejson.cases import Case
from pytest_edgejson.models import ModelSpec
from pytest_edgejson.prompts import TEMPLATES, render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Its tokens are about as long as those of SmolLM2's tokenizer on this data: 62, 178 and 776 against 52, 204 and 751
# for an answer of each complexity.
TOKENIZER = bundled.ROOT / "models" / "nano"
SMOLLM2_135M = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    "tie_word_embeddings": True,
    "initializer_range": 1 / 24,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt's tokens, and how many to answer with."""

    prompt: list[int]
    count: int


@dataclass(frozen=True, slots=True)
class Figure:
    """What one engine did in one run."""

    answers: dict[int, list[int]]
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Useful tokens a second."""
        return sum(map(len, self.answers.values())) / self.wall_s


def loop(network: Any, tasks: dict[int, Task]) -> dict[int, list[int]]:
    """Answer as the published evaluation does: one by one, greedy, through `generate`."""
    answers = {}
    for key, task in tasks.items():
        inputs = torch.tensor([task.prompt])
        output = network.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            max_new_tokens=task.count,
            do_sample=False,
            pad_token_id=0,
        )
        answers[key] = output[0, len(task.prompt) :].tolist()
    return answers


def batches(network: Any, tasks: dict[int, Task], size: int) -> dict[int, list[int]]:
    """Answer through `generate` in batches, sorted by the length of the prompts."""
    answers = {}
    order = sorted(tasks, key=lambda key: len(tasks[key].prompt), reverse=True)
    for start in range(0, len(order), size):
        keys = order[start : start + size]
        width = max(len(tasks[key].prompt) for key in keys)
        padded = [[0] * (width - len(tasks[key].prompt)) + tasks[key].prompt for key in keys]
        mask = [[0] * (width - len(tasks[key].prompt)) + [1] * len(tasks[key].prompt) for key in keys]
        longest = max(tasks[key].count for key in keys)
        output = network.generate(
            torch.tensor(padded),
            attention_mask=torch.tensor(mask),
            max_new_tokens=longest,
            do_sample=False,
            pad_token_id=0,
        )
        for key, tokens in zip(keys, output[:, width:].tolist(), strict=True):
            answers[key] = tokens[: tasks[key].count]
    return answers


def decoder(model: LocalModel, tasks: dict[int, Task], size: int) -> dict[int, list[int]]:
    """Answer as the backend does."""
    settings = GenerationSettings(stop_at_root=False)
    case = Case("", "", "simple", "", {})
    rows = [Row(Request(str(key), "", case), task.prompt, task.count) for key, task in tasks.items()]
    rows.sort(key=lambda row: len(row.prompt), reverse=True)
    running = model.decoder(rows, size)
    while True:
        for row in running.begin():
            row.start(model, settings, 0.0)
        if not running.rows:
            return {int(row.request.key): row.tokens for row in rows}
        made = running.advance()
        running.leave([row for row, token in made if row.accept(token, model)])


def measure(run: Callable[[], dict[int, list[int]]]) -> Figure:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        answers = run()
    return Figure(answers, time.perf_counter() - wall, time.process_time() - cpu)


def make_model(folder: Path) -> Path:
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SMOLLM2_135M)).save_pretrained(folder)  # type: ignore[arg-type]
    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(folder)
    return folder


def load(folder: Path, dtype: str) -> LocalModel:
    spec = ModelSpec(name="measured", model=str(folder))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = LocalModel(spec, GenerationSettings(), locate(spec), tokenizer, Device("cpu", "cpu"), dtype)
    model.end_tokens = frozenset()
    return model


def read_tasks(files: Sequence[Path], tokenizer: Any, rows: int | None, seed: int) -> dict[int, Task]:
    cases = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    if rows is not None:
        cases = random.Random(seed).sample(cases, rows)
    return {
        number: Task(
            tokenizer.encode(render(TEMPLATES["v3"], case["prompt"])),
            len(tokenizer.encode(json.dumps(case["expected_output"]))),
        )
        for number, case in enumerate(cases)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, help="a model's folder; by default random weights of SmolLM2-135M's shape"
    )
    parser.add_argument("--data", type=Path, nargs="+", help="JSON Lines files of cases; by default the bundled ones")
    parser.add_argument("--rows", type=int, help="cases drawn from the data; by default 48, or all with --model")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--size", type=int, default=16, help="cases at once")
    parser.add_argument("--runs", type=int, default=3, help="how often each engine answers")
    parser.add_argument("--threads", type=int, help="of each product")
    parser.add_argument(
        "--every", type=int, default=1, help="time the loop and the batches on every so many-th case by length only"
    )
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        source = options.model or make_model(Path(folder))
        data = options.data or sorted((bundled.ROOT / "cases" / "test").glob("*/*.jsonl"))
        rows = options.rows or (None if options.model else 48)
        tasks = read_tasks(data, AutoTokenizer.from_pretrained(source), rows, options.seed)
        compare(source, tasks, options)


def compare(source: Path, tasks: dict[int, Task], options: argparse.Namespace) -> None:
    by_length = sorted(tasks, key=lambda key: len(tasks[key].prompt), reverse=True)
    some = {key: tasks[key] for key in by_length[options.every // 2 :: options.every]}
    network = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    # Every answer is as long as it is to be.
    network.generation_config.eos_token_id = network.config.eos_token_id = None
    models = {dtype: load(source, dtype) for dtype in ("float32", "bfloat16")}
    engines: dict[str, Callable[[], dict[int, list[int]]]] = {
        "one by one": lambda: loop(network, some),
        "batches": lambda: batches(network, some, options.size),
        "decoder float32": lambda: decoder(models["float32"], tasks, options.size),
        "decoder bfloat16": lambda: decoder(models["bfloat16"], tasks, options.size),
    }
    # The first products of each shape are slower: kernels are compiled for them.
    few = {key: Task(tasks[key].prompt[:40], 3) for key in by_length[:3]}
    loop(network, few)
    for model in models.values():
        decoder(model, few, options.size)
    tokens = sum(task.count for task in tasks.values())
    prompts = sum(len(task.prompt) for task in tasks.values())
    print(f"{len(tasks)} cases, {prompts} tokens of prompts, {tokens} of answers; {torch.get_num_threads()} threads")
    if options.every > 1:
        print(f"one by one and batches on {len(some)} of them, {sum(task.count for task in some.values())} tokens")
    runs = [{name: measure(engine) for name, engine in engines.items()} for _ in range(options.runs)]
    expected = runs[0]["one by one"].answers
    print(f"{'':18}{'tok/s':>8}{'ratio':>8}{'CPU/wall':>10}{'same':>12}")
    for name in engines:
        figures = [run[name] for run in runs]
        ratio = statistics.median(run[name].rate / run["one by one"].rate for run in runs)
        busy = statistics.median(figure.cpu_s / figure.wall_s for figure in figures)
        same = sum(figures[0].answers[key] == answer for key, answer in expected.items())
        rate = statistics.median(figure.rate for figure in figures)
        print(f"{name:18}{rate:8.1f}{ratio:8.2f}{busy:10.2f}{same:>6} of {len(expected)}")


if __name__ == "__main__":
    main()
