"""`edgejson reproduce`: the whole experiment on a few cases, with a base of random weights and the shipped model."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.parts import write_cases
from helpers.runs import answers, write_run

from pytest_edgejson.backends.models import load_registry
from pytest_edgejson.report.document import as_markdown, as_text
from pytest_edgejson.report.figures import estimate_text, p_text
from pytest_edgejson.results.metrics import COMPARED, measure
from pytest_edgejson.results.statistics import PairedCounts, corrected, mcnemar, paired_ratio_interval
from pytest_edgejson.suite import bundled
from pytest_edgejson.training.family.notebook import Notebook, ReproductionError, Step
from pytest_edgejson.training.family.plan import Plan, full, make_plan
from pytest_edgejson.training.family.report import make_report
from pytest_edgejson.training.family.reproduce import add_parser, reproduce
from pytest_edgejson.training.family.steps import answer, train_adapters, train_bases
from pytest_edgejson.training.family.tables import Experiment, ablations, capacity, training
from pytest_edgejson.training.presets import PRESETS

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'pytest-edgejson[train]'")
pytest.importorskip("transformers")
pytest.importorskip("peft")

# A deprecation that transformers raises where peft calls it.
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

COMMAND = "edgejson reproduce"
NANO = bundled.ROOT / "models" / "nano"
PUBLISHED = load_registry(bundled.MODELS_FILE)


def random_base(folder: Path) -> Path:
    """Save a model of random weights that takes no more than 600 tokens."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(NANO)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=600,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The experiment on 5 models, with the shipped model in the place of the larger base."""
    folder = tmp_path_factory.mktemp("plan")
    small, large = make_plan(folder).bases
    tuning: dict[str, Any] = {"batch_size": 2, "accumulation": 1, "epochs": 1}
    return Plan(
        (
            replace(small, folder=random_base(folder / small.name), settings=replace(small.settings, **tuning)),
            replace(large, folder=NANO, settings=replace(large.settings, **tuning)),
        ),
        ranks=(8, 16),
        sizes=(3,),
        train_cases=write_cases(
            folder / "train", bundled.TRAIN_CASES, {"simple/rating.jsonl": 4, "simple/location.jsonl": 2}
        ),
        test_cases=write_cases(
            folder / "test", bundled.TEST_CASES, {"simple/rating.jsonl": 4, "medium/email_metadata.jsonl": 2}
        ),
        max_steps=2,
        max_new_tokens=160,
    )


@pytest.fixture(scope="module")
def done(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("reproduction") / "out"
    return out, reproduce(plan, out, COMMAND)


def read_results(out: Path) -> list[dict[str, Any]]:
    lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "case_id" in row]


def cells(report: str, heading: str, first: str) -> dict[str, list[str]]:
    """Return the rows of a table by their first cell: of the first table below a heading with that cell on top."""
    rows: dict[str, list[str]] = {}
    for line in report[report.index(f"# {heading}\n") :].splitlines():
        own = [cell.strip() for cell in line.split("|")[1:-1]]
        if rows and not own:
            break
        if rows or own[:1] == [first]:
            rows[own[0]] = own[1:]
    return rows


# The whole command


@pytest.mark.slow
def test_each_adapter_is_trained_as_planned(plan: Plan, done: tuple[Path, str]) -> None:
    out, _ = done
    ranks = {"nano-1m-lora": 16, "nano-1m-lora-cases3": 16, "nano-1m-lora-rank8": 8, "nano-4m-lora": 32}
    for name, rank in ranks.items():
        config = json.loads((out / "adapters" / name / "adapter_config.json").read_text(encoding="utf-8"))
        assert (config["r"], config["lora_alpha"]) == (rank, 2 * rank)
    registry = load_registry(out / "models.toml")
    assert list(registry) == plan.models == ["nano-1m", *list(ranks)[:3], "nano-4m", "nano-4m-lora"]
    assert {spec.backend for spec in registry.values()} == {"transformers"}
    assert registry["nano-4m-lora"].model == registry["nano-4m"].model == str(NANO)
    assert registry["nano-4m-lora"].adapter == str(out / "adapters" / "nano-4m-lora")
    assert {name: step.cases for name, step in Notebook(out / "steps.json").steps.items()} == {
        **dict.fromkeys(ranks, 6),
        "nano-1m-lora-cases3": 3,
    }


