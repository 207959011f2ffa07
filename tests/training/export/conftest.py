"""A suite small enough to be answered several times."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.suite import bundled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write a suite of two cases and schemas of the bundled one."""
    folder = tmp_path / "suite"
    shutil.copytree(bundled.SCHEMAS, folder / "schemas")
    for name in ("rating", "location"):
        first = (bundled.TEST_CASES / "simple" / f"{name}.jsonl").read_text().splitlines()[0]
        (folder / f"{name}.jsonl").write_text(first + "\n")
    return folder
