"""Where the time of the transformers backend goes: prompts, and steps by how many cases are under way.

    python benchmarks/profile_steps.py --data train.jsonl         SmolLM2-135M's shape, random weights, true lengths
    python benchmarks/profile_steps.py --model models/nano        a real model on the bundled cases

Every step is timed. One in --every is repeated under torch's profiler for the share of its operations; what a step
takes beyond them is Python's: transformers' modules and this project's. The work is that of `decoding.py`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tabulate import tabulate
from tasks import make_model, read_tasks
from torch.profiler import profile
from transformers.utils import logging

from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local.decoder import Row
from pytest_edgejson.backends.local.transformers import load
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import Case

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from pytest_edgejson.backends.local.decoder import Model
    from pytest_edgejson.backends.local.slots import Slots

# What an operation of torch belongs to, by a part of its name; the first that fits.
KINDS = {"linear": "linear layers", "mm": "linear layers", "attention": "attention"}
GROUPS = ((1, 1), (2, 3), (4, 15), (16, 31), (32, 1000))


class Timed:
    """Times the slots of a decoder."""

    def __init__(self, slots: Slots, every: int) -> None:
        self._admit, self._step = slots.admit, slots.step
        self._every = every
        self.prompts: list[tuple[int, float]] = []
        self.steps: defaultdict[int, list[float]] = defaultdict(list)
        self.computed = 0
        self.operations: defaultdict[int, list[dict[str, float]]] = defaultdict(list)
        slots.admit, slots.step = self.admit, self.step  # type: ignore[method-assign]

    def admit(self, prompt: list[int]) -> torch.Tensor:
        start = time.perf_counter()
        logits = self._admit(prompt)
        self.prompts.append((len(prompt), time.perf_counter() - start))
        return logits

    def step(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        start = time.perf_counter()
        logits = self._step(tokens)
        self.steps[len(tokens)].append(time.perf_counter() - start)
        self.computed += len(tokens) * max(map(len, tokens))
        if len(self.steps[len(tokens)]) % self._every == 1:
            # Nothing of a step is kept before `keep`, so that it can be repeated.
            with profile() as profiled:
                self._step(tokens)
            self.operations[len(tokens)].append(by_kind(profiled))
        return logits


def by_kind(profiled: Any) -> dict[str, float]:
    """Return seconds by kind of operation."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for event in profiled.key_averages():
        kind = next((kind for part, kind in KINDS.items() if part in event.key), "other operations")
        seconds[kind] += event.self_cpu_time_total / 1e6
    return dict(seconds)


def answer(model: Model, rows: list[Row], settings: GenerationSettings, options: argparse.Namespace) -> Timed:
    decoder = model.decoder(rows, options.size)
    timed = Timed(decoder._slots, options.every)  # type: ignore[attr-defined]
    while True:
        for row in decoder.begin():
            row.start(model, settings, 0.0)
        if not decoder.rows:
            return timed
        made = decoder.advance()
        decoder.leave([row for row, tokens in made if row.accept(tokens, model)])


def table(timed: Timed) -> str:
    kinds = [*dict.fromkeys(KINDS.values()), "other operations"]
    lines = []
    for low, high in GROUPS:
        sizes = [size for size in timed.steps if low <= size <= high]
        seconds = [each for size in sizes for each in timed.steps[size]]
        if not seconds:
            continue
        sampled = [each for size in sizes for each in timed.operations[size]]
        parts = [1000 * fmean(each.get(kind, 0.0) for each in sampled) for kind in kinds]
        mean = 1000 * fmean(seconds)
        most = min(high, max(sizes))
        name = str(low) if low == most else f"{low} to {most}"
        shares = [f"{part:.1f}" for part in (mean, *parts, max(0.0, mean - sum(parts)))]
        lines.append([name, len(seconds), f"{sum(seconds):.1f}", *shares])
    headers = ["cases under way", "steps", "seconds", "ms a step", *kinds, "Python"]
    return tabulate(lines, headers=headers, tablefmt="github", colalign=["left"] + ["right"] * (len(headers) - 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model's folder; by default random weights")
    parser.add_argument("--data", type=Path, nargs="+", help="JSON Lines files of cases; by default the bundled ones")
    parser.add_argument("--rows", type=int, help="cases drawn; by default 48, or all with --model")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--size", type=int, default=16, help="cases at once")
    parser.add_argument("--dtype", default="float32", help="float32 or bfloat16")
    parser.add_argument("--every", type=int, default=20, help="profile one in so many steps")
    options = parser.parse_args()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model or make_model(Path(scratch))
        data = options.data or sorted((bundled.ROOT / "cases" / "test").glob("*/*.jsonl"))
        tasks = read_tasks(data, folder, options.rows or (None if options.model else 48), options.seed)
        settings = GenerationSettings(stop_at_root=False, loops="keep", dtype=options.dtype)
        spec = ModelSpec(name="measured", model=str(folder))
        model = load(spec, settings, LoadOptions(device="cpu")).load_model()
        model.end_tokens = frozenset()
        case = Case("", "", "simple", "", {})
        rows = [Row(Request(str(number), "", case), task.prompt, task.count) for number, task in enumerate(tasks)]
        timed = answer(model, rows, settings, options)
    tokens, seconds = (sum(each) for each in zip(*timed.prompts, strict=True))
    steps = sum(map(len, timed.steps.values()))
    made = sum(len(row.tokens) for row in rows) - len(rows)
    print(
        f"{len(rows)} prompts: {tokens:,} tokens in {seconds:.1f} s. {steps:,} steps in "
        f"{sum(map(sum, timed.steps.values())):.1f} s made {made:,} tokens of {timed.computed:,} computed.\n"
    )
    print(table(timed))


if __name__ == "__main__":
    main()
