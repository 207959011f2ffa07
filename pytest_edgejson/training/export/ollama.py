"""Modelfiles: what Ollama makes a model of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.backends.choices import MAX_NEW_TOKENS
from pytest_edgejson.backends.prompts import parse_template

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.training.export.to_gguf import ExportedGguf

# Ollama reserves memory for as many.
_MOST_CONTEXT = 8192


def write_modelfile(exported: ExportedGguf, spec: ModelSpec) -> Path:
    """Write the Modelfile beside an export, and return it.

    It decodes as a benchmark run does: greedily, with no penalty for repetition, which Ollama has by itself. Where the
    model is asked by no chat, its prompts go to it as they are.

    Args:
        exported: the export.
        spec: the model.

    Raises:
        OSError: it cannot be written.
    """
    vocabulary = exported.vocabulary
    lines = [f"FROM ./{exported.place.name}"]
    if not parse_template(spec.prompt).chat:
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    if spec.system is not None and "{schema}" not in spec.system:
        lines.append(f'SYSTEM """{spec.system}"""')
    settings: dict[str, object] = {
        "temperature": 0,
        "repeat_penalty": 1,
        "num_ctx": min(exported.window, _MOST_CONTEXT),
        "num_predict": spec.max_new_tokens or MAX_NEW_TOKENS,
    }
    lines += [f"PARAMETER {key} {value}" for key, value in settings.items()]
    ends = [vocabulary.tokens[number] for role, number in vocabulary.roles.items() if role in {"eos", "eot"}]
    lines += [f'PARAMETER stop "{end}"' for end in ends]
    file = exported.place.with_suffix(".Modelfile")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
