"""Backends: what runs a model. One file each; this one holds the interface they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_edgejson.cases import Case

FinishReason: TypeAlias = Literal["stop", "length", "timeout", "error"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
MAX_NEW_TOKENS = 2048


class BackendError(Exception):
    """A model cannot be loaded or run. The message is one line that names what was asked for and the fix."""


class BatchError(BackendError):
    """A model broke while it generated some cases. Others may still be run, by a process that starts afresh."""


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """What decides a model's answer beside its weights and the text; part of the store's key.

    Attributes:
        max_new_tokens: tokens generated at most.
        stop_at_root: end a case when its root object closes. The v3 profile turns it off.
        dtype: one of `DTYPES`.
        merge_adapter: fold a LoRA adapter into its base for speed.
        temperature: 0 always takes the likeliest token, 1 draws by the model's probabilities.
        top_p: draw from the likeliest tokens that together reach this probability.
        repetition_penalty: divides the scores of tokens that occurred, as transformers' `generate` does; 1 for none.
        seed: decides what is drawn.
    """

    max_new_tokens: int = MAX_NEW_TOKENS
    stop_at_root: bool = True
    dtype: str = "auto"
    merge_adapter: bool = True
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    @property
    def is_plain_greedy(self) -> bool:
        """Whether the likeliest token is always taken, as it is: each repeat answers the same."""
        return self.temperature == 0 and self.repetition_penalty == 1


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to generate.

    Attributes:
        key: what the completion comes back under; unique among the requests of one call.
        text: the rendered prompt, template included.
        case: the case it was made of. A model's backend reads `text` only; controls and recordings know the case.
        repeat: 1-based.
        timeout_s: wall seconds that the model may work on it; it ends as `timeout` then. None for no limit.
    """

    key: str
    text: str
    case: Case
    repeat: int = 1
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a backend returned for a request.

    Attributes:
        key: the request's.
        text: generated text, without the prompt and without special tokens.
        finish_reason: `stop` (ended by itself, or its root object closed), `length` (token limit), `timeout`, `error`.
        prompt_tokens: tokens of the rendered prompt, None where the backend counts none.
        output_tokens: tokens generated, the one that ended it included; None where the backend counts none.
        latency_s: wall seconds from when the model began on this case until it ended. In a batch, cases share them.
        compute_s: this case's share of the wall seconds that the model worked: the shares of all cases add up to the
            whole, so that tokens divided by them is the throughput, batched or not.
        error: what broke, for the finish reason `error`.
        stored: whether it came from the store, from an earlier run.
    """

    key: str
    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    latency_s: float | None = None
    compute_s: float | None = None
    error: str | None = None
    stored: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON builtins."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """Rebuild what `as_dict` gave."""
        return cls(**data)


class Backend(Protocol):
    """Runs one model. Made by a factory that imports its libraries only when called.

    A backend may have two more attributes. `on_step` is called with the number of tokens it just made. At `deadline`,
    a time of `time.monotonic()` or None, the iterator yields what is finished and ends, whatever it is waiting for;
    it may be set while the iterator is under way. A backend without it is asked for nothing more after that time.
    """

    @property
    def fingerprint(self) -> str:
        """What identifies the answers: weights, adapter, tokenizer, chat template, backend and its version."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records: device, dtype, library versions, parameters. JSON builtins."""
        ...

    def render(self, case: Case) -> str:
        """Return the whole text the model is given for a case."""
        ...

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, lazily, in whatever order they finish.

        Closing the iterator stops the work. What breaks for one request is its completion with finish reason
        `error`; what breaks for all is a `BackendError`.
        """
        ...

    def close(self) -> None:
        """Free what the model holds."""
        ...
