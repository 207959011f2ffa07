"""The shipped models' tokenizer: byte-level BPE whose tokens of a value are the same in text and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

BEGIN = "<|begin|>"
END = "<|end|>"

# Words without their leading space, single digits, runs of what separates values, any other sign alone. A value is then
# cut alike after `: ` in a text and after `": "` in JSON, so that copying is copying tokens.
_PIECES = r"""\p{L}+|\p{N}|[\s"{}\[\]:,_-]+|[^\p{L}\p{N}\s"{}\[\]:,_-]"""


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer that begins every text with `BEGIN` and knows `END` as its end of sequence.

    Args:
        texts: what it should cut well.
        vocab_size: number of tokens, special ones and the 256 bytes included.
        max_length: tokens that the model's context holds.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    make: type[Any] = PreTrainedTokenizerFast
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))]
    )
    fast: PreTrainedTokenizerFast = make(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=END,
        padding_side="left",
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )
    return fast


def words_of(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return the tokens of a vocabulary that are at least two letters and nothing else, sorted."""
    texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))], skip_special_tokens=True)
    return tuple(sorted({text for text in texts if len(text) > 1 and text.isalpha()}))
