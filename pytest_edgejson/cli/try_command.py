"""`edgejson try`: a model asked a text of one's own."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import CommandError, add_asking, base_url, positive, temperature

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    tried = commands.add_parser(
        "try",
        help="ask a model a text of your own",
        description="Ask a model for the JSON in a text: --text, a case, what is piped, or on a terminal one text "
        "after the other. The answer is shown while it comes in, then how it does by the schema and against what is "
        "expected. Exit code 0: valid, and as expected; 1: not.",
    )
    tried.add_argument("model", metavar="MODEL", help="named as in --edgejson-model; +json or +schema may follow")
    asked = tried.add_mutually_exclusive_group()
    asked.add_argument("--text", help="what to ask")
    asked.add_argument("--case", metavar="ID", help="ask a case, such as invoice-007, or FILE::ID")
    tried.add_argument(
        "--schema",
        metavar="NAME|FILE",
        help="of the answer: a schema of the suite, a file, or package.module:Name of a pydantic model",
    )
    tried.add_argument("--expect", metavar="JSON|@FILE", help="what the answer should be")
    tried.add_argument("--constrain", choices=("none", "json", "schema"), help="what answers are held to")
    tried.add_argument("--temperature", type=temperature, default=0.0, metavar="T", help="(default: 0, greedy)")
    tried.add_argument(
        "--max-new-tokens", type=positive, metavar="N", help="of an answer (default: the model's, the suite's, or 2048)"
    )
    tried.add_argument("--base-url", type=base_url, metavar="URL", help="as --edgejson-base-url")
    add_asking(tried)
    tried.add_argument("--format", choices=("text", "json"), default="text", help="(default: text)")
    tried.set_defaults(run=_try)


def _try(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.backends.interface import BackendError

    has_text = arguments.text is not None or arguments.case is not None
    is_live = not has_text and sys.stdin.isatty()
    if is_live and (arguments.format == "json" or not sys.stdout.isatty()):
        raise CommandError("there is nothing to ask: add --text or --case, or pipe a text into it")
    if is_live and arguments.expect is not None:
        raise CommandError("--expect goes with a text: add --text, or pipe one; /expect says it in a session")
    if arguments.case is not None and arguments.schema is not None:
        raise CommandError("a case has its own schema: leave out --schema")
    try:
        return _run(arguments, is_live)
    except BackendError as error:
        raise CommandError(str(error)) from None
    except KeyboardInterrupt:
        raise CommandError("interrupted") from None


def _run(arguments: argparse.Namespace, is_live: bool) -> int:
    from pytest_edgejson.backends.local.isolation import environment
    from pytest_edgejson.backends.prompts import read_text
    from pytest_edgejson.cli.trials import Trials, show
    from pytest_edgejson.report.trial import as_json

    # Heeded while torch is imported. Beside other busy programs nano made 127 tokens a second with it, 2 without.
    os.environ.update(environment())
    with closing(Trials(arguments)) as trials:
        if is_live:
            from pytest_edgejson.cli.try_session import Session

            return Session(trials).run()
        question = trials.first or trials.question(_piped())
        if arguments.expect is not None:
            question = question.expecting(read_text(arguments.expect, Path()))
        asked = trials.ask(question)
    if arguments.format == "json":
        print(as_json(asked.question, asked.result))
    else:
        show(asked)
    return 0 if question.is_met(asked.result) else 1


def _piped() -> str:
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise CommandError(f"what is piped is not UTF-8 at byte {error.start}: save it as UTF-8") from None
