"""What is exported: a model in float32, its adapter merged, with its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.local.library_messages import one_line, quiet
from pytest_edgejson.backends.local.loading import load_merged
from pytest_edgejson.backends.local.model_files import locate
from pytest_edgejson.backends.local.tokenizers import read_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.backends.local.model_files import ModelFiles
    from pytest_edgejson.backends.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Source:
    """A model to be exported.

    Attributes:
        files: where it was read from.
        network: of transformers, in float32 on the CPU, its adapter merged.
        tokenizer: of transformers.
    """

    files: ModelFiles
    network: Any
    tokenizer: Any


def read_source(spec: ModelSpec, say: Callable[[str], None]) -> Source:
    """Read a model.

    Args:
        spec: the model.
        say: is told what is done.

    Raises:
        BackendError: it cannot be had.
    """
    files = locate(spec)
    say(f"{spec.name}: reading the model" + (", its adapter merged" if files.adapter is not None else ""))
    with quiet(), one_line(spec.name, "the model"):
        network = load_merged(spec, files)
        tokenizer = read_tokenizer(files.tokenizer, spec.name, trust_remote_code=spec.trust_remote_code)
    return Source(files, network, tokenizer)
