"""Thoughts: which part of an output is reasoning, by the marks that model families put around it.

The marks are those of chat templates and of what servers know of each family. Drafts in a thought are no answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

# In tags, with a family's prefix or attributes: <mm:think>, <think time="3s">.
_TAG = r"(?:\w{1,20}:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)"

# Between a channel of gpt-oss and its message: who it is for, and of what type it is.
_RECIPIENT = r"(?:[^<{]|<\|constrain\|>){0,100}"


@dataclass(frozen=True, slots=True)
class Form:
    """How some families mark a thought.

    Attributes:
        families: which do, for the documentation.
        opening: a regular expression; case is ignored.
        closing: what ends it, made of the text of the opening: a regular expression too.
        is_closed_alone: whether the closing ends a thought that the prompt's template has opened.
        is_first: whether it is one at the beginning of an output only.
        tokens: special tokens that are its marks, or begin them, in some tokenizers: to be kept where a text is made
            of tokens. Those of gpt-oss are not among them, as its thoughts are known without them too.
    """

    families: str
    opening: str
    closing: Callable[[str], str]
    is_closed_alone: bool = False
    is_first: bool = False
    tokens: tuple[str, ...] = ()


def _end_tag(opening: str) -> str:
    name = re.split(r"[\s<>]", opening)[1]
    return rf"</{re.escape(name)}\s*>"


FORMS: tuple[Form, ...] = (
    Form("DeepSeek, Qwen, SmolLM3, Phi, GLM, Nemotron, Seed (`seed:`), MiniMax (`mm:`) and most others",
         rf"<{_TAG}(?:\s[^<>]{{0,200}})?>", _end_tag,
         tokens=("<think>", "</think>", "<thinking>", "</thinking>", "<seed:think>", "</seed:think>", "<mm:think>",
                 "</mm:think>")),
    Form("Mistral", r"\[THINK\]", lambda _: r"\[/THINK\]", is_closed_alone=True, tokens=("[THINK]", "[/THINK]")),
    Form("Kimi", "◁think▷", lambda _: "◁/think▷", is_closed_alone=True, tokens=("◁think▷", "◁/think▷")),
    Form("Cohere", r"<\|START_THINKING\|>", lambda _: r"<\|END_THINKING\|>", is_closed_alone=True,
         tokens=("<|START_THINKING|>", "<|END_THINKING|>")),
    Form("any in Open WebUI", r'<details\s[^<>]{0,200}"reasoning"[^<>]{0,200}>', _end_tag),
    Form("any in a page", r"<details>\s*<summary>[^<>]{0,60}(?:think|thought|reason)[^<>]{0,60}</summary>", _end_tag),
    Form("any in Markdown", r"```[ \t]*(?:think(?:ing)?|thoughts?|reasoning)[ \t]*\n", lambda _: r"\n[ \t]*```"),
    Form("Apertus", r"<\|inner_prefix\|>", lambda _: r"<\|inner_suffix\|>", is_closed_alone=True,
         tokens=("<|inner_prefix|>", "<|inner_suffix|>")),
    Form("OpenThinker", r"<\|begin_of_thought\|>", lambda _: r"<\|end_of_thought\|>", is_closed_alone=True,
         tokens=("<|begin_of_thought|>", "<|end_of_thought|>")),
    Form("gpt-oss", rf"<\|channel\|>\s*(?:analysis|commentary){_RECIPIENT}<\|message\|>",
         lambda _: rf"<\|channel\|>\s*final{_RECIPIENT}<\|message\|>", is_closed_alone=True),
    Form("gpt-oss, decoded without special tokens", r"\A\s*analysis[^\s:=]", lambda _: "assistantfinal",
         is_first=True),
    Form("Gemma 4", r"<\|channel>\s*thought", lambda _: r"<channel\|>", is_closed_alone=True,
         tokens=("<|channel>", "<channel|>")),
    Form("MedGemma", r"<unused94>\s*thought", lambda _: "<unused95>", is_closed_alone=True,
         tokens=("<unused94>", "<unused95>")),
    Form("Granite", r"\A\s*Here is my thought process:", lambda _: "Here is my response:", is_first=True),
    Form("Apriel", r"\A\s*Here are my reasoning steps:", lambda _: r"\[BEGIN FINAL RESPONSE\]", is_first=True),
)  # fmt: skip
"""The known forms."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Marks of a model's own, from its entry in the models file: what opens a thought, and what ends it."""


@dataclass(frozen=True)
class Marks:
    """The marks of thoughts that a model may use.

    Attributes:
        own: those of its own, beside all known forms.
    """

    own: Pairs = ()

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """All forms, its own first."""
        return (*(_own_form(*pair) for pair in self.own), *FORMS)

    @cached_property
    def opening(self) -> str:
        """A regular expression of all openings; case is ignored."""
        return "|".join(form.opening for form in self.forms)

    @cached_property
    def opening_later(self) -> str:
        """The same for a part of an output that is not its beginning."""
        return "|".join(form.opening for form in self.forms if not form.is_first)

    @cached_property
    def closed_alone(self) -> str:
        """A regular expression of what ends a thought that the prompt's template has opened; case is ignored."""
        return "|".join([rf"</{_TAG}\s*>", *(form.closing("") for form in self.forms if form.is_closed_alone)])

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The special tokens that may be marks, to be kept where a text is made of tokens."""
        return tuple(token for form in self.forms for token in form.tokens)

    def may_be_in(self, text: str) -> bool:
        """Tell whether a text may hold a mark, at a fraction of what it takes to look for them."""
        text = text.lower()
        return any(word in text for word in (*_WORDS, *(mark.lower() for pair in self.own for mark in pair)))

    def closing_of(self, opening: str) -> str:
        """Return the regular expression of what ends a thought, given the text that opened it; case is ignored."""
        return next(form.closing(opening) for form in self.forms if re.match(form.opening, opening, re.IGNORECASE))

    def end_of(self, opening: str, text: str, position: int) -> re.Match[str] | None:
        """Return what ends a thought, None where nothing does.

        That may be a tag of another name, `</thinking>` after `<think>`, if it ends nothing that began in the thought.

        Args:
            opening: the text that opened it.
            text: the output.
            position: the offset after the opening.
        """
        if end := re.compile(self.closing_of(opening), re.IGNORECASE).search(text, position):
            return end
        if not opening.startswith("<"):
            return None
        for tag in re.compile(rf"</({_TAG})\s*>", re.IGNORECASE).finditer(text, position):
            if not re.search(rf"<{re.escape(tag[1])}[\s>]", text[position : tag.start()], re.IGNORECASE):
                return tag
        return None

    def opened_by(self, prompt: str) -> str | None:
        """Return the text with which a prompt's template has opened a thought, None where it has opened none."""
        tail = prompt.rstrip()[-300:]
        for match in re.finditer(self.opening, tail, re.IGNORECASE):
            if match.end() == len(tail):
                return match.group()
        return None


def _own_form(opening: str, closing: str) -> Form:
    return Form(
        "its own", re.escape(opening), lambda _: re.escape(closing), is_closed_alone=True, tokens=(opening, closing)
    )


KNOWN = Marks()
"""The marks of the known forms alone."""

# Words of which each mark of a known form has one.
_WORDS = ("think", "thought", "reason", "reflection", "scratchpad", "analysis", "channel", "inner_", "<unused95>")
