"""Prompts: how a case's text becomes the whole text a model is given."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.values.text import shorten
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The published evaluation's prompt, character for character: published numbers can only be compared under it.
_V3 = "Extract the structured JSON data from the following text.\n\nInput: {prompt}\n\nOutput:"

_SCHEMA = (
    "Turn the text below into one JSON object that is valid under this JSON Schema. Take every value from the text, "
    "leave out what the text does not say, and answer with the object alone.\n\n"
    "Schema: {schema}\n\n"
    "Text: {prompt}\n\n"
    "JSON:"
)

_PLACEHOLDER = re.compile(r"\{(prompt|schema)\}")


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


TEMPLATES: Mapping[str, Template] = {
    "v3": Template("v3", _V3),
    "schema": Template("schema", _SCHEMA),
    "chat": Template("chat", _V3, chat=True),
    "chat-schema": Template("chat-schema", _SCHEMA, chat=True),
}


def parse_template(value: str) -> Template:
    """Return the template a name stands for, or the literal template that `value` is.

    Raises:
        ValueError: neither a known name nor a text that holds `{prompt}`.
    """
    if value in TEMPLATES:
        return TEMPLATES[value]
    if "{prompt}" in value:
        return Template("custom", value)
    raise ValueError(
        f"unknown prompt {shorten(value, 60)!r}: {did_you_mean(value, TEMPLATES)}use one of {', '.join(TEMPLATES)}, "
        "or a template text with {prompt} where the case's text belongs"
    )


def render(
    template: Template | str,
    prompt: str,
    *,
    schema: Mapping[str, Any] | None = None,
    apply_chat: Callable[[str], str] | None = None,
) -> str:
    """Return the whole text a model is given for a case.

    Args:
        template: a template, its name, or a literal template text.
        prompt: the case's text; braces in it stay as they are.
        schema: the JSON Schema document of the case, needed where the template holds `{schema}`.
        apply_chat: puts one user message through a tokenizer's chat template, ready for the answer; needed by the
            chat templates.

    Raises:
        ValueError: the template is unknown, or needs a schema or a chat template and got none.
    """
    if isinstance(template, str):
        template = parse_template(template)
    if template.needs_schema and schema is None:
        raise ValueError(f"the prompt {template.name!r} holds {{schema}}, but there is no schema for this case")
    if template.chat and apply_chat is None:
        raise ValueError(f"the prompt {template.name!r} needs a tokenizer with a chat template: use 'v3' or 'schema'")
    # One pass over the template, so that a `{schema}` inside the case's own text is not taken for a placeholder.
    values = {"prompt": prompt, "schema": "" if schema is None else json.dumps(schema, ensure_ascii=False)}
    text = _PLACEHOLDER.sub(lambda match: values[match[1]], template.text)
    return apply_chat(text) if template.chat and apply_chat is not None else text
