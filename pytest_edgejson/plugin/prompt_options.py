"""Options that say what a model is asked."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from pytest_edgejson.plugin.option import Option
from pytest_edgejson.plugin.option_values import whole_number


def parse_prompt(text: str) -> str:
    """Read the name of a prompt, a text with placeholders, or what names a file with one."""
    from pytest_edgejson.backends.prompts import is_in_file, parse_template

    try:
        if not is_in_file(text):
            parse_template(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def parse_kwargs(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f'{text!r} is no JSON object, such as {{"enable_thinking": false}}')
    return value


parse_shots = whole_number(0, "; 0 shows no examples")

PROMPT_OPTIONS = (
    Option(
        "prompt",
        parse_prompt,
        "what a model is asked, in the place of its entry's prompt: v3, schema, chat, chat-schema, a text with "
        "{prompt} (and {schema}) in it, or @FILE with such a text; chat: before a text or @FILE makes it a chat",
        "NAME|TEXT|@FILE",
        is_text=True,
    ),
    Option(
        "system",
        str,
        "the system message of a chat, a text or @FILE; empty for none (default: that of the model's entry)",
        "TEXT|@FILE",
        is_text=True,
    ),
    Option(
        "chat_template_kwargs",
        parse_kwargs,
        'what a chat template is told beside the messages, such as {"enable_thinking": false}',
        "JSON",
        {},
    ),
    Option(
        "shots",
        parse_shots,
        "show so many examples of the case's schema, from the train split, before each question (default: none)",
        "N",
    ),
    Option(
        "shots_from",
        Path,
        "take examples from these cases (default: the folder train beside the folder test that a case is in)",
        "PATH",
        is_path=True,
    ),
)
"""What a prompt is made of."""
