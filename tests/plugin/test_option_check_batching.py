"""`--edgejson-check-batching`: cases generated once more alone, and what batches do to the answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers.projects import Project, completions_in

from pytest_edgejson.results.batching import draw
from pytest_edgejson.suite import bundled

pytestmark = pytest.mark.usefixtures("model_environment")
CASES = bundled.TEST_CASES / "simple" / "sensor_reading.jsonl"
RUN = ("--edgejson-results=results.jsonl", "--edgejson-store=store.sqlite", "--edgejson-report-only")

# A model whose likeliest token is always the same one where it is given several rows.
_CROWDED = """
import inspect

from transformers import LlamaForCausalLM


class Crowded(LlamaForCausalLM):
    def forward(self, input_ids, **known):
        output = super().forward(input_ids=input_ids, **known)
        if len(input_ids) > 1:
            output.logits[..., 70] += 1000
        return output

    forward.__signature__ = inspect.signature(LlamaForCausalLM.forward)
"""


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    folder = tmp_path / "crowded"
    shutil.copytree(bundled.ROOT / "models" / "nano", folder)
    (folder / "crowded.py").write_text(_CROWDED, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "crowded.Crowded"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    models = tmp_path / "crowded.toml"
    models.write_text(
        f"[models.crowded]\nmodel = '{folder}'\ntrust_remote_code = true\nprompt = 'v3'\n", encoding="utf-8"
    )
    return models


def results(project: Project) -> dict[str, dict]:
    return {row["case_id"]: row for row in project.results()[1]}


@pytest.mark.slow
def test_the_shipped_model_answers_alone_what_it_answers_together(project: Project, pytester: pytest.Pytester) -> None:
    run = (str(CASES), "--edgejson-model=nano", *RUN, "--edgejson-check-batching=2")
    pytester.runpytest_subprocess(*run).stdout.fnmatch_lines(["nano: 0 of 2 cases are answered differently alone"])
    rows = results(project)
    drawn = {name: row["alone"] for name, row in rows.items() if "alone" in row}
    assert len(drawn) == 2 < len(rows)
    assert all(alone["output"] == rows[name]["output"] for name, alone in drawn.items())
    assert completions_in(project.root / "store.sqlite") == len(rows) + 2
    # Once more: all is in the store, and more cases are drawn beside those that were.
    again = pytester.runpytest_subprocess(*run[:-1], "--edgejson-check-batching=3")
    again.stdout.fnmatch_lines(["nano: 0 of 3 cases are answered differently alone"])
    assert completions_in(project.root / "store.sqlite") == len(rows) + 3
    assert drawn.keys() < {name for name, row in results(project).items() if "alone" in row}


@pytest.mark.slow
def test_what_a_batch_changes_is_told(crowded: Path, project: Project, pytester: pytest.Pytester) -> None:
    options = ("--edgejson-model=crowded", f"--edgejson-models={crowded}", "--edgejson-max-new-tokens=120")
    run = (str(CASES), *options, *RUN, "--edgejson-check-batching=100", "--edgejson-report=report.md")
    result = pytester.runpytest_subprocess(*run)
    rows = results(project)
    assert not any(row["json_exact"] for row in rows.values())
    exact = [name for name, row in rows.items() if row["alone"]["json_exact"]]
    assert exact
    line = f"{len(rows)} of {len(rows)} cases are answered differently alone (*), exact only alone: {exact[0]}*"
    result.stdout.fnmatch_lines([f"crowded: {line}"])
    assert f"{len(rows)} of {len(rows)} cases are answered differently alone" in (project.root / "report.md").read_text(
        encoding="utf-8"
    )
    # A batch of one is no batch.
    alone = pytester.runpytest_subprocess(*run, "--edgejson-batch-size=1", "--edgejson-store=other.sqlite")
    alone.stdout.fnmatch_lines([f"crowded: 0 of {len(rows)} cases are answered differently alone"])


@pytest.mark.slow
def test_workers_draw_the_same_cases(project: Project, pytester: pytest.Pytester) -> None:
    run = (str(CASES), "--edgejson-model=nano", *RUN, "--edgejson-check-batching=3")
    pytester.runpytest_subprocess(*run)
    one = {name for name, row in results(project).items() if "alone" in row}
    shared = pytester.runpytest_subprocess(*run, "-n2", "--edgejson-device=cpu,cpu")
    shared.stdout.fnmatch_lines(["nano: 0 of 3 cases are answered differently alone"])
    assert one == {name for name, row in results(project).items() if "alone" in row}


@pytest.mark.slow
def test_what_cannot_be_checked_is_refused(pytester: pytest.Pytester, project: Project) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=control:gold", "--edgejson-check-batching=3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*control:gold generates nothing in batches: leave the option out"])
    for wrong in ("0", "some"):
        result = pytester.runpytest_subprocess("--edgejson-model=nano", f"--edgejson-check-batching={wrong}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*--edgejson-check-batching*'{wrong}'*at least 1"])


def test_more_are_drawn_beside_the_same_ones() -> None:
    keys = [f"case-{number}" for number in range(50)]
    assert draw(keys, 5) < draw(reversed(keys), 20) < draw(keys, 50) == set(keys)