@pytest.mark.slow
def test_the_numbers_are_those_of_the_results(plan: Plan, done: tuple[Path, str]) -> None:
    out, text = done
    results = read_results(out)
    assert len(results) == 6 * len(plan.models)
    report = (out / "report.md").read_text(encoding="utf-8")
    exact = 0
    for base in plan.bases:
        heading = f"{base.name}, in the place of {base.published_base}"
        for group in ("simple", "medium", "all"):
            own = {
                model: measure(
                    [row for row in results if row["model"] == model and group in (row["complexity"], "all")]
                )
                for model in (base.name, full(base).name)
            }
            for metric in COMPARED:
                shown = cells(report, heading, metric.label)[group]
                assert shown[:3] == [
                    {"simple": "4", "medium": "2", "all": "6"}[group],
                    *(estimate_text(metrics.get(metric.name), metric.unit) for metrics in own.values()),
                ]
                assert all(value in text for value in shown)
            exact += sum(row["json_exact"] for row in results if row["model"] == base.name)
    assert exact, "a report on nothing but misses shows little"
    size = cells(report, "What size brings", "JSONExact, base")
    right = [sum(row["json_exact"] for row in results if row["model"] == base.name) for base in plan.bases]
    assert size["all"][1:3] == [f"{100 * count / 6:.1f} %" for count in right]


@pytest.mark.slow
def test_it_says_how_it_was_made(done: tuple[Path, str]) -> None:
    out, text = done
    report = (out / "report.md").read_text(encoding="utf-8")
    assert report.startswith("# The published experiment in miniature\n\nMade by `edgejson reproduce`, ")
    made = cells(report, "How it was made", "")
    assert made["nano-1m"][-2] == "not trained here"
    assert made["nano-1m-lora-rank8"][:5] == ["6", "8", "16", "1", "0.002"]
    assert f"torch {torch.__version__}" in report
    assert "seed 0" in report
    assert text.endswith(f"report: {out / 'report.md'}")
    assert max(map(len, text.splitlines())) <= 130


@pytest.mark.slow
def test_a_second_call_does_nothing_twice(
    plan: Plan, done: tuple[Path, str], capfd: pytest.CaptureFixture[str]
) -> None:
    out, _ = done
    report = (out / "report.md").read_bytes()
    weights = {file: file.stat().st_mtime_ns for file in out.rglob("*.safetensors")}
    reproduce(plan, out, COMMAND)
    assert all(row["stored"] for row in read_results(out))
    assert {file: file.stat().st_mtime_ns for file in out.rglob("*.safetensors")} == weights
    # Times too are those of the first call.
    assert (out / "report.md").read_bytes() == report
    shown = capfd.readouterr().err
    assert shown.count("trained already") == 4
    assert "training rank" not in shown


# What is cut off, or cannot be done


@pytest.fixture
def small(plan: Plan) -> Plan:
    """The experiment with the base of random weights alone."""
    return replace(plan, bases=plan.bases[:1])


def train(plan: Plan, out: Path) -> list[str]:
    """Train the adapters, and return what was told."""
    told: list[str] = []
    out.mkdir(exist_ok=True)
    train_adapters(plan, out, Notebook(out / "steps.json"), told.append)
    return [line.partition(": ")[2] for line in told]


