"""What `edgejson export` says of an export, in its folder, for those who run it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from pathlib import Path

NOTE = "edgejson.json"


@dataclass(frozen=True, slots=True)
class Note:
    """What an export says of itself; None where somebody else made the folder.

    Attributes:
        quant: how its weights are kept, such as `int8`.
        parameters: how many the model has.
    """

    quant: str | None
    parameters: int | None


def read_note(folder: Path, name: str) -> Note:
    """Return what the export in a folder says of itself.

    Raises:
        BackendError: it cannot be read. The message begins with `name`.
    """
    file = folder / NOTE
    content = read_object(file, name) if file.is_file() else {}
    quant, parameters = content.get("quant"), content.get("parameters")
    return Note(quant if isinstance(quant, str) else None, parameters if isinstance(parameters, int) else None)


def write_note(folder: Path, form: str, quant: str, parameters: int | None) -> None:
    """Write what an export says of itself.

    Raises:
        OSError: it cannot be written.
    """
    content = {"form": form, "quant": quant, "parameters": parameters}
    (folder / NOTE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_object(file: Path, name: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        BackendError: there is none. The message begins with `name`.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
        reason = "it holds no JSON object"
    except (OSError, ValueError, RecursionError) as error:
        reason = first_line(error)
    raise BackendError(f"{name}: {file}: cannot be read: {reason}")
