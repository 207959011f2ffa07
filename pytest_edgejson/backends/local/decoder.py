"""Several cases generated together, token by token."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Protocol

from pytest_edgejson.backends.constraint.grammar import GrammarError
from pytest_edgejson.backends.ending import EndScanner, too_late
from pytest_edgejson.backends.interface import Completion, FinishReason
from pytest_edgejson.backends.local.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from pytest_edgejson.backends.constraint.grammar import Matcher
    from pytest_edgejson.backends.interface import GenerationSettings, Request
    from pytest_edgejson.backends.local.drafts import Drafts, Trail
    from pytest_edgejson.backends.local.pieces import Pieces
    from pytest_edgejson.backends.local.slots import Slots

# What a decoder writes for bytes that are no character, or not yet.
_UNDECODED = "\N{REPLACEMENT CHARACTER}"


class Model(Protocol):
    """A loaded model, as far as decoding has to know it.

    Attributes:
        dtype: in which it computes, such as `float32`.
        window: tokens it can look back on, None where its config names no limit.
        vocabulary: tokens it knows.
        end_tokens: what ends an answer.
        pieces: the text of its tokens.
    """

    dtype: str
    window: int | None
    vocabulary: int
    end_tokens: frozenset[int]
    pieces: Pieces

    def decoder(self, rows: Sequence[Row], size: int, *, alone: bool = False) -> Decoder:
        """Return what generates rows, so many at once; alone, in the plainest way, to compare the others with."""
        ...

    def default_batch_size(self, tokens: int) -> int:
        """Return how many cases of up to so many tokens, prompt included, are generated together."""
        ...


class Row:
    """One request while it is generated.

    Attributes:
        request: what to generate.
        prompt: its tokens.
        limit: tokens generated at most.
        began_s: when it began, by the clock of the model's work.
        compute_s: its share of the seconds that the model worked, each step divided among the rows it was made for.
        tokens: what was generated.
        sampler: chooses its tokens, None where the likeliest is taken.
        matcher: tells which of them may come next, None where each may.
    """

    def __init__(self, request: Request, prompt: list[int], limit: int, constraint: Matcher | None = None) -> None:
        self.request = request
        self.prompt = prompt
        self.limit = limit
        self.began_s = self.compute_s = 0.0
        self.tokens: list[int] = []
        self.sampler: Sampler | None = None
        self.matcher = self._constraint = constraint
        self._gave_up: str | None = None
        self._ending: EndScanner
        self._follower: _Follower | None = None

    def start(self, model: Model, settings: GenerationSettings, clock_s: float) -> None:
        """Begin, or begin again after an attempt that was interrupted."""
        self.began_s = clock_s
        self.compute_s = 0.0
        self.sampler = None if settings.is_plain_greedy else Sampler(settings, self.request, self.prompt)
        self.matcher = None if self._constraint is None else self._constraint.fresh()
        self.tokens = []
        self._follower = None
        self._ending = EndScanner(settings, self.request)
        if self._ending.is_needed:
            self._follower = _Follower(model.pieces, self._ending)

    def choose(self, likeliest: int, scores: torch.Tensor) -> int | None:
        """Return the next token, and let sampler and grammar know it; None where there is none.

        Args:
            likeliest: token, negative where the model computes NaN.
            scores: the logits of the vocabulary.
        """
        if likeliest < 0:
            return None
        try:
            return self._choose(likeliest, scores)
        except GrammarError as error:
            self._gave_up = str(error)
            return None

    def _choose(self, likeliest: int, scores: torch.Tensor) -> int:
        token, matcher = likeliest, self.matcher
        # Of the tokens that may come, the likeliest of all is the likeliest: mostly no mask is needed.
        if matcher is not None and (self.sampler is not None or not matcher.allowed([likeliest])):
            import torch

            mask = torch.from_numpy(matcher.mask()).to(scores.device)
            scores = scores.masked_fill(~mask, -torch.inf)
            token = int(scores.argmax())
        if self.sampler is not None:
            token = self.sampler.choose(scores.cpu())
        if matcher is not None:
            matcher.take(token)
        return token

    def accept(self, tokens: Iterable[int | None], model: Model) -> FinishReason | None:
        """Take the next tokens, up to the one that ends the case; return the reason if one does.

        None stands for a token that the model gave no number for.
        """
        for token in tokens:
            if token is None:
                return "error"
            self.tokens.append(token)
            if token in model.end_tokens:
                return "stop"
            if self._follower is not None and (reason := self._follower.feed(token)):
                return reason
            if len(self.tokens) >= self.limit:
                return "length"
        return "stop" if self.matcher is not None and self.matcher.is_complete else None

    def is_late(self, clock_s: float) -> bool:
        """Tell whether its time is up."""
        return self.request.timeout_s is not None and clock_s - self.began_s > self.request.timeout_s

    def text(self, model: Model) -> str:
        """Return what was answered so far."""
        tokens = self.tokens
        # Not every model's end token is one that its tokenizer holds for special and leaves out by itself.
        return model.pieces.decode(tokens[:-1] if tokens and tokens[-1] in model.end_tokens else tokens)

    def completion(self, model: Model, reason: FinishReason, clock_s: float) -> Completion:
        """Return what the case came to."""
        tokens = self.tokens
        error = None
        if reason == "error":
            error = (
                self._gave_up
                or f"the model computes NaN in {model.dtype} after {len(tokens)} tokens: try --edgejson-dtype=float32"
            )
        elif reason == "timeout":
            error = too_late(self.request, len(tokens))
        text, thought = self._ending.split_thought(self.text(model))
        return Completion(
            key=self.request.key,
            text=text,
            finish_reason=reason,
            prompt_tokens=len(self.prompt),
            output_tokens=len(tokens),
            thought=thought,
            thought_tokens=self._ending.thought_pieces,
            latency_s=clock_s - self.began_s,
            compute_s=self.compute_s,
            error=error,
        )


class _Follower:
    """Follows an answer token by token, and tells when its text has come to an end.

    Args:
        pieces: the text of its tokens.
        ending: is fed a piece for each token.
    """

    # No character is spread over more tokens than it has bytes; what is still open after that is no character.
    _LONGEST = 4

    def __init__(self, pieces: Pieces, ending: EndScanner) -> None:
        self._pieces = pieces
        self._ending = ending
        # Tokens whose text is not settled, because they end within a character, and how much of it was scanned.
        self._open: list[int] = []
        self._scanned = 0

    def feed(self, token: int) -> FinishReason | None:
        """Take the next token; return why the answer ends with it, if it does."""
        piece = self._pieces.piece(token)
        if not self._open and _UNDECODED not in piece:
            return self._ending.feed(piece)
        self._open.append(token)
        text = self._pieces.continuation(self._open)
        settled = text if len(self._open) > self._LONGEST else text.rstrip(_UNDECODED)
        new = settled[self._scanned :]
        self._scanned = len(settled)
        if len(settled) == len(text):
            self._open, self._scanned = [], 0
        return self._ending.feed(new)


class Decoder(ABC):
    """Generates rows in their order, several at once.

    A loop of our own and not transformers' `generate`, because that one computes finished rows on until the last one
    ends, hands nothing over before, spends as long on bookkeeping as a small model on its forward pass (measured: 1.0
    against 0.58 s for 300 tokens of a 5M model), and takes penalties and processors from the generation config, which
    a benchmark must not.

    Attributes:
        rows: those under way.
        waiting: those that have not begun.
    """

    def __init__(self, rows: Iterable[Row], size: int) -> None:
        self.rows: list[Row] = []
        self.waiting = deque(rows)
        self._size = size

    @abstractmethod
    def begin(self) -> list[Row]:
        """Put rows that are waiting under way, if it is time for that; return them."""

    @abstractmethod
    def advance(self) -> list[tuple[Row, list[int | None]]]:
        """Compute the next tokens of some rows under way, those that have begun first; None where there is NaN."""

    @abstractmethod
    def leave(self, rows: Sequence[Row]) -> None:
        """Take rows that have ended out of those under way."""


class Slotted(Decoder):
    """Rows in slots: a row begins as soon as another one has ended. Steps check guesses of a few tokens.

    Args:
        slots: empty ones.
        drafts: where guesses come from, None for none.
    """

    def __init__(self, rows: Iterable[Row], size: int, slots: Slots, drafts: Drafts | None) -> None:
        super().__init__(rows, size)
        self._slots = slots
        self._drafts = drafts
        self._trails: dict[Row, Trail] = {}
        self._newcomer: Row | None = None

    def begin(self) -> list[Row]:
        """Put one row under way: a prompt is long enough to be computed alone."""
        if not self.waiting or len(self.rows) == self._size:
            return []
        self._newcomer = row = self.waiting.popleft()
        self.rows.append(row)
        if self._drafts is not None:
            self._trails[row] = self._drafts.follow(row.prompt)
        return [row]

    def advance(self) -> list[tuple[Row, list[int | None]]]:
        """Compute the newcomer's prompt, else a step of all rows."""
        if self._newcomer is not None:
            row, self._newcomer = self._newcomer, None
            made = choose([row], self._slots.admit(row.prompt)[None])
        else:
            guesses = self._guess()
            logits = self._slots.step([[row.tokens[-1], *guess] for row, guess in zip(self.rows, guesses, strict=True)])
            made = check(self.rows, guesses, logits)
            self._slots.keep([len(tokens) for _, tokens in made])
        for row, tokens in made:
            if row in self._trails:
                self._trails[row].extend([token for token in tokens if token is not None])
        return made

    def _guess(self) -> list[list[int]]:
        """Return for each row what is to be checked of how it goes on."""
        reach = self._drafts.reach(len(self.rows)) if self._drafts is not None else 0
        return [self._guess_of(row, min(reach, row.limit - len(row.tokens) - 1)) for row in self.rows]

    def _guess_of(self, row: Row, most: int) -> list[int]:
        if most <= 0 or row not in self._trails:
            return []
        # What is drawn is no guess's to know, but for what must come.
        guess = row.matcher.forced()[:most] if row.matcher is not None else []
        if not guess and row.sampler is None:
            guess = self._trails[row].guess(most)
        return guess if row.matcher is None else guess[: row.matcher.allowed(guess)]

    def leave(self, rows: Sequence[Row]) -> None:
        """Free the rows' slots."""
        for row in rows:
            index = self.rows.index(row)
            self._slots.remove(index)
            self.rows[index] = self.rows[-1]
            self.rows.pop()
            if row in self._trails:
                self._trails.pop(row).share()


