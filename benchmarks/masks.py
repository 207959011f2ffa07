"""What holding answers to a grammar costs: milliseconds of a step of 16 cases, beside the same model free.

    python benchmarks/masks.py                                SmolLM2-135M's shape, random weights
    python benchmarks/masks.py --tokenizer SmolLM2.gguf       with a tokenizer of as many tokens as that shape has
    python benchmarks/masks.py --llama.cpp SmolLM2.gguf       and what they cost llama.cpp, see masks_llamacpp.py

Three ways: `free`; `obliging`, a model whose likeliest token is always the expected output's, so that the grammar only
has to agree; and `unwilling`, random weights, whose likeliest token is hardly ever allowed, so that each token needs a
mask. `network` is what the model computes, `choosing` all that chooses tokens from its logits, `guessing` what is
guessed of the next ones and checked with the grammar. The share is of the whole step. Reading the tokenizer and
compiling grammars happen once a model and once a schema.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masks_llamacpp import bundled_cases, by_turns
from tabulate import tabulate
from tasks import make_model

from pytest_edgejson.backends.constraint.grammar import Vocabulary
from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.local import decoder
from pytest_edgejson.backends.local.slots import Slots
from pytest_edgejson.backends.local.transformers import load
from pytest_edgejson.backends.prompts import TEMPLATES
from pytest_edgejson.backends.spec import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Seconds:
    """Seconds by part of a step."""

    steps: int = 0
    tokens: int = 0
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def timing(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **known: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **known)
            finally:
                self.spent[part] += time.perf_counter() - start

        return timed

    def row(self, way: str) -> list[str]:
        whole = sum(self.spent.values())
        each = [f"{1000 * self.spent[part] / self.steps:.2f}" for part in ("network", "choosing", "guessing")]
        share = 100 * (self.spent["choosing"] + self.spent["guessing"]) / whole
        return [way, str(self.steps), str(self.tokens), *each, f"{share:.1f} %"]


def measure(way: str, folder: Path, requests: list[Request], answers: dict[str, list[int]], tokens: int) -> Seconds:
    """Generate so many tokens for each request, 16 at once."""
    settings = GenerationSettings(max_new_tokens=tokens, constrain="none" if way == "free" else "schema")
    backend = load(ModelSpec("model", model=str(folder)), settings, LoadOptions(device="cpu", batch_size=16))
    seconds = Seconds()
    step, check, guess, choose = Slots.step, decoder.check, decoder.Slotted._guess, decoder.Row.choose
    asked: defaultdict[str, int] = defaultdict(int)

    def obliging(row: decoder.Row, likeliest: int, scores: Any) -> int | None:
        answer, place = answers[row.request.key], asked[row.request.key]
        asked[row.request.key] += 1
        return choose(row, answer[place] if place < len(answer) else likeliest, scores)

    def counted(*arguments: Any) -> Any:
        seconds.steps += 1
        return step(*arguments)

    try:
        Slots.step = seconds.timing("network", counted)  # type: ignore[method-assign]
        decoder.check = seconds.timing("choosing", check)
        decoder.Slotted._guess = seconds.timing("guessing", guess)  # type: ignore[method-assign]
        if way == "obliging":
            decoder.Row.choose = obliging  # type: ignore[method-assign]
        for completion in backend.generate(requests):
            if completion.error:
                raise SystemExit(f"{completion.key}: {completion.error}")
            seconds.tokens += completion.output_tokens or 0
    finally:
        Slots.step, decoder.check = step, check  # type: ignore[method-assign]
        decoder.Slotted._guess, decoder.Row.choose = guess, choose  # type: ignore[method-assign]
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, help="folder or .gguf file (default: that of models/nano)")
    parser.add_argument("--model", type=Path, help="folder of a model (default: SmolLM2-135M's shape)")
    parser.add_argument("--cases", type=int, default=32, help="of all schemas alike (default: 32)")
    parser.add_argument("--tokens", type=int, default=48, help="of an answer at most (default: 48)")
    parser.add_argument(
        "--llama.cpp", type=Path, metavar="FILE", dest="llamacpp", help=".gguf file, which llama.cpp answers with first"
    )
    options = parser.parse_args()
    from transformers import AutoTokenizer

    if options.llamacpp is not None:
        # By itself, so that neither has threads or memory of the other beside it.
        command = [sys.executable, Path(__file__).with_name("masks_llamacpp.py"), options.llamacpp]
        if code := subprocess.run([*command, f"--tokens={options.tokens}"], check=False).returncode:
            raise SystemExit(code)
        print(flush=True)
    files, constraints = bundled_cases()
    cases = by_turns(files)[: options.cases]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model or make_model(Path(scratch))
        if options.tokenizer is not None:
            known = {"gguf_file": options.tokenizer.name} if options.tokenizer.suffix == ".gguf" else {}
            place = options.tokenizer.parent if known else options.tokenizer
            AutoTokenizer.from_pretrained(place, **known).save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        answers = {case.id: tokenizer.encode(json.dumps(case.expected_output)) for case in cases}
        start = time.perf_counter()
        vocabulary = Vocabulary.of(tokenizer, len(tokenizer))
        read_s = time.perf_counter() - start
        start = time.perf_counter()
        for constraint in constraints.values():
            vocabulary.matcher(constraint)
        compiled_s = time.perf_counter() - start
        rows = []
        for way in ("free", "obliging", "unwilling"):
            requests = [
                Request(
                    case.id,
                    TEMPLATES["v3"].fill(case.prompt, None),
                    case,
                    constraint=None if way == "free" else constraints[case.schema_id],
                )
                for case in cases
            ]
            rows.append(measure(way, folder, requests, answers, options.tokens).row(way))
    headers = ["", "steps", "tokens", "network ms", "choosing ms", "guessing ms", "share"]
    print(tabulate(rows, headers, colalign=["left"] + ["right"] * 6, disable_numparse=True))
    print(f"a tokenizer of {len(tokenizer):,} tokens read in {read_s:.2f} s", end=", ")
    print(f"{len(constraints)} grammars compiled in {compiled_s:.2f} s")


if __name__ == "__main__":
    main()
