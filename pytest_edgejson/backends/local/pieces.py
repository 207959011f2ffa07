"""What tokens add to a text."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from pytest_edgejson.scoring.thoughts import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.scoring.thoughts import Pairs


class Pieces:
    """Turns a model's tokens into text: an answer as a whole, or each token as it comes.

    Args:
        tokenizer: the model's.
        thoughts: the model's own marks of thoughts.
    """

    def __init__(self, tokenizer: Any, thoughts: Pairs = ()) -> None:
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        marks = {vocabulary[text]: text for text in Marks(thoughts).tokens if text in vocabulary}
        # Those that are special: without them, drafts in a thought would be answers.
        self._marks = {token: text for token, text in marks.items() if not self._without_special([token])}
        self._known: dict[int, str] = {}
        self._anchor: list[int] = tokenizer.encode("a", add_special_tokens=False)[-1:]
        self._anchor_length = len(self.decode(self._anchor))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special ones that are no marks of thoughts."""
        texts: list[str] = []
        for mark, run in itertools.groupby(tokens, self._marks.get):
            same = list(run)
            texts.append(self._without_special(same) if mark is None else mark * len(same))
        return "".join(texts)

    def _without_special(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def piece(self, token: int) -> str:
        """Return what a token adds to a text. Bytes of a character that other tokens complete are U+FFFD.

        A look-up, so that following an answer doesn't mean decoding it again at each step.
        """
        known = self._known.get(token)
        if known is None:
            known = self._known[token] = self.continuation([token])
        return known

    def continuation(self, tokens: Sequence[int]) -> str:
        """Return what tokens add to a text that is there already.

        Some tokenizers drop a space at the start of a text, so they are decoded behind another token.
        """
        return self.decode([*self._anchor, *tokens])[self._anchor_length :]
