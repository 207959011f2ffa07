"""Whether several processes answer faster than one: whole pytest runs of a small model, alone and with pytest-xdist.

    python benchmarks/workers.py                      nano on the bundled cases: no workers, 1, and 2 on devices cpu,cpu
    python benchmarks/workers.py --workers 1 4        so many workers, each with its part of the cores

Each run has an empty store and goes from the first import to the exit: loading the model, answering, scoring. `x alone`
is the median ratio of a run's wall time to that of the same round's run without workers, more than 1 is faster. `same`
counts outputs that are equal to the first run's. `python benchmarks/workers.py --style github
--plot benchmarks/results/workers.svg >benchmarks/results/workers.md` keeps table and picture for docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bound import describe
from tabulate import tabulate

from pytest_edgejson.results.file import read_run


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest."""

    outputs: dict[str, str]
    tokens: int
    wall_s: float
    cpu_s: float


def run(arguments: list[str]) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.jsonl")
        command = [sys.executable, "-m", "pytest", *arguments, "--edgejson-report-only"]
        command += [f"--edgejson-results={results}", f"--edgejson-store={folder}/store.sqlite", "-q"]
        began, before = time.perf_counter(), os.times()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        wall_s, after = time.perf_counter() - began, os.times()
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{' '.join(command)} failed: see above")
        found = read_run(results).results
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        tokens = sum(result["output_tokens"] or 0 for result in found)
        return Run({result["case_id"]: result["output"] for result in found}, tokens, wall_s, cpu_s)


def plot(model: str, seconds: dict[str, list[float]], file: Path) -> None:
    """Draw the wall time of each way: a bar to the median, a dot for each run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 1 + 0.5 * len(seconds)), layout="constrained")
    ways = list(seconds)
    axes.barh(ways, [statistics.median(seconds[way]) for way in ways], color="tab:blue", alpha=0.5)
    for way in ways:
        axes.plot(seconds[way], [way] * len(seconds[way]), "o", color="black", markersize=3)
    axes.set(xlabel="seconds", title=f"{model}, whole pytest run")
    axes.invert_yaxis()
    figure.savefig(file)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="as --edgejson-model takes it")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="how many, one row each")
    parser.add_argument("--runs", type=int, default=3, help="rounds of all rows")
    parser.add_argument("--style", default="simple", help="of the table, by tabulate's names: github for a page")
    parser.add_argument("--cases", nargs="+", default=[], help="files or folders; by default the bundled ones")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw it; needs matplotlib")
    options = parser.parse_args()
    common = [f"--edgejson-model={options.model}", *options.cases]
    ways = {"alone": common}
    for count in options.workers:
        devices = ",".join(["cpu"] * count)
        ways[f"-n {count} --edgejson-device={devices}"] = [*common, f"-n{count}", f"--edgejson-device={devices}"]
    rounds = [{way: run(arguments) for way, arguments in ways.items()} for _ in range(options.runs)]
    expected = rounds[0]["alone"].outputs
    median = statistics.median
    rows = [
        {
            "workers": way,
            "seconds": f"{median(each[way].wall_s for each in rounds):.1f}",
            "x alone": f"{median(each['alone'].wall_s / each[way].wall_s for each in rounds):.2f}",
            "tok/s": f"{median(each[way].tokens / each[way].wall_s for each in rounds):,.0f}",
            "CPU/wall": f"{median(each[way].cpu_s / each[way].wall_s for each in rounds):.2f}",
            "same": f"{sum(rounds[0][way].outputs.get(case) == text for case, text in expected.items())} of "
            f"{len(expected)}",
            "runs": str(options.runs),
        }
        for way in ways
    ]
    machine = describe()
    print(
        f"{options.model}, {len(expected)} cases. {machine['date']}, {machine['processor']}, {machine['cores']} cores."
    )
    print()
    print(tabulate(rows, headers="keys", tablefmt=options.style, disable_numparse=True))
    if options.plot:
        plot(options.model, {way: [each[way].wall_s for each in rounds] for way in ways}, options.plot)


if __name__ == "__main__":
    main()
