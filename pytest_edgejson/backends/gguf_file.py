"""GGUF files: what their header says, read without a model library.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Not by the package `gguf`, whose reader takes two
seconds for a vocabulary of 49,152 tokens, in every run that is served from the store too.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAGIC = b"GGUF"
# Earlier versions had other widths of numbers.
_VERSIONS = (2, 3)
# By type number; 8 is a text, 9 an array.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What a GGUF file says of itself.

    Attributes:
        metadata: values by key, such as `general.architecture`; arrays are lists.
        parameters: how many numbers its tensors hold.
        pieces: files that the model is split into.
    """

    metadata: Mapping[str, Any]
    parameters: int
    pieces: int

    @property
    def architecture(self) -> str:
        """Such as `llama`."""
        return str(self.metadata.get("general.architecture", "unknown"))

    def of_architecture(self, key: str) -> Any:
        """Return the value of a key that begins with the architecture's name, None where there is none."""
        return self.metadata.get(f"{self.architecture}.{key}")

    def token(self, role: str) -> str | None:
        """Return the text of a special token, such as `bos` or `eos`, None where the file names none."""
        number = self.metadata.get(f"tokenizer.ggml.{role}_token_id")
        tokens = self.metadata.get("tokenizer.ggml.tokens", [])
        return tokens[number] if number is not None and number < len(tokens) else None


def read_header(file: Path, name: str) -> GGUFHeader:
    """Read the header of a GGUF file.

    Raises:
        BackendError: the file cannot be read, is no GGUF file, or not all of it is there. The message begins with
            `name`.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as content:
            if content.read(4) != _MAGIC:
                # A repository cloned without git-lfs has a few lines of text in the place of each large file.
                hint = "fetch it with `git lfs pull`" if size < 1024 else "name another file"
                raise BackendError(f"{name}: {file} is no GGUF file: {hint}")
            with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                return _Reader(whole).header()
    except OSError as error:
        raise BackendError(f"{name}: {file} cannot be read: {error.strerror or error}") from None
    except _VersionError as error:
        raise BackendError(f"{name}: {file} is of GGUF version {error}, which is not known: convert it anew") from None
    except (ValueError, struct.error, IndexError, KeyError, OverflowError, MemoryError):
        raise BackendError(f"{name}: {file} is a GGUF file of which not all is there: fetch it again") from None


class _VersionError(Exception):
    """A version that is not known."""


class _Reader:
    """Reads from the beginning to the end."""

    def __init__(self, whole: mmap.mmap) -> None:
        self._whole = whole
        self._at = len(_MAGIC)

    def header(self) -> GGUFHeader:
        version = self._number("I")
        if version not in _VERSIONS:
            raise _VersionError(version)
        tensors, keys = self._number("Q"), self._number("Q")
        metadata = {}
        for _ in range(keys):
            key = self._text()
            metadata[key] = self._value(self._number("I"))
        parameters = furthest = 0
        for _ in range(tensors):
            self._text()
            dimensions = self._number("I")
            shape = [self._number("Q") for _ in range(dimensions)]
            parameters += math.prod(shape)
            self._number("I")
            furthest = max(furthest, self._number("Q"))
        # The libraries look at where the last tensor ends, by its type; that it begins at all is told here.
        if tensors and self._at + furthest >= len(self._whole):
            raise ValueError
        return GGUFHeader(metadata, parameters, metadata.get("split.count") or 1)

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind != _ARRAY:
            return self._number(_NUMBERS[kind])
        item, count = self._number("I"), self._number("Q")
        if item == _TEXT:
            return [self._text() for _ in range(count)]
        found = struct.unpack_from(f"<{count}{_NUMBERS[item]}", self._whole, self._at)
        self._at += struct.calcsize(f"<{count}{_NUMBERS[item]}")
        return list(found)

    def _number(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self._whole, self._at)
        self._at += struct.calcsize(f"<{form}")
        return value

    def _text(self) -> str:
        length = self._number("Q")
        start, self._at = self._at, self._at + length
        if self._at > len(self._whole):
            raise ValueError
        return self._whole[start : self._at].decode("utf-8", "replace")
