"""An export and the model that it was made of answer the same suite: what changed, and whether it may be released."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.models import label
from pytest_edgejson.report.compare import render_brief
from pytest_edgejson.report.figures import change_text, value_text
from pytest_edgejson.report.gates import report_lines
from pytest_edgejson.report.overview import overview_of
from pytest_edgejson.results.file import read_run
from pytest_edgejson.results.metrics import METRICS
from pytest_edgejson.results.result import is_error
from pytest_edgejson.training.benchmark import entry, run_benchmark
from pytest_edgejson.training.export.error import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.results.compare.comparison import Report
    from pytest_edgejson.training.export.exported import Exported

# Keys of an entry that say how a model is asked, and those that say what it is and how it is run.
_ASKED = ("prompt", "system", "shots", "chat_template_kwargs", "loops", "max_new_tokens", "constrain", "thoughts")
_RUN = ("backend", "model", "adapter", "revision", "adapter_revision", "tokenizer", "dtype", "weights")
# What pytest ends with where every gate holds, one fails, one cannot be measured.
_DECIDED = (0, 1, 6)


def score(
    spec: ModelSpec,
    exported: Exported,
    gates: Sequence[str],
    options: Sequence[str],
    folder: Path,
    say: Callable[[str], None],
) -> tuple[int, str]:
    """Let a model and its export answer a suite; return the exit code and what came of it.

    Args:
        spec: the model.
        exported: the export.
        gates: what must hold for a release, with the model's own results for a baseline; without any, nothing decides.
        options: of pytest for both runs.
        folder: for the runs' models, results and answers.
        say: is told what is done.

    Raises:
        ExportError: a run could not be made.
        OSError: a file cannot be written.
    """
    before, after = label(spec.name).replace(":", "-"), label(exported.place.name)
    if after == before:
        after = f"{after}-exported"
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    asked = {key: value for key in _ASKED if (value := getattr(spec, key))}
    source = {key: value for key in (*_RUN, "trust_remote_code") if (value := getattr(spec, key))}
    models = folder / f"{after}.toml"
    export: dict[str, Any] = {"backend": exported.backend, "model": str(exported.place.resolve())}
    lines = [*entry(before, {**source, **asked}), *entry(after, {**export, **asked})]
    models.write_text("\n".join(lines) + "\n", encoding="utf-8")
    results = {name: folder / f"{name}.jsonl" for name in (before, after)}

    def run(name: str, *further: str) -> int:
        say(f"{name} answers the suite")
        common = [f"--edgejson-models={models}", f"--edgejson-model={name}", f"--edgejson-results={results[name]}"]
        status = run_benchmark(folder, [*common, "--edgejson-diffs=none", *further, *options], Path.cwd())
        if status not in _DECIDED:
            raise ExportError(
                f"{name}: the benchmark ended with exit code {status}, see above; {exported.place} is there"
            )
        return status

    run(before, "--edgejson-report-only")
    decides = [f"--edgejson-gate={gate}" for gate in gates] or ["--edgejson-report-only"]
    status = run(after, f"--edgejson-baseline={results[before]}#{before}", *decides)
    overview = overview_of([read_run(results[before]), read_run(results[after])], {})
    failed = sum(is_error(result) for result in overview.runs[1].results)
    told = [
        *_told(overview.reports[0]),
        *(line.text for line in report_lines(overview.decisions, others_failed=failed)),
    ]
    if not gates:
        told.append(f"no gate: nothing decides whether {after} may be released; add --gate, such as 'regressions<=3'")
    return status, "\n".join([*told, f"results: {results[before]}, {results[after]}"])


def _told(report: Report) -> Iterator[str]:
    exact = report.comparisons[0].difference("json_exact")
    unit = METRICS[exact.metric].unit
    values = f"{value_text(exact.baseline, unit)} → {value_text(exact.candidate, unit)}"
    yield f"JSONExact: {values} ({change_text(exact)}), {exact.n} cases"
    yield render_brief(report, most=5)
