"""`edgejson try`: a text of one's own, what a model makes of it, and how good that is."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from pytest_edgejson.backends.choices import MAX_NEW_TOKENS
from pytest_edgejson.backends.constraint.probe import let_through, probe
from pytest_edgejson.backends.constraint.wanted import any_json, schema_constraint
from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.report.answer import (
    MOST_CHARACTERS,
    how_found,
    json_text,
    render_text,
    render_violations,
    work,
)
from pytest_edgejson.report.diff.render import render_diff
from pytest_edgejson.report.verdict import describe
from pytest_edgejson.results.result import is_found, make_result
from pytest_edgejson.scoring.kinds import FAILURES
from pytest_edgejson.suite.cases import Case
from pytest_edgejson.suite.json_rows import kind_of
from pytest_edgejson.suite.violations import ARTICLES
from pytest_edgejson.values.decoding import MalformedError, decode
from pytest_edgejson.values.jsonvalue import json_type
from pytest_edgejson.values.text import clean, paint
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.backends.interface import Backend, Completion, Constrain
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.backends.watch import Watch
    from pytest_edgejson.results.result import Result
    from pytest_edgejson.suite.files import CaseRow
    from pytest_edgejson.suite.schemas import Schema

# What stands for an expected output that nobody has told, by its JSON type: the one of most schemas first.
_ANY: Mapping[str, Any] = {"object": {}, "array": [], "string": "", "number": 0, "boolean": False, "null": None}
# Controls that answer from the text.
_READERS = ("empty", "rules")
# Of a result, in its order; what compares with an expected output where there is one.
_ANSWERED = (
    *("model", "schema_id", "constrain", "output", "finish_reason", "error", "thought"),
    *("prompt_tokens", "output_tokens", "thought_tokens", "cached_tokens", "latency_s"),
    *("extraction", "flags", "failure", "value", "schema_compliant", "format_compliant", "violations"),
)
_COMPARED = ("expected_output", "json_exact", "field_f1", "fields")


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked.

    Attributes:
        case: has the text; where nobody has told the expected output, its own stands for any.
        schema: of the answer.
        has_expected: whether the expected output was told.
    """

    case: Case
    schema: Schema
    has_expected: bool

    @classmethod
    def of_text(cls, text: str, schema: Schema) -> Question:
        """Return the question that a text of one's own is.

        Raises:
            ValueError: the text is empty, or no Unicode.
        """
        if not text.strip():
            raise ValueError("the text is empty: there is nothing to ask")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text is no Unicode at character {error.start + 1}: save it as UTF-8") from None
        types = schema.types or {"object"}
        stand_in = next(value for name, value in _ANY.items() if name in types)
        return cls(Case("try", schema.id, schema.complexity, text, stand_in), schema, has_expected=False)

    @classmethod
    def of_case(cls, row: CaseRow) -> Question:
        """Return the question that a case is."""
        return cls(row.case, row.schema, has_expected=True)

    def expecting(self, text: str) -> Question:
        """Return the question with an expected output.

        Args:
            text: JSON.

        Raises:
            ValueError: the text is no JSON, or of no type that the schema allows.
        """
        text = text.strip()
        try:
            expected, end = decode(text)
        except MalformedError as error:
            end, why = error.position, error.kind.replace("_", " ")
        else:
            why = "something follows the value"
            if end == len(text):
                types = self.schema.types
                if types and json_type(expected) not in types:
                    wanted = " or ".join(ARTICLES[name] for name in sorted(types))
                    raise ValueError(f"the expected output is {kind_of(expected)}; {self.schema.id} wants {wanted}")
                return replace(self, case=replace(self.case, expected_output=expected), has_expected=True)
        line, column = text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end)
        raise ValueError(f"the expected output is not JSON, line {line}, column {column}: {why}")

    def is_met(self, result: Result) -> bool:
        """Tell whether an answer is valid, and exact where that is known."""
        return result["schema_compliant"] and (result["json_exact"] or not self.has_expected)


