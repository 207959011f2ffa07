"""What `edgejson try` asks: a model and schemas as the options name them, one question after the other."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_edgejson.backends.models import known_models, resolve_model
from pytest_edgejson.backends.references import split_constrain
from pytest_edgejson.backends.registry import backend_type
from pytest_edgejson.cli.try_screen import Screen
from pytest_edgejson.report.asking import cases_at, examples_for, find_case, place_of, with_prompts
from pytest_edgejson.report.show import terminal_style
from pytest_edgejson.report.trial import Question, TriedModel, render, settings_for
from pytest_edgejson.suite.files import case_files
from pytest_edgejson.suite.make.from_rows import read_schema
from pytest_edgejson.suite.schemas import SchemaError, make_schema
from pytest_edgejson.suite.suites import SchemaFinder, suite_at
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pytest_edgejson.backends.interface import Completion, Constrain
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.schemas import Schema

WAYS: tuple[Constrain, ...] = ("none", "json", "schema")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its answer."""

    question: Question
    completion: Completion
    result: Result


class Trials:
    """A model, what it may be asked, and where answers are shown.

    Args:
        arguments: of the command.

    Attributes:
        model: nothing of it is loaded before the first question.
        schema: of the next text; None as long as none was named.
        first: the question that the options name; None for a text that is yet to come.

    Raises:
        ValueError: the model, the schema, the case or the suite is unknown.
        BackendError: the model cannot be had.
        OSError: a file is not there.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._place = place_of(arguments)
        self.schema: Schema | None = None if arguments.schema is None else self.find_schema(arguments.schema)
        self.first: Question | None = None
        place = self._place
        if arguments.case is not None:
            row = find_case(arguments.case, place)
            place, self.first = row.path, Question.of_case(row)
        elif arguments.text is not None:
            self.first = self.question(arguments.text)
        self._screen = Screen(shows_answers=arguments.format == "text")
        self.model = self._load(arguments, place)

    def _load(self, arguments: argparse.Namespace, place: Path) -> TriedModel:
        registry = known_models()
        typed, behind = split_constrain(arguments.model, registry)
        spec, suite = resolve_model(typed, registry), suite_at(place)
        examples = {}
        if backend_type(spec).asks:
            limit = spec.max_new_tokens or suite.max_new_tokens
            spec = replace(with_prompts(spec, arguments, suite), max_new_tokens=limit)
            examples = examples_for(spec, arguments, case_files([place])[0])
        if arguments.base_url is not None:
            if spec.server is None:
                raise ValueError("--base-url is for models of servers, such as openai:MODEL")
            spec = replace(spec, server=replace(spec.server, base_url=arguments.base_url))
        way = arguments.constrain or behind or (spec.constrain if spec.constrain in WAYS else "none")
        settings = settings_for(
            spec, cast("Constrain", way), arguments.max_new_tokens, arguments.temperature, arguments.seed
        )
        return TriedModel(spec, settings, self._screen, examples)

    @cached_property
    def schemas(self) -> Mapping[str, Schema]:
        """The schemas of the suite by name."""
        return SchemaFinder()(case_files([self._place])[0])

    def find_schema(self, name: str) -> Schema:
        """Return a schema of the suite, of a file, or of a pydantic model.

        Raises:
            SchemaError: there is none, or it cannot be used.
            OSError: the file cannot be read.
        """
        if name in self.schemas:
            return self.schemas[name]
        if Path(name).is_file() or name.endswith(".json") or "/" in name or ":" in name:
            return make_schema(name, "simple", read_schema(name)[1], name)
        known = ", ".join(self.schemas)
        raise SchemaError(f"unknown schema {name!r}: {did_you_mean(name, self.schemas)}name a file, or one of {known}")

    def question(self, text: str) -> Question:
        """Return the question that a text is.

        Raises:
            ValueError: there is no schema yet, or the text is empty.
        """
        if self.schema is None:
            raise ValueError(
                f"what should come of the text? name a schema: a file, or one of {', '.join(self.schemas)}"
            )
        return Question.of_text(text, self.schema)

    def question_of_case(self, name: str) -> Question:
        """Return the question that a case is, and go on with its schema.

        Raises:
            ValueError: there is no such case.
        """
        question = Question.of_case(find_case(name, self._place))
        self.schema = question.schema
        return question

    def ask(self, question: Question) -> Asked:
        """Ask a question; the answer is shown while it comes in.

        Raises:
            BackendError: the model cannot be asked.
        """
        self._screen.start()
        try:
            completion = self.model.ask(question, self._outputs(question))
        except BaseException:
            self._screen.interrupt()
            raise
        self._screen.finish(completion.text)
        return Asked(question, completion, self.model.score(question, completion))

    def close(self) -> None:
        """Free the model."""
        self.model.close()

    def _outputs(self, question: Question) -> list[Any]:
        """Return the expected outputs that decide the order of keys, as in a run: those of cases of the same schema."""
        if self.model.settings.constrain != "schema":
            return []
        print_of = question.schema.fingerprint
        found = [row.case.expected_output for row in cases_at(self._place) if row.schema.fingerprint == print_of]
        return found or [question.case.expected_output] * question.has_expected


def show(asked: Asked) -> None:
    """Print how an answer did."""
    width, color = terminal_style(sys.stdout)
    print(render(asked.question, asked.result, width=width, color=color))
