"""The steps of a reproduction: train what is not trained yet, and let all models answer the test cases."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_edgejson.backends.constraint.grammar import GrammarError, need_engine
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.model_files import hash_files, locate, need_libraries
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.results.file import read_run
from pytest_edgejson.results.result import is_error
from pytest_edgejson.suite.suites import SchemaFinder
from pytest_edgejson.training.benchmark import entry, run_benchmark
from pytest_edgejson.training.checkpoints import fingerprint
from pytest_edgejson.training.family.notebook import ReproductionError, Step
from pytest_edgejson.training.family.plan import NAMES, PROMPT, full
from pytest_edgejson.training.precision import gpu_name, has_bf16
from pytest_edgejson.training.train_cases import read, spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_edgejson.results.file import Run
    from pytest_edgejson.training.family.notebook import Notebook
    from pytest_edgejson.training.family.plan import Adapter, Plan


def need_training(plan: Plan) -> None:
    """Check that what trains is installed, and what holds answers to a grammar if a plan does.

    Raises:
        ModuleNotFoundError: it is not.
    """
    try:
        need_libraries("reproduce", "torch", "transformers", "peft", "accelerate")
        if plan.constrain != "none":
            need_engine()
    except (BackendError, GrammarError) as error:
        raise ModuleNotFoundError(str(error)) from None


def train_bases(plan: Plan, out: Path, notebook: Notebook, say: Callable[[str], None]) -> None:
    """Train the bases that are not trained yet.

    Raises:
        TrainingError: checkpoints are those of another training.
        OSError: a file cannot be written.
    """
    for base in plan.bases:
        if notebook.is_done(base.name, base.name) and (base.folder / "model.safetensors").is_file():
            say(f"{base.name}: trained already")
            continue
        say(f"{base.name}: training the base")
        with notebook.write(base.name, base.name) as step:
            _train_base(base.name, base.folder, out / "checkpoints" / base.name)
            _note_machine(step)


def _train_base(name: str, folder: Path, checkpoints: Path) -> None:
    from pytest_edgejson.training.scratch import train_base

    train_base(name, folder, checkpoints=checkpoints)


def train_adapters(plan: Plan, out: Path, notebook: Notebook, say: Callable[[str], None]) -> None:
    """Train the adapters that are not trained yet.

    Raises:
        ReproductionError: a base is not there.
        TrainingError: one cannot be trained on.
        ValueError: a case is no case.
        OSError: a file cannot be read or written.
    """
    bases = {base.name: _hashes(base.name, base.folder) for base in plan.bases}
    rows = read(plan.train_cases, SchemaFinder())
    for adapter in plan.adapters:
        settings = adapter.settings
        if _shipped(adapter):
            continue
        # As `edgejson train --max-cases` takes them: the cases of a smaller ablation are among those of a larger one.
        chosen = spread(rows, settings.seed)[: adapter.cases]
        asked = [(row.case.prompt, row.case.expected_output) for row in chosen]
        mark = fingerprint([bases[adapter.base.name], asdict(settings), plan.max_steps, asked])
        folder = out / "adapters" / adapter.name
        if notebook.is_done(adapter.name, mark) and (folder / "adapter_model.safetensors").is_file():
            say(f"{adapter.name}: trained already")
            continue
        from pytest_edgejson.training.lora import fine_tune

        say(f"{adapter.name}: training rank {settings.rank} on {len(chosen)} cases")
        with notebook.write(adapter.name, mark) as step:
            # The mark in the folder's name: a base that has changed since finds no checkpoint of the one before.
            outcome = fine_tune(
                str(adapter.base.folder),
                chosen,
                PROMPT,
                folder,
                settings,
                checkpoints=out / "checkpoints" / f"{adapter.name}-{mark}",
                max_steps=plan.max_steps,
            )
            step.cases, step.parameters = outcome["cases"], outcome["parameters"]
            step.loss = fmean(loss for _, loss in outcome["loss"][-5:])
            _note_machine(step)


def _shipped(adapter: Adapter) -> Path | None:
    return adapter.base.shipped if adapter == full(adapter.base) else None


def step_of(adapter: Adapter, notebook: Notebook) -> Step:
    """Return how an adapter was trained: here, or before it was shipped.

    Raises:
        ReproductionError: a shipped one does not say.
    """
    folder = _shipped(adapter)
    if folder is None:
        return notebook.steps[adapter.name]
    file = folder / "training.json"
    try:
        made = json.loads(file.read_text(encoding="utf-8"))
        loss = fmean(loss for _, loss in made["loss"][-5:])
        cases, machine = made["settings"]["cases"], made["machine"]
        return Step(
            mark="",
            seconds=made["seconds"],
            done=True,
            parameters=made["parameters"],
            cases=cases,
            loss=loss,
            threads=machine["threads"],
            precision=made["precision"],
            gpu=machine.get("gpu", ""),
        )
    except (OSError, ValueError, KeyError) as error:
        raise ReproductionError(
            f"{file}: does not say how the adapter was trained: {error}; --train trains it"
        ) from None


def _hashes(name: str, folder: Path) -> list[list[str]]:
    try:
        return hash_files(locate(ModelSpec(name, model=str(folder))), trust_remote_code=False)
    except BackendError as error:
        fix = "; --bases trains it, which takes an hour or so" if name in NAMES else ""
        raise ReproductionError(f"{error}{fix}") from None


def _note_machine(step: Step) -> None:
    import torch

    step.threads = torch.get_num_threads()
    step.precision = "bf16" if has_bf16() else "float32"
    step.gpu = gpu_name()


def answer(plan: Plan, out: Path, say: Callable[[str], None]) -> Run:
    """Let all models answer the test cases in one run of pytest, and return its results.

    What an earlier run has generated is taken from the store beside them.

    Raises:
        ReproductionError: the run could not be made, or cases of it could not be run.
        OSError: a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "models.toml").write_text(_registry(plan, out), encoding="utf-8")
    results = out / "results.jsonl"
    say(f"{len(plan.models)} models answer the test cases")
    options = [
        *(f"--edgejson-model={name}" for name in plan.models),
        f"--edgejson-models={out / 'models.toml'}",
        f"--edgejson-cases={plan.test_cases}",
        *([] if plan.max_new_tokens is None else [f"--edgejson-max-new-tokens={plan.max_new_tokens}"]),
        "--edgejson-report-only",
        f"--edgejson-results={results}",
    ]
    status = run_benchmark(out, options)
    if status not in (0, 1):
        raise ReproductionError(f"the benchmark ended with exit code {status}, see above; the same command goes on")
    run = read_run(results)
    errors = [result for result in run.results if is_error(result)]
    if errors:
        first = f"{errors[0]['case_id']}[{errors[0]['model']}]: {errors[0]['error']}"
        raise ReproductionError(
            f"{len(errors)} of {len(run.results)} cases could not be run, the first {first}; the same command tries "
            "them again"
        )
    return run


def _registry(plan: Plan, out: Path) -> str:
    lines = ["# The models of `edgejson reproduce`. A folder is taken from this file's own folder on."]
    both = {} if plan.constrain == "none" else {"constrain": plan.constrain}
    for base in plan.bases:
        # llama.cpp would run a base in a GGUF file, and transformers its adapters: the table would compare engines too.
        shared: dict[str, str | int] = {
            "backend": "transformers",
            "model": _from(out, base.folder),
            "prompt": PROMPT,
        }
        lines += entry(base.name, {"description": "a base", **shared, **both})
        for name in plan.shown(base):
            lines += entry(name, {"description": "a base with examples", **shared, "shots": plan.shots})
        for adapter in plan.of(base):
            what = f"an adapter on {base.name}: rank {adapter.settings.rank}, {adapter.cases or 'all'} train cases"
            folder = _from(out, _shipped(adapter) or out / "adapters" / adapter.name)
            held = both if adapter == full(base) else {}
            lines += entry(adapter.name, {"description": what, **shared, **held, "adapter": folder})
    return "\n".join(lines) + "\n"


def _from(out: Path, folder: Path) -> str:
    return "./" + os.path.relpath(folder, out).replace(os.sep, "/")
