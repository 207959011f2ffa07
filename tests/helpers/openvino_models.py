"""Small models exported for OpenVINO, where what makes and runs them is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def need_openvino() -> None:
    """Skip the module that calls it where a library is missing. None is imported: the backend decides how."""
    if missing := [name for name in ("openvino_genai", "nncf") if find_spec(name) is None]:
        library = missing[0].replace("_", "-")
        pytest.skip(f"{library} is not installed: pip install 'pytest-edgejson[openvino]'", allow_module_level=True)


def export(model: Path | str, folder: Path, quant: str = "f32") -> Path:
    """Export a model to a folder, which is returned."""
    assert main(["export", str(model), "--to", "openvino", "--quant", quant, "--out", str(folder)]) == 0
    return folder
