"""`edgejson reproduce --real`: the published recipe claim by claim, here with nano in the place of SmolLM2."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from helpers.parts import write_cases
from helpers.runs import answers, write_run

from pytest_edgejson.backends.models import load_registry
from pytest_edgejson.report.document import as_markdown
from pytest_edgejson.results.published import part_by_part, perfect
from pytest_edgejson.suite import bundled
from pytest_edgejson.training.family.notebook import ReproductionError, Step
from pytest_edgejson.training.family.plan import REAL_ADAPTER, REAL_BASE, Base, Plan
from pytest_edgejson.training.family.real import make_real_report
from pytest_edgejson.training.family.reproduce import reproduce
from pytest_edgejson.training.family.tables import Experiment
from pytest_edgejson.training.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Mapping

pytest.importorskip("torch", reason="training needs torch: pip install 'pytest-edgejson[train]'")
pytest.importorskip("peft")
pytest.importorskip("llguidance", reason="grammars need llguidance")

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

NANO = bundled.ROOT / "models" / "nano"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    tuning: dict[str, Any] = {"batch_size": 2, "accumulation": 1, "epochs": 1}
    base = Base(
        REAL_BASE,
        NANO,
        replace(PRESETS["maaza-135m"], **tuning),
        "smollm2-135m",
        "maaza-mlm-135m",
        adapter=REAL_ADAPTER,
    )
    return Plan(
        (base,),
        ablated="",
        train_cases=write_cases(tmp_path / "train", bundled.TRAIN_CASES, {"simple/rating.jsonl": 4}),
        test_cases=write_cases(
            tmp_path / "test",
            bundled.TEST_CASES,
            {"simple/rating.jsonl": 2, "complex/medical_encounter.jsonl": 1},
        ),
        max_steps=1,
        max_new_tokens=160,
        constrain="both",
        shots=1,
    )


def rows(report: str, first: str) -> dict[str, list[str]]:
    """Return the rows of the table whose head begins with a cell, by their first cell."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.splitlines()]
    # A line of dashes follows a head.
    head = next(at for at, own in enumerate(cells) if own[:1] == [first] and set(cells[at + 1][0]) <= set(":-"))
    table = itertools.takewhile(bool, cells[head + 2 :])
    return {own[0]: own[1:] for own in table}


