"""transformers.js, where the user installed it by npm."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME, _RUNTIME = "@huggingface/transformers", "onnxruntime-web"
_INSTALL = f"npm install --ignore-scripts {_NAME}, in the working directory or a folder above it"
# Before it, parts have other names.
_OLDEST = 4


@dataclass(frozen=True, slots=True)
class Package:
    """transformers.js with the ONNX Runtime that it runs models by.

    Attributes:
        library: folder of its scripts.
        runtime: folder of the runtime's scripts and WebAssembly.
        versions: of both, by name.
    """

    library: Path
    runtime: Path
    versions: dict[str, str]


def find_package(name: str) -> Package:
    """Return transformers.js as Node.js would find it from the working directory, or by `NODE_PATH`.

    Raises:
        BackendError: it is not there, too old, or not complete. The message begins with `name`.
    """
    here = Path.cwd()
    named = [Path(place) for place in os.environ.get("NODE_PATH", "").split(os.pathsep) if place]
    library = _find(_NAME, [*_modules(here), *named])
    if library is None:
        raise BackendError(f"{name}: transformers.js is not installed: {_INSTALL}")
    runtime = _find(_RUNTIME, [*_modules(library), *named])
    script = library / "dist" / "transformers.min.js"
    if runtime is None or not script.is_file() or not any((runtime / "dist").glob("*.wasm")):
        raise BackendError(f"{name}: transformers.js in {library} is not complete: {_INSTALL}")
    versions = {"transformers.js": _version(library), _RUNTIME: _version(runtime)}
    major = versions["transformers.js"].partition(".")[0]
    if not major.isdecimal() or int(major) < _OLDEST:
        raise BackendError(
            f"{name}: transformers.js {versions['transformers.js']} in {library} is too old: "
            f"npm install --ignore-scripts {_NAME}@latest"
        )
    return Package(library / "dist", runtime / "dist", versions)


def _modules(start: Path) -> Iterable[Path]:
    return (folder / "node_modules" for folder in (start, *start.parents))


def _find(package: str, places: Iterable[Path]) -> Path | None:
    # Some package managers put a link there, and what a package needs beside the place that it leads to.
    found = (place / package for place in places if (place / package / "package.json").is_file())
    return next((folder.resolve() for folder in found), None)


def _version(package: Path) -> str:
    try:
        return str(json.loads((package / "package.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"
