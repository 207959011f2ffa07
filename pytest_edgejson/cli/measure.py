"""`edgejson measure`: what a model costs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.cli.arguments import positive

if TYPE_CHECKING:
    import argparse

    from pytest_edgejson.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """Add the command to those of `edgejson`."""
    measure = commands.add_parser(
        "measure",
        help="measure what models cost on this machine",
        description="Measure time, memory and energy of models on this machine, each in a process of its own, one case "
        "at a time: load time, peak memory, bytes on disk, prefill and decode tokens/s, time to the first token, p50 "
        "and p95. What cannot be measured is said not to be, and never estimated.",
    )
    measure.add_argument("models", nargs="+", metavar="MODEL", help="named as in --edgejson-model")
    measure.add_argument("--browser", action="store_true", help="run folders of edgejson export --to onnx in Chromium")
    measure.add_argument("--suite", metavar="NAME", help="as --edgejson-suite")
    measure.add_argument("--cases", type=Path, metavar="PATH", help="(default: cases/test, or the bundled suite)")
    measure.add_argument("--n", type=positive, default=10, help="cases, spread over the suite (default: 10)")
    measure.add_argument("--passes", type=positive, default=3, metavar="N", help="how often all are asked (default: 3)")
    measure.add_argument("--warm-up", type=positive, default=2, metavar="N", help="answers before that (default: 2)")
    measure.add_argument("--max-new-tokens", type=positive, metavar="N", help="as --edgejson-max-new-tokens (512)")
    measure.add_argument("--device", help="as --edgejson-device")
    measure.add_argument("--energy-csv", type=Path, metavar="FILE", help="what a meter records meanwhile: time,watts")
    measure.add_argument("--out", type=Path, metavar="FILE.json", help="write the measurements, for the leaderboard")
    measure.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: text)")
    measure.set_defaults(run=_measure)


def _measure(arguments: argparse.Namespace) -> None:
    from pytest_edgejson.report.measure_command import run

    print(run(arguments))
