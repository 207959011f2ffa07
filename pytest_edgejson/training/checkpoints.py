"""Checkpoints: where a training that was cut off goes on, and whether it is still the same training."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SETTINGS_FILE = "settings.json"


class TrainingError(ValueError):
    """A training that cannot begin. The message names what is wrong and the fix."""


def fingerprint(content: object) -> str:
    """Return a short mark of JSON content, to tell it from other content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def last_checkpoint(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """Return the newest complete checkpoint of a training, None where it has none; note its settings in the folder.

    Raises:
        TrainingError: the folder holds checkpoints of a training with other settings.
        OSError: the folder cannot be written.
    """
    checkpoints = [path for path in folder.glob("checkpoint-*") if _is_complete(path)]
    note = folder / SETTINGS_FILE
    # As JSON gives them back: tuples become lists.
    wanted: dict[str, Any] = json.loads(json.dumps(settings))
    if checkpoints and note.exists():
        try:
            found = json.loads(note.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        other = [key for key in wanted if key not in found or found[key] != wanted[key]]
        if other:
            raise TrainingError(
                f"{folder} holds checkpoints of another training, its {', '.join(other)} differ: remove the folder, or "
                "name another one with --checkpoints"
            )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    newest = max(checkpoints, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)


def _is_complete(checkpoint: Path) -> bool:
    # The Trainer writes this file last: a training killed in the middle of a checkpoint goes on from the one before.
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return checkpoint.name.rpartition("-")[2].isdecimal()
