"""What `edgejson export` does with its arguments."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.models import known_models, label, resolve_model
from pytest_edgejson.backends.registry import BACKENDS
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.values.text import shell_word
from pytest_edgejson.values.wording import megabytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.training.export.make import Exported


def run(arguments: argparse.Namespace) -> int:
    """Export a model as the arguments say, print what came of it, and return the exit code: that of its gates, or 0.

    Raises:
        ExportError: the model cannot be exported.
        OSError: a file cannot be read or written.
    """
    spec = resolve_model(arguments.model, known_models())
    if not BACKENDS[spec.backend].checkpoints:
        raise ExportError(f"{arguments.model}: there are no weights to export: name an entry, a folder or a hub id")
    from pytest_edgejson.training.export.make import export_gguf

    exported = export_gguf(spec, _file(arguments, spec), arguments.quant, force=arguments.force, say=_say)
    _print("\n".join(_told(exported, arguments.quant)))
    if arguments.ollama:
        from pytest_edgejson.training.export.ollama import write_modelfile

        modelfile = write_modelfile(exported, spec)
        name = shell_word(exported.file.stem)
        _print(f"wrote {modelfile}: ollama create {name} -f {shell_word(str(modelfile))}")
    if not (arguments.gate or arguments.score):
        return 0
    from pytest_edgejson.training.export.scored import score

    folder = arguments.scores or exported.file.parent / "edgejson-scores"
    status, told = score(spec, exported.file, arguments.gate, shlex.split(arguments.pytest), folder, _say)
    _print(told)
    return status


def _file(arguments: argparse.Namespace, spec: ModelSpec) -> Path:
    # Of `org/name` the name.
    name = f"{label(spec.name.rpartition('/')[2]).replace(':', '-')}-{arguments.quant}.gguf"
    out: Path = arguments.out or Path(name)
    return out if out.suffix == ".gguf" else out / name


def _told(exported: Exported, quant: str) -> Iterator[str]:
    what = f"{megabytes(exported.bytes)} in {quant}" + (f" by {exported.quantiser}" if exported.quantiser else "")
    verb = "wrote" if exported.is_new else "there already, the same:"
    yield f"{verb} {exported.file}: {what}; the weights it was made of take {megabytes(exported.source_bytes)}"
    yield f"{exported.texts:,} of {exported.texts:,} texts have the same tokens, by llama.cpp's pattern {exported.pre}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _say(line: str) -> None:
    # Standard output has what came of it.
    sys.stderr.write(f"export: {line}\n")
    sys.stderr.flush()