def choose(rows: Sequence[Row], logits: torch.Tensor) -> list[tuple[Row, list[int | None]]]:
    """Choose a token for each row by its logits, `[rows, vocabulary]`; None where they are NaN."""
    return check(rows, [[]] * len(rows), logits[:, None])


def check(
    rows: Sequence[Row], guesses: Sequence[Sequence[int]], logits: torch.Tensor
) -> list[tuple[Row, list[int | None]]]:
    """Choose the next tokens of each row: one, and one more for each guess that is what would have been chosen.

    Args:
        rows: whose tokens.
        guesses: of each row.
        logits: of what follows its last token and each guess, `[rows, tokens, vocabulary]`.
    """
    import torch

    with torch.inference_mode():
        likeliest = logits.argmax(-1)
        # NaN wins every comparison in argmax, so looking at the winner is enough.
        broken = logits.gather(-1, likeliest[..., None])[..., 0].isnan()
        # One transfer from the device instead of two.
        chosen: list[list[int]] = torch.where(broken, -1, likeliest).tolist()
    made: list[tuple[Row, list[int | None]]] = []
    for row, guess, own, scores in zip(rows, guesses, chosen, logits, strict=True):
        tokens: list[int | None] = []
        for place, guessed in enumerate((*guess, None)):
            tokens.append(row.choose(own[place], scores[place]))
            if tokens[-1] is None or tokens[-1] != guessed:
                break
        made.append((row, tokens))
    return made
