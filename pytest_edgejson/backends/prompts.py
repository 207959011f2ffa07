"""Prompts: how a case's text becomes the whole text a model is given."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError, Message
from pytest_edgejson.scoring import v3
from pytest_edgejson.suite.subschemas import root_types
from pytest_edgejson.values.text import shorten
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_edgejson.backends.interface import LoadOptions, Prompt
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case


def _schema_text(root: str) -> str:
    return (
        f"Turn the text below into one JSON {root} that is valid under this JSON Schema. Take every value from the "
        f"text, leave out what the text does not say, and answer with the {root} alone.\n\n"
        "Schema: {schema}\n\n"
        "Text: {prompt}\n\n"
        "JSON:"
    )


_SCHEMA = _schema_text("object")

_PLACEHOLDER = re.compile(r"\{(prompt|schema)\}")
# Before a text of one's own: it is sent as a message of a chat.
_CHAT = "chat:"


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt template.

    Attributes:
        name: `v3`, `schema`, `chat`, `chat-schema`, or `custom` for a literal template.
        text: holds `{prompt}` and perhaps `{schema}`; any other brace stands for itself.
        chat: send the text as one user message through the tokenizer's chat template.
    """

    name: str
    text: str
    chat: bool = False

    @property
    def needs_schema(self) -> bool:
        """Whether the case's schema is part of the text."""
        return "{schema}" in self.text

    def fill(self, prompt: str, schema: Mapping[str, Any] | None) -> str:
        """Return the text with the placeholders filled. That of `schema` says which JSON the schema's root is.

        Raises:
            ValueError: it shows the schema, and there is none.
        """
        if self.needs_schema and schema is None:
            raise ValueError(f"the prompt {self.name!r} holds {{schema}}, but there is no schema for this case")
        text = self.text
        if text == _SCHEMA and schema is not None and (roots := root_types(schema)) - {"object"}:
            text = _schema_text(*roots) if len(roots) == 1 else _schema_text("value")
        # One pass over the template, so that a `{schema}` inside the case's own text is not taken for a placeholder.
        values = {"prompt": prompt, "schema": "" if schema is None else json.dumps(schema, ensure_ascii=False)}
        return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


TEMPLATES: Mapping[str, Template] = {
    "v3": Template("v3", v3.PROMPT),
    "schema": Template("schema", _SCHEMA),
    "chat": Template("chat", v3.PROMPT, chat=True),
    "chat-schema": Template("chat-schema", _SCHEMA, chat=True),
}


def is_in_file(value: str) -> bool:
    """Tell whether a value names a file that holds the text: `@FILE`, or `chat:@FILE`."""
    return value.removeprefix(_CHAT).startswith("@")


def read_text(value: str, folder: Path) -> str:
    """Return what `@FILE` or `chat:@FILE` names: the file's text without its last line end; else the value as it is.

    Args:
        value: of an option, or of a key of a models file.
        folder: what the file's path is relative to.

    Raises:
        ValueError: the file cannot be read.
    """
    if not is_in_file(value):
        return value
    before, _, name = value.partition("@")
    file = folder / Path(name).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not UTF-8 at byte {error.start}: save the file as UTF-8") from None
    return before + text.removesuffix("\n")


def parse_template(value: str) -> Template:
    """Return the template a name stands for, or the literal template that `value` is.

    Raises:
        ValueError: neither a known name nor a text that holds `{prompt}`.
    """
    if value in TEMPLATES:
        return TEMPLATES[value]
    if "{prompt}" in value:
        return Template("custom", value.removeprefix(_CHAT), chat=value.startswith(_CHAT))
    raise ValueError(
        f"unknown prompt {shorten(value, 60)!r}: {did_you_mean(value, TEMPLATES)}use one of {', '.join(TEMPLATES)}, "
        "or a template text with {prompt} where the case's text belongs, or @FILE with such a text in it; chat: before "
        "either sends it as a message of a chat"
    )


