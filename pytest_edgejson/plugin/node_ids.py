"""Node ids of cases, `FILE::CASE_ID[MODEL]` and `[MODEL-r2]` for a repeat, and what names them on the command line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.suite.json_rows import SUFFIX, may_hold_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

# The names of models hold no brackets, ids of cases may.
_MODEL = r"\[(?P<model>[^\[\]]+?)(?:-r(?P<repeat>\d+))?\]\Z"
_NAME = re.compile(rf".+{_MODEL}", re.DOTALL)
_NODE_ID = re.compile(rf"{SUFFIX}::.+{_MODEL}", re.DOTALL | re.IGNORECASE)
# What an expression of -k takes for a word, but for ASCII signs that it has another use for.
_NO_WORD = re.compile(r"[^\w\x00-\x7f]")


def case_name(case_id: str, model: str, repeat: int) -> str:
    """Return the name of a case's item, the last part of its node id."""
    return f"{case_id}[{model}]" if repeat == 1 else f"{case_id}[{model}-r{repeat}]"


def model_of(node_id: str) -> str | None:
    """Return the model that a node id of a case names; None for any other test's."""
    match = _NODE_ID.search(node_id)
    return match["model"] if match else None


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
    def model(self) -> str | None:
        """The model that it names in brackets, if any."""
        match = self._match
        return match["model"] if match else None

    @property
    def repeat(self) -> int:
        """The repeat that it names, such as the 2 of `[nano-r2]`, else 1."""
        match = self._match
        return int(match["repeat"] or 1) if match else 1

    @property
    def _match(self) -> re.Match[str] | None:
        return _NAME.fullmatch(self.name) if may_hold_rows(self.path) else None


def read_arguments(texts: Iterable[str], folder: Path) -> list[Argument]:
    """Read the arguments of a run, typed in a folder."""
    return [Argument.read(text, folder) for text in texts]
