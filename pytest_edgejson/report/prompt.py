"""The report of `edgejson prompt`: what a model sees of a case."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions
from pytest_edgejson.backends.models import known_models, resolve_model
from pytest_edgejson.backends.registry import backend_type, load_backend
from pytest_edgejson.report.asking import examples_for, find_case, place_of, with_prompts
from pytest_edgejson.suite.suites import suite_at
from pytest_edgejson.values.text import clean, show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.backends.interface import Prompt
    from pytest_edgejson.backends.prompt_tokens import PromptTokens
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.files import CaseRow

# First tokens that are shown, and last ones.
_SHOWN = 6


def report(arguments: argparse.Namespace) -> str:
    """Return what a model is given for a case: as text, or as a JSON document.

    Args:
        arguments: of the command: `model` and `case`, where to find the case, and what prompts are made of.

    Raises:
        ValueError: model or case are unknown, or the model cannot be asked.
        OSError: a path is not there.
    """
    row = find_case(arguments.case, place_of(arguments))
    spec = resolve_model(arguments.model, known_models())
    try:
        if not backend_type(spec).asks:
            raise ValueError(f"{arguments.model} asks no model, and so has no prompts: name a model such as nano")
        spec = with_prompts(spec, arguments, suite_at(row.path))
        examples = examples_for(spec, arguments, row.path)
        options = LoadOptions(schema_documents={row.schema.id: dict(row.schema.document)}, examples=examples)
        backend = load_backend(spec, GenerationSettings(), options)
        prompt = backend.render(row.case)
        tokens = backend.tokenize(prompt)
    except BackendError as error:
        raise ValueError(str(error)) from None
    return _as_json(spec, prompt, tokens) if arguments.format == "json" else _as_text(spec, row, prompt, tokens)


def _as_text(spec: ModelSpec, row: CaseRow, prompt: Prompt, tokens: PromptTokens | None) -> str:
    lines = [f"{clean(spec.name)}: {clean(row.case.id)} ({row.path})"]
    if tokens is None:
        lines.append("tokens: made by the server, which this command does not ask")
    else:
        ids = [*zip(tokens.ids, tokens.pieces, strict=True)]
        lines.append(f"{counted(len(ids), 'token')}, {counted(len(tokens.text), 'character')}")
        lines.append(f"first: {_shown(ids[:_SHOWN])}")
        lines.append(f"last:  {_shown(ids[-_SHOWN:])}")
        template = tokens.chat_template_sha256
        lines.append("chat template: " + (f"sha256 {template}" if template else "none, the prompt is a text"))
        if tokens.warning:
            lines.append(f"warning: {tokens.warning}")
    if isinstance(prompt, str):
        return "\n".join([*lines, "", clean(prompt, keep="\n")])
    for message in prompt:
        lines += ["", f"[{message.role}]", clean(message.content, keep="\n")]
    return "\n".join(lines)


def _shown(ids: list[tuple[int, str]]) -> str:
    return "  ".join(f"{token} {show(piece)}" for token, piece in ids)


def _as_json(spec: ModelSpec, prompt: Prompt, tokens: PromptTokens | None) -> str:
    document: dict[str, Any] = {"model": spec.name}
    if isinstance(prompt, str):
        document["text"] = prompt
    else:
        document["messages"] = [asdict(message) for message in prompt]
    if tokens is not None:
        document |= {
            "ids": list(tokens.ids),
            "chat_template_sha256": tokens.chat_template_sha256,
            "warning": tokens.warning,
        }
    return json.dumps(document, indent=2)
