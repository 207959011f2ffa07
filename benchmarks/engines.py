"""Engines that answer prompts with so many tokens each, and the process in which one of them is timed.

Each is told where a model lies and how many cases it may work on at once, and gives a function that answers tasks. All
get the tasks with the longest prompts first, and make exactly as many tokens as a task asks for: no token ends an
answer, and what a batch computes beyond a row's end is dropped.

    python benchmarks/engines.py RESULT <JOB

is started by `decoding.py` for each measurement, so that one engine's memory is not counted as another's, and so that
an engine may have an interpreter of its own. Nothing but torch and transformers is needed for those that are not of
this project.
"""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Answer = Callable[[Sequence["Task"]], list[list[int]]]

_PACKAGES = ("torch", "transformers", "lm_eval", "openvino-genai", "nncf", "xllamacpp")


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt, its tokens, and how many to answer with."""

    text: str
    prompt: list[int]
    count: int


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine starts with.

    Attributes:
        folder: the model's.
        gguf: the file whose weights are those of the folder, None where there is none.
        size: cases at once, at most.
        scratch: a folder that all processes of a comparison share.
        room: tokens of the longest prompt and answer together.
    """

    folder: Path
    gguf: Path | None
    size: int
    scratch: Path
    room: int


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to answer.

    Attributes:
        title: in tables.
        start: loads the model.
        dtype: of the weights; None where the bound doesn't hold for it.
        module: what it needs beside transformers.
        package: what to install for that.
        repeated: whether it is timed in every run, and not in the first one only.
        sizes: cases at once that are tried for the best; empty: as many as the comparison says.
        converts: whether its first start leaves something behind in the scratch folder for the others.
        of_gguf: whether it computes with the weights of a GGUF file as they are; it tells no tokens, only how many.
    """

    title: str
    start: Callable[[Setup], Answer]
    dtype: str | None = "float32"
    module: str | None = None
    package: str | None = None
    repeated: bool = True
    sizes: tuple[int, ...] = ()
    converts: bool = False
    of_gguf: bool = False


def loop(setup: Setup) -> Answer:
    """Answer as the published evaluation does: one by one, greedy, through `generate`."""
    import torch

    network = _load_plain(setup.folder)

    def answer(tasks: Sequence[Task]) -> list[list[int]]:
        answers = []
        for task in tasks:
            inputs = torch.tensor([task.prompt])
            output = network.generate(
                inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=task.count,
                do_sample=False,
                pad_token_id=0,
            )
            answers.append(output[0, len(task.prompt) :].tolist())
        return answers

    return answer


def batches(setup: Setup) -> Answer:
    """Answer through `generate` in batches of neighbours by the length of their prompts."""
    import torch

    network = _load_plain(setup.folder)

    def answer(tasks: Sequence[Task]) -> list[list[int]]:
        answers = []
        for start in range(0, len(tasks), setup.size):
            batch = tasks[start : start + setup.size]
            width = max(len(task.prompt) for task in batch)
            padding = [width - len(task.prompt) for task in batch]
            output = network.generate(
                torch.tensor([[0] * pad + task.prompt for pad, task in zip(padding, batch, strict=True)]),
                attention_mask=torch.tensor([[0] * pad + [1] * (width - pad) for pad in padding]),
                max_new_tokens=max(task.count for task in batch),
                do_sample=False,
                pad_token_id=0,
            )
            tokens = output[:, width:].tolist()
            answers += [row[: task.count] for row, task in zip(tokens, batch, strict=True)]
        return answers

    return answer


def continuous(setup: Setup) -> Answer:
    """Answer through transformers' own continuous batching, which has paged attention."""
    from transformers import GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    network = _load_plain(setup.folder)

    def answer(tasks: Sequence[Task]) -> list[list[int]]:
        # Else the cache takes 60 % of all memory, zeroed page by page.
        page = 256
        pages = setup.size * (max(len(task.prompt) + task.count for task in tasks) // page + 1)
        # It must not draw tokens, and no token is the end.
        settings = GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0)  # type: ignore[no-untyped-call]
        batching = ContinuousBatchingConfig(page_size=page, num_blocks=pages, max_requests_per_batch=setup.size)
        answers: dict[int, list[int]] = {}
        with network.continuous_batching_context_manager(
            generation_config=settings, continuous_batching_config=batching, block=True, timeout=5
        ) as manager:
            numbers = {
                manager.add_request(task.prompt, max_new_tokens=task.count): number for number, task in enumerate(tasks)
            }
            while len(answers) < len(tasks):
                result = manager.get_result(timeout=1)
                if result is None:
                    if not manager.is_running():
                        raise RuntimeError("transformers' continuous batching has ended before its work was done")
                elif result.error is not None:
                    raise RuntimeError(f"transformers' continuous batching: {result.error}")
                elif result.is_finished():
                    answers[numbers[result.request_id]] = list(result.generated_tokens)
        return [answers[number] for number in range(len(tasks))]

    return answer


