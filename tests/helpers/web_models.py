"""Models in the form that transformers.js reads, and what runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_edgejson.backends.browser.chromium import find_chromium
from pytest_edgejson.backends.browser.package import find_package
from pytest_edgejson.backends.interface import BackendError

FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


def need_browser() -> None:
    """Skip the tests where playwright, Chromium or transformers.js is missing."""
    pytest.importorskip("playwright", reason="playwright drives Chromium: pip install playwright")
    try:
        find_chromium("tests")
        find_package("tests")
    except BackendError as error:
        pytest.skip(str(error).removeprefix("tests: "))


def fake_web(folder: Path, source: Path, *names: str) -> Path:
    """Make a folder that looks like an exported model, of a model's own files; its networks are none.

    Args:
        folder: to be made.
        source: of the model.
        names: of networks.
    """
    (folder / "onnx").mkdir(parents=True)
    for name in FILES:
        shutil.copy(source / name, folder / name)
    for name in names:
        (folder / "onnx" / name).write_bytes(b"no network")
    return folder