@pytest.mark.slow
def test_after_an_interrupt_the_same_command_goes_on(
    small: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_edgejson.training import lora

    fine_tune = lora.fine_tune

    def interrupted(base: str, rows: Any, *arguments: Any, **options: Any) -> Any:
        if len(rows) == 3:
            raise KeyboardInterrupt
        return fine_tune(base, rows, *arguments, **options)

    monkeypatch.setattr(lora, "fine_tune", interrupted)
    with pytest.raises(ReproductionError, match=r"^interrupted: .* the same command goes on$"):
        reproduce(small, tmp_path, COMMAND)
    before = Notebook(tmp_path / "steps.json").steps
    assert {name: step.done for name, step in before.items()} == {
        "nano-1m-lora": True,
        "nano-1m-lora-cases3": False,
    }
    # What was there by then is reported.
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert cells(report, "How it was made", "").keys() >= {"nano-1m", "nano-1m-lora"}
    assert "nano-1m-lora-cases3" not in report
    monkeypatch.undo()
    assert train(small, tmp_path) == ["trained already", "training rank 16 on 3 cases", "training rank 8 on 6 cases"]
    after = Notebook(tmp_path / "steps.json").steps
    assert after["nano-1m-lora"] == before["nano-1m-lora"]
    assert after["nano-1m-lora-cases3"].seconds > before["nano-1m-lora-cases3"].seconds
    # An adapter that is gone, and one of other settings.
    shutil.rmtree(tmp_path / "adapters" / "nano-1m-lora")
    more = replace(small, ranks=(16, 4))
    assert train(more, tmp_path) == ["training rank 16 on 6 cases", "trained already", "training rank 4 on 6 cases"]


@pytest.mark.slow
def test_the_adapters_of_another_base_are_not_kept(small: Plan, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    small = replace(small, ranks=(), sizes=())
    (base,) = small.bases
    changed = shutil.copytree(base.folder, tmp_path / "changed")
    out = tmp_path / "out"
    assert train(small, out) == ["training rank 16 on 6 cases"]
    again = replace(small, bases=(replace(base, folder=changed),))
    assert train(again, out) == ["trained already"]
    weights = load_file(changed / "model.safetensors")
    save_file(
        {name: weight + 0.01 for name, weight in weights.items()}, changed / "model.safetensors", {"format": "pt"}
    )
    assert train(again, out) == ["training rank 16 on 6 cases"]


@pytest.mark.slow
def test_bases_are_trained_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_edgejson.training import scratch

    # A model that is trained at once.
    small = scratch.ScratchSettings(steps=2, batch_tokens=256, hidden_size=64, layers=1, intermediate_size=64)
    monkeypatch.setattr(scratch, "SIZES", dict.fromkeys(scratch.SIZES, small))
    monkeypatch.setattr(scratch, "_TOKENIZER_RECORDS", 50)
    told: list[str] = []
    plan, notebook = make_plan(tmp_path / "bases", "nano-1m"), Notebook(tmp_path / "steps.json")
    for _ in range(2):
        train_bases(plan, tmp_path, notebook, told.append)
    assert told == ["nano-1m: training the base", "nano-1m: trained already"]
    assert (tmp_path / "bases" / "nano-1m" / "model.safetensors").is_file()
    assert notebook.steps["nano-1m"].seconds > 0


def test_a_base_that_is_not_there(small: Plan, tmp_path: Path) -> None:
    missing = replace(small, bases=(replace(small.bases[0], folder=tmp_path / "none"),))
    with pytest.raises(
        ReproductionError, match=r"^nano-1m: the model is not there: no folder .*none; --bases trains it"
    ):
        reproduce(missing, tmp_path / "out", COMMAND)
    assert not (tmp_path / "out").exists()


def test_a_library_that_is_not_there(small: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModuleNotFoundError, match=r"peft is not installed: pip install 'pytest-edgejson\["):
        reproduce(small, tmp_path / "out", COMMAND)
    assert not (tmp_path / "out").exists()


def test_a_notebook_that_is_none(small: Plan, tmp_path: Path) -> None:
    (tmp_path / "steps.json").write_text('{"nano-1m-lora": {"time": 3}}', encoding="utf-8")
    with pytest.raises(ReproductionError, match=r"steps\.json: not what this version writes: remove it"):
        reproduce(small, tmp_path, COMMAND)


@pytest.mark.slow
def test_cases_that_could_not_be_run_are_no_results(plan: Plan, done: tuple[Path, str], tmp_path: Path) -> None:
    out = shutil.copytree(done[0], tmp_path / "out")
    rows = [json.loads(line) for line in (bundled.TEST_CASES / "simple/rating.jsonl").read_bytes().splitlines()[:2]]
    rows[1]["prompt"] += " and more" * 600
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    long = replace(plan, bases=plan.bases[:1], ranks=(), sizes=(), test_cases=tmp_path / "long.jsonl")
    with pytest.raises(ReproductionError, match=r"^2 of 4 cases could not be run, the first rating-002\[nano-1m\]: "):
        answer(long, out, lambda line: None)


@pytest.mark.slow
def test_a_benchmark_that_cannot_begin(plan: Plan, done: tuple[Path, str], tmp_path: Path) -> None:
    out = shutil.copytree(done[0], tmp_path / "out")
    with pytest.raises(ReproductionError, match=r"^the benchmark ended with exit code 4, see above; the same command"):
        answer(replace(plan, test_cases=tmp_path / "none"), out, lambda line: None)


# The tables


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Sixty answers of each model, with planted misses."""
    plan = replace(make_plan(tmp_path), sizes=(157,))
    misses = {
        "nano-1m": range(55),
        "nano-1m-lora": range(20),
        "nano-1m-lora-rank8": range(24),
        "nano-1m-lora-rank32": range(1, 20),
        "nano-1m-lora-cases157": range(40),
        "nano-4m": range(60),
        "nano-4m-lora": range(10),
    }
    results = [result for model in plan.models for result in answers(60, misses[model], model)]
    described = {model: {"parameters": 1_000_000, "device": "cpu"} for model in plan.models}
    run = write_run(tmp_path / "results.jsonl", results, described)
    steps = {
        adapter.name: Step("", 60.0, True, 1000, adapter.cases or 629, 0.5, 2, "bf16") for adapter in plan.adapters
    }
    return Experiment(plan, run, steps, PUBLISHED)


def test_training_is_told_with_its_multiplier(experiment: Experiment) -> None:
    report = as_markdown(training(experiment))
    assert "`nano-1m (adapter)` is better than `nano-1m (base)`: JSONExact 66.7 % instead of 8.3 % (+58.3 " in report
    interval = paired_ratio_interval(PairedCounts(both=5, gains=35, losses=0, neither=20))
    assert interval is not None
    assert f"over that of the base: 8.00 [{interval.low:.2f}, {interval.high:.2f}]; as published 13.00." in report
    assert "over that of the base: undefined, the baseline has none [13.02, ∞]; as published 4.83." in report
    rows = cells(report, "nano-1m, in the place of smollm2-135m", "JSONExact")
    assert rows["all"][-2:] == ["1.9 / 0.6 %", "24.7 / 46.8 %"]
    assert rows["complex"][-2:] == ["0.0 %", "0.0 %"]
    assert cells(report, "nano-1m, in the place of smollm2-135m", "SchemaCompliance")["simple"][-2:] == ["-", "-"]
    assert cells(report, "nano-4m, in the place of smollm2-360m", "FieldF1")["all"][-1] == "0.729 / 0.780"


def test_sizes_are_corrected_together(experiment: Experiment) -> None:
    report = as_markdown(capacity(experiment))
    bases = cells(report, "What size brings", "JSONExact, base")
    adapters = cells(report, "What size brings", "JSONExact, adapter")
    raw = [mcnemar(PairedCounts(0, 0, 5, 55)), mcnemar(PairedCounts(40, 10, 0, 10))]
    p_values = [f"{p:.3f}" for p in corrected(raw)]
    assert p_values != [f"{p:.3f}" for p in raw]
    assert [bases["all"][4], adapters["all"][4]] == p_values
    assert bases["all"][:3] == ["60", "8.3 %", "0.0 %"]
    assert bases["all"][3].startswith("-8.3 [")
    assert adapters["medium"][-2:] == ["13.5 %", "51.4 / 50.0 %"]
    assert "`adapter (nano-4m)` is better than `adapter (nano-1m)`: " in report


def test_ablations_are_corrected_together(experiment: Experiment) -> None:
    base = experiment.plan.bases[0]
    report = as_markdown(ablations(experiment, base))
    raw = [
        mcnemar(PairedCounts(both=36, gains=0, losses=4, neither=20)),
        mcnemar(PairedCounts(both=40, gains=1, losses=0, neither=19)),
        mcnemar(PairedCounts(both=20, gains=0, losses=20, neither=20)),
    ]
    p_values = [p_text(p).removeprefix("= ") for p in corrected(raw)]
    ranks = cells(report, "What rank and train size do", "rank")
    sizes = cells(report, "What rank and train size do", "train cases")
    assert [ranks["8"][3], ranks["32"][3], sizes["157"][2]] == p_values
    assert ranks["16"][2:] == ["-", "-", "24.7 %"]
    assert ranks["8"][2].startswith("-6.7 [")
    assert (sizes["157"][-1], sizes["629"][-1]) == ("16.2 %", "24.7 %")
    assert "No evidence of a difference between `nano-1m-lora` and `nano-1m-lora-rank8`" in report


def test_one_base_alone_is_compared_with_no_other(experiment: Experiment) -> None:
    plan = experiment.plan
    small, large = (
        as_text(make_report(replace(experiment, plan=replace(plan, bases=(base,))), COMMAND)) for base in plan.bases
    )
    for text in (small, large):
        assert "What training brings" in text
        assert "What size brings" not in text
    assert "What rank and train size do" in small
    assert "What rank and train size do" not in large
    assert "nano-1m" not in large


# The plan and the options


def test_the_plan_is_the_published_one() -> None:
    plan = make_plan(Path("models"))
    assert plan.models == [
        *("nano-1m", "nano-1m-lora", "nano-1m-lora-cases157", "nano-1m-lora-cases314"),
        *("nano-1m-lora-rank8", "nano-1m-lora-rank32", "nano-4m", "nano-4m-lora"),
    ]
    assert [base.settings for base in plan.bases] == [PRESETS["nano-1m"], PRESETS["nano-4m"]]
    assert [base.settings.rank for base in plan.bases] == [16, 32]
    assert plan.bases[0].folder == Path("models/nano-1m")
    assert make_plan(Path(), "nano-4m").models == ["nano-4m", "nano-4m-lora"]


def test_the_options() -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    given = parser.parse_args(["reproduce"])
    assert (given.out, given.only, given.bases) == (Path("reproduction"), None, False)
    with pytest.raises(SystemExit):
        parser.parse_args(["reproduce", "--only", "nano"])
