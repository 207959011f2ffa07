"""What `edgejson export` does with its arguments."""

from __future__ import annotations

import importlib
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.models import known_models, label, resolve_model
from pytest_edgejson.backends.registry import backend_type
from pytest_edgejson.results.gates.language import GateError, parse_gate
from pytest_edgejson.training.export.error import ExportError
from pytest_edgejson.values.text import shell_word
from pytest_edgejson.values.wording import megabytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.training.export.exported import Exported


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which models are exported.

    Attributes:
        module: of this package, that makes it.
        function: in it, that does.
        quants: how weights may be kept, the default first.
    """

    module: str
    function: str
    quants: tuple[str, ...]


FORMS: Mapping[str, Form] = {
    "gguf": Form("to_gguf", "export_gguf", ("f16", "q8_0", "q4_k_m")),
    "onnx": Form("to_onnx", "export_onnx", ("f32", "int8", "int4")),
    "openvino": Form("to_openvino", "export_openvino", ("f32", "int8", "int4")),
}


def run(arguments: argparse.Namespace) -> int:
    """Export a model as the arguments say, print what came of it, and return the exit code: that of its gates, or 0.

    Raises:
        ExportError: the model cannot be exported.
        OSError: a file cannot be read or written.
    """
    form = FORMS[arguments.to]
    quant = arguments.quant or form.quants[0]
    if quant not in form.quants:
        raise ExportError(f"--quant {quant}: with --to {arguments.to} it is one of {', '.join(form.quants)}")
    if arguments.ollama and arguments.to != "gguf":
        raise ExportError("--ollama: Ollama runs GGUF files: use --to gguf")
    for gate in arguments.gate:
        try:
            parse_gate(gate)
        except GateError as error:
            # The message has the gate on a line of its own.
            raise ExportError(f"--gate {gate}: {error.message}") from None
    spec = resolve_model(arguments.model, known_models())
    try:
        if not backend_type(spec).checkpoints:
            raise ExportError(f"{arguments.model}: there are no weights to export: name an entry, a folder or a hub id")
        export = getattr(importlib.import_module(f"pytest_edgejson.training.export.{form.module}"), form.function)
        exported: Exported = export(spec, _place(arguments, spec, quant), quant, force=arguments.force, say=_say)
    except BackendError as error:
        raise ExportError(str(error)) from None
    _print("\n".join(_told(exported, quant)))
    if arguments.ollama:
        from pytest_edgejson.training.export.ollama import write_modelfile
        from pytest_edgejson.training.export.to_gguf import ExportedGguf

        assert isinstance(exported, ExportedGguf)
        modelfile = write_modelfile(exported, spec)
        name = shell_word(exported.place.stem)
        _print(f"wrote {modelfile}: ollama create {name} -f {shell_word(str(modelfile))}")
    if not (arguments.gate or arguments.score):
        return 0
    from pytest_edgejson.training.export.scored import score

    folder = arguments.scores or exported.place.parent / "edgejson-scores"
    status, told = score(spec, exported, arguments.gate, shlex.split(arguments.pytest), folder, _say)
    _print(told)
    return status


def _place(arguments: argparse.Namespace, spec: ModelSpec, quant: str) -> Path:
    # Of `org/name` the name.
    name = f"{label(spec.name.rpartition('/')[2]).replace(':', '-')}-{quant}"
    out: Path | None = arguments.out
    if arguments.to != "gguf":
        return out or Path(f"{name}-{arguments.to}")
    out = out or Path(f"{name}.gguf")
    return out if out.suffix == ".gguf" else out / f"{name}.gguf"


def _told(exported: Exported, quant: str) -> Iterator[str]:
    what = f"{megabytes(exported.bytes)} in {quant}" + (f" by {exported.maker}" if exported.maker else "")
    verb = "wrote" if exported.is_new else "there already, the same:"
    yield f"{verb} {exported.place}: {what}; the weights it was made of take {megabytes(exported.source_bytes)}"
    yield exported.checked


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _say(line: str) -> None:
    # Standard output has what came of it.
    sys.stderr.write(f"export: {line}\n")
    sys.stderr.flush()