def harness(setup: Setup) -> Answer:
    """Answer through `HFLM.generate_until` of lm-evaluation-harness.

    It puts requests in one batch that have equal settings, so each has the same limit, that of the longest answer, and
    no stop strings. What ends an answer in a run of a real model, the end token, is played by a stopping criterion that
    knows each row's length: a batch lasts until its longest answer is done. Sorting, padding, decoding and its own
    look for the end token's text at each step are its own.
    """
    import torch
    from lm_eval.api.instance import Instance  # type: ignore[import-not-found]
    from lm_eval.models.huggingface import HFLM  # type: ignore[import-not-found]
    from transformers import AutoTokenizer, StoppingCriteria, StoppingCriteriaList

    class Lengths(StoppingCriteria):
        def __init__(self, counts: list[int], width: int) -> None:
            self._ends = torch.tensor(counts) + width

        def __call__(self, input_ids: torch.Tensor, scores: Any, **known: Any) -> torch.Tensor:
            return input_ids.shape[1] >= self._ends

    tokenizer = AutoTokenizer.from_pretrained(setup.folder)
    # A model says the true one in the middle of an answer that has to have a given length.
    tokenizer.add_special_tokens({"eos_token": "<|no end of an answer|>"})
    network = _load_plain(setup.folder)
    model = HFLM(pretrained=network, tokenizer=tokenizer, batch_size=setup.size, device="cpu")
    generate = network.generate

    def answer(tasks: Sequence[Task]) -> list[list[int]]:
        counts = {tuple(task.prompt): task.count for task in tasks}
        answers: dict[tuple[int, ...], list[int]] = {}

        def generate_lengths(
            *, input_ids: torch.Tensor, attention_mask: torch.Tensor, stopping_criteria: Any, **known: Any
        ) -> torch.Tensor:
            width = input_ids.shape[1]
            # A KeyError says that it has not tokenized a prompt as the others do, or cut it.
            prompts = [tuple(row[mask.bool()].tolist()) for row, mask in zip(input_ids, attention_mask, strict=True)]
            ends = Lengths([counts[prompt] for prompt in prompts], width)
            output: torch.Tensor = generate(
                input_ids=input_ids,
                attention_mask=attention_mask,
                stopping_criteria=StoppingCriteriaList([*stopping_criteria, ends]),
                **known,
            )
            for prompt, tokens in zip(prompts, output[:, width:].tolist(), strict=True):
                answers[prompt] = tokens[: counts[prompt]]
            return output

        network.generate = generate_lengths
        limit = {"until": [], "max_gen_toks": max(counts.values()), "do_sample": False}
        model.generate_until(
            [
                Instance("generate_until", doc={}, arguments=(task.text, limit), idx=number)
                for number, task in enumerate(tasks)
            ],
            disable_tqdm=True,
        )
        return [answers[tuple(task.prompt)] for task in tasks]

    return answer


def backend(name: str, dtype: str, weights: str | None = None) -> Callable[[Setup], Answer]:
    """Answer as a backend of this project does, without looking at what the tokens say."""

    def start(setup: Setup) -> Answer:
        from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
        from pytest_edgejson.backends.local.decoder import Row
        from pytest_edgejson.backends.registry import load_backend
        from pytest_edgejson.backends.spec import ModelSpec
        from pytest_edgejson.suite.cases import Case

        settings = GenerationSettings(stop_at_root=False, loops="keep", dtype=dtype)
        loaded: Any = load_backend(
            ModelSpec(name="measured", model=str(setup.folder), backend=name, weights=weights),
            settings,
            LoadOptions(device="cpu", batch_size=setup.size, cache=setup.scratch),
        )
        model = loaded.load_model()
        model.end_tokens = frozenset()

        def answer(tasks: Sequence[Task]) -> list[list[int]]:
            case = Case("", "", "simple", "", {})
            rows = [Row(Request(str(number), "", case), task.prompt, task.count) for number, task in enumerate(tasks)]
            running = model.decoder(rows, min(setup.size, len(rows)))
            while True:
                for row in running.begin():
                    row.start(model, settings, 0.0)
                if not running.rows:
                    return [row.tokens for row in rows]
                running.leave([row for row, tokens in running.advance() if row.accept(tokens, model)])

        return answer

    return start


