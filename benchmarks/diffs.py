"""Compare our diff with what pytest, syrupy and deepdiff show of the same real failures, at 80 columns.

    python benchmarks/diffs.py RESULTS.jsonl ... [--show CASE_ID]

Ten failures are chosen, each the first with something the others lack. The table counts the rows that a terminal of 80
columns fills with the difference: lines longer than that count for each row they fill. `cut` stands where the tool left
out part of it. syrupy and deepdiff are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tabulate import tabulate

from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.results.file import read_run
from pytest_edgejson.values.text import columns

WIDTH = 80
TEST = """
import json
from pathlib import Path
EXPECTED, GOT = json.loads(Path(__file__).with_name("values.json").read_text(encoding="utf-8"))
"""
PLAIN = TEST + "def test():\n    got, expected = GOT, EXPECTED\n    assert got == expected\n"
SNAPSHOT = TEST + "import os\ndef test(snapshot):\n    assert (EXPECTED if 'MAKE' in os.environ else GOT) == snapshot\n"

Result = Mapping[str, Any]


def _kinds(result: Result) -> set[str]:
    return {field["kind"] for field in result["fields"]}


def _longest(result: Result) -> int:
    return max((len(each) for field in result["fields"] for each in field.values() if isinstance(each, str)), default=0)


CHOICES: dict[str, Callable[[Result], bool]] = {
    "one number": lambda r: len(r["fields"]) == 1 and isinstance(r["fields"][0].get("got"), float),
    "one word of a long text": lambda r: len(r["fields"]) == 1 and _kinds(r) == {"near"} and _longest(r) > 60,
    "several kinds in an object": lambda r: 3 <= len(r["fields"]) <= 6 and {"near", "missing"} <= _kinds(r),
    "a renamed key": lambda r: _kinds(r) == {"renamed"} and len(r["fields"]) == 2,
    "wrong types in a large object": lambda r: _kinds(r) == {"wrong_type"} and r["leaves"] > 60,
    "an item missing": lambda r: "array_length" in _kinds(r) and len(r["fields"]) > 3 and r["field_f1"] > 0.5,
    "items in another order": lambda r: "array_order" in _kinds(r),
    "an object for an array": lambda r: _kinds(r) == {"wrong_type"} and 4 < len(r["fields"]) < 12,
    "most of it missing": lambda r: {"missing", "renamed"} <= _kinds(r) and r["field_f1"] < 0.1,
    "a hundred fields": lambda r: len(r["fields"]) > 100,
}


def choose(results: list[Result]) -> dict[str, Result]:
    """Return ten failures, no case twice."""
    chosen: dict[str, Result] = {}
    taken: set[str] = set()
    for name, is_one in CHOICES.items():
        for result in results:
            if result["value"] is not None and result["case_id"] not in taken and result["fields"] and is_one(result):
                chosen[name] = result
                taken.add(result["case_id"])
                break
    return chosen


def by_pytest(result: Result, test: str, *options: str, make_snapshot: bool = False) -> str:
    """Return the lines that pytest shows of a failed comparison."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "values.json").write_text(json.dumps([result["expected_output"], result["value"]]), encoding="utf-8")
        (root / "test_it.py").write_text(test, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}
        environment["COLUMNS"] = str(WIDTH)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:edgejson",
            "--color=no",
            "--tb=short",
        ]
        if make_snapshot:
            subprocess.run(
                [*command, "--snapshot-update", "-q"], cwd=root, env=environment | {"MAKE": "1"}, capture_output=True
            )
        output = subprocess.run([*command, *options], cwd=root, env=environment, capture_output=True, text=True).stdout
    return "\n".join(line[1:] for line in output.splitlines() if line.startswith("E "))


def by_deepdiff(result: Result) -> str:
    """Return deepdiff's own prose."""
    from deepdiff import DeepDiff

    return str(DeepDiff(result["expected_output"], result["value"]).pretty())


TOOLS: dict[str, Callable[[Result], str]] = {
    "ours": lambda r: render_diff(r, width=WIDTH),
    "deepdiff": by_deepdiff,
    "pytest": lambda r: by_pytest(r, PLAIN),
    "pytest -vv": lambda r: by_pytest(r, PLAIN, "-vv"),
    "syrupy": lambda r: by_pytest(r, SNAPSHOT, make_snapshot=True),
    "syrupy -vv": lambda r: by_pytest(r, SNAPSHOT, "-vv", make_snapshot=True),
}


def rows(text: str) -> str:
    """Return how many rows of the terminal a text fills, and whether the tool cut it."""
    count = sum(max(-(-columns(line) // WIDTH), 1) for line in text.splitlines())
    is_cut = any(sign in text for sign in ("Full output truncated", "Use -v to get more diff", ", -vv shows them"))
    return f"{count} cut" if is_cut else str(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl")
    parser.add_argument("--show", metavar="CASE_ID", help="print what each tool shows of this one")
    arguments = parser.parse_args()
    chosen = choose([result for path in arguments.results for result in read_run(path).results])
    absent = [library for library in ("syrupy", "deepdiff") if find_spec(library) is None]
    tools = {name: tool for name, tool in TOOLS.items() if name.split()[0] not in absent}
    table = []
    for name, result in chosen.items():
        if arguments.show not in (None, result["case_id"]):
            continue
        texts = {tool: render(result) for tool, render in tools.items()}
        if arguments.show:
            for tool, text in texts.items():
                print(f"---------- {tool}\n{text}\n")
        right = result["leaves"] - sum(
            "expected" in field for field in result["fields"] if field["kind"] != "array_order"
        )
        table.append([name, result["case_id"], f"{right}/{result['leaves']}", *map(rows, texts.values())])
    print(tabulate(table, headers=["failure", "case", "right", *tools], tablefmt="github"))


if __name__ == "__main__":
    main()
