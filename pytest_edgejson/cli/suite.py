"""`edgejson suite`: suites made and checked."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import positive, rate, seed
from pytest_edgejson.suite.cases import COMPLEXITIES
from pytest_edgejson.suite.suites import SchemaFinder
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    suite = commands.add_parser("suite", help="make or check a suite").add_subparsers(required=True, metavar="COMMAND")
    build = suite.add_parser("build", help="write a bundled suite from a seed")
    build.add_argument("name", nargs="?", default="edgejson", metavar="NAME", help="of the suite (default: edgejson)")
    build.add_argument(
        "--out", type=Path, help="folder to write (default: suites/NAME, and cases for the cases of edgejson)"
    )
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
        "buyer.city, items.0.name; 0.name of an array)",
    )
    new.add_argument("--id", dest="id_column", metavar="COLUMN", help="ids of the cases (default: they are numbered)")
    new.add_argument("--complexity", choices=COMPLEXITIES, help="(default: by the mean number of expected values)")
    new.add_argument("--split", default="train", help="of a data set on the hub (default: train)")
    new.add_argument("--out", type=Path, default=Path("suite"), help="folder of the suite (default: suite)")
    new.set_defaults(run=_new)
    _add_generate(suite)
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
    audit.add_argument("--limit", type=positive, action="append", help="tokens of an answer (default: 512 and 2048)")
    audit.add_argument("--write", type=Path, metavar="FILE.jsonl", help="write marks for pytest --edgejson-audit")
    audit.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    audit.add_argument("--verbose", action="store_true", help="show all findings")
    audit.set_defaults(run=_audit)


def _add_generate(suite: Commands) -> None:
    generate = suite.add_parser(
        "generate",
        help="make a suite of texts that a model writes for generated objects",
        description="Generate objects of schemas, have a model tell each in words, and keep what is sound: every value "
        "stands in the text, and nothing is there already. The rest is kept with the reason. Run it again to go on; "
        "nothing is asked twice. The exit code is 1 where there are fewer cases than were asked for.",
    )
    generate.add_argument("--schemas", type=Path, required=True, metavar="DIR", help="DIR/<complexity>/<id>.json")
    generate.add_argument("--teacher", required=True, metavar="MODEL", help="named as in --edgejson-model")
    generate.add_argument("-n", dest="count", type=positive, default=200, metavar="N", help="cases (default: 200)")
    generate.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the suite")
    generate.add_argument("--most", type=positive, metavar="N", help="objects to try at most (default: three a case)")
    generate.add_argument(
        "--against",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="cases not to repeat, beside EdgeJSON's",
    )
    generate.add_argument("--seed", type=seed, default=0, help="decides the objects (default: 0)")
    generate.add_argument(
        "--split", choices=("train", "test"), default="train", help="pool of words and names (default: train)"
    )
    generate.add_argument("--propose", action="store_true", help="have the teacher propose the objects too")
    generate.add_argument("--max-new-tokens", type=positive, metavar="N", help="of a text (default: 512)")
    generate.add_argument("--temperature", type=rate, default=0.0, help="(default: 0, the likeliest token)")
    generate.add_argument("--store", type=Path, metavar="FILE", help="of what the teacher wrote (OUT/teacher.sqlite)")
    generate.set_defaults(run=_generate)


def _generate(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.backends.interface import GenerationSettings
    from pytest_edgejson.backends.models import known_models, resolve_model
    from pytest_edgejson.report.generated import render
    from pytest_edgejson.suite.schemas import Schemas
    from pytest_edgejson.training.teacher import Plan, generate_suite

    spec = resolve_model(arguments.teacher, known_models())
    limit = arguments.max_new_tokens or spec.max_new_tokens or 512
    is_drawn = arguments.temperature > 0
    settings = GenerationSettings(
        max_new_tokens=limit,
        # A text may have braces in it.
        stop_at_root=False,
        loops="keep" if is_drawn else "end",
        dtype=spec.dtype or "auto",
        temperature=arguments.temperature,
        seed=arguments.seed if is_drawn else 0,
        thoughts=spec.thoughts,
    )
    out: Path = arguments.out
    tried = generate_suite(
        Plan(
            dict(Schemas(arguments.schemas)),
            spec,
            out,
            arguments.count,
            arguments.most or 3 * arguments.count,
            arguments.seed,
            arguments.split,
            settings,
            arguments.against,
            arguments.store or out / "teacher.sqlite",
            proposes=arguments.propose,
        )
    )
    accepted = sum(each.flaw is None for each in tried)
    print(render([(each.row.schema.id, each.flaw and each.flaw[0]) for each in tried]))
    print()
    if accepted:
        print(f"wrote {counted(accepted, 'case')} to {out / 'cases.jsonl'}; pytest {shlex.quote(str(out))} runs them")
    if accepted < arguments.count:
        print(
            f"{arguments.count - accepted:,} fewer than asked for: {out / 'rejects.jsonl'} says why; --most tries more"
        )
    return 0 if accepted == arguments.count else 1


def _build(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.suite.make.builders import find_builder

    builder = find_builder(arguments.name)
    seed = builder.seed if arguments.seed is None else arguments.seed
    out = arguments.out or builder.out
    print(f"wrote {builder.build(out, seed)} cases to {out} (seed {seed})")


def _new(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.report.audit import verdict
    from pytest_edgejson.suite.audit.check import check_suite, summary_text
    from pytest_edgejson.suite.audit.rules import audit_suite
    from pytest_edgejson.suite.make.from_rows import new_suite

    out = arguments.out
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
    check = check_suite([file], SchemaFinder())
    audit = audit_suite([file], SchemaFinder())
    place = shlex.quote(str(out))
    print(f"wrote {file}")
    print(f"edgejson suite check {place}: {summary_text(check)}")
    print(f"edgejson suite audit {place}: {verdict(audit)}")
    print(f"To run it: pytest {place} --edgejson-model=nano")


def _check(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.suite.audit.check import check_suite, summary_text

    check = check_suite(arguments.paths, SchemaFinder(arguments.schemas))
    for problem in check.problems:
        print(problem)
    print(summary_text(check))
    is_sound = check.cases and not check.problems
    if arguments.constrain:
        from pytest_edgejson.backends.constraint.coverage import check_grammars

        coverage = check_grammars(arguments.paths, SchemaFinder(arguments.schemas))
        for problem in coverage.problems:
            print(problem)
        print(coverage)
        is_sound = is_sound and not coverage.problems
    return 0 if is_sound else 1


def _audit(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.report.audit_command import run

    text, code = run(arguments, SchemaFinder(arguments.schemas))
    print(text)
    return code