def llamacpp(setup: Setup) -> Answer:
    """Answer as the backend `llama.cpp` does, without looking at what the tokens say."""
    from concurrent.futures import ThreadPoolExecutor

    from pytest_edgejson.backends.llamacpp.engine import Engine as LlamaCpp

    assert setup.gguf is not None
    loaded: list[LlamaCpp] = []

    def answer(tasks: Sequence[Task]) -> list[list[int]]:
        # As the backend does: what a slot holds is known once the prompts are.
        room = -(-max(len(task.prompt) + task.count for task in tasks) // 256) * 256
        if not loaded or loaded[0].tokens < room:
            loaded[:] = [LlamaCpp("measured", setup.gguf, slots=setup.size, tokens=room, on_cpu=True)]

        def one(task: Task) -> list[int]:
            made = 0

            def receive(part: dict[str, Any]) -> bool:
                nonlocal made
                made = part.get("timings", {}).get("predicted_n", made)
                return False

            asked = {"prompt": task.prompt, "n_predict": task.count, "ignore_eos": True, "temperature": 0.0}
            loaded[0].complete({**asked, "samplers": [], "cache_prompt": False, "timings_per_token": True}, receive)
            return [-1] * made

        with ThreadPoolExecutor(setup.size) as threads:
            return list(threads.map(one, tasks))

    # With room for all, so that no load is timed.
    answer([Task("", [1] * setup.room, 1)])
    return answer


def _openvino(title: str, dtype: str, weights: str | None = None, module: str = "openvino_genai") -> Engine:
    return Engine(
        title,
        backend("openvino", dtype, weights),
        dtype=None if weights else dtype,
        module=module,
        package="pytest-edgejson[openvino]",
        converts=True,
    )


ENGINES = {
    "loop": Engine("published loop", loop),
    "batches": Engine("generate, batches", batches, repeated=False),
    "continuous": Engine("generate_batch", continuous, repeated=False),
    "lm-eval": Engine("lm-eval hf", harness, module="lm_eval", package="lm-eval", sizes=(1, 4, 8, 16, 32)),
    "float32": Engine("backend transformers, float32", backend("transformers", "float32")),
    "bfloat16": Engine("backend transformers, bfloat16", backend("transformers", "bfloat16"), dtype="bfloat16"),
    "openvino": _openvino("backend openvino, float32", "float32"),
    "openvino-bfloat16": _openvino("backend openvino, bfloat16", "bfloat16"),
    "llama.cpp": Engine(
        "backend llama.cpp, the file's weights",
        llamacpp,
        dtype=None,
        module="xllamacpp",
        package="pytest-edgejson[gguf]",
        of_gguf=True,
    ),
    "openvino-int8": _openvino("backend openvino, int8 weights", "float32", "int8", "nncf"),
}


def _load_plain(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    network: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    network.generation_config.eos_token_id = network.config.eos_token_id = None
    return network.eval()


def main() -> None:
    """Time one engine; a module that is missing is the result."""
    job = json.load(sys.stdin)
    module = ENGINES[job["engine"]].module
    missing = module is not None and importlib.util.find_spec(module) is None
    result = {"missing": module} if missing else _measure(job)
    Path(sys.argv[1]).write_text(json.dumps(result), encoding="utf-8")


def _measure(job: dict[str, Any]) -> dict[str, Any]:
    import torch
    from transformers.utils import logging as transformers_logging

    if job["threads"]:
        torch.set_num_threads(job["threads"])
    logging: Any = transformers_logging
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    tasks = [Task(*values) for values in job["tasks"]]
    began = time.perf_counter()
    gguf = job["gguf"] and Path(job["gguf"])
    room = max(len(task.prompt) + task.count for task in tasks)
    answer = ENGINES[job["engine"]].start(Setup(Path(job["folder"]), gguf, job["size"], Path(job["scratch"]), room))
    load_s = time.perf_counter() - began
    # The first products of each shape are slower: kernels are compiled for them.
    answer([Task(task.text, task.prompt, 3) for task in tasks[-3:]])
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    answers = answer(tasks)
    figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "load_s": load_s}
    if [len(tokens) for tokens in answers] != [task.count for task in tasks]:
        raise RuntimeError(f"{job['engine']}: answers have not the number of tokens asked for")
    threads = torch.get_num_threads()
    return {**figures, "answers": answers, "peak_bytes": _peak(), "threads": threads, "versions": _versions()}


def _peak() -> int:
    """Return the most memory that this process has had at a time, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # `getrusage` counts what the process that started this one had when it did.
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
