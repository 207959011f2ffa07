"""How much of their time the workers of --edgejson-ray answer: a backend that sleeps, on 1, 2, 4 and 8 CPUs.

    python benchmarks/cluster.py                            400 cases of 0.2 seconds each
    python benchmarks/cluster.py --cases 1000 --cost 0.5 --workers 1 16

Each row is a whole pytest run on a cluster of its own, which is one node that says it has so many CPUs: an answer that
sleeps needs none. `answering` is the time from the beginning of the first answer to the end of the last, `efficiency`
the part of it that workers were answering, `whole run` is from pytest's start to its exit, with the look at the nodes
and the start of the actors. What 100,000 cases cost, and how much memory pytest's process takes, `python
benchmarks/harness.py --sizes 100000 --runs 1 --options=--edgejson-ray` tells.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from bound import describe
from tabulate import tabulate

BACKEND = """
import os, time
from pathlib import Path
from pytest_edgejson.backends.interface import Backend, BackendType, Completion

class Sleeping(Backend):
    def __init__(self, spec, settings, options):
        self.cost_s = float(spec.model)

    fingerprint = "sleeping"
    description = {"backend": "sleeping"}

    def render(self, case):
        return case.prompt

    def answer(self, request):
        began = time.time()
        time.sleep(self.cost_s)
        with Path(__file__).with_name(f"answers-{os.getpid()}").open("a") as file:
            file.write(f"{began} {time.time()}\\n")
        return Completion(request.key, "{}", "stop")

KIND = BackendType(Sleeping)
"""
CONFTEST = """
import sleeping_backend

def pytest_edgejson_backends():
    return {"sleeping": sleeping_backend.KIND}
"""
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}


def write_project(folder: Path, cases: int) -> None:
    (folder / "sleeping_backend.py").write_text(BACKEND)
    (folder / "conftest.py").write_text(CONFTEST)
    for part, name in (("schemas", "card.json"), ("cases", "card.jsonl")):
        (folder / part / "simple").mkdir(parents=True)
        rows = [
            {
                "id": f"card-{number:06d}",
                "schema_id": "card",
                "complexity": "simple",
                "prompt": "?",
                "expected_output": {},
            }
            for number in range(cases)
        ]
        text = json.dumps(SCHEMA) if part == "schemas" else "".join(json.dumps(row) + "\n" for row in rows)
        (folder / part / "simple" / name).write_text(text)


def run(cases: int, cost_s: float, workers: int) -> dict[str, Any]:
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, cases)
        cluster = Cluster()
        cluster.add_node(num_cpus=workers, object_store_memory=80 * 1024**2, include_dashboard=False)
        cluster.wait_for_nodes()
        command = [
            sys.executable,
            "-m",
            "pytest",
            "cases",
            f"--edgejson-model=sleeping:{cost_s}",
            "-p",
            "no:cacheprovider",
        ]
        command += [f"--edgejson-ray={cluster.address}", "--edgejson-report-only", "-q"]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        wall_s = time.perf_counter() - began
        cluster.shutdown()
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{' '.join(command)} failed: see above")
        files = list(folder.glob("answers-*"))
        answers = [[float(each) for each in line.split()] for file in files for line in file.read_text().splitlines()]
    assert (len(answers), len(files)) == (cases, workers)
    span_s = max(end for _, end in answers) - min(begin for begin, _ in answers)
    busy_s = sum(end - begin for begin, end in answers)
    return {
        "workers": workers,
        "answering": f"{span_s:.1f} s",
        "cases/s": f"{cases / span_s:.1f}",
        "efficiency": f"{busy_s / span_s / workers:.1%}",
        "whole run": f"{wall_s:.1f} s",
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--cost", type=float, default=0.2, metavar="SECONDS", help="of each answer")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8], help="how many, one row each")
    parser.add_argument("--style", default="simple", help="of the table, by tabulate's names: github for a page")
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    warnings.simplefilter("ignore")
    rows = [run(options.cases, options.cost, workers) for workers in options.workers]
    machine = describe()
    print(f"{options.cases} cases of {options.cost:g} s. {machine['date']}, {machine['cores']} cores.")
    print()
    print(tabulate(rows, headers="keys", tablefmt=options.style, disable_numparse=True))


if __name__ == "__main__":
    main()
