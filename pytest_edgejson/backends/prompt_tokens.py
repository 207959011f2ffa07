"""The tokens that a model is given of a prompt, and whether its first one is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt as a model's tokenizer makes it.

    Attributes:
        text: with the chat template, if there is one.
        ids: its tokens.
        pieces: their texts, special tokens by name; empty where nobody looks at them.
        bos: the token that begins a text for this tokenizer, None where it has none.
        adds_bos: whether the tokenizer begins a text with it by itself.
        chat_template_sha256: of the chat template that was used, None for none.
    """

    text: str
    ids: Sequence[int]
    pieces: Sequence[str] = ()
    bos: int | None = None
    adds_bos: bool = False
    chat_template_sha256: str | None = None

    @property
    def warning(self) -> str | None:
        """What is wrong with the first token, and the fix; None for nothing."""
        begins = [*self.ids[:2]]
        if self.bos is not None and begins == [self.bos, self.bos]:
            return (
                f"prompts begin with BOS (token {self.bos}) twice, which models are not used to: one is written by the "
                "tokenizer or chat template: take it out of the prompt"
            )
        if self.adds_bos and begins[:1] != [self.bos]:
            return (
                f"prompts begin without BOS (token {self.bos}), with which the tokenizer begins every text: its chat "
                "template leaves it out: name a tokenizer whose template begins with {{ bos_token }} as tokenizer in "
                "models.toml"
            )
        return None
