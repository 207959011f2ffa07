"""The least time in which a machine can answer: what no engine can go below, whatever its batches.

    python benchmarks/bound.py [--threads N]         this machine's memory bandwidth and matrix rates

Two figures are measured: how many bytes a second all threads read from an array as large as the model's weights, and
how many operations a second the fastest of some matrix products makes. From them, for given prompts and answers,

    compute = operations / matrix rate
    reading = bytes / bandwidth
    bound   = max(compute, reading)

    operations = 2 x weights of the layers x (tokens of prompts + tokens of answers - answers)
               + 2 x weights of the output layer x tokens of answers
               + 4 x layers x heads x width of a head x tokens looked at, summed over all tokens computed
    bytes      = weights x tokens of the longest answer + keys and values looked at, summed over the tokens of answers

It assumes that reading and computing overlap perfectly; that as many cases as one likes are under way, so that the
weights are read once for each token of the longest answer and no more; that prompts are computed without reading
anything twice; that nothing but matrix products takes time; and that they all run as fast as the fastest one, large
and square, while those of a decoding step have a row for each case. So 100 % is out of reach, and an engine that skips
work, such as one with int8 weights, can go below.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engines import Task

DTYPES = {"float32": 4, "bfloat16": 2}
_MATRICES = (512, 1024, 2048)
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured.

    Attributes:
        bandwidth: bytes read a second.
        rates: multiplications and additions a second by dtype.
    """

    bandwidth: float
    rates: dict[str, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's sizes.

    Attributes:
        layers: how many.
        inner: weights that every token is multiplied with.
        output: weights that make logits, for tokens whose successor is wanted.
        heads: of queries, in a layer.
        kept: heads of keys, in a layer.
        width: of a head.
    """

    layers: int
    inner: int
    output: int
    heads: int
    kept: int
    width: int

    @classmethod
    def read(cls, folder: Path) -> Shape:
        """Count without loading any weights."""
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            network: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        linear = sum(part.weight.numel() for part in network.modules() if isinstance(part, torch.nn.Linear))
        output = network.get_output_embeddings().weight.numel()
        heads = config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // heads
        kept = getattr(config, "num_key_value_heads", None) or heads
        return cls(config.num_hidden_layers, linear - output, output, heads, kept, width)

    @property
    def weights(self) -> int:
        """All that a step reads."""
        return self.inner + self.output


def least_seconds(machine: Machine, shape: Shape, tasks: Sequence[Task], dtype: str) -> float:
    """Return the bound for tasks, of a model whose weights, keys and values are of one dtype."""
    answered = sum(task.count for task in tasks)
    # The last token of an answer is not computed on.
    computed = sum(len(task.prompt) + task.count - 1 for task in tasks)
    looked_at = sum(_triangle(len(task.prompt) + task.count - 1) for task in tasks)
    steps = sum(_triangle(len(task.prompt) + task.count - 1) - _triangle(len(task.prompt)) for task in tasks)
    attention = 4 * shape.layers * shape.heads * shape.width * looked_at
    operations = 2 * shape.inner * computed + 2 * shape.output * answered + attention
    longest = max(task.count for task in tasks)
    kept = 2 * shape.layers * shape.kept * shape.width * steps
    read = DTYPES[dtype] * (shape.weights * longest + kept)
    return max(operations / machine.rates[dtype], read / machine.bandwidth)


def _triangle(length: int) -> int:
    """Return how many tokens those of a text look at, each at itself and all before it."""
    return length * (length + 1) // 2


def measure(size: int) -> Machine:
    """Measure the machine, reading an array of so many bytes; each figure is the best of some repeats."""
    import torch

    width = 4096
    array, vector = torch.ones(size // 4 // width, width), torch.ones(width)
    # Which of them waits for nothing but memory depends on the machine.
    bandwidth = array.nbytes / min(_least(array.sum), _least(array.max), _least(lambda: array @ vector))
    rates = {}
    for dtype in DTYPES:
        matrices = [torch.ones(width, width, dtype=getattr(torch, dtype)) for width in _MATRICES]
        rates[dtype] = max(
            2 * len(matrix) ** 3 / _least(functools.partial(torch.mm, matrix, matrix)) for matrix in matrices
        )
    return Machine(bandwidth, rates)


def describe() -> dict[str, Any]:
    """Say which machine this is, and the day, for a record of figures."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text(encoding="utf-8").splitlines()
        processor = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), processor)
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _least(work: Callable[[], Any]) -> float:
    """Return the seconds of the fastest repeat; the first one, which may compile a kernel, is not counted."""
    work()
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=540_000_000, help="as many as a 135M model's float32 weights have")
    parser.add_argument("--threads", type=int, help="of each product")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    with torch.inference_mode():
        machine = measure(options.bytes)
    if options.json:
        options.json.write_text(json.dumps(asdict(machine)), encoding="utf-8")
    print(f"memory    {machine.bandwidth / 1e9:8.1f} GB/s")
    for dtype, rate in machine.rates.items():
        print(f"{dtype:10}{rate / 1e9:8.1f} GFLOP/s")


if __name__ == "__main__":
    main()