@pytest.mark.slow
def test_the_recipe_is_trained_answered_and_told(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # Where the examples of a prompt come from: beside the folder `test`.
    reproduce(plan, out, "edgejson reproduce --real", report=make_real_report)
    report = (out / "report.md").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    models = {line["model"] for line in lines if "case_id" in line}
    held = {f"{REAL_BASE}+schema", f"{REAL_ADAPTER}+schema"}
    assert models == {REAL_BASE, REAL_ADAPTER, f"{REAL_BASE}-1-shots", *held}
    assert set(rows(report, "")) == models
    assert rows(report, "claim")["JSONExact of the base"][0] == "1.9 / 0.6 %"
    # An adapter that is shipped is not trained again.
    trained = out / "adapters" / REAL_ADAPTER
    (base,) = plan.bases
    shipped = replace(plan, bases=(replace(base, shipped=trained),))
    with pytest.raises(ReproductionError, match=r"training\.json: does not say how .*; --train trains it"):
        reproduce(shipped, tmp_path / "again", "edgejson reproduce --real", report=make_real_report)
    assert not (tmp_path / "again" / "adapters").exists()


def test_a_grammars_engine_that_is_missing_is_told_before_anything_is_trained(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ModuleNotFoundError, match="grammars need llguidance"):
        reproduce(plan, tmp_path / "out", "edgejson reproduce --real", report=make_real_report)
    assert not (tmp_path / "out").exists()


MISSES = {
    REAL_BASE: range(59),
    f"{REAL_BASE}+schema": range(40),
    REAL_ADAPTER: range(45),
    f"{REAL_ADAPTER}+schema": range(20),
}


CAPACITY = "a model of 135M parameters has not the capacity for complex schemas"


def told(
    plan: Plan,
    misses: Mapping[str, range],
    folder: Path,
    *,
    gpus: Mapping[str, str] = MappingProxyType({}),
    **changed: Any,
) -> str:
    """Return the report on models that miss some of sixty cases, with other values for keys of all results.

    Args:
        gpus: what some of them were trained on.
    """
    results = [
        {**result, **changed, **({"constrain": "schema"} if "+" in model else {})}
        for model, missed in misses.items()
        for result in answers(60, missed, model)
    ]
    described = {model: {"parameters": 134_515_008, "device": "cpu"} for model in misses}
    run = write_run(folder / "results.jsonl", results, described)
    steps = {
        adapter.name: Step(
            "", 60.0, True, 4_884_480, adapter.cases or 629, 0.2, 2, "float32", gpus.get(adapter.name, "")
        )
        for adapter in plan.adapters
    }
    experiment = Experiment(plan, run, steps, load_registry(bundled.MODELS_FILE))
    return as_markdown(make_real_report(experiment, "edgejson reproduce --real"))


def test_claims_are_held_against_what_was_measured(plan: Plan, tmp_path: Path) -> None:
    report = told(plan, MISSES, tmp_path)
    claims = rows(report, "claim")
    assert claims["JSONExact of the adapter"] == ["24.7 / 46.8 %", "25.0 % [15.8, 37.2]", "holds"]
    assert claims["JSONExact of the base"][-1] == "holds"
    assert claims["figures of the model of 360M parameters"][-1] == "not testable here"
    assert claims["JSONExact at rank 8 / 16 / 32"][1:] == ["not trained in this run", "not testable here"]
    assert rows(report, REAL_ADAPTER)["as scored here"][3] == "25.0 %"
    assert rows(report, "a perfect model")["as scored here"][3] == "100.0 %"
    assert rows(report, "a perfect model")["and no end of sequence learned"][2] == "100.0 %"
    assert claims[CAPACITY][-1] == "differs"


def test_a_figure_that_no_model_could_have_bettered_is_an_artefact(plan: Plan, tmp_path: Path) -> None:
    report = told(plan, MISSES, tmp_path, expected_output={"a": {"b": {"c": 1}}})
    assert rows(report, "a perfect model")["and no end of sequence learned"][2] == "0.0 %"
    assert rows(report, "claim")[CAPACITY][-1] == "artefact"


def test_ablations_are_claims_of_their_own(plan: Plan, tmp_path: Path) -> None:
    ablated = replace(plan, ablated=REAL_BASE, ranks=(8, 16), sizes=(157,))
    misses = {**MISSES, f"{REAL_ADAPTER}-cases157": range(0), f"{REAL_ADAPTER}-rank8": range(46)}
    report = told(ablated, misses, tmp_path, gpus={f"{REAL_ADAPTER}-rank8": "A Big GPU"})
    claims = rows(report, "claim")
    published, measured, verdict = claims["JSONExact at rank 8 / 16 / 32"]
    assert (published, verdict) == ("22.1 / 24.7 / 24.9 %", "holds")
    assert measured.startswith("23.3 % [")
    assert measured.endswith(" / 25.0 % [15.8, 37.2] / not trained")
    assert claims["JSONExact on 157 / 314 / 629 train cases"][-1] == "differs"
    on_cpu = f"{REAL_ADAPTER}, {REAL_ADAPTER}-cases157"
    assert f"in float32 on 2 threads ({on_cpu}), float32 on A Big GPU ({REAL_ADAPTER}-rank8); answered" in report


def test_parts_of_the_published_evaluation_add_up() -> None:
    """A perfect model: what runs on after a nested object, or is longer than the limit, the published search loses."""
    (template,) = answers(1, (), "perfect")
    nested = {"a": {"b": {"c": 1}}}
    results = [{**template, "expected_output": expected} for expected in ({"a": 1}, nested, {"text": "x" * 80})]
    names, exact = zip(
        *(
            (part.name, part.metrics["all"].get("json_exact").value * 3)  # type: ignore[union-attr]
            for part in part_by_part(perfect(results), lambda text: text[:60])
        ),
        strict=True,
    )
    assert [round(each) for each in exact] == [3, 3, 3, 2, 1], names
