"""The `edgejson` command."""

from __future__ import annotations

import argparse
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson import __version__, bundled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.schemas import Schema


class CommandError(Exception):
    """A command that cannot do what was asked. The message names the fix."""


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _seed(text: str) -> int:
    # What the random generators of all libraries take.
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**32 - 1}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("edgejson", description="Suites and models for pytest-edgejson.")
    parser.add_argument("--version", action="version", version=f"pytest-edgejson {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    suite = commands.add_parser("suite", help="make or check a suite").add_subparsers(required=True, metavar="COMMAND")
    build = suite.add_parser("build", help="write the bundled suite's 158 test and 629 train cases from a seed")
    build.add_argument("--out", type=Path, default=Path("cases"), help="folder to write (default: cases)")
    build.add_argument("--seed", type=int, default=None, help="decides all values (default: that of the bundled suite)")
    build.set_defaults(run=_build)
    check = suite.add_parser(
        "check",
        help="prove that a suite is sound",
        description="Prove that every expected value is in its text, array boundaries can be recovered, derived totals "
        "are right, expected outputs are schema-valid, and that no id, prompt or expected output occurs twice.",
    )
    check.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folder or .jsonl file of cases")
    check.add_argument("--schemas", type=Path, help="folder of schemas (default: the one beside the suite)")
    check.set_defaults(run=_check)

    train = commands.add_parser("train", help="train a small model from scratch, or a LoRA adapter on a base")
    train.add_argument("--out", type=Path, required=True, help="folder for the model or adapter")
    train.add_argument("--checkpoints", type=Path, help="folder for checkpoints (default: OUT-checkpoints)")
    train.add_argument("--seed", type=_seed, default=0, help="decides weights, records and order (default: 0)")
    train.add_argument("--steps", type=_positive, help="optimizer steps")
    train.add_argument("--prompt", default="v3", help="prompt template, as in models.toml (default: v3)")
    train.add_argument("--lora", action="store_true", help="fine-tune an adapter on --base with --cases")
    train.add_argument("--base", help="with --lora: hub id or folder of the base model")
    train.add_argument("--cases", type=Path, help="with --lora: cases (default: the bundled train cases)")
    train.add_argument("--preset", help="with --lora: maaza-135m (default) or maaza-360m")
    train.set_defaults(run=_train)
    return parser


def _schemas_of(folder: Path | None, file: Path, loaded: dict[Path, dict[str, Schema]]) -> dict[str, Schema]:
    from pytest_edgejson.schemas import load_schemas

    place = folder or bundled.schema_folder(file)
    if place not in loaded:
        loaded[place] = load_schemas(place)
    return loaded[place]


def _build(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.schemas import load_schemas
    from pytest_edgejson.suite.build import SEED, build_suite

    seed = SEED if arguments.seed is None else arguments.seed
    count = build_suite(load_schemas(bundled.SCHEMAS), arguments.out, seed)
    print(f"wrote {count} cases to {arguments.out} (seed {seed})")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.suite.check import check_suite, summary_text

    loaded: dict[Path, dict[str, Schema]] = {}
    check = check_suite(arguments.paths, lambda file: _schemas_of(arguments.schemas, file, loaded))
    for problem in check.problems:
        print(problem)
    print(summary_text(check))
    return 1 if check.problems or not check.cases else 0


def _train(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.training.command import train_adapter, train_model

    if arguments.lora and not arguments.base:
        raise CommandError("--lora needs a base to adapt: add --base HUB_ID or --base FOLDER")
    for option in ("base", "cases", "preset"):
        if getattr(arguments, option) and not arguments.lora:
            raise CommandError(f"--{option} is for adapters: add --lora, or leave it out to train from scratch")
    print(train_adapter(arguments) if arguments.lora else train_model(arguments))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 when done, 1 when a check found problems, 2 when the command could not be carried out.
    """
    arguments = _parser().parse_args(argv)
    arguments.command_line = list(sys.argv[1:] if argv is None else argv)
    # Values of cases are shown: a terminal that lacks a character gets its escape, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(arguments.run(arguments))
    except (CommandError, ModuleNotFoundError, ValueError) as error:
        print(f"edgejson: {error}", file=sys.stderr)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"edgejson: {where}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("edgejson: interrupted; the last checkpoint, if any, is kept", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
