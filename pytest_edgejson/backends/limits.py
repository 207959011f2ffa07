"""Token limits that follow from what is expected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Room for a fence, for words around the object and for values that are longer than any expected one.
_FACTOR = 1.5
_MORE = 32
# Of so many the one with the most tokens is among those with the most characters.
_LONGEST = 20


def token_limit(outputs: Sequence[Any], count_tokens: Callable[[str], int]) -> int:
    """Return the token limit of cases with the same schema: one and a half times the longest expected output, and 32.

    An output counts on one line or over several lines, whichever has more tokens.

    Args:
        outputs: the expected outputs of the cases.
        count_tokens: of a text, by the model's tokenizer.
    """
    texts = [json.dumps(output, indent=indent, ensure_ascii=False) for output in outputs for indent in (None, 2)]
    longest = max(map(count_tokens, sorted(texts, key=len)[-_LONGEST:]))
    return int(_FACTOR * longest) + _MORE
