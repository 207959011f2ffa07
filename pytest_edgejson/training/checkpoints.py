"""Checkpoints: where a training that was cut off goes on, and whether it is still the same training."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.model_files import read_shapes
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SETTINGS_FILE = "settings.json"
# Written by torch.save, as zip archives, whose directory comes last.
_ARCHIVES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


class TrainingError(ValueError):
    """A training that cannot begin or go on. The message names what is wrong and the fix."""


def fingerprint(content: object) -> str:
    """Return a short mark of JSON content, to tell it from other content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def last_checkpoint(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """Return the newest complete checkpoint of a training, None where it has none; note its settings in the folder.

    Raises:
        TrainingError: the folder holds checkpoints of a training with other settings.
        OSError: the folder cannot be written.
    """
    newest = newest_checkpoint(folder)
    note = folder / SETTINGS_FILE
    # As JSON gives them back: tuples become lists.
    wanted: dict[str, Any] = json.loads(json.dumps(settings))
    if newest is not None and note.exists():
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
        return str(newest)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    return None if newest is None else str(newest)


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint in a folder, if there is one."""
    checkpoints = [path for path in folder.glob("checkpoint-*") if _is_complete(path)]
    return max(checkpoints, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_complete(checkpoint: Path) -> bool:
    # The Trainer writes this file last: a training killed in the middle of a checkpoint goes on from the one before.
    # After a power cut, or on a disk that lies, files before it may be cut off too.
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        weights = list(checkpoint.glob("*.safetensors"))
        for file in weights:
            read_shapes(file, checkpoint.name)
    except (OSError, ValueError, BackendError):
        return False
    archives = all(zipfile.is_zipfile(checkpoint / name) for name in _ARCHIVES)
    return bool(weights) and archives and checkpoint.name.rpartition("-")[2].isdecimal()


@contextlib.contextmanager
def writing(folder: Path, checkpoints: Path) -> Iterator[None]:
    """Tell in one line that a folder cannot be written to, for instance on a full disk, and what is kept.

    Args:
        folder: what is written to.
        checkpoints: folder of the checkpoints.

    Raises:
        TrainingError: in the place of what the libraries raise.
    """
    from safetensors import SafetensorError

    try:
        yield
    except Exception as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        # What tokenizers raises for a write that fails is an exception of no class of its own.
        if not isinstance(error, OSError | SafetensorError | RuntimeError) and "(os error " not in reason:
            raise
        if isinstance(error, RuntimeError):
            # torch.save knows no better: this is the file of its writer.
            if "inline_container" not in reason:
                raise
            reason = "a write failed, as on a full disk"
        newest = newest_checkpoint(checkpoints)
        kept = "there is no complete checkpoint yet" if newest is None else f"{newest} is kept"
        goes = "begins anew" if newest is None else "goes on from it"
        raise TrainingError(
            f"{folder} cannot be written: {reason}; {kept}: make room, and the same command {goes}"
        ) from None