@dataclass(eq=False)
class TriedModel:
    """A model that is asked one question after the other, in this process: what is interrupted leaves it loaded.

    Attributes:
        spec: the model.
        settings: what decides its answers; `constrain` may change from question to question.
        watch: hears the answers while they come in.
        examples: by schema id, for prompts that show some.
    """

    spec: ModelSpec
    settings: GenerationSettings
    watch: Watch
    examples: Mapping[str, Sequence[Case]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Filled as schemas come up: prompts may show them.
        self._documents: dict[str, dict[str, Any]] = {}
        self._backend = self._load()
        self._backend.watch = self.watch
        self._is_checked = self._is_probed = False

    def _load(self) -> Backend:
        options = LoadOptions(batch_size=1, schema_documents=self._documents, examples=self.examples)
        backend = load_backend(self.spec, self.settings, options)
        if self.settings.constrain != "none" and not backend.constrains:
            raise BackendError(f"{self.spec.name}: its backend {self.spec.backend!r} holds answers to no grammar")
        return backend

    def hold(self, constrain: Constrain) -> None:
        """Hold answers to something else from now on.

        Raises:
            BackendError: the backend cannot.
        """
        before, self.settings = self.settings, replace(self.settings, constrain=constrain)
        try:
            # It tells what is missing. The model that is loaded stays.
            self._load()
        except BackendError:
            self.settings = before
            raise

    def ask(self, question: Question, outputs: Sequence[Any] = ()) -> Completion:
        """Return the answer to a question.

        Args:
            question: what is asked.
            outputs: expected outputs of the same schema, which decide the order of keys where answers are held to it.

        Raises:
            BackendError: the model cannot be asked, or this question not.
        """
        backend, case, schema = self._backend, question.case, question.schema
        if backend.case_ids is not None and case.id not in backend.case_ids:
            raise BackendError(
                f"{self.spec.name}: a recording answers its own cases, and no others: name one by its id"
            )
        if self.spec.backend == "control" and self.spec.model not in _READERS and not question.has_expected:
            raise BackendError(f"{self.spec.name} answers with the expected output: say what that is, or name a case")
        self._documents[schema.id] = dict(schema.document)
        if not self._is_checked:
            backend.check(lambda: True)
            self._is_checked = True
        constraint = self._constraint(question, outputs)
        request = Request(case.id, backend.render(case), case, constraint=constraint)
        if constraint is not None and not self._is_probed:
            probe(backend, self.spec.name, request)
            self._is_probed = True
        stream = backend.generate([replace(request, streamed=True)])
        try:
            completion = next(iter(stream), None)
        finally:
            if isinstance(stream, Generator):
                stream.close()
        if completion is None:
            raise BackendError(f"{self.spec.name}: the backend ended before the text was answered")
        if constraint is not None:
            completion = let_through(completion, constraint)
        return completion

    def _constraint(self, question: Question, outputs: Sequence[Any]) -> str | None:
        way, schema = self.settings.constrain, question.schema
        if way == "schema":
            return schema_constraint(schema.document, outputs)
        return any_json(schema.roots(question.case.expected_output)) if way == "json" else None

    def score(self, question: Question, completion: Completion) -> Result:
        """Return the result that an answer is."""
        constrain, thoughts = self.settings.constrain, self.spec.thoughts
        return make_result(
            question.case, self.spec.name, 1, completion, question.schema, "lenient", constrain, thoughts
        )

    def close(self) -> None:
        """Free the model."""
        self._backend.close()


def settings_for(
    spec: ModelSpec, constrain: Constrain, max_new_tokens: int | None, temperature: float, seed: int
) -> GenerationSettings:
    """Return how a model answers: greedily unless told otherwise, until the root ends or it repeats itself."""
    return GenerationSettings(
        max_new_tokens=max_new_tokens or spec.max_new_tokens or MAX_NEW_TOKENS,
        loops=cast("Literal['end', 'keep']", spec.loops or "end"),
        dtype=spec.dtype or "auto",
        temperature=temperature,
        seed=seed,
        constrain=constrain,
        thoughts=spec.thoughts,
    )


def render(question: Question, result: Result, *, width: int, color: bool) -> str:
    """Return what there is to say of an answer that has been read already.

    Args:
        question: what was asked.
        result: what came out.
        width: columns to fit the diff into.
        color: paint with ANSI colours.
    """
    blocks = [paint(_verdict(question, result, width), "green" if question.is_met(result) else "red", color)]
    if question.has_expected:
        blocks.append(render_diff(result, width=width, color=color))
    how = "\n".join(filter(None, [how_found(result), ", ".join(work(result))]))
    blocks += [render_violations(result["violations"]), how]
    if is_found(result) and result["extraction"]["form"] != "bare":
        blocks.append(render_text("value", json_text(result["value"]), most=None))
    if "thought" in result:
        blocks.append(render_text("thought", result["thought"], most=MOST_CHARACTERS, more="--format=json"))
    return "\n\n".join(filter(None, blocks))


def _verdict(question: Question, result: Result, width: int) -> str:
    failure = result["failure"]
    if question.has_expected or (failure is not None and FAILURES[failure].verdict):
        return describe(result, width=width)
    if not result["schema_compliant"]:
        return f"not valid: {counted(len(result['violations']), 'violation')} of the schema {clean(question.schema.id)}"
    return "valid" if result["format_compliant"] else "valid, but for formats, which the schema only notes"


def as_json(question: Question, result: Result) -> str:
    """Return an answer as a JSON document, with the keys of a result line."""
    record = cast("Mapping[str, Any]", result)
    keys = (*_ANSWERED, *(_COMPARED if question.has_expected else ()))
    document = {key: record[key] for key in keys if key in record}
    if not question.has_expected and document["failure"] == "value_error":
        document["failure"] = None
    return json.dumps(document, indent=2, allow_nan=False)
