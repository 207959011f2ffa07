"""Prompts: what a model is given, character for character."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgejson.backends.prompts import TEMPLATES, parse_template

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = {"type": "object", "properties": {"größe": {"type": "number"}}, "required": ["größe"]}


def render(template: str, text: str, schema: Mapping[str, Any] | None = None) -> str:
    return parse_template(template).fill(text, schema)


def test_v3_is_the_published_prompt() -> None:
    assert render("v3", "Size: 3") == (
        "Extract the structured JSON data from the following text.\n\nInput: Size: 3\n\nOutput:"
    )


def test_schema_prompt_holds_the_schema_and_the_text() -> None:
    text = render("schema", "Size: 3", schema=SCHEMA)
    assert json.dumps(SCHEMA, ensure_ascii=False) in text
    assert "Size: 3" in text
    assert text.index("größe") < text.index("Size: 3")


@pytest.mark.parametrize(("name", "plain"), [("chat", "v3"), ("chat-schema", "schema")])
def test_chat_prompts_send_the_plain_text(name: str, plain: str) -> None:
    assert (parse_template(name).chat, parse_template(plain).chat) == (True, False)
    assert render(name, "Size: 3", schema=SCHEMA) == render(plain, "Size: 3", schema=SCHEMA)


def test_a_literal_template_keeps_its_other_braces() -> None:
    assert render('Answer like {"a": {}} to: {prompt} {{x}}', "hello") == 'Answer like {"a": {}} to: hello {{x}}'


def test_placeholders_in_the_text_are_not_filled() -> None:
    text = render("{schema}|{prompt}", "{schema} {prompt} {} {0}", schema=SCHEMA)
    assert text == json.dumps(SCHEMA, ensure_ascii=False) + "|{schema} {prompt} {} {0}"


@given(st.text(st.characters(codec=None)))
def test_any_text_survives(prompt: str) -> None:
    assert render("<{prompt}>", prompt) == f"<{prompt}>"


@pytest.mark.parametrize("name", [name for name, template in TEMPLATES.items() if template.needs_schema])
def test_a_missing_schema_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="no schema for this case"):
        render(name, "x")


@pytest.mark.parametrize("value", ["v4", "shcema", "", "Extract: {promt}"])
def test_an_unknown_name_is_an_error_that_names_the_fix(value: str) -> None:
    with pytest.raises(ValueError, match=r"v3, schema, chat, chat-schema, or a template text with \{prompt\}"):
        parse_template(value)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(ValueError, match="did you mean 'schema'"):
        parse_template("shcema")


@pytest.mark.parametrize(
    ("schema", "root"),
    [
        ({}, "object"),
        (SCHEMA, "object"),
        ({"$ref": "#/$defs/it", "$defs": {"it": {"type": "object"}}}, "object"),
        ({"type": "array", "items": SCHEMA}, "array"),
        ({"$ref": "#/$defs/it", "$defs": {"it": {"type": "integer"}}}, "number"),
        ({"type": ["object", "null"]}, "value"),
    ],
)
@pytest.mark.parametrize("name", ["schema", "chat-schema"])
def test_the_schema_prompt_says_what_the_schema_s_root_is(name: str, schema: dict[str, object], root: str) -> None:
    assert render(name, "Size: 3", schema=schema) == (
        f"Turn the text below into one JSON {root} that is valid under this JSON Schema. Take every value from the "
        f"text, leave out what the text does not say, and answer with the {root} alone.\n\n"
        f"Schema: {json.dumps(schema, ensure_ascii=False)}\n\nText: Size: 3\n\nJSON:"
    )
