"""What `edgejson train` does with its arguments, and the model card it leaves."""

from __future__ import annotations

import json
import platform
import shlex
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.prompts import asking_for, parse_template, read_text
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.schemas import Schemas
from pytest_edgejson.suite.suites import SchemaFinder, suite_at
from pytest_edgejson.values.wording import duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.backends.prompts import Template
    from pytest_edgejson.suite.cases import Complexity
    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.training.presets import LoraSettings
    from pytest_edgejson.training.record_source import SuiteRecords

_LIBRARIES = ("torch", "transformers", "accelerate", "peft", "faker", "matplotlib")


def _libraries() -> None:
    for name in _LIBRARIES:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            raise ModuleNotFoundError(
                f"training needs {name}: pip install 'pytest-edgejson[train]' (torch first, in the build you want)"
            ) from None


def _checkpoints(arguments: argparse.Namespace) -> Path:
    out: Path = arguments.out
    # Said now: a model that cannot be saved is found out after hours otherwise.
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: a file of this name exists; name a folder")
    # A resolved path has a name, which `.` has not.
    whole = out.resolve()
    return arguments.checkpoints or whole.with_name(f"{whole.name}-checkpoints")


def _template(name: str) -> Template:
    """Return a template of a training that has no chats; the one of all weights has no schemas either."""
    template = parse_template(read_text(name, Path()))
    if template.chat:
        raise ValueError(f"--prompt {template.name}: training gives a model no chats: use v3, or schema with --lora")
    return template


def _adapter_template(arguments: argparse.Namespace) -> Template:
    """Return the template of an adapter: what is asked for, else what the suite of its cases asks for."""
    return _template(arguments.prompt or asking_for("v3", suite_at(arguments.cases or bundled.TRAIN_CASES).prompt))


def train_model(arguments: argparse.Namespace) -> str:
    """Train all weights of a new model or of a base as the arguments say, and return what to print.

    Raises:
        ModuleNotFoundError: the extra `train` is not installed.
        ValueError: the size or prompt template is unknown or the template needs what training does not have, the base
            cannot be used, `--out` is a file, or the checkpoints are those of another training.
        OSError: the model cannot be written.
    """
    _libraries()
    from pytest_edgejson.training.full import FullSettings, train_further
    from pytest_edgejson.training.record_source import GeneralRecords
    from pytest_edgejson.training.scratch import SIZES, train_from_scratch

    if arguments.size and arguments.size not in SIZES:
        raise ValueError(f"unknown size {arguments.size!r}: use one of {', '.join(SIZES)}")
    if arguments.size and arguments.prompt:
        raise ValueError(f"--prompt {arguments.prompt}: {arguments.size} is trained with several: leave it out")
    given = {name: getattr(arguments, name) for name in ("seed", "steps", "batch_tokens", "learning_rate")}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    checkpoints = _checkpoints(arguments)
    settings: dict[str, Any]
    if arguments.size:
        scratch = replace(SIZES[arguments.size], **changes)
        settings = asdict(scratch)
        outcome = train_from_scratch(GeneralRecords(), arguments.out, scratch, checkpoints=checkpoints)
    else:
        further = FullSettings(**changes)
        settings = {"base": arguments.base, **asdict(further)}
        template = _template(arguments.prompt or "v3")
        if template.needs_schema:
            raise ValueError(f"--prompt {template.name}: training of all weights gives a model no schemas: use v3")
        records = _suite_records(template)
        outcome = train_further(arguments.base, records, arguments.out, further, checkpoints=checkpoints)
    _write_card(arguments, settings, outcome)
    return f"{outcome['parameters']:,} parameters in {arguments.out}, {duration(outcome['seconds'])}"


def _suite_records(template: Template) -> SuiteRecords:
    """Return records of the bundled schemas."""
    from pytest_edgejson.training.record_source import SuiteRecords

    documents: dict[Complexity, dict[str, Mapping[str, Any]]] = {"simple": {}, "medium": {}, "complex": {}}
    for schema in sorted(Schemas(bundled.SCHEMAS).values(), key=lambda schema: schema.id):
        documents[schema.complexity][schema.id] = schema.document
    return SuiteRecords(documents, template.text)


def train_adapter(arguments: argparse.Namespace) -> str:
    """Fine-tune an adapter as the arguments say, and return what to print.

    Raises:
        ModuleNotFoundError: the extra `train` is not installed.
        ValueError: the preset or template is unknown, `--out` is a file, the cases fail their check, there are too few,
            the base cannot be used, the checkpoints are those of another training, or the adapter cannot be written.
        OSError: a file cannot be read or written.
    """
    _libraries()
    from pytest_edgejson.training.lora import fine_tune

    settings = _lora_settings(arguments)
    template = _adapter_template(arguments)
    checkpoints = _checkpoints(arguments)
    rows, validation = _rows(arguments)
    outcome = fine_tune(
        arguments.base,
        rows,
        template.text,
        arguments.out,
        settings,
        checkpoints=checkpoints,
        validation=validation,
        patience=arguments.patience or 3,
        skip_long=arguments.skip_long,
        max_steps=arguments.steps or -1,
    )
    sizes = {"cases": outcome["cases"], "skipped": outcome["skipped"], "validation_cases": outcome["validation_cases"]}
    _write_card(arguments, {"base": arguments.base, **sizes, **asdict(settings)}, outcome)
    said = [f"{outcome['parameters']:,} trained parameters in {arguments.out}, {duration(outcome['seconds'])}"]
    if outcome["skipped"]:
        said.append(f"{outcome['skipped']} cases were longer than the base's context and left out")
    if outcome["validation"]:
        said.append(
            f"of {len(outcome['validation'])} checkpoints that were evaluated, step {outcome['step']} is the best"
        )
    return "; ".join(said)