def asking_for(prompt: str, suite: str | None) -> str:
    """Return a model's prompt with the words of a suite, which says what it wants, in the place of the built-in ones.

    Args:
        prompt: of the model: a chat stays one, and a text of its own stays as it is.
        suite: the suite's template, None for none.

    Raises:
        ValueError: the model's prompt is unknown.
    """
    own = parse_template(prompt)
    if suite is None or own.name == "custom":
        return prompt
    return (_CHAT if own.chat else "") + suite


PROMPT_KEYS = ("prompt", "system", "shots", "chat_template_kwargs")
"""What of a `ModelSpec` decides what the model is asked; the manifest records it for each model."""


def choose_examples(examples: Sequence[Case], case: Case, count: int) -> tuple[Case, ...]:
    """Return the first so many of a schema's examples that do not ask what a case asks."""
    return tuple(example for example in examples if example.prompt != case.prompt)[:count]


class Prompts:
    """The prompts of a model: what it is asked for a case, with examples of the same schema and a system message.

    Args:
        spec: `prompt`, `system`, `shots` and `chat_template_kwargs` count.
        options: `schema_documents` and `examples` count.

    Attributes:
        template: of each question.
        is_chat: whether prompts are messages, for a chat template or a chat server; else they are texts.
        chat_template_kwargs: what the chat template is told beside the messages, such as `enable_thinking`.

    Raises:
        BackendError: the prompt is unknown, or there is a system message and no chat.
    """

    def __init__(self, spec: ModelSpec, options: LoadOptions) -> None:
        try:
            self.template = parse_template(spec.prompt)
        except ValueError as error:
            raise BackendError(f"{spec.name}: {error}") from None
        self.is_chat = self.template.chat
        self.chat_template_kwargs = dict(spec.chat_template_kwargs)
        for what, value in (("system", spec.system), ("chat-template-kwargs", spec.chat_template_kwargs)):
            if value and not self.is_chat:
                raise BackendError(
                    f"{spec.name}: --edgejson-{what} is for chats, and the prompt {self.template.name!r} is a text: "
                    "use --edgejson-prompt=chat, chat-schema or a text that begins with chat:, or leave it out"
                )
        self._name = spec.name
        self._system = Template("system", spec.system) if spec.system else None
        self._shots = spec.shots
        self._schemas = options.schema_documents
        self._examples = options.examples

    @property
    def identity(self) -> list[Any]:
        """What a fingerprint takes in, as JSON builtins: all that prompts are made by but what their text shows."""
        return [self.template.text, self.is_chat, *([self.chat_template_kwargs] if self.chat_template_kwargs else [])]

    def make(self, case: Case) -> Prompt:
        """Return the whole of what the model is asked for a case: messages for a chat, else a text.

        Examples are earlier turns of the chat. In a text they come first, each with its answer after a space as in
        training, and an empty line behind.

        Raises:
            BackendError: the prompt shows the schema, and there is none for this case.
        """
        schema = self._schemas.get(case.schema_id)
        examples = choose_examples(self._examples.get(case.schema_id, ()), case, self._shots)
        try:
            turns = [(self.template.fill(each.prompt, schema), answer(each)) for each in examples]
            question = self.template.fill(case.prompt, schema)
            system = None if self._system is None else self._system.fill(case.prompt, schema)
        except ValueError as error:
            raise BackendError(f"{self._name}: {case.id}: {error}") from None
        if not self.is_chat:
            return "".join(f"{asked} {said}\n\n" for asked, said in turns) + question
        messages = [] if system is None else [Message("system", system)]
        for asked, said in turns:
            messages += [Message("user", asked), Message("assistant", said)]
        return (*messages, Message("user", question))


def answer(case: Case) -> str:
    """Return the expected output of a case on one line, as models are taught to answer."""
    return json.dumps(case.expected_output, ensure_ascii=False)
