"""The manifest: what a run was, the first line of its results file."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.suite.suites import UNNAMED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_edgejson.suite.suites import Suite

FORMAT = 1
"""Version of the results file; stands in the manifest's `edgejson`."""


def make_manifest(
    models: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any], root: Path, suite: Suite = UNNAMED
) -> dict[str, Any]:
    """Describe a run before it starts.

    Args:
        models: fingerprint and description by model name.
        settings: what was asked for, as JSON builtins.
        root: pytest's root folder, whose git state is recorded.
        suite: of the cases.
    """
    versions = {}
    for name in ("pytest", "torch", "transformers", "peft", "jsonschema", "scipy"):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "edgejson": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": models,
        "suite": suite.as_dict(),
        "settings": settings,
        "versions": {"pytest-edgejson": __version__, "python": platform.python_version(), **versions},
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": sys.implementation.name,
        },
        "git": _git_state(root),
    }


def _git_state(root: Path) -> dict[str, Any] | None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None
