"""Node ids of cases, `FILE::CASE_ID[MODEL]` and `[MODEL-r2]` for a repeat, and what names them on the command line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.suite.json_rows import SUFFIX, may_hold_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# The names of models hold no brackets, ids of cases may.
_BRACKETS = r"\[(?P<text>[^\[\]]+)\]\Z"
_NAME = re.compile(rf".+{_BRACKETS}", re.DOTALL)
_NODE_ID = re.compile(rf"{SUFFIX}::.+{_BRACKETS}", re.DOTALL | re.IGNORECASE)
_REPEAT = re.compile(r"(?P<model>.+)-r(?P<repeat>[1-9]\d*)", re.DOTALL)
# What an expression of -k takes for a word, but for ASCII signs that it has another use for.
_NO_WORD = re.compile(r"[^\w\x00-\x7f]")


def case_name(case_id: str, model: str, repeat: int) -> str:
    """Return the name of a case's item, the last part of its node id."""
    return f"{case_id}[{model}]" if repeat == 1 else f"{case_id}[{model}-r{repeat}]"


def split_repeat(text: str) -> tuple[str, int]:
    """Split what a node id has in brackets, `nano-r2`, into model and repeat; without such an end the repeat is 1."""
    match = _REPEAT.fullmatch(text)
    return (match["model"], int(match["repeat"])) if match else (text, 1)


def model_and_repeat(text: str, models: Collection[str]) -> tuple[str, int]:
    """Return model and repeat that a node id has in brackets, where the names of the models are known.

    Such a name may itself end as a repeat does: `adapter-r8`.
    """
    return (text, 1) if text in models else split_repeat(text)


def model_of(node_id: str, models: Collection[str]) -> str | None:
    """Return which of the models a node id of a case names; None for any other test's."""
    match = _NODE_ID.search(node_id)
    model = model_and_repeat(match["text"], models)[0] if match else None
    return model if model in models else None


def keyword(text: str) -> str:
    r"""Return a text as an expression of `-k` can hold it: signs that pytest takes for no part of a word as `\u0902`.

    Those are marks on letters, as Hindi has them, emoji, and many more.
    """
    return _NO_WORD.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument that names what to run.

    Attributes:
        path: file or folder.
        name: what follows it, a case's id or the name of its item; empty for all of it.
    """

    path: Path
    name: str

    @classmethod
    def read(cls, text: str, folder: Path) -> Argument:
        """Split an argument after the file in it that exists: names of folders and ids may hold `::` and brackets.

        Args:
            text: as typed.
            folder: the one that pytest was called in.
        """
        ends = [*(match.start() for match in re.finditer("::", text)), len(text)]
        # Of os.path, as pytest does it: an argument may be too long for Path.is_file, and Path.resolve follows links.
        file = next((end for end in ends if os.path.isfile(folder / text[:end])), None)  # noqa: PTH113
        if file is None:
            file = len(text) if os.path.isdir(folder / text) else ends[0]  # noqa: PTH112
        return cls(Path(os.path.abspath(folder / text[:file])), text[file + 2 :])  # noqa: PTH100

    @property
    def brackets(self) -> str | None:
        """What it has in brackets, a model and perhaps a repeat; None for nothing."""
        match = _NAME.fullmatch(self.name) if may_hold_rows(self.path) else None
        return match["text"] if match else None


def read_arguments(texts: Iterable[str], folder: Path) -> list[Argument]:
    """Read the arguments of a run, typed in a folder."""
    return [Argument.read(text, folder) for text in texts]
