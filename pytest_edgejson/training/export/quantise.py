"""llama.cpp's quantiser, which a Python package carries or the machine has."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from typing import TYPE_CHECKING

from pytest_edgejson.backends.references import find_in_package
from pytest_edgejson.training.export.error import ExportError

if TYPE_CHECKING:
    from pathlib import Path

_EXTRA = "pip install 'pytest-edgejson[export]'"
_PACKAGE, _PROGRAM = "ik_llama_cpp", "llama-quantize"


def find_quantiser(name: str) -> tuple[str, str]:
    """Return the program's path, and what it is in words: the one on the PATH, else that of the extra `export`.

    Raises:
        ExportError: there is none. The message begins with `name`.
    """
    if (path := shutil.which(_PROGRAM)) is not None:
        return path, path
    try:
        program = find_in_package(_PACKAGE, f"bin/{_PROGRAM}", _EXTRA)
    except ValueError:
        raise ExportError(f"{name}: {_PROGRAM} of llama.cpp is not there: {_EXTRA}, or put it on the PATH") from None
    distribution = _PACKAGE.replace("_", "-") + "-python"
    return str(program), f"{_PROGRAM} of {distribution} {importlib.metadata.version(distribution)}"


def quantise(program: str, whole: Path, file: Path, quant: str, name: str) -> None:
    """Quantise a GGUF file.

    Args:
        program: the quantiser.
        whole: in float16.
        file: to be written.
        quant: `q8_0` or `q4_k_m`.
        name: the model's, for messages.

    Raises:
        ExportError: the quantiser fails.
    """
    command = [program, str(whole), str(file), quant.upper()]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0 or not file.is_file():
        # It shows tokens, whose bytes may be no whole characters.
        said = (done.stdout.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise ExportError(f"{name}: {program} ended with exit code {done.returncode} and said: {said}")
