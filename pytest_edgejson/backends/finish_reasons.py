"""Finish reasons: what ended an output, by the names that vendors and servers have for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pytest_edgejson.backends.interface import FinishReason

if TYPE_CHECKING:
    from collections.abc import Mapping

# How OpenAI, Anthropic, Google, Cohere, Mistral, DeepSeek, Zhipu, Amazon, IBM, Ollama, vLLM and others name an end of
# the model's own, or of a filter's, the token limit, and what is no end.
_STOPPED = (
    "end_turn stop_sequence complete completed done eos eos_token word tool_call tool_calls tool_use function_call "
    "malformed_function_call unexpected_tool_call pause_turn other unknown unspecified content_filter content_filtered "
    "guardrail_intervened refusal safety image_safety recitation language blocklist prohibited_content spii sensitive "
    "error_toxic"
)
_CUT_OFF = (
    "limit max_tokens max_output_tokens max_length model_length incomplete token_limit error_limit "
    "model_context_window_exceeded"
)
_BROKEN = "abort cancelled canceled user_cancel network_error insufficient_system_resource"

FINISH_REASONS: Mapping[str, FinishReason] = {
    **{reason: reason for reason in get_args(FinishReason)},
    **dict.fromkeys(_STOPPED.split(), "stop"),
    **dict.fromkeys(_CUT_OFF.split(), "length"),
    **dict.fromkeys(_BROKEN.split(), "error"),
    "time_limit": "timeout",
}
"""By name, in lower case, with `_` between words."""


def read_finish_reason(word: str) -> FinishReason | None:
    """Return what a vendor's word means, such as `MAX_TOKENS`, `tool-calls`, `FinishReason.STOP`; None for another."""
    name = word.lower().replace("-", "_").rpartition(".")[2]
    return FINISH_REASONS.get(name.removeprefix("finish_reason_"))
