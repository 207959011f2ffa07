"""How fast answers come: the published one-at-a-time loop, other engines, this project's, and what the machine allows.

    python benchmarks/decoding.py --data train.jsonl         SmolLM2-135M's shape, random weights, true lengths
    python benchmarks/decoding.py --model models/nano        a real model on the bundled cases
    python benchmarks/decoding.py --model SmolLM2.gguf       and llama.cpp; the others with its weights as plain numbers

Every engine answers the same prompts with the same weights and exactly as many tokens as the expected outputs have,
each time in a process of its own, one after the other. That is repeated --runs times; engines that nothing is compared
with are timed in the first run only. A figure is the median of the runs, and so is a ratio: of each run's own. Tokens a
second are useful ones: what a batch computes beyond a row's end doesn't count. `CPU/wall` says whether the machine was
free: with 2 threads it should be near 2. `same` counts answers that are the published loop's, token for token. The
bound is measured in each run too; `benchmarks/bound.py` has its formula and what it assumes.

The loop is slow, and as fast with a part of the cases as with all: it answers every fourth by length, see --every.
lm-evaluation-harness runs with the batch size that is best for it: all are tried first, with answers an eighth as long,
see --shorten.

Engines that are not installed are left out; `pip install -c constraints.txt lm-eval -e ".[openvino]"` brings them in.
--python lm-eval=PATH runs one with another interpreter. Converting a model for OpenVINO is not timed.

--write FILE keeps the figures, and --show FILE prints the table of such a file again; docs/performance.md is made from
those in benchmarks/results.

OMP_WAIT_POLICY=passive gives steadier figures where other programs run beside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bound import DTYPES, Machine, Shape, describe, least_seconds
from engines import ENGINES, Task
from tabulate import tabulate
from tasks import SMOLLM2_135M, TOKENIZER, make_model, read_tasks, unpack

from pytest_edgejson.backends.local.isolation import environment
from pytest_edgejson.backends.references import is_gguf
from pytest_edgejson.suite import bundled

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SMOLLM2_135M", "TOKENIZER", "make_model"]

_HERE = Path(__file__).resolve().parent


class Comparison:
    """Measures engines on the same tasks."""

    def __init__(self, folder: Path, scratch: Path, tasks: list[Task], options: argparse.Namespace) -> None:
        self._folder = folder
        self._gguf = options.model if options.model and is_gguf(options.model) else None
        self._scratch = scratch
        self._tasks = tasks
        self._part = tasks[options.every // 2 :: options.every] if len(tasks) >= options.every else tasks
        self._options = options
        self._pythons = dict(options.python)
        self._expected: dict[tuple[int, ...], list[int]] = {}
        self._versions: dict[str, str] = {}
        self._threads = 0

    def run(self) -> dict[str, Any]:
        """Return the record of the comparison, of JSON builtins."""
        options = self._options
        shape = Shape.read(self._folder)
        names = ["loop", *(name for name in ENGINES if name != "loop" and name in options.engines)]
        names = [name for name in names if self._gguf or not ENGINES[name].of_gguf]
        engines = [self._begin(name) for name in names]
        bounds: list[dict[str, Any]] = []
        for number in range(options.runs):
            machine = self._machine(shape)
            least = {dtype: least_seconds(machine, shape, self._tasks, dtype) for dtype in DTYPES}
            bounds.append({**asdict(machine), "least_s": least})
            for engine in engines:
                if "missing" not in engine and (number == 0 or ENGINES[engine["name"]].repeated):
                    self._time(engine)
        return {
            "command": _command(options),
            "machine": describe(),
            "threads": self._threads,
            "versions": dict(sorted(self._versions.items())),
            "model": options.model.name if options.model else "random weights of SmolLM2-135M's shape",
            "shape": asdict(shape),
            "all": _amount(self._tasks),
            "part": _amount(self._part),
            "shorten": options.shorten,
            "bounds": bounds,
            "engines": engines,
        }

    def _begin(self, name: str) -> dict[str, Any]:
        """Find out whether an engine is there, let it convert the model, and choose its batch size."""
        sizes = ENGINES[name].sizes and (self._options.sizes or ENGINES[name].sizes)
        engine: dict[str, Any] = {"name": name, "size": 1 if name == "loop" else self._options.size, "runs": []}
        if ENGINES[name].converts:
            # In a process of its own: what it takes is not what answering takes.
            result = self._child(name, engine["size"], [replace(task, count=1) for task in self._tasks[-3:]])
            return engine | {key: result[key] for key in ("missing",) if key in result}
        short = [replace(task, count=-(-task.count // self._options.shorten)) for task in self._tasks]
        tried: dict[str, float] = {}
        for size in sizes:
            result = self._child(name, size, short)
            if "missing" in result:
                return {**engine, "missing": result["missing"]}
            tried[str(size)] = _rate(short, result)
        return {**engine, "size": int(max(tried, key=tried.__getitem__)), "tried": tried} if tried else engine

    def _time(self, engine: dict[str, Any]) -> None:
        name = engine["name"]
        tasks = self._part if name == "loop" else self._tasks
        result = self._child(name, engine["size"], tasks)
        if "missing" in result:
            engine["missing"] = result["missing"]
            return
        self._threads = result["threads"]
        self._versions |= result["versions"]
        answers = {tuple(task.prompt): tokens for task, tokens in zip(tasks, result["answers"], strict=True)}
        if name == "loop" and not self._expected:
            self._expected = answers
        engine["same"] = sum(answers[prompt] == tokens for prompt, tokens in self._expected.items())
        figures = {key: result[key] for key in ("wall_s", "cpu_s", "load_s", "peak_bytes")}
        engine["runs"].append({**figures, "rate": _rate(tasks, result)})

    def _child(self, name: str, size: int, tasks: list[Task]) -> dict[str, Any]:
        """Run one engine in a process of its own."""
        print(f"{ENGINES[name].title}, {size} at once …", file=sys.stderr, flush=True)
        job = {
            "engine": name,
            "folder": str(self._folder.resolve()),
            "gguf": self._gguf and str(self._gguf.resolve()),
            "scratch": str(self._scratch),
            "size": size,
            "threads": self._options.threads,
            "tasks": [[task.text, task.prompt, task.count] for task in tasks],
        }
        # What a run of pytest gives the process that it decodes in.
        own = environment() if ENGINES[name].title.startswith("backend") else None
        return _result([self._pythons.get(name, sys.executable), _HERE / "engines.py"], json.dumps(job), own)

    def _machine(self, shape: Shape) -> Machine:
        # Reading an array of the weights' size shows what a cache does for them.
        command: list[str | Path] = [
            sys.executable,
            _HERE / "bound.py",
            "--bytes",
            str(shape.weights * DTYPES["float32"]),
        ]
        if self._options.threads:
            command += ["--threads", str(self._options.threads)]
        return Machine(**_result([*command, "--json"]))


def _result(command: list[str | Path], given: str = "", variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a command that writes JSON to the file named last; return that."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "result.json")
        done = subprocess.run(
            [*command, file],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=variables,
        )
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{' '.join(map(str, command))} failed: see above")
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return result


def _rate(tasks: list[Task], result: dict[str, Any]) -> float:
    return float(sum(task.count for task in tasks) / result["wall_s"])


def _amount(tasks: list[Task]) -> dict[str, int]:
    return {
        "cases": len(tasks),
        "prompt_tokens": sum(len(task.prompt) for task in tasks),
        "answer_tokens": sum(task.count for task in tasks),
        "longest": max(task.count for task in tasks),
    }


def _command(options: argparse.Namespace) -> str:
    words = ["python", "benchmarks/decoding.py"]
    if options.model:
        words += ["--model", options.model.name if options.model.is_absolute() else str(options.model)]
    if options.data:
        words += ["--data", *(file.name for file in options.data)]
    defaults = vars(_parser().parse_args([]))
    for name in ("rows", "seed", "size", "runs", "threads", "every", "shorten"):
        if (value := getattr(options, name)) != defaults[name]:
            words += [f"--{name}", str(value)]
    for name in ("engines", "sizes"):
        if (values := getattr(options, name)) != defaults[name]:
            words += [f"--{name}", *map(str, values)]
    return " ".join(words)


def show(record: dict[str, Any], style: str) -> str:
    """Return a record's tables and what is to be known beside them. A style is one of tabulate's."""
    whole, part, bounds, machine = record["all"], record["part"], record["bounds"], record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        f"{record['model']}: {whole['cases']} cases, {whole['prompt_tokens']:,} tokens of prompts, "
        f"{whole['answer_tokens']:,} of answers (the longest {whole['longest']:,}). The published loop answers "
        f"{part['cases']} of them, {part['answer_tokens']:,} tokens.",
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, threads of torch: {record['threads']}; "
        f"Python {machine['python']}, {versions}.",
        tabulate(_rows(record), headers="keys", tablefmt=style, disable_numparse=True, colalign=_ALIGNED),
    ]
    for engine in record["engines"]:
        if tried := engine.get("tried"):
            rates = ", ".join(f"{size}: {rate:.1f}" for size, rate in tried.items())
            short = record["shorten"]
            lines.append(
                f"{ENGINES[engine['name']].title} by batch size, tokens a second, answers 1/{short} as long: {rates}."
            )
    left_out = [ENGINES[engine["name"]] for engine in record["engines"] if "missing" in engine]
    lines += [f"{engine.title} is not installed: pip install {engine.package}." for engine in left_out]
    median = statistics.median
    lines.append(
        f"The machine reads {median(bound['bandwidth'] for bound in bounds) / 1e9:.1f} GB/s and computes "
        + ", ".join(
            f"{median(bound['rates'][dtype] for bound in bounds) / 1e9:,.0f} GFLOP/s in {dtype}" for dtype in DTYPES
        )
        + ": all answers take at least "
        + ", ".join(f"{median(bound['least_s'][dtype] for bound in bounds):.1f} s in {dtype}" for dtype in DTYPES)
        + "."
    )
    return "\n\n".join(lines)


_ALIGNED = ("left", *["right"] * 9)


def _rows(record: dict[str, Any]) -> list[dict[str, str]]:
    """Return the table's rows, that of the bound last."""
    timed = {engine["name"]: engine for engine in record["engines"] if engine["runs"]}
    median = statistics.median

    def ratio(runs: list[dict[str, Any]], other: str) -> str:
        if other not in timed:
            return ""
        pairs = zip(runs, timed[other]["runs"], strict=False)
        return f"{median(run['rate'] / base['rate'] for run, base in pairs):.2f}"

    rows = []
    for name, engine in timed.items():
        runs, dtype = engine["runs"], ENGINES[name].dtype
        least = [bound["least_s"].get(dtype) for bound in record["bounds"]]
        whole = record["all"]["answer_tokens"]
        shares = [run["rate"] * seconds / whole for run, seconds in zip(runs, least, strict=False) if seconds]
        rows.append(
            {
                "engine": ENGINES[name].title,
                "at once": str(engine["size"]),
                "tok/s": f"{median(run['rate'] for run in runs):,.1f}",
                "x loop": ratio(runs, "loop"),
                "x lm-eval": ratio(runs, "lm-eval"),
                "of bound": f"{100 * median(shares):.0f} %" if shares else "",
                "CPU/wall": f"{median(run['cpu_s'] / run['wall_s'] for run in runs):.2f}",
                "peak MB": f"{max(run['peak_bytes'] for run in runs) / 1e6:,.0f}",
                "same": "" if ENGINES[name].of_gguf else f"{engine['same']} of {record['part']['cases']}",
                "runs": str(len(runs)),
            }
        )
    for dtype in DTYPES:
        rates = [{"rate": record["all"]["answer_tokens"] / bound["least_s"][dtype]} for bound in record["bounds"]]
        rows.append(
            {
                "engine": f"bound, {dtype}",
                "tok/s": f"{median(run['rate'] for run in rates):,.1f}",
                "x loop": ratio(rates, "loop"),
                "x lm-eval": ratio(rates, "lm-eval"),
                "runs": str(len(rates)),
            }
        )
    return rows


