"""Benchmark runs: pytest in a process of its own, which nothing around it configures."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# What the benchmark shows goes where progress is shown: standard output holds the report alone.
_STDERR = 2
# For pytest to end after Ctrl-C.
_GRACE_S = 10


def run_benchmark(folder: Path, options: Sequence[str], working: Path | None = None) -> int:
    """Run pytest with a folder for its root and a store of answers in it; return the exit code.

    Args:
        folder: which is made; what an earlier run in it has generated is taken from the store.
        options: of pytest and the plugin.
        working: the folder that paths in the options are relative to; None for `folder`.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The run has this folder for its root, whatever project it lies in and however that configures pytest.
    configuration = folder / "pytest.ini"
    configuration.write_text("[pytest]\n", encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pytest", "-p", "edgejson", "-p", "no:cacheprovider"),
        *("-c", str(configuration), f"--rootdir={folder}", "-q", "--tb=no", "-rE"),
        f"--edgejson-store={folder / 'store.sqlite'}",
        *options,
    ]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    # Other plugins may shuffle the cases, run them in workers, or print what they like.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with subprocess.Popen(command, cwd=working or folder, env=environment, stdout=_STDERR) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches pytest too, which then takes its live line away.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            process.kill()
            raise


def entry(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return the lines of an entry of a models file.

    Args:
        name: of the model.
        values: its keys: strings, numbers, booleans, lists and tables of these.
    """
    return ["", f"[models.{_toml(name)}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # TOML writes strings, numbers and booleans as JSON does, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
