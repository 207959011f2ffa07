"""The `edgejson` command."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.training.family.reproduce import add_parser as add_reproduce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.suite.schemas import Schema


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


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return rate


def _share_or_path(text: str) -> float | Path:
    try:
        share = float(text)
    except ValueError:
        return Path(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1, such as 0.1, and no path")
    return share


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("edgejson", description="Suites and models for pytest-edgejson.")
    parser.add_argument("--version", action="version", version=f"pytest-edgejson {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    suite = commands.add_parser("suite", help="make or check a suite").add_subparsers(required=True, metavar="COMMAND")
    build = suite.add_parser("build", help="write the bundled suite's 158 test and 629 train cases from a seed")
    build.add_argument("--out", type=Path, default=Path("cases"), help="folder to write (default: cases)")
    build.add_argument("--seed", type=int, default=None, help="decides all values (default: that of the bundled suite)")
    build.set_defaults(run=_build)
    new = suite.add_parser(
        "new",
        help="make a suite of rows: a text and what should come of it in each",
        description="Write a suite of your own rows: a case for each, and the schema. Every row is checked first, and "
        "where one is bad nothing is written.",
    )
    new.add_argument(
        "--from",
        dest="rows",
        required=True,
        metavar="ROWS",
        help="a .csv, .tsv, .jsonl or .parquet file, or a data set on the Hugging Face hub",
    )
    new.add_argument("--text", required=True, metavar="COLUMN", help="the texts")
    new.add_argument("--schema", required=True, help="a JSON Schema file, or package.module:Name of a pydantic model")
    new.add_argument(
        "--expected",
        metavar="COLUMN",
        help="the expected outputs as JSON (default: columns named as the schema's properties, such as total, "
        "buyer.city, items.0.name)",
    )
    new.add_argument("--id", dest="id_column", metavar="COLUMN", help="ids of the cases (default: they are numbered)")
    new.add_argument("--complexity", choices=COMPLEXITIES, help="(default: by the mean number of expected values)")
    new.add_argument("--split", default="train", help="of a data set on the hub (default: train)")
    new.add_argument("--out", type=Path, default=Path("suite"), help="folder of the suite (default: suite)")
    new.set_defaults(run=_new)
    check = suite.add_parser(
        "check",
        help="prove that a suite is sound",
        description="Prove that every expected value is in its text, array boundaries can be recovered, derived totals "
        "are right, expected outputs are schema-valid, and that no id, prompt or expected output occurs twice.",
    )
    check.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folder or .jsonl file of cases")
    check.add_argument("--schemas", type=Path, help="folder of schemas (default: the one beside the suite)")
    check.add_argument(
        "--constrain",
        action="store_true",
        help="prove as well that the grammars of --edgejson-constrain=schema let every expected output through",
    )
    check.set_defaults(run=_check)
    audit = suite.add_parser(
        "audit",
        help="find labels that no reader of the prompt can know",
        description="Find problems of labels in any suite: expected values that the text lacks or has otherwise, array "
        "boundaries that it does not determine, wrong totals, duplicates, lengths.",
    )
    audit.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folder or .jsonl file of cases")
    audit.add_argument("--schemas", type=Path, help="folder of schemas (default: the one beside the suite)")
    audit.add_argument("--model", metavar="NAME", help="count tokens of this model, named as in --edgejson-model")
    audit.add_argument("--limit", type=_positive, action="append", help="tokens of an answer (default: 512 and 2048)")
    audit.add_argument("--write", type=Path, metavar="FILE.jsonl", help="write marks for pytest --edgejson-audit")
    audit.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    audit.add_argument("--verbose", action="store_true", help="show all findings")
    audit.set_defaults(run=_audit)

    train = commands.add_parser(
        "train",
        help="train a small model, or a LoRA adapter on a base",
        description="Train a small base from scratch on general extraction (--size), all weights of a base on records "
        "of the bundled schemas that are generated on the way (--base), or an adapter on a base with cases (--base and "
        "--lora).",
    )
    train.add_argument("--out", type=Path, required=True, help="folder for the model or adapter")
    train.add_argument("--checkpoints", type=Path, help="folder for checkpoints (default: OUT-checkpoints)")
    train.add_argument("--seed", type=_seed, default=0, help="decides weights, records and order (default: 0)")
    train.add_argument("--steps", type=_positive, help="optimizer steps")
    train.add_argument("--prompt", help="prompt template, as in models.toml (default: v3)")
    train.add_argument("--size", help="from scratch: nano-1m or nano-4m")
    train.add_argument("--base", help="hub id, folder, GGUF file or entry of models.toml to begin with")
    train.add_argument("--lora", action="store_true", help="fine-tune an adapter on --base with --cases")
    lora = train.add_argument_group("with --lora")
    lora.add_argument("--cases", type=Path, help="file or folder of cases (default: the bundled train cases)")
    lora.add_argument("--schemas", type=Path, help="folder of schemas (default: the one beside the cases)")
    lora.add_argument("--max-cases", type=_positive, metavar="N", help="train on N cases, of all schemas alike")
    lora.add_argument("--unchecked", action="store_true", help="train on cases that fail edgejson suite check, too")
    lora.add_argument("--skip-long", action="store_true", help="leave out cases that the base's context cannot hold")
    lora.add_argument(
        "--validate",
        type=_share_or_path,
        metavar="SHARE|PATH",
        help="hold out a share of the cases, such as 0.1, or take other ones: the checkpoint of each epoch answers "
        "them, and the one with the best JSONExact becomes the adapter",
    )
    lora.add_argument(
        "--patience", type=_positive, metavar="N", help="end after N evaluations without a better one (3)"
    )
    lora.add_argument("--preset", help="maaza-135m (default), maaza-360m, nano-1m or nano-4m")
    lora.add_argument("--rank", type=_positive, help="in the place of the preset's; alpha is twice that")
    lora.add_argument("--epochs", type=_positive, help="in the place of the preset's")
    lora.add_argument("--learning-rate", type=_rate, help="in the place of the preset's")
    for_adapters = [(action.option_strings[0], action.dest) for action in lora._group_actions]
    train.set_defaults(run=_train, for_adapters=for_adapters)

    prompt = commands.add_parser(
        "prompt",
        help="show what a model sees of a case",
        description="Show the text that a model is given for a case, the number of its tokens, the first and last of "
        "them and the hash of the chat template; warn of a beginning-of-text token that is doubled or missing.",
    )
    prompt.add_argument("model", metavar="MODEL", help="named as in --edgejson-model")
    prompt.add_argument("case", metavar="CASE", help="id of a case, such as invoice-007, or FILE::ID")
    prompt.add_argument("--cases", type=Path, metavar="PATH", help="(default: cases/test, or the bundled suite)")
    prompt.add_argument("--prompt", metavar="NAME|TEXT|@FILE", help="as --edgejson-prompt")
    prompt.add_argument("--system", metavar="TEXT|@FILE", help="as --edgejson-system")
    prompt.add_argument(
        "--chat-template-kwargs", type=_kwargs, metavar="JSON", help="as --edgejson-chat-template-kwargs"
    )
    prompt.add_argument("--shots", type=_count, metavar="N", help="as --edgejson-shots")
    prompt.add_argument("--shots-from", type=Path, metavar="PATH", help="as --edgejson-shots-from")
    prompt.add_argument("--seed", type=_seed, default=0, help="decides which examples are shown (default: 0)")
    prompt.add_argument("--format", choices=("text", "json"), default="text", help="(default: text)")
    prompt.set_defaults(run=_prompt)

    add_reproduce(commands).set_defaults(run=_reproduce)

    explain = commands.add_parser(
        "explain",
        help="tell where the points of a run went",
        description="Break results down, for each model: JSONExact under other conditions, kinds of failure, the worst "
        "fields, and the published EdgeJSON v3 scorer beside ours.",
    )
    explain.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    explain.add_argument("--model", action="append", default=[], metavar="NAME", help="this one only; may be repeated")
    explain.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    explain.add_argument("--verbose", action="store_true", help="all fields and all case ids")
    explain.set_defaults(run=_explain)

    compare = commands.add_parser(
        "compare",
        help="compare results files, case by case",
        description="Compare the models of results files on the same cases: whether there is evidence of a difference, "
        "how large it is, what got better and worse. Each model is compared with the one of the same name in the first "
        "file, or with that file's first; in one file all are compared with its first.",
    )
    compare.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    compare.add_argument("--common", action="store_true", help="where suites differ, compare what both have unchanged")
    against = compare.add_mutually_exclusive_group()
    against.add_argument("--baseline", metavar="NAME", help="compare all with this model")
    against.add_argument("--base", metavar="NAME", help="the same; the others were trained from it")
    compare.add_argument(
        "--diffs", type=_diffs, default=5, metavar="N", help="regressions and gains with diff: a number, all, none (5)"
    )
    compare.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    compare.set_defaults(run=_compare)

    rescore = commands.add_parser(
        "rescore",
        help="score a results file anew from its outputs",
        description="Compute every score anew from the stored outputs and tell what changed. The exit code is 1 where "
        "something changed and no --out is given, else 0.",
    )
    rescore.add_argument("results", type=Path, metavar="RESULTS.jsonl", help="of --edgejson-results")
    rescore.add_argument("--out", type=Path, metavar="FILE.jsonl", help="write the new results; may be the same file")
    rescore.add_argument(
        "--extraction", choices=("lenient", "last", "strict"), help="(default: as each result was made)"
    )
    rescore.add_argument("--schemas", type=Path, metavar="DIR", help="(default: the schemas in the file)")
    rescore.set_defaults(run=_rescore)

    show = commands.add_parser(
        "show",
        help="show one case and what each model made of it",
        description="Show a case of results files: prompt, expected output, and the answers of all models, side by "
        "side and each with verdict, timings, diff, the value found in it and raw output.",
    )
    show.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl", help="of --edgejson-results")
    show.add_argument("case_id", metavar="CASE_ID", help="such as invoice-005")
    show.add_argument("--model", action="append", default=[], metavar="NAME", help="this one only; may be repeated")
    show.add_argument("--raw", action="store_true", help="texts, values and diffs whole, however long")
    show.add_argument("--width", type=_positive, metavar="N", help="columns, 60 or more (default: the terminal's)")
    show.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default: auto)")
    show.set_defaults(run=_show)
    return parser


def _kwargs(text: str) -> dict[str, Any]:
    from pytest_edgejson.plugin.prompt_options import parse_kwargs

    return parse_kwargs(text)


def _count(text: str) -> int:
    from pytest_edgejson.plugin.prompt_options import parse_shots

    return parse_shots(text)


def _diffs(text: str) -> int | None:
    from pytest_edgejson.plugin.option_values import parse_diffs

    return parse_diffs(text)


def _schemas_of(folder: Path | None, file: Path, loaded: dict[Path, Mapping[str, Schema]]) -> Mapping[str, Schema]:
    from pytest_edgejson.suite.schemas import load_schemas

    place = folder or bundled.schema_folder(file)
    if place not in loaded:
        loaded[place] = load_schemas(place)
    return loaded[place]


def _build(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.suite.make.build import SEED, build_suite
    from pytest_edgejson.suite.schemas import load_schemas

    seed = SEED if arguments.seed is None else arguments.seed
    count = build_suite(load_schemas(bundled.SCHEMAS), arguments.out, seed)
    print(f"wrote {count} cases to {arguments.out} (seed {seed})")
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.audit import verdict
    from pytest_edgejson.suite.audit.check import check_suite, summary_text
    from pytest_edgejson.suite.audit.rules import audit_suite
    from pytest_edgejson.suite.make.from_rows import new_suite

    out = arguments.out
    loaded: dict[Path, Mapping[str, Schema]] = {}
    file, _ = new_suite(
        arguments.rows,
        arguments.schema,
        out,
        text=arguments.text,
        expected=arguments.expected,
        id_column=arguments.id_column,
        complexity=arguments.complexity,
        split=arguments.split,
    )
    check = check_suite([file], lambda path: _schemas_of(None, path, loaded))
    audit = audit_suite([file], lambda path: _schemas_of(None, path, loaded))
    place = shlex.quote(str(out))
    print(f"wrote {file}")
    print(f"edgejson suite check {place}: {summary_text(check)}")
    print(f"edgejson suite audit {place}: {verdict(audit)}")
    print(f"To run it: pytest {place} --edgejson-model=nano")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.suite.audit.check import check_suite, summary_text

    loaded: dict[Path, Mapping[str, Schema]] = {}
    check = check_suite(arguments.paths, lambda file: _schemas_of(arguments.schemas, file, loaded))
    for problem in check.problems:
        print(problem)
    print(summary_text(check))
    is_sound = check.cases and not check.problems
    if arguments.constrain:
        from pytest_edgejson.backends.constraint.coverage import check_grammars

        coverage = check_grammars(arguments.paths, lambda file: _schemas_of(arguments.schemas, file, loaded))
        for problem in coverage.problems:
            print(problem)
        print(coverage)
        is_sound = is_sound and not coverage.problems
    return 0 if is_sound else 1


def _audit(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.audit_command import run

    loaded: dict[Path, Mapping[str, Schema]] = {}
    text, code = run(arguments, lambda file: _schemas_of(arguments.schemas, file, loaded))
    print(text)
    return code


def _explain(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.explain import explain

    print(explain(arguments.results, arguments.model, arguments.format, verbose=arguments.verbose))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.training.command import train_adapter, train_model

    if arguments.lora and not arguments.base:
        raise CommandError("--lora needs a base to adapt: add --base HUB_ID or --base FOLDER")
    for option, name in arguments.for_adapters:
        if getattr(arguments, name) and not arguments.lora:
            raise CommandError(f"{option} is for adapters: add --lora, or leave it out")
    if not (arguments.size or arguments.base):
        raise CommandError(
            "what should be trained? --size nano-1m is a base from scratch, --base FOLDER trains all weights of one on "
            "generated records, and --base FOLDER --lora an adapter on cases"
        )
    if arguments.size and arguments.base:
        raise CommandError("--size is for models from scratch: leave it out, the base decides")
    if arguments.patience and arguments.validate is None:
        raise CommandError("--patience is for early stopping: add --validate, for instance --validate 0.1")
    print(train_adapter(arguments) if arguments.lora else train_model(arguments))
    return 0


def _prompt(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.prompt import report

    print(report(arguments))
    return 0


def _reproduce(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.training.family.reproduce import run

    print(run(arguments))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.backends.models import load_registry
    from pytest_edgejson.report.compare import render_markdown, render_text
    from pytest_edgejson.report.compare_json import as_json
    from pytest_edgejson.results.compare.runs import compare_runs
    from pytest_edgejson.results.file import read_run

    report = compare_runs(
        [read_run(file) for file in arguments.results],
        common=arguments.common,
        baseline=arguments.baseline,
        base=arguments.base,
        registry=load_registry(bundled.MODELS_FILE),
    )
    if arguments.format == "json":
        print(json.dumps(as_json(report), indent=2, ensure_ascii=True, allow_nan=False))
    elif arguments.format == "markdown":
        print(render_markdown(report, diffs=arguments.diffs))
    else:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(render_text(report, diffs=arguments.diffs, color=color))
    return 0


def _rescore(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.rescore import render
    from pytest_edgejson.results.file import read_run
    from pytest_edgejson.results.rescore import rescore, write
    from pytest_edgejson.suite.schemas import load_schemas

    run = read_run(arguments.results)
    schemas = load_schemas(arguments.schemas) if arguments.schemas else None
    rescored = rescore(run, policy=arguments.extraction, schemas=schemas)
    print(render(rescored))
    if arguments.out is None:
        return 1 if rescored.changes else 0
    write(rescored, arguments.out)
    print(f"wrote {arguments.out}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.show import show_case, terminal_style
    from pytest_edgejson.values.text import encodable

    width, color = terminal_style(sys.stdout, arguments.width, arguments.color)
    text = show_case(
        arguments.results, arguments.case_id, models=arguments.model, whole=arguments.raw, width=width, color=color
    )
    print(encodable(text, sys.stdout.encoding))
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
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
