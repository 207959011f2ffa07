"""A measurement for reading, and as a JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.measuring.measurement import as_document
from pytest_edgejson.report.document import Code, Foreign, Heading, Table
from pytest_edgejson.results.measured import figures
from pytest_edgejson.values.wording import counted, megabytes, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_edgejson.backends.measuring.measurement import Measurement
    from pytest_edgejson.report.document import Block, Inline
    from pytest_edgejson.results.measured import Figures

NOT_MEASURED = "not measured"


def as_documents(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Return measurements with their figures as JSON builtins."""
    return [{**as_document(each), "figures": asdict(figures(each.passes))} for each in measurements]


def blocks(measurements: Sequence[Measurement]) -> Iterator[Block]:
    """Yield what there is to tell of measurements."""
    for each in measurements:
        found = figures(each.passes)
        yield Heading(2, Code(each.model))
        yield Foreign(machine_of(each))
        cases, count = counted(len(each.passes[0].answers), "case"), len(each.passes)
        yield (
            f"{cases} in {count} {plural(count, 'pass', 'passes')}, one at a time, after "
            f"{counted(each.warm_up, 'answer')} to warm up; at most {each.max_new_tokens} tokens"
        )
        yield Table(["what", "measured"], [[name, value] for name, value in _rows(each, found)], ["left", "left"])
        yield _passes(each)


def machine_of(each: Measurement) -> str:
    """Return in words what a model was measured on, and by what it ran."""
    machine = each.machine
    memory = machine.get("memory_bytes")
    parts = [
        str(each.backend.get("backend", "")),
        str(machine.get("processor")),
        counted(int(machine.get("cores") or 0), "core"),
        *([f"{memory / 1e9:.1f} GB"] if memory else []),
        str(machine.get("system")),
        "threads not known" if each.threads is None else counted(each.threads, "thread"),
    ]
    return ", ".join(part for part in parts if part)


def _rows(each: Measurement, found: Figures) -> Iterator[tuple[str, Inline]]:
    yield "on disk", _megabytes(each.backend.get("bytes"))
    loaded = f"{seconds(each.load_s)}; from nothing, libraries included, {seconds(each.start_s)}"
    yield "load", NOT_MEASURED if each.load_s is None else loaded
    without = "" if each.idle_bytes is None else f"; {megabytes(each.idle_bytes)} without the model"
    yield "peak memory", NOT_MEASURED if each.peak_bytes is None else megabytes(each.peak_bytes) + without
    yield "prefill", _rate(found.prefill_tokens_per_s)
    yield "decode", _rate(found.decode_tokens_per_s)
    yield "in all", _rate(found.tokens_per_s)
    yield "first token", _percentiles(found.first_token_p50_s, found.first_token_p95_s)
    yield "each further token", seconds(found.token_s)
    yield "answer", _percentiles(found.answer_p50_s, found.answer_p95_s)
    errors = f", {found.errors} could not be run" if found.errors else ""
    yield "right", f"{found.right} of {found.answers}{errors}"
    if found.joules_per_answer is None:
        yield "energy", Foreign(each.energy)
    else:
        right = found.joules_per_right_answer
        by_right = "none is right" if right is None else f"{joules(right)} a right one"
        yield "energy", Foreign(f"{joules(found.joules_per_answer)} an answer, {by_right}: {each.energy}")


def _passes(each: Measurement) -> Table:
    """Return what each pass took: a machine that throttles becomes slower from one to the next."""
    rows: list[list[Inline]] = []
    for number, one in enumerate(each.passes, 1):
        found = figures([one])
        energy = NOT_MEASURED if one.joules is None else joules(one.joules)
        rows.append(
            [
                str(number),
                seconds(one.ended - one.began),
                _rate(found.prefill_tokens_per_s),
                _rate(found.decode_tokens_per_s),
                seconds(found.answer_p50_s),
                energy,
            ]
        )
    return Table(["pass", "took", "prefill", "decode", "answer p50", "energy"], rows, ["right"] * 6)


def seconds(value: float | None) -> str:
    """Return a time in words."""
    if value is None:
        return NOT_MEASURED
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:,.3g} s" if value < 1000 else f"{value:,.0f} s"


def joules(value: float) -> str:
    """Return an energy in words."""
    return f"{value:,.3g} J" if value < 1000 else f"{value:,.0f} J"


def _rate(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:,.4g} tokens/s" if value < 10_000 else f"{value:,.0f} tokens/s"


def _percentiles(p50: float | None, p95: float | None) -> str:
    return NOT_MEASURED if p50 is None else f"p50 {seconds(p50)}, p95 {seconds(p95)}"


def _megabytes(size: object) -> str:
    return megabytes(size) if isinstance(size, int) else NOT_MEASURED


HEADERS = ("load", "peak memory", "first token p50", "prefill", "decode", "energy a right answer")
"""Of what `edgejson measure` found, on the leaderboard."""

CSV_HEADERS = (
    *("load_s", "peak_bytes", "first_token_p50_s", "prefill_tokens_per_s", "decode_tokens_per_s"),
    "joules_per_right_answer",
)
"""The same in CSV."""


def values(measurement: Measurement | None) -> list[float | None]:
    """Return the numbers of a model under `CSV_HEADERS`."""
    if measurement is None:
        return [None] * len(CSV_HEADERS)
    found = figures(measurement.passes)
    return [getattr(measurement, name) if hasattr(measurement, name) else getattr(found, name) for name in CSV_HEADERS]


def columns(measurement: Measurement | None) -> list[str]:
    """Return the cells of a model under `HEADERS`."""
    if measurement is None:
        return ["-"] * len(HEADERS)
    forms = (seconds, _megabytes, seconds, _rate, _rate, joules)
    return [
        NOT_MEASURED if value is None else form(value) for form, value in zip(forms, values(measurement), strict=True)
    ]
