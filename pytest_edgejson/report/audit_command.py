"""What `edgejson suite audit` does with its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError, GenerationSettings, LoadOptions
from pytest_edgejson.backends.models import known_models, resolve_model
from pytest_edgejson.backends.registry import BACKENDS, load_backend
from pytest_edgejson.report.audit import render
from pytest_edgejson.suite.audit.rules import TOKEN_LIMITS, audit_suite
from pytest_edgejson.suite.marks import write_marks
from pytest_edgejson.values.wording import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_edgejson.suite.schemas import Schema


def run(arguments: argparse.Namespace, schemas_of: Callable[[Path], Mapping[str, Schema]]) -> tuple[str, int]:
    """Audit what the arguments name, and write the audit file where they say so.

    Returns:
        What to print, and the exit code: 1 where a label is unsound or there is no case, else 0.

    Raises:
        ValueError: a model is unknown or has no tokenizer, or schemas cannot be used.
        OSError: a path is not there, or the audit file cannot be written.
    """
    count_tokens = None if arguments.model is None else token_counter(arguments.model)
    audit = audit_suite(
        arguments.paths,
        schemas_of,
        count_tokens=count_tokens,
        tokenizer=arguments.model or "",
        limits=arguments.limit or TOKEN_LIMITS,
    )
    text = render(audit, arguments.format, verbose=arguments.verbose)
    if arguments.write is not None:
        written = write_marks(arguments.write, audit)
        if arguments.format != "json":
            text += f"\n\nwrote {counted(written, 'mark')} to {arguments.write}"
    return text, 1 if audit.unsound or not audit.rows else 0


def token_counter(name: str) -> Callable[[str], int]:
    """Return what counts the tokens of a model: its end of sequence is not among them.

    Args:
        name: as `--edgejson-model` takes it.

    Raises:
        ValueError: the model is unknown, cannot be had, or has no tokenizer.
    """
    from pytest_edgejson.backends.local.library_messages import one_line, quiet
    from pytest_edgejson.backends.local.model_files import locate, need_libraries
    from pytest_edgejson.backends.local.tokenizers import read_tokenizer

    spec = resolve_model(name, known_models())
    if spec.backend not in BACKENDS or not BACKENDS[spec.backend].checkpoints:
        raise ValueError(f"--model {name}: {spec.backend} has no tokenizer: name a model such as nano")
    try:
        if spec.backend == "llama.cpp":
            return load_backend(spec, GenerationSettings(), LoadOptions()).count_tokens
        need_libraries(spec.name, "transformers")
        place = locate(spec).tokenizer
        with quiet(), one_line(spec.name, "the tokenizer"):
            tokenizer = read_tokenizer(place, spec.name, trust_remote_code=spec.trust_remote_code)
    except BackendError as error:
        raise ValueError(str(error)) from None
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
