"""Parts of the bundled suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_cases(folder: Path, source: Path, files: dict[str, int]) -> Path:
    """Write the first rows of files of the bundled suite, so many of each."""
    for name, count in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join((source / name).read_bytes().splitlines(keepends=True)[:count]))
    return folder