def _named(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if name not in ENGINES or not path:
        raise argparse.ArgumentTypeError(f"{text!r}: expected ENGINE=PATH, with one of {', '.join(ENGINES)}")
    return name, path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, help="a model's folder or GGUF file; by default random weights of SmolLM2-135M's shape"
    )
    parser.add_argument("--data", type=Path, nargs="+", help="JSON Lines files of cases; by default the bundled ones")
    parser.add_argument("--rows", type=int, help="cases drawn from the data; by default 48, or all with --model")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="beside the loop")
    parser.add_argument("--size", type=int, default=16, help="cases at once")
    parser.add_argument("--sizes", type=int, nargs="+", help="those to try for lm-eval; by default 1 4 8 16 32")
    parser.add_argument("--shorten", type=int, default=8, help="answers are so many times shorter in that")
    parser.add_argument("--runs", type=int, default=3, help="how often each engine answers")
    parser.add_argument("--threads", type=int, help="of torch; OpenVINO takes all cores")
    parser.add_argument("--every", type=int, default=4, help="time the loop on every so many-th case by length only")
    parser.add_argument("--python", type=_named, action="append", default=[], metavar="ENGINE=PATH")
    parser.add_argument("--write", type=Path, help="keep the figures in this JSON file")
    parser.add_argument("--show", type=Path, nargs="+", help="measure nothing: print the tables of such files")
    parser.add_argument("--style", default="simple", help="of the table, by tabulate's names: github for a page")
    return parser


def main() -> None:
    """Compare, or show a comparison again."""
    options = _parser().parse_args()
    for file in options.show or ():
        print(show(json.loads(file.read_text(encoding="utf-8")), options.style))
    if options.show:
        return
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or make_model(Path(folder, "model"))
        if is_gguf(model):
            model = unpack(model, Path(folder, "model"))
        data = options.data or sorted((bundled.ROOT / "cases" / "test").glob("*/*.jsonl"))
        rows = options.rows or (None if options.model else 48)
        tasks = read_tasks(data, model, rows, options.seed)
        record = Comparison(model, Path(folder), tasks, options).run()
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(show(record, options.style))


if __name__ == "__main__":
    main()
