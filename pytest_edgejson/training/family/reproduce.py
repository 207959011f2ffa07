"""What `edgejson reproduce` does with its arguments."""

from __future__ import annotations

import shlex
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.suite import bundled
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from pytest_edgejson.report.document import Block
    from pytest_edgejson.training.family.plan import Plan
    from pytest_edgejson.training.family.tables import Experiment


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command to those of `edgejson`, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "reproduce",
        help="make the published experiment again in miniature",
        description="Train LoRA adapters on two small bases, with ablations over rank and train size, let all models "
        "answer the bundled test cases, and report what training, size, rank and train cases bring, beside the figures "
        "published of the Maaza models. What is finished is kept: the same command goes on where it was cut off. "
        "Ablations come last, and report.md is written anew after each.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reproduction"), help="folder to work in (default: reproduction)"
    )
    parser.add_argument("--only", choices=("nano-1m", "nano-4m"), help="this base only (default: both)")
    parser.add_argument(
        "--real",
        action="store_true",
        help="the published recipe on real weights instead, those of smollm2-135m-instruct, claim by claim",
    )
    parser.add_argument(
        "--train", action="store_true", help="with --real: train the adapter, also where one is shipped"
    )
    parser.add_argument("--ablations", action="store_true", help="with --real: train other ranks and train sizes, too")
    parser.add_argument("--bases", action="store_true", help="train the bases too, which takes an hour or so")
    return parser


def run(arguments: argparse.Namespace) -> str:
    """Do what the arguments say, and return the report as text; as Markdown it is in `report.md` of the folder.

    Raises:
        ModuleNotFoundError: the extra `train` is not installed.
        ReproductionError: a base is not there, a case could not be run, or it was interrupted.
        TrainingError: a base cannot be trained on.
        OSError: a file cannot be written.
    """
    from pytest_edgejson.training.family.notebook import ReproductionError
    from pytest_edgejson.training.family.plan import REAL_ADAPTER, make_plan, make_real_plan
    from pytest_edgejson.training.family.real import make_real_report

    out = arguments.out.resolve()
    if not arguments.real and (arguments.train or arguments.ablations):
        raise ReproductionError(f"{'--train' if arguments.train else '--ablations'} goes with --real")
    command = shlex.join(["edgejson", *arguments.command_line])
    if arguments.real:
        if arguments.only or arguments.bases:
            raise ReproductionError(f"{'--only' if arguments.only else '--bases'} is not for --real: leave it out")
        shipped = bundled.ROOT / "models"
        is_trained = (shipped / REAL_ADAPTER).is_dir() and not arguments.train
        plan = make_real_plan(shipped if is_trained else None, ablations=arguments.ablations)
        return reproduce(plan, out, command, report=make_real_report)
    plan = make_plan(out / "bases" if arguments.bases else bundled.ROOT / "models", arguments.only)
    return reproduce(plan, out, command, bases=arguments.bases)


def reproduce(
    plan: Plan,
    out: Path,
    command: str,
    *,
    bases: bool = False,
    report: Callable[[Experiment, str], Iterator[Block]] | None = None,
) -> str:
    """Carry out a plan, and return the report as text; see `run`.

    Args:
        plan: what to train and to compare.
        out: folder to work in, absolute.
        command: what the report says it was made by.
        bases: train the bases too.
        report: makes the report of what came out and the command; by default that of the miniature.
    """
    from pytest_edgejson.backends.models import load_registry
    from pytest_edgejson.report.document import as_markdown, as_text
    from pytest_edgejson.training.family.notebook import Notebook, ReproductionError
    from pytest_edgejson.training.family.report import make_report
    from pytest_edgejson.training.family.steps import answer, need_training, step_of, train_adapters, train_bases
    from pytest_edgejson.training.family.tables import Experiment

    need_training(plan)
    notebook, file = Notebook(out / "steps.json"), out / "report.md"
    # What is trained already is said of the first stage that has it.
    say = cache(_say)
    try:
        if bases:
            train_bases(plan, out, notebook, say)
        for stage in plan.stages():
            train_adapters(stage, out, notebook, say)
            # Said before the answers, which take long.
            steps = {base.name: notebook.steps[base.name] for base in plan.bases if bases}
            steps |= {adapter.name: step_of(adapter, notebook) for adapter in stage.adapters}
            results = answer(stage, out, say)
            experiment = Experiment(stage, results, steps, load_registry(bundled.MODELS_FILE))
            blocks = [*(report or make_report)(experiment, command)]
            file.write_text(as_markdown(blocks) + "\n", encoding="utf-8")
            say(f"{file}: what is known of {counted(len(stage.models), 'model')}")
    except KeyboardInterrupt:
        raise ReproductionError(
            f"interrupted: {out} keeps every finished step, the checkpoints and the answers; the same command goes on"
        ) from None
    return f"{as_text(blocks)}\n\nreport: {file}"


def _say(line: str) -> None:
    # Where the trainings show their progress.
    sys.stderr.write(f"reproduce: {line}\n")
    sys.stderr.flush()
