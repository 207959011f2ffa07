"""Grammars of llguidance over a tokenizer's vocabulary: which tokens may come next in an answer."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy
    from llguidance import LLMatcher, LLTokenizer
    from numpy.typing import NDArray

_EXTRA = "pip install 'pytest-edgejson[constrain]'"
# Without a bound, a model that likes line breaks writes nothing else to its token limit.
_SPACE = r"[ \n\r\t]{1,8}"
# Raised whenever grammars change in a way that can change an answer.
VERSION = 1


class GrammarError(ValueError):
    """A schema that no grammar can be made of, or a grammar that its engine gave up. The message says why."""


def need_engine() -> None:
    """Check that llguidance is installed, without importing it.

    Raises:
        GrammarError: it is not.
    """
    if importlib.util.find_spec("llguidance") is None:
        raise GrammarError(f"grammars need llguidance, which is not installed: {_EXTRA}")


def lark(constraint: str, *, any_escape: bool = True) -> str:
    """Return the grammar of answers that are held to a constraint, in llguidance's language.

    Args:
        constraint: a JSON Schema as text.
        any_escape: let any character be written as an escape such as `\\u00e9`, for which llguidance got an option in a
            version later than that in llama.cpp; else only those that JSON asks it of.
    """
    escapes = {"json_allow_general_unicode_escapes": True} if any_escape else {}
    schema = {**json.loads(constraint), "x-guidance": {"whitespace_pattern": _SPACE, **escapes}}
    # Models begin an answer with a space or a line break; llguidance's own grammar of a schema allows neither.
    return f"start: SPACE? answer\nSPACE: /{_SPACE}/\nanswer: %json {json.dumps(schema)}"


def for_llamacpp(constraint: str) -> str:
    """Return the grammar as llama.cpp takes it where it was built with llguidance, a JSON Schema given as text."""
    return f"%llguidance {{}}\n{lark(constraint, any_escape=False)}"


class Vocabulary:
    """The tokens of a model, and the grammars over them, each compiled once.

    Args:
        tokenizer: llguidance's.
    """

    def __init__(self, tokenizer: LLTokenizer) -> None:
        self._tokenizer = tokenizer
        self._compiled: dict[str, LLMatcher | str] = {}

    @classmethod
    def of(cls, tokenizer: Any, size: int, end_tokens: Collection[int] = ()) -> Vocabulary:
        """Return a model's.

        Args:
            tokenizer: a fast tokenizer of transformers.
            size: tokens that the model knows: the width of its logits.
            end_tokens: those that end an answer.

        Raises:
            GrammarError: the tokenizer is of a kind that llguidance cannot read.
        """
        import llguidance.hf

        try:
            return cls(llguidance.hf.from_tokenizer(tokenizer, size, sorted(end_tokens) or None))
        except (ValueError, TypeError) as error:
            raise GrammarError(f"llguidance cannot read the tokenizer: {_first_line(str(error))}") from None

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Return one whose tokens are the bytes, for grammars without a model."""
        import llguidance

        return cls(llguidance.LLTokenizer("byte"))

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return self._tokenizer.vocab_size

    def matcher(self, constraint: str) -> Matcher:
        """Return what follows an answer that is held to a constraint, at its beginning.

        Args:
            constraint: a JSON Schema as text.

        Raises:
            GrammarError: the engine has no grammar for it. The message names the keywords that keep it from that.
        """
        if constraint not in self._compiled:
            self._compiled[constraint] = self._compile(constraint)
        compiled = self._compiled[constraint]
        if isinstance(compiled, str):
            raise GrammarError(compiled)
        return Matcher(compiled.deep_copy(), self.size)

    def is_held(self, text: str, constraint: str, *, has_ended: bool) -> bool:
        """Tell whether a text is an answer that is held to a constraint, or begins one where it has not ended."""
        matcher, tokens = self.matcher(constraint), self.tokens(text)
        if matcher.allowed(tokens) < len(tokens):
            return False
        for token in tokens:
            matcher.take(token)
        return matcher.may_end or not has_ended

    def tokens(self, text: str) -> list[int]:
        """Return a text as tokens."""
        return list(self._tokenizer.tokenize_str(text))

    def _compile(self, constraint: str) -> LLMatcher | str:
        """Return llguidance's matcher, or why there is none."""
        import llguidance

        grammar = llguidance.LLMatcher.grammar_from_lark(lark(constraint))
        matcher = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0)
        if not matcher.is_error():
            return matcher
        return re.sub(r"^at \d+\(\d+\): failed to compile JSON schema: ", "", _first_line(matcher.get_error()))


class Matcher:
    """Follows one answer, and tells which tokens may come next.

    Args:
        matcher: llguidance's.
        size: tokens of the vocabulary.
    """

    def __init__(self, matcher: LLMatcher, size: int) -> None:
        self._matcher = matcher
        self._size = size

    def fresh(self) -> Matcher:
        """Return one for another answer, or the same from its beginning."""
        copy = self._matcher.deep_copy()
        copy.reset()
        return Matcher(copy, self._size)

    @property
    def is_complete(self) -> bool:
        """Whether the answer can only end now: its root has closed."""
        return bool(self._matcher.is_stopped())

    @property
    def may_end(self) -> bool:
        """Whether what was taken so far is a whole answer."""
        return bool(self._matcher.is_accepting())

    def allowed(self, tokens: Sequence[int]) -> int:
        """Return how many of some tokens may come next, one after the other."""
        return int(self._matcher.validate_tokens(list(tokens)))

    def forced(self) -> list[int]:
        """Return tokens that write what must come next; a model may split the same text otherwise."""
        return list(self._matcher.compute_ff_tokens())

    def mask(self) -> NDArray[numpy.bool_]:
        """Return which tokens may come next, `[vocabulary]`.

        Raises:
            GrammarError: the engine gave up.
        """
        import numpy

        bits = numpy.frombuffer(self._matcher.compute_bitmask(), dtype=numpy.uint8)
        self._check()
        return numpy.unpackbits(bits, count=self._size, bitorder="little").view(numpy.bool_)

    def take(self, token: int) -> None:
        """Take the next token of the answer.

        Raises:
            GrammarError: it is none that may come next, or the engine gave up.
        """
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GrammarError(f"the grammar's engine gave up: {_first_line(self._matcher.get_error())}")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
