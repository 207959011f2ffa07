"""Endpoints: what a server is sent at each of them, and what its pieces of an answer mean."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_edgejson.backends.constraint.grammar import for_llamacpp
from pytest_edgejson.backends.constraint.wanted import ANY_OBJECT
from pytest_edgejson.backends.local.sampling import llamacpp_fields, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_edgejson.backends.interface import GenerationSettings, Request
    from pytest_edgejson.backends.spec import Server

# Some servers keep seeds in 32 bits, with a sign.
_SEEDS = 2**31
# What some servers say in each piece of an answer that goes on, in the place of JSON's null.
_GOES_ON = ("", "null")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer.

    Attributes:
        text: of the answer.
        thought: of what the model thinks before it.
        finish: why the answer ends here, in the server's word; None where it goes on.
        prompt_tokens: those of the whole prompt, where this piece tells; so with the others.
        output_tokens: of the whole answer, thoughts included.
        thought_tokens: of the thoughts.
        cached_tokens: of the prompt, those computed before.
        is_choice: whether it is a piece of an answer at all, and not only of what is said about it.
    """

    text: str = ""
    thought: str = ""
    finish: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    thought_tokens: int | None = None
    cached_tokens: int | None = None
    is_choice: bool = True


class Endpoint(ABC):
    """One way to ask a server.

    Args:
        model: its name on the server.
        server: what its entry says.
        settings: what decides the answers.

    Attributes:
        path: of the URL.
        is_native: whether the path follows the server's own address, without `/v1`.
        takes_messages: whether it is sent the messages of a chat; else a text.
        constrain_field: what holds answers to a schema where the entry does not say.
        takes_ids: whether it takes a prompt as tokens too.
    """

    path: ClassVar[str]
    is_native: ClassVar[bool] = False
    takes_messages: ClassVar[bool] = False
    takes_ids: ClassVar[bool] = False
    constrain_field: ClassVar[str] = "response_format"

    def __init__(self, model: str, server: Server, settings: GenerationSettings) -> None:
        self._model = model
        self._server = server
        self._settings = settings

    @property
    def url(self) -> str:
        """What is asked."""
        return (root_of(self._server.base_url) if self.is_native else self._server.base_url) + self.path

    @property
    def models_url(self) -> str:
        """Where the server lists its models."""
        base_url = self._server.base_url
        return (f"{root_of(base_url)}/v1" if self.is_native else base_url) + "/models"

    @property
    def penalizes(self) -> bool:
        """Whether it knows a repetition penalty."""
        return self.is_native

    def limit(self, request: Request) -> int:
        """Return how many tokens may be generated for a request."""
        return request.max_new_tokens or self._settings.max_new_tokens

    def body(self, request: Request, prompt: Any) -> dict[str, Any]:
        """Return what is sent.

        Args:
            request: what is asked.
            prompt: as the endpoint takes it: messages, a text or tokens.
        """
        sent = {"model": self._model, "stream": True, **self.own(request, prompt)}
        if request.constraint is not None:
            field = self._server.constrain_field or self.constrain_field
            sent |= _CONSTRAINTS[field](request.constraint)
        return merged(sent, self._server.extra_body)

    @abstractmethod
    def own(self, request: Request, prompt: Any) -> dict[str, Any]:
        """Return the fields of this endpoint."""

    @abstractmethod
    def read(self, piece: Mapping[str, Any]) -> Part:
        """Return what a piece says.

        Raises:
            Exception: any, where it is not as it should be.
        """

    def _seed(self, request: Request) -> int:
        return seed_of(self._settings, request) % _SEEDS


def root_of(base_url: str) -> str:
    """Return a server's own address, at which its native endpoints are."""
    return base_url.removesuffix("/v1")


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with another one over it, tables in it likewise."""
    found = dict(one)
    for key, value in other.items():
        before = found.get(key)
        found[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found


def _response_format(constraint: str) -> dict[str, Any]:
    if constraint == ANY_OBJECT:
        return {"response_format": {"type": "json_object"}}
    # Not strict, some servers take the schema for advice.
    held = {"name": "answer", "strict": True, "schema": json.loads(constraint)}
    return {"response_format": {"type": "json_schema", "json_schema": held}}


# Builds of llama.cpp with llguidance allow white space without end between tokens, and heed no pattern for it (the one
# in xllamacpp 2026.10): nano wrote it to its limit. Others bound it themselves, and pass over the keyword.
_ON_ONE_LINE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}

_CONSTRAINTS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "response_format": _response_format,
    "json_schema": lambda constraint: {"json_schema": {**json.loads(constraint), "x-guidance": _ON_ONE_LINE}},
    "grammar": lambda constraint: {"grammar": for_llamacpp(constraint)},
    "structured_outputs": lambda constraint: {"structured_outputs": {"json": json.loads(constraint)}},
    "guided_json": lambda constraint: {"guided_json": json.loads(constraint)},
    "format": lambda constraint: {"format": json.loads(constraint)},
}
"""What holds an answer to a schema, by the field that does."""


def _usage(usage: Any) -> dict[str, Any]:
    """Return the token counts of OpenAI's `usage`."""
    usage = usage or {}
    thoughts, cached = usage.get("completion_tokens_details") or {}, usage.get("prompt_tokens_details") or {}
    return {
        "prompt_tokens": count(usage.get("prompt_tokens")),
        "output_tokens": count(usage.get("completion_tokens")),
        "thought_tokens": count(thoughts.get("reasoning_tokens")),
        "cached_tokens": count(cached.get("cached_tokens")),
    }


