"""What `edgejson train` does with its arguments, and the model card it leaves."""

from __future__ import annotations

import json
import platform
import shlex
from dataclasses import asdict, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pytest_edgejson import bundled
from pytest_edgejson.cases import read_cases
from pytest_edgejson.prompts import parse_template
from pytest_edgejson.schemas import complexity_of, load_schemas

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.cases import Case, Complexity
    from pytest_edgejson.prompts import Template


_LIBRARIES = ("torch", "transformers", "accelerate", "peft", "faker")


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
    template = parse_template(name)
    if template.chat or template.needs_schema:
        raise ValueError(f"--prompt {template.name}: training gives a model neither chats nor schemas: use v3")
    return template


def train_model(arguments: argparse.Namespace) -> str:
    """Train a model from scratch as the arguments say, and return what to print.

    Raises:
        ModuleNotFoundError: the extra `train` is not installed.
        ValueError: the prompt template is unknown or needs what training does not have, `--out` is a file, or the
            checkpoints are those of another training.
        OSError: the model cannot be written.
    """
    _libraries()
    from pytest_edgejson.training.scratch import ScratchSettings, train_from_scratch

    template = _template(arguments.prompt)
    checkpoints = _checkpoints(arguments)
    settings = ScratchSettings(seed=arguments.seed)
    if arguments.steps:
        settings = replace(settings, steps=arguments.steps)
    schemas = load_schemas(bundled.SCHEMAS)
    documents: dict[Any, dict[str, Mapping[str, Any]]] = {"simple": {}, "medium": {}, "complex": {}}
    for schema in sorted(schemas.values(), key=lambda schema: schema.id):
        documents[schema.complexity][schema.id] = schema.document
    outcome = train_from_scratch(
        documents, template.text, arguments.out, settings, checkpoints=checkpoints, save_steps=400
    )
    _write_card(arguments, asdict(settings), outcome)
    return f"{outcome['parameters']:,} parameters in {arguments.out}, {outcome['seconds'] / 60:.0f} minutes"


def train_adapter(arguments: argparse.Namespace) -> str:
    """Fine-tune an adapter as the arguments say, and return what to print.

    Raises:
        ModuleNotFoundError: the extra `train` is not installed.
        ValueError: the preset or template is unknown, `--out` is a file, a case is no case, the base cannot be used,
            or the checkpoints are those of another training.
        OSError: a file cannot be read or written.
    """
    _libraries()
    from pytest_edgejson.training.lora import fine_tune
    from pytest_edgejson.training.presets import PRESETS

    preset = arguments.preset or "maaza-135m"
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: use one of {', '.join(PRESETS)}")
    settings = replace(PRESETS[preset], seed=arguments.seed)
    template = _template(arguments.prompt)
    checkpoints = _checkpoints(arguments)
    folder: Path = arguments.cases or bundled.TRAIN_CASES
    files = sorted(folder.rglob("*.jsonl")) if folder.is_dir() else [folder]
    if not files:
        raise ValueError(f"--cases {folder}: no .jsonl file in it")
    cases: list[Case] = []
    complexities: dict[Path, dict[str, Complexity]] = {}
    for file in files:
        schemas = bundled.schema_folder(file)
        if schemas not in complexities:
            complexities[schemas] = complexity_of(load_schemas(schemas))
        cases += read_cases(file, complexities[schemas])
    outcome = fine_tune(
        arguments.base,
        cases,
        template.text,
        arguments.out,
        settings,
        checkpoints=checkpoints,
        max_steps=arguments.steps or -1,
    )
    _write_card(arguments, {"base": arguments.base, "cases": len(cases), **asdict(settings)}, outcome)
    return f"{outcome['parameters']:,} trained parameters in {arguments.out}, {outcome['seconds'] / 60:.0f} minutes"


def _write_card(arguments: argparse.Namespace, settings: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    """Write how the model came about: README.md for people, training.json with the loss curve."""
    out: Path = arguments.out
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    record = {
        "command": shlex.join(["edgejson", *arguments.command_line]),
        "settings": dict(settings),
        "parameters": outcome["parameters"],
        "seconds": round(outcome["seconds"]),
        "machine": {"processor": platform.machine(), "threads": _threads()},
        "versions": {"python": platform.python_version(), **versions},
        "loss": outcome["loss"],
    }
    (out / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    last = [loss for _, loss in outcome["loss"]][-5:] or [float("nan")]
    lines = [
        f"# {out.name}",
        "",
        f"Made by `{record['command']}` in {record['seconds'] / 60:.0f} minutes on {_threads()} threads of "
        f"{platform.machine()}; {record['parameters']:,} trained parameters.",
        f"Loss at the end: {sum(last) / len(last):.4f} nats per answer token (mean of the last {len(last)} logs).",
        f"Versions: {', '.join(f'{name} {version}' for name, version in record['versions'].items())}.",
        "",
        "Settings and loss curve: `training.json`.",
        "",
    ]
    (out / "README.md").write_text("\n".join(lines), encoding="utf-8")


def _threads() -> int:
    import torch

    return torch.get_num_threads()
