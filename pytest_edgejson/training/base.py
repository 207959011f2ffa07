"""The model that a training begins with: found, recognised and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.model_files import hash_files, locate
from pytest_edgejson.backends.models import ModelsFileError, UnknownModel, known_models, resolve_model
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.training.checkpoints import TrainingError, fingerprint
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from pytest_edgejson.backends.local.model_files import ModelFiles

_FIX = "name a hub id that can be reached, or a folder with config.json, tokenizer and safetensors that belong together"


def find_base(base: str) -> ModelFiles:
    """Return the files of a base: a folder, an entry of a models file, or a hub id, of which they are downloaded.

    Raises:
        TrainingError: they cannot be had, or are those of an adapter.
    """
    try:
        spec = ModelSpec(base, model=base)
        if not Path(base).exists() and base in (known := known_models()):
            spec = resolve_model(base, known)
        files = locate(spec)
    except (ModelsFileError, UnknownModel) as error:
        raise TrainingError(str(error)) from None
    except BackendError as error:
        # What follows is about models of a benchmark run.
        reason = str(error).removeprefix(f"{base}: ").partition("; ")[0]
        raise TrainingError(f"the base {base!r} cannot be had: {reason}; {_FIX}") from None
    if files.adapter is not None:
        raise TrainingError(f"the base {base!r} is an adapter: name the model that it was made for")
    return files


def base_fingerprint(files: ModelFiles) -> str:
    """Return a short mark of a base's files: another base of the same name has another one."""
    return fingerprint(hash_files(files, trust_remote_code=False))


def load_base(base: str, files: ModelFiles) -> tuple[Any, Any]:
    """Return tokenizer and model, in float32, of a base.

    Raises:
        TrainingError: it cannot be loaded, or has no end of sequence.
    """
    from safetensors import SafetensorError

    from pytest_edgejson.backends.local.loading import read_network
    from pytest_edgejson.backends.local.tokenizers import read_tokenizer

    try:
        tokenizer = read_tokenizer(files.tokenizer, base)
        model, _ = read_network(files.model, "float32")
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"the base {base!r} cannot be loaded: {first_line(error)}; {_FIX}") from None
    if tokenizer.eos_token_id is None:
        raise TrainingError(f"the tokenizer of {base} has no end of sequence to teach: set its eos_token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model