def count(value: object) -> int | None:
    """Return a number of tokens, None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        # Parts, as newer servers of chats have them.
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    if not isinstance(value, str):
        raise TypeError(f"a text is {type(value).__name__}")
    return value


class Completions(Endpoint):
    """`/completions` of OpenAI's API: a text goes on."""

    path = "/completions"

    def own(self, request: Request, prompt: Any) -> dict[str, Any]:
        """Return the fields of this endpoint."""
        return {
            "prompt": prompt,
            "max_tokens": self.limit(request),
            "temperature": self._settings.temperature,
            "top_p": self._settings.top_p,
            "seed": self._seed(request),
            "stream_options": {"include_usage": True},
        }

    def read(self, piece: Mapping[str, Any]) -> Part:
        """Return what a piece says."""
        choices = piece.get("choices")
        if not choices:
            return Part(**_usage(piece.get("usage")), is_choice=False)
        choice = choices[0]
        text, thought = self._said(choice)
        finish = choice.get("finish_reason")
        return Part(text, thought, None if finish in _GOES_ON else finish, **_usage(piece.get("usage")))

    def _said(self, choice: Mapping[str, Any]) -> tuple[str, str]:
        return _text(choice.get("text")), ""


class Chat(Completions):
    """`/chat/completions` of OpenAI's API: an assistant answers messages."""

    path = "/chat/completions"
    takes_messages = True

    def own(self, request: Request, prompt: Any) -> dict[str, Any]:
        """Return the fields of this endpoint."""
        fields = super().own(request, prompt)
        return {"messages": fields.pop("prompt"), **fields}

    def _said(self, choice: Mapping[str, Any]) -> tuple[str, str]:
        message = choice.get("delta") or choice.get("message") or {}
        thought = message.get("reasoning_content") or message.get("reasoning")
        return _text(message.get("content") or message.get("refusal")), _text(thought)


class LlamaCpp(Endpoint):
    """`/completion` of llama.cpp's server: a text, or tokens, go on."""

    path = "/completion"
    is_native = True
    takes_ids = True
    constrain_field = "json_schema"

    def own(self, request: Request, prompt: Any) -> dict[str, Any]:
        """Return the fields of this endpoint."""
        return {**llamacpp_fields(self._settings, prompt, self.limit(request)), "seed": self._seed(request)}

    def read(self, piece: Mapping[str, Any]) -> Part:
        """Return what a piece says."""
        timings = piece.get("timings") or {}
        is_last = bool(piece.get("stop"))
        generated = piece.get("tokens_predicted") if is_last else timings.get("predicted_n")
        return Part(
            _text(piece["content"]),
            finish=str(piece.get("stop_type") or "stop") if is_last else None,
            prompt_tokens=count(piece.get("tokens_evaluated") or timings.get("prompt_n")) or None,
            output_tokens=count(generated),
        )


class Ollama(Endpoint):
    """`/api/generate` of Ollama, raw: a text goes on, without the model's template."""

    path = "/api/generate"
    is_native = True
    constrain_field = "format"

    def own(self, request: Request, prompt: Any) -> dict[str, Any]:
        """Return the fields of this endpoint."""
        settings = self._settings
        return {
            "prompt": prompt,
            "raw": True,
            "options": {
                "num_predict": self.limit(request),
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "top_k": 0,
                "min_p": 0.0,
                "repeat_penalty": settings.repetition_penalty,
                "seed": self._seed(request),
            },
        }

    def read(self, piece: Mapping[str, Any]) -> Part:
        """Return what a piece says."""
        return Part(
            _text(piece.get("response")),
            _text(piece.get("thinking")),
            str(piece.get("done_reason") or "stop") if piece["done"] else None,
            prompt_tokens=count(piece.get("prompt_eval_count")),
            output_tokens=count(piece.get("eval_count")),
        )


ENDPOINTS: Mapping[str, type[Endpoint]] = {
    "chat": Chat,
    "completions": Completions,
    "llamacpp": LlamaCpp,
    "ollama": Ollama,
}
"""By the name in an entry; `choices.ENDPOINTS` names the same."""
