"""`edgejson export`: models in the form that devices run them in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    export = commands.add_parser(
        "export",
        help="write a model in the form that devices run it in",
        description="Write a model, its adapter merged, with its tokenizer and chat template as a GGUF file for "
        "llama.cpp, Ollama and LM Studio, as a folder in ONNX for onnxruntime-genai and, in browsers, transformers.js, "
        "or as one for OpenVINO. It is checked before it gets its name: it must split 1,000 texts into the same tokens "
        "and compute the same. With --gate both then answer a suite, and the exit code tells whether the export may be "
        "released.",
    )
    export.add_argument("model", metavar="MODEL", help="named as in --edgejson-model")
    export.add_argument("--to", choices=("gguf", "onnx", "openvino"), default="gguf", help="(default: gguf)")
    export.add_argument(
        "--quant",
        type=str.lower,
        metavar="QUANT",
        help="how weights are kept: f16, q8_0, q4_k_m in GGUF; f32, int8, int4 in the others (the first)",
    )
    export.add_argument(
        "--out", type=Path, metavar="FILE|FOLDER", help="(default: MODEL-QUANT.gguf, or the folder MODEL-QUANT-FORM)"
    )
    export.add_argument("--ollama", action="store_true", help="write a Modelfile beside it, of which Ollama makes it")
    export.add_argument("--force", action="store_true", help="replace another export of that name")
    scored = export.add_argument_group("compared with the model it was made of")
    scored.add_argument("--score", action="store_true", help="let both answer the suite")
    scored.add_argument(
        "--gate", action="append", default=[], metavar="GATE", help="as --edgejson-gate, with the model as the baseline"
    )
    scored.add_argument(
        "--pytest", default="", metavar="OPTIONS", help="of both runs, such as --pytest='--edgejson-suite=notes'"
    )
    scored.add_argument("--scores", type=Path, metavar="FOLDER", help="for results and answers (edgejson-scores)")
    export.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from pytest_edgejson.training.export.command import run

    return run(arguments)
