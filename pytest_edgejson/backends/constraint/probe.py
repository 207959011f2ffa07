"""The probe: whether a constraint is in force, asked of each model before its cases are.

A server that does not know a field of a request leaves it out and answers all the same, unconstrained. So it is asked
first for something that it cannot know: the only answer that the probe's schema allows holds a number drawn for it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.suite.subschemas import root_types
from pytest_edgejson.values.text import show

if TYPE_CHECKING:
    from pytest_edgejson.backends.interface import Backend, Completion, Request

_SHOWN = 60
# What the text of a value ends with, by its type.
_ENDINGS = {
    "object": "}",
    "array": "]",
    "string": '"',
    "number": "0123456789",
    "boolean": "e",
    "null": "l",
}


def let_through(completion: Completion, constraint: str) -> Completion:
    """Return a completion that was held to a constraint; an error in its place where it cannot have been.

    A probe says nothing of the mode `json` where a server has a field of its own for it.
    """
    types = root_types(json.loads(constraint)) or _ENDINGS.keys()
    endings = tuple(ending for name in types for ending in _ENDINGS[name])
    if completion.finish_reason != "stop" or completion.text.rstrip().endswith(endings):
        return completion
    wanted, said = " or ".join(sorted(types)), show(completion.text[-_SHOWN:])
    error = f"--edgejson-constrain is not in force: the answer is no JSON {wanted}, it ends with {said}"
    return replace(completion, finish_reason="error", error=error)


def probe(backend: Backend, model: str, request: Request) -> None:
    """Ask a model for an answer that it can only give when it is held to the probe's schema.

    Args:
        backend: the model's.
        model: its name.
        request: one of those that it will be asked.

    Raises:
        BackendError: the model is not held to it, or cannot be asked at all.
    """
    answer = {"nonce": secrets.token_hex(4)}
    schema = {
        "type": "object",
        "properties": {"nonce": {"type": "string", "enum": [answer["nonce"]]}},
        "required": ["nonce"],
        "additionalProperties": False,
    }
    asked = replace(request, key=f"{request.key} probe", constraint=json.dumps(schema), alone=False)
    completion = next(iter(backend.generate([asked])), None)
    if completion is None or completion.finish_reason == "timeout":
        # Out of time, which those that come after it will tell.
        return
    if completion.finish_reason == "error":
        raise BackendError(f"{model}: the constraint could not be tried out: {completion.error}")
    wanted, got = json.dumps(answer, separators=(",", ":")), "".join(completion.text.split())
    # Whatever a server writes before it, such as a thought: nobody can know the number.
    if wanted in got or (completion.finish_reason == "length" and got and wanted.startswith(got)):
        return
    raise BackendError(
        f"{model}: --edgejson-constrain is not in force: the only answer that the probe's schema allows is {wanted}, "
        f"and what came is {show(completion.text, _SHOWN)}; what runs the model ignores its constraint"
    )