def _rows(arguments: argparse.Namespace) -> tuple[list[CaseRow], list[CaseRow]]:
    """Return the cases to train on, and those to validate with."""
    from pytest_edgejson.training.train_cases import check, read, spread

    folder: Path = arguments.cases or bundled.TRAIN_CASES
    validate: float | Path | None = arguments.validate
    schemas = SchemaFinder(arguments.schemas)
    if not arguments.unchecked:
        check([folder, validate] if isinstance(validate, Path) else [folder], schemas)
    rows = spread(read(folder, schemas), arguments.seed)
    held_out: list[CaseRow] = []
    if isinstance(validate, Path):
        held_out = read(validate, schemas)
    elif validate is not None:
        count = round(validate * len(rows))
        if not 0 < count < len(rows):
            raise ValueError(f"--validate {validate}: that is {count} of {len(rows)} cases: give another share")
        # Before any are left out: with fewer cases to train on, validation stays the same.
        held_out, rows = rows[:count], rows[count:]
    if arguments.max_cases and arguments.max_cases > len(rows):
        raise ValueError(f"--max-cases {arguments.max_cases}: there are {len(rows)} cases to train on")
    return rows[: arguments.max_cases], held_out


def _lora_settings(arguments: argparse.Namespace) -> LoraSettings:
    from pytest_edgejson.training.presets import PRESETS

    preset = arguments.preset or "maaza-135m"
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: use one of {', '.join(PRESETS)}")
    settings = replace(PRESETS[preset], seed=arguments.seed)
    if arguments.rank:
        settings = replace(settings, rank=arguments.rank, alpha=2 * arguments.rank)
    if arguments.epochs:
        settings = replace(settings, epochs=arguments.epochs)
    if arguments.learning_rate:
        settings = replace(settings, learning_rate=arguments.learning_rate)
    return settings


def _write_card(arguments: argparse.Namespace, settings: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    """Write how the model came about: README.md for people, training.json with the loss curve, loss.svg with both."""
    from pytest_edgejson.training.plot import plot_loss
    from pytest_edgejson.training.precision import gpu_name, has_bf16

    out: Path = arguments.out
    gpu = gpu_name()
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    validation = outcome.get("validation", [])
    record = {
        "command": shlex.join(["edgejson", *arguments.command_line]),
        "settings": dict(settings),
        "parameters": outcome["parameters"],
        "seconds": round(outcome["seconds"]),
        "machine": {"processor": platform.machine(), "threads": _threads()} | ({"gpu": gpu} if gpu else {}),
        "precision": "bf16" if has_bf16() else "float32",
        "versions": {"python": platform.python_version(), **versions},
        "loss": outcome["loss"],
        "validation": validation,
    }
    (out / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    plot_loss(out / "loss.svg", outcome["loss"], [(found["step"], found["json_exact"]) for found in validation])
    last = [loss for _, loss in outcome["loss"]][-5:] or [float("nan")]
    lines = [
        f"# {out.name}",
        "",
        f"Made by `{record['command']}` in {duration(record['seconds'])} on {f'{gpu} and ' if gpu else ''}{_threads()} "
        f"threads of {platform.machine()} in {record['precision']}; {record['parameters']:,} trained parameters, "
        f"seed {settings['seed']}.",
        f"Loss at the end: {sum(last) / len(last):.4f} nats per answer token (mean of the last {len(last)} logs).",
        f"Versions: {', '.join(f'{name} {version}' for name, version in record['versions'].items())}.",
        "",
        "![loss over steps](loss.svg)",
        "",
        *_evaluations(validation, outcome.get("step")),
        "Settings, loss curve and evaluations: `training.json`.",
        "",
    ]
    (out / "README.md").write_text("\n".join(lines), encoding="utf-8")


def _evaluations(validation: Sequence[Mapping[str, Any]], chosen: int | None) -> Iterator[str]:
    if validation:
        yield from ("| step | validation JSONExact | FieldF1 | |", "| --- | --- | --- | --- |")
    for found in validation:
        mark = "this adapter" if found["step"] == chosen else ""
        yield f"| {found['step']} | {100 * found['json_exact']:.1f} % | {found['field_f1']:.3f} | {mark} |"
    if validation:
        yield ""


def _threads() -> int:
    import torch

    return torch.get_num_threads()
