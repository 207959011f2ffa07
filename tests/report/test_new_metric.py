"""A metric stands in one table: a row more, and it is everywhere."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from helpers.runs import cases, result_of, right, write_run, wrong

# In an interpreter of its own: the tables made of METRICS are made once.
SCRIPT = """
import json, sys
from pathlib import Path

from pytest_edgejson.results import metrics
from pytest_edgejson.results.units import PROPORTION

new = metrics.Metric(
    "brevity", "Brevity", PROPORTION, "made up", key="format_compliant", is_headline=True, is_compared=True
)
metrics.METRICS["brevity"] = new
metrics.HEADLINE += (new,)
metrics.COMPARED += (new,)

from pytest_edgejson.report.ci import suite_properties
from pytest_edgejson.report.compare import render_text
from pytest_edgejson.report.compare_json import as_json
from pytest_edgejson.report.run import render_report
from pytest_edgejson.report.summary import render_summary
from pytest_edgejson.results.compare.runs import compare_runs
from pytest_edgejson.results.file import read_run
from pytest_edgejson.results.gates.language import parse_gate

runs = [read_run(Path(name)) for name in sys.argv[1:]]
results = runs[0].results
two = [*results, *({**result, "model": "other"} for result in results)]
report = compare_runs(runs)
print(json.dumps({
    "one model": render_summary(results, {}),
    "side by side": render_summary(two, {}),
    "report": render_report(results),
    "properties": dict(suite_properties({"m": metrics.by_slice(results)})),
    "comparison": render_text(report),
    "differences": as_json(report)["comparisons"][0]["differences"],
    "gate": parse_gate("lower(brevity)>=50%").text,
}))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    files = []
    for name, answer in (("before", wrong), ("after", right)):
        path = folder / f"{name}.jsonl"
        write_run(path, [result_of(case, answer(case)) for case in cases(12)])
        files.append(str(path))
    done = subprocess.run([sys.executable, "-c", SCRIPT, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("place", ["one model", "side by side", "report", "comparison"])
def test_it_stands_in_every_table(shown, place):
    assert "Brevity" in shown[place]


def test_it_is_among_the_properties_of_junit_xml(shown):
    assert shown["properties"]["edgejson.m.brevity"] == "1.000000"
    assert "edgejson.m.brevity.low[simple]" in shown["properties"]


def test_programs_read_its_differences(shown):
    assert "brevity" in {difference["metric"] for difference in shown["differences"]}


def test_gates_can_be_put_on_it(shown):
    assert shown["gate"] == "lower(brevity)>=50%"
