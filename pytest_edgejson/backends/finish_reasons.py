"""Finish reasons: what ended an output, by the names that vendors and servers have for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pytest_edgejson.backends.interface import FinishReason

if TYPE_CHECKING:
    from collections.abc import Mapping

# How OpenAI, Anthropic, Google, Cohere, Mistral, Ollama and others name an end of the model's own, and the token limit.
_STOPPED = (
    "end_turn stop_sequence complete completed eos eos_token word tool_call tool_calls tool_use function_call "
    "content_filter refusal safety"
)
_CUT_OFF = "limit max_tokens max_output_tokens max_length model_length incomplete"

FINISH_REASONS: Mapping[str, FinishReason] = {
    **{reason: reason for reason in get_args(FinishReason)},
    **dict.fromkeys(_STOPPED.split(), "stop"),
    **dict.fromkeys(_CUT_OFF.split(), "length"),
}
"""By name, in lower case."""
