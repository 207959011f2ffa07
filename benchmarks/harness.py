"""What the harness costs, no model included: per case, by stage, and in a pytest run that does not use the plugin.

    python benchmarks/harness.py                            10, 100, 1,000 and 10,000 cases, medians of 3 runs
    python benchmarks/harness.py --sizes 1000,100000 --runs 1 --options="-n 2"
    python benchmarks/harness.py --markdown --plot cost.svg the section of docs/performance.md, and a picture of it

The suites are the bundled cases, as often as it takes, with ids of their own. Recorded outputs are replayed: 3 of 5 are
exact, the others are changed by a fixed seed as models get them wrong. Each run is a process of its own with an empty
cache, writes a results file, and goes from the first import to the exit. CPU/wall says whether the machine was free: it
should be near 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SEED = 20_250_101
EXACT = 0.6
OVERHEAD_RUNS = 20
"""Pairs of runs with and without the plugin, for each of `--runs`."""

Row = dict[str, Any]


class Probe:
    """Notes the time and the largest memory so far where one stage of pytest's ends and the next begins."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.marks: dict[str, dict[str, float]] = {}

    def mark(self, name: str) -> None:
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        self.marks[name] = {"wall_s": time.perf_counter(), "cpu_s": time.process_time(), "peak_kib": peak_kib}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Iterator[None]:
        self.mark("started")
        result = yield
        self.mark("collected")
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        result = yield
        self.mark("ran")
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self.mark("ended")
        self.file.write_text(json.dumps(self.marks), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one pytest run took.

    Attributes:
        collect_s: wall seconds of collection.
        run_s: wall seconds of all cases: replay, score, report, line in the results file.
        end_s: wall seconds from the last case on: tables, failures, closing.
        peak_mib: the largest memory of the process, of xdist's controller alone where there are workers.
        cpu_share: CPU seconds over wall seconds of the three stages.
    """

    collect_s: float
    run_s: float
    end_s: float
    peak_mib: float
    cpu_share: float


STAGES: dict[str, Callable[[Cost], float]] = {
    "collect": lambda cost: cost.collect_s,
    "replay, score, report": lambda cost: cost.run_s,
    "tables, end": lambda cost: cost.end_s,
}


def leaf_slots(value: Any) -> list[tuple[Any, Any]]:
    """Return where the scalars of a JSON value stand, as container and key."""
    slots = []
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        slots += leaf_slots(item) if isinstance(item, (dict, list)) else [(value, key)]
    return slots


def spoil(expected: Row, chance: random.Random) -> str:
    """Return an output that misses the expected one in a way that models do."""
    value = json.loads(json.dumps(expected))
    slots = leaf_slots(value)
    for container, key in chance.sample(slots, min(len(slots), chance.choice([1, 1, 1, 2, 5]))):
        leaf = container[key]
        how = chance.choice(["change", "change", "drop", "rename", "type"])
        if how == "drop" and isinstance(container, dict):
            del container[key]
        elif how == "rename" and isinstance(container, dict):
            container[key.title().replace("_", "")] = container.pop(key)
        elif how == "type":
            container[key] = [leaf] if isinstance(leaf, str) else str(leaf)
        elif isinstance(leaf, str):
            container[key] = " ".join(leaf.split()[:-1]) or leaf + "s"
        else:
            container[key] = not leaf if isinstance(leaf, bool) else (leaf or 0) + 1
    text = json.dumps(value)
    form = chance.random()
    if form < 0.1:
        return text[: len(text) * 2 // 3]
    return f"Here is the JSON:\n```json\n{text}\n```" if form < 0.2 else text


def make_suite(folder: Path, size: int) -> list[tuple[Row, str]]:
    """Write a suite of so many cases and a recording of it; return its rows and outputs."""
    from pytest_edgejson.suite import bundled

    paths = sorted([*bundled.TEST_CASES.glob("*/*.jsonl"), *bundled.TRAIN_CASES.glob("*/*.jsonl")])
    rows = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    chance = random.Random(SEED)
    # Shuffled, so that the first ten are no ten of one schema.
    chance.shuffle(rows)
    made = []
    for number in range(size):
        row = rows[number % len(rows)]
        row = row | {"id": f"{row['id']}-{number // len(rows)}-{number}"}
        is_exact = chance.random() < EXACT
        made.append((row, json.dumps(row["expected_output"]) if is_exact else spoil(row["expected_output"], chance)))
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    lines: dict[Path, list[str]] = {}
    for row, _ in made:
        file = folder / "cases" / "test" / row["complexity"] / f"{row['schema_id']}.jsonl"
        lines.setdefault(file, []).append(json.dumps(row) + "\n")
    for file, own in lines.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(own), encoding="utf-8")
    answers = (json.dumps({"case_id": row["id"], "output": output}) + "\n" for row, output in made)
    (folder / "answers.jsonl").write_text("".join(answers), encoding="utf-8")
    return made


def run_suite(folder: Path, options: Sequence[str]) -> Cost:
    """Run a suite on its recording, in a process of its own."""
    marks = folder / "marks.json"
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--probe", str(marks), "-q", "-o", f"cache_dir={cache}"]
        command += ["--edgejson-model=replay:answers.jsonl", "--edgejson-results=results.jsonl", *options]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=plain_environment())
    if not marks.exists() or done.returncode not in (0, 1):
        raise SystemExit(f"{shlex.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    at = json.loads(marks.read_text(encoding="utf-8"))
    marks.unlink()
    names = ["started", "collected", "ran", "ended"]
    # Without `ran`, as with --collect-only, no case was run.
    at.setdefault("ran", at["collected"])
    wall = [at[name]["wall_s"] for name in names]
    cpu_s = at["ended"]["cpu_s"] - at["started"]["cpu_s"]
    return Cost(
        collect_s=wall[1] - wall[0],
        run_s=wall[2] - wall[1],
        end_s=wall[3] - wall[2],
        peak_mib=at["ended"]["peak_kib"] / 1024,
        cpu_share=cpu_s / (wall[3] - wall[0]),
    )


# The last: without bytecode of its modules every process compiles them anew.
_UNWANTED = ("PYTEST_ADDOPTS", "CI", "GITHUB_ACTIONS", "PYTHONDONTWRITEBYTECODE")


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _UNWANTED}


def measure_sizes(sizes: Sequence[int], runs: int, options: Sequence[str]) -> dict[int, list[Cost]]:
    """Run suites of each size, all sizes once before any is run again."""
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory() as place:
        for size in sizes:
            folder = Path(place, str(size))
            folder.mkdir()
            make_suite(folder, size)
        for _ in range(runs):
            for size in sizes:
                costs[size].append(run_suite(Path(place, str(size)), options))
    return costs


def sizes_table(costs: dict[int, list[Cost]]) -> tuple[list[str], list[list[str]]]:
    """Return the costs by size: milliseconds per case of each stage, memory, and what a further case costs.

    A further case is what each case adds from the size before to this one, without what every run costs anyway: where
    it does not rise, cost is linear.
    """
    headers = ["cases", *(f"{name} (ms/case)" for name in STAGES), "all (s)", "a further case (ms)", "peak MiB"]
    headers += ["a further case (KiB)", "CPU/wall"]
    rows = []
    before: tuple[int, float, float] | None = None
    for size, own in costs.items():
        middle = {name: median(map(stage, own)) for name, stage in STAGES.items()}
        total = median(sum(stage(cost) for stage in STAGES.values()) for cost in own)
        peak = median(cost.peak_mib for cost in own)
        further = ["", ""]
        if before is not None and size > before[0]:
            more = size - before[0]
            further = [f"{1000 * (total - before[1]) / more:.2f}", f"{1024 * (peak - before[2]) / more:.1f}"]
        before = size, total, peak
        row = [f"{size:,}", *(f"{1000 * seconds / size:.2f}" for seconds in middle.values()), f"{total:.1f}"]
        rows.append([*row, further[0], f"{peak:.0f}", further[1], f"{median(cost.cpu_share for cost in own):.2f}"])
    return headers, rows


def measure_overhead(pairs: int) -> str:
    """Say how many milliseconds the plugin adds to `pytest --collect-only -q` in an empty folder, by clock and CPU."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    # What other plugins take to load varies by more than this one takes.
    environment = plain_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def seconds(folder: str, *options: str) -> tuple[float, float]:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([*command, *options], cwd=folder, stdout=subprocess.DEVNULL, env=environment)
        wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    wall_ms, cpu_ms = [], []
    with tempfile.TemporaryDirectory() as folder:
        seconds(folder), seconds(folder, "-p", "edgejson")
        for number in range(pairs):
            # The second of two runs may find the machine otherwise than the first: they take turns.
            if number % 2:
                without, with_plugin = seconds(folder), seconds(folder, "-p", "edgejson")
            else:
                with_plugin, without = seconds(folder, "-p", "edgejson"), seconds(folder)
            wall_ms.append(1000 * (with_plugin[0] - without[0]))
            cpu_ms.append(1000 * (with_plugin[1] - without[1]))
    low, _, high = quantiles(cpu_ms, n=4)
    return (
        f"{median(wall_ms):.0f} ms, and {median(cpu_ms):.0f} ms of CPU time (quartiles {low:.0f} and {high:.0f}; "
        f"medians of {pairs} paired runs)"
    )


def measure_stages(runs: int) -> list[tuple[str, str, float]]:
    """Return what the stages of one case cost in this process: name, of what it is a mean, microseconds."""
    from pytest_edgejson.backends.interface import Completion
    from pytest_edgejson.backends.store import Store
    from pytest_edgejson.plugin.failures import render_failure
    from pytest_edgejson.results.result import case_fingerprint, dumps, make_result
    from pytest_edgejson.scoring.changes import compare
    from pytest_edgejson.scoring.diagnosis import findings
    from pytest_edgejson.scoring.extraction import extract
    from pytest_edgejson.scoring.score import score
    from pytest_edgejson.scoring.v3 import score_v3
    from pytest_edgejson.suite import bundled
    from pytest_edgejson.suite.cases import parse_case, read_cases
    from pytest_edgejson.suite.schemas import Schemas, complexity_of

    schemas = Schemas(bundled.SCHEMAS)
    complexities = complexity_of(schemas)
    with tempfile.TemporaryDirectory() as place, Store(Path(place, "store.sqlite")) as store:
        made = make_suite(Path(place), 787)
        files = sorted(Path(place, "cases").glob("*/*/*.jsonl"))
        cases = [parse_case(row, Path("rows.jsonl"), line, complexities) for line, (row, _) in enumerate(made, 1)]
        outputs = [Completion(case.id, output, "stop") for case, (_, output) in zip(cases, made, strict=True)]
        all_of = list(zip(cases, outputs, [schemas[case.schema_id] for case in cases], strict=True))

        def extracted(text: str, schema: Any) -> Any:
            return extract(text, "lenient", schema.is_valid)

        def put_all() -> None:
            for completion in outputs:
                store.put(completion.key, completion)

        found = [extracted(completion.text, schema) for _, completion, schema in all_of]
        scored = list(zip(cases, found, [schema for _, _, schema in all_of], strict=True))
        objects = [(each.value, schema) for _, each, schema in scored if each.value is not None]
        missed = [
            (case, schema, known, compare(known.alignment))
            for case, each, schema in scored
            for known in [score(case.expected_output, each, schema)]
            if known.alignment is not None
        ]
        results = [make_result(case, "nano", 1, completion, schema, "lenient") for case, completion, schema in all_of]
        misses = [result for result in results if not result["json_exact"]]
        work: dict[str, tuple[str, int, Callable[[], object]]] = {
            "read and check": (
                "case",
                len(cases),
                lambda: [read_cases(file, complexities) for file in files],
            ),
            "find the object": ("case", len(cases), lambda: [extracted(c.text, s) for _, c, s in all_of]),
            "validate, align and score": (
                "case",
                len(cases),
                lambda: [score(c.expected_output, e, s) for c, e, s in scored],
            ),
            "… of which validate once": (
                "object",
                len(objects),
                lambda: [schema.violations(value) for value, schema in objects],
            ),
            "the published scorer": (
                "case",
                len(cases),
                lambda: [score_v3(c.expected_output, o.text) for c, o, _ in all_of],
            ),
            "compare by deepdiff": (
                "miss with an object",
                len(missed),
                lambda: [compare(known.alignment) for c, _, known, _ in missed],
            ),
            "diagnose": (
                "miss with an object",
                len(missed),
                lambda: [findings(known, diff, s, c.prompt) for c, s, known, diff in missed],
            ),
            "all of these but reading": (
                "case",
                len(cases),
                lambda: [make_result(case, "nano", 1, completion, s, "lenient") for case, completion, s in all_of],
            ),
            "result line and fingerprint": (
                "case",
                len(cases),
                lambda: [(dumps(result), case_fingerprint(result)) for result in results],
            ),
            "store": ("case", len(cases), put_all),
            "the whole text of a failure": (
                "miss",
                len(misses),
                lambda: [render_failure("name", result, rerun="pytest") for result in misses],
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(runs):
            for name, (_, _, do) in work.items():
                began = time.perf_counter()
                do()
                seconds[name].append(time.perf_counter() - began)
    return [(name, of, 1e6 * median(seconds[name]) / count) for name, (of, count, _) in work.items()]


def plot(costs: dict[int, list[Cost]], file: Path) -> None:
    """Draw milliseconds per case, and memory, over the number of cases."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    sizes = list(costs)
    for name, stage in STAGES.items():
        left.plot(sizes, [1000 * median(map(stage, costs[size])) / size for size in sizes], marker="o", label=name)
    left.set(xscale="log", yscale="log", xlabel="cases", ylabel="ms per case", title="time")
    left.legend()
    right.plot(sizes, [median(cost.peak_mib for cost in costs[size]) for size in sizes], marker="o")
    right.set(xscale="log", xlabel="cases", ylabel="peak MiB", title="memory", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(file)


def main() -> None:
    if sys.argv[1:2] == ["--probe"]:
        sys.exit(pytest.main(sys.argv[3:], plugins=[Probe(Path(sys.argv[2]))]))
    from tabulate import tabulate

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,100,1000,10000", help="numbers of cases, smallest first")
    parser.add_argument("--runs", type=int, default=3, help="runs of each size; medians are shown")
    parser.add_argument("--options", default="", help='options for the pytest runs, such as --options="-n 2"')
    parser.add_argument("--markdown", action="store_true", help="print the section of docs/performance.md")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw it; needs matplotlib")
    arguments = parser.parse_args()
    costs = measure_sizes([int(size) for size in arguments.sizes.split(",")], arguments.runs, arguments.options.split())
    overhead = measure_overhead(OVERHEAD_RUNS * arguments.runs)
    stages = [[name, of, f"{us:.0f}"] for name, of, us in measure_stages(arguments.runs)]
    style = "github" if arguments.markdown else "simple"
    headers, rows = sizes_table(costs)
    by_size = tabulate(rows, headers, tablefmt=style, colalign=["right"] * len(headers), disable_numparse=True)
    by_stage = tabulate(
        stages, ["stage", "of each", "µs"], tablefmt=style, colalign=("left", "left", "right"), disable_numparse=True
    )
    if arguments.markdown:
        print(MARKDOWN.format(command=shlex.join(["python", "benchmarks/harness.py", *sys.argv[1:]]), **locals()))
    else:
        print(
            f"{by_size}\n\n{by_stage}\n\nan empty `pytest --collect-only -q` takes longer with the plugin by {overhead}"
        )
    if arguments.plot:
        plot(costs, arguments.plot)


MARKDOWN = """\
## The harness's own cost

`{command}`

Suites of the bundled cases, repeated with ids of their own, are replayed from recorded outputs, 2 of 5 of them wrong,
with `--edgejson-results`. Medians of {arguments.runs} runs, each in a process of its own with an empty store:

{by_size}

"A further case" is what each case adds from one size to the next; where it does not rise, cost is linear. What every
run does once, whatever the number of cases, is importing jsonschema and scipy and checking the schemas;
the first wrong values, between ten cases and a hundred, load how languages write dates and numbers.

What the stages of one case cost, in one process:

{by_stage}

A run that does not use the plugin, `pytest --collect-only -q` in an empty folder, takes longer than one in which it is
not loaded by {overhead}; other plugins are left out of both.
"""


if __name__ == "__main__":
    main()
