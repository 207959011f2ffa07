"""Exports: what was made, and how it gets its name when it is complete and checked."""

from __future__ import annotations

import filecmp
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_edgejson.backends.export_note import NOTE
from pytest_edgejson.training.export.error import ExportError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A model that was exported.

    Attributes:
        place: the file or folder.
        backend: that runs it.
        is_new: whether it was not there before; else it was the same.
        bytes: of its weights.
        source_bytes: of the weights that it was made of, an adapter's included.
        maker: what made it, in words; None where nothing is to be said.
        checked: what was found to be as before, a line.
    """

    place: Path
    backend: str
    is_new: bool
    bytes: int
    source_bytes: int
    maker: str | None
    checked: str


def place_file(made: Path, file: Path, *, force: bool) -> bool:
    """Give a file its name; return whether there was none of that name, or another one.

    Raises:
        ExportError: there is another one, which is not to be replaced.
        OSError: it cannot be written.
    """
    if file.exists():
        if filecmp.cmp(made, file, shallow=False):
            return False
        if not force:
            raise _is_taken(file)
    made.replace(file)
    return True


def place_folder(made: Path, folder: Path, *, force: bool) -> bool:
    """Give a folder its name; return whether there was none of that name, or another export.

    Raises:
        ExportError: there is another one, which is not to be replaced, or one that is no export.
        OSError: it cannot be written.
    """
    if folder.exists():
        if _files(made) == _files(folder) and all(
            filecmp.cmp(made / name, folder / name, shallow=False) for name in _files(made)
        ):
            return False
        if not (folder / NOTE).is_file():
            raise ExportError(f"{folder} is there already and is no export: name another place with --out")
        if not force:
            raise _is_taken(folder)
        shutil.rmtree(folder)
    made.rename(folder)
    return True


def _files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def _is_taken(place: Path) -> ExportError:
    return ExportError(f"{place} is there already, and would be replaced: use --force, or another --out")
