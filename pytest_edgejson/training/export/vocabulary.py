"""A tokenizer as a GGUF file has it, and whether an export splits texts as the model's own tokenizer does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import Message
from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.tokenizers import adds_bos, chat_text, read_tokenizer
from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.suites import SchemaFinder
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.training.train_cases import read
from pytest_edgejson.values.text import show
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from pytest_edgejson.backends.spec import ModelSpec

TEXTS = 1000
"""How many texts both tokenizers must split alike."""

# One of each kind of what tokenizers disagree on; the bundled cases are English and JSON.
_HARD = (
    "Café, naïve, Straße, Ångström, İstanbul; Ελληνικά, Русский, עברית, العربية, हिन्दी, ไทย, 한국어, 日本語の文。",
    "👩‍👩‍👧 😀😀 ©®™ — … ‘a’ “b” «c» № § ½ ² Ⅷ ๑๒๓ ١٢٣",
    "0 00 1234567 3.14159 -42 1,000,000.00 1e-10 0x1F 2024-02-29T23:59:59Z +49 30 901820",
    "a  b   c    d\te\t\tf\n\ng\r\nh \n i\u00a0j\u2003k ",
    "  leading, trailing  ",
    "I'm you're he'll WE'VE don't O'Brien's",
    "snake_case camelCase kebab-case PATH/to/file.ext user@example.com https://example.com/?q=a%20b&c=d#e",
    'def f(x: int) -> str:\n    return f"{x!r:>10}"  # done\n\n\tif x != 0 && y <= 1 { z[i] += 2; }',
    '{"a": [1, -2.5, true, null], "b": {"c": "d\\"e\\\\f\\u00e9"}, "": []}',
    '{\n  "items": [\n    {\n      "id": 7\n    }\n  ]\n}',
    "!!! ??? ... --- === ### *** ((([[[{{{ }}}]]]))) \"\"\" ''' ``` ~~~ ^^^ ||| \\\\\\ $$$ %%%",
    "<b>tag</b> <|looks|> <like> [INST] a special </s> token",
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a GGUF file says of a byte-level BPE tokenizer.

    Attributes:
        tokens: by number.
        special: numbers of those that are no text, such as the end of an answer.
        added: numbers of those that are found in a text before it is split.
        merges: pairs of tokens, in the order in which they are put together.
        roles: numbers of the tokens with a role: `bos`, `eos`, `eot`, `pad`, `unk`.
        begins: whether every text begins with `bos`.
        chat_template: in Jinja; None for none.
    """

    tokens: Sequence[str]
    special: Collection[int]
    added: Collection[int]
    merges: Sequence[str]
    roles: dict[str, int]
    begins: bool
    chat_template: str | None


def read_vocabulary(tokenizer: Any, name: str, ends: Collection[int]) -> Vocabulary:
    """Return the vocabulary of a tokenizer of transformers.

    Args:
        tokenizer: the tokenizer.
        name: the model's, for messages.
        ends: tokens that end an answer.

    Raises:
        ExportError: it is no byte-level BPE tokenizer.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    content = {} if backend is None else json.loads(backend.to_str())
    model = content.get("model", {})
    if model.get("type") != "BPE" or "ByteLevel" not in json.dumps(content.get("decoder")):
        kind = model.get("type") or type(tokenizer).__name__
        raise ExportError(f"{name}: only byte-level BPE tokenizers are exported to GGUF, and its tokenizer is {kind}")
    tokens = {number: token for token, number in model["vocab"].items()}
    added = {token["id"]: token for token in content.get("added_tokens", ())}
    tokens |= {number: token["content"] for number, token in added.items()}
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    roles = {role: getattr(tokenizer, f"{role}_token_id", None) for role in ("bos", "eos", "pad", "unk")}
    further = sorted(set(ends) - {roles["eos"]})
    roles |= {"eot": further[0] if further else None}
    template = getattr(tokenizer, "chat_template", None)
    return Vocabulary(
        tokens=[tokens.get(number, f"[PAD{number}]") for number in range(max(tokens) + 1)],
        special={number for number, token in added.items() if token["special"]},
        added=set(added),
        merges=merges,
        roles={role: number for role, number in roles.items() if number is not None},
        begins=adds_bos(tokenizer),
        chat_template=template if isinstance(template, str) else None,
    )


def sample_texts(tokenizer: Any) -> list[tuple[str, bool]]:
    """Return the texts that both tokenizers must split alike, and of each whether a chat template made it.

    Of several languages and kinds first, then the prompts and expected outputs of the bundled cases.
    """
    found = [(text, False) for text in _HARD]
    if isinstance(getattr(tokenizer, "chat_template", None), str):
        chats = [chat_text(tokenizer, [Message("user", text)], {}) for text in _HARD]
        found += [(text, True) for text in chats]
    found += [(text, False) for text in _bundled_texts()]
    return found[:TEXTS]


def _bundled_texts() -> Iterator[str]:
    folders, schemas = (bundled.TEST_CASES, bundled.TRAIN_CASES), SchemaFinder()
    rows = [row for folder in folders for row in read(folder, schemas)]
    yield from (row.case.prompt for row in rows)
    yield from (json.dumps(row.case.expected_output, ensure_ascii=False) for row in rows)


def read_saved(folder: Path, spec: ModelSpec, tokenizer: Any, texts: Sequence[tuple[str, bool]]) -> Any:
    """Return the tokenizer of transformers that an export's folder holds.

    Args:
        folder: of the export.
        spec: the model.
        tokenizer: its own.
        texts: see `sample_texts`.

    Raises:
        ExportError: it splits a text otherwise than the model's own.
        BackendError: it cannot be loaded.
    """
    with quiet(), one_line(spec.name, "the export's tokenizer"):
        saved = read_tokenizer(folder, spec.name, trust_remote_code=spec.trust_remote_code)

    def split(text: str, is_chat: bool) -> list[int]:
        return list(saved.encode(text, add_special_tokens=not is_chat))

    if (found := first_difference(split, tokenizer, texts)) is not None:
        raise ExportError(f"{spec.name}: exported, it splits texts otherwise: {found[1]}")
    return saved


def first_difference(
    split: Callable[[str, bool], list[int]], tokenizer: Any, texts: Sequence[tuple[str, bool]]
) -> tuple[int, str] | None:
    """Return which text an export splits otherwise than the model's own tokenizer first, and how; None for none.

    Args:
        split: returns the tokens that the export has for a text, and is told whether a chat template made it.
        tokenizer: the model's own, of transformers.
        texts: see `sample_texts`.
    """
    for number, (text, is_chat) in enumerate(texts):
        # A chat template writes the special tokens itself.
        expected = list(tokenizer.encode(text, add_special_tokens=not is_chat))
        got = split(text, is_chat)
        if got != expected:
            place = next((at for at, pair in enumerate(zip(got, expected, strict=False)) if pair[0] != pair[1]), 0)
            tokens = f"{counted(len(got), 'token')} instead of {len(expected)}"
            where = f"other from the {place + 1}. on: {got[place : place + 4]} instead of {expected[place : place + 4]}"
            return number, f"{show(text)} becomes {tokens}, {where}"
    return None
