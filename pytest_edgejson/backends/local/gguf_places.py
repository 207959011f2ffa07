"""Where a GGUF model is: a file, a folder that holds one, a repository of the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.hub import ask_hub
from pytest_edgejson.backends.references import HUB_GGUF, PIECE, gguf_in, is_gguf, split_hub_gguf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_edgejson.backends.spec import ModelSpec

# What is taken of several where none is named, as llama.cpp does.
_USUAL = "Q4_K_M"


def find_gguf(spec: ModelSpec) -> Path:
    """Return the GGUF file of a model, of several pieces the first; one that is on the hub is downloaded.

    Raises:
        BackendError: there is none, or more than one; the hub cannot be reached.
    """
    if spec.model is None:
        raise BackendError(f"{spec.name}: names no model: set model to a GGUF file, or gguf:ORG/REPO:QUANT")
    if spec.model.startswith(HUB_GGUF):
        return _from_hub(spec, spec.model)
    place = Path(spec.model).expanduser()
    if place.is_dir():
        try:
            place = gguf_in(place) or place
        except ValueError as error:
            raise BackendError(f"{spec.name}: {error}") from None
    if not is_gguf(place):
        raise BackendError(
            f'{spec.name}: {spec.model} is no GGUF file and holds none: use backend = "transformers", or convert it'
        )
    if not place.is_file():
        raise BackendError(f"{spec.name}: the model is not there: no file {place}")
    return place


def pieces_of(file: Path, count: int, name: str) -> list[Path]:
    """Return the files of a model that is split into so many pieces, the first one first.

    Raises:
        BackendError: some are missing, or the file is another piece than the first. The message begins with `name`.
    """
    if count == 1:
        return [file]
    match = PIECE.search(file.stem)
    if match is None or int(match[1]) != 1:
        raise BackendError(f"{name}: {file} is a piece of a model: name the first one, …-00001-of-{count:05}.gguf")
    stem = file.stem[: match.start()]
    files = [file.with_name(f"{stem}-{number:05}-of-{count:05}{file.suffix}") for number in range(1, count + 1)]
    missing = [each for each in files if not each.is_file()]
    if missing:
        raise BackendError(f"{name}: the model's piece {missing[0]} is not there: fetch it")
    return files


def choose_gguf(names: Sequence[str], quant: str | None) -> list[str]:
    """Return the files of one model among those of a repository: the first piece first.

    Args:
        names: of all files.
        quant: such as `Q8_0`, which must stand in the file's name; None for the only one there is, or Q4_K_M.

    Raises:
        ValueError: there is none, or there are several. The message goes on after the repository's name.
    """
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        if is_gguf(name) and not Path(name).name.startswith("mmproj"):
            models.setdefault(PIECE.sub("", name.removesuffix(Path(name).suffix)), []).append(name)
    if not models:
        raise ValueError("holds no GGUF file")
    found = list(models) if quant is None else [name for name in models if _is_quantised(name, quant)]
    if quant is None and len(found) > 1:
        found = [name for name in models if _is_quantised(name, _USUAL)] or found
    listed = ", ".join(models)
    if not found:
        raise ValueError(f"has no {quant}: it holds {listed}")
    if len(found) > 1:
        which = "name one, as in gguf:ORG/REPO:Q8_0" if quant is None else f"{quant} is said of {len(found)}"
        raise ValueError(f"holds several models, {which}: it holds {listed}")
    return models[found[0]]


def _is_quantised(name: str, quant: str) -> bool:
    return re.search(rf"(?:^|[-./]){re.escape(quant)}(?:$|[-./])", name, re.IGNORECASE) is not None


def _from_hub(spec: ModelSpec, reference: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    try:
        repo, quant = split_hub_gguf(reference)
    except ValueError as error:
        raise BackendError(f"{spec.name}: {error}") from None

    def choose(names: Sequence[str]) -> list[str]:
        try:
            return choose_gguf(names, quant)
        except ValueError as error:
            raise BackendError(f"{spec.name}: the repository {repo} {error}") from None

    def fetch(*, local_files_only: bool) -> Path:
        if local_files_only:
            folder = Path(snapshot_download(repo, revision=spec.revision, local_files_only=True))
            chosen = choose([file.relative_to(folder).as_posix() for file in folder.rglob("*.gguf")])
        else:
            chosen = choose(HfApi().list_repo_files(repo, revision=spec.revision))
            folder = Path(snapshot_download(repo, revision=spec.revision, allow_patterns=chosen))
        return folder / chosen[0]

    return ask_hub(fetch, spec.name, repo, spec.revision, "model")
