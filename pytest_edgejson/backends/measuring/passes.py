"""A model measured in a process of its own: loaded, warmed up, and asked one case after the other."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_edgejson.backends.interface import BackendError, LoadOptions, Request
from pytest_edgejson.backends.measuring.energy import Meter, NoEnergy, Rapl
from pytest_edgejson.backends.measuring.machine import forget_peak, machine, peak
from pytest_edgejson.backends.measuring.measurement import Answer, Measurement, MeasurementError, Pass
from pytest_edgejson.backends.registry import BACKENDS, load_backend
from pytest_edgejson.backends.watch import Watch
from pytest_edgejson.scoring.extraction import extract
from pytest_edgejson.scoring.score import score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from pytest_edgejson.backends.interface import Backend, GenerationSettings
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.suite.cases import Case
    from pytest_edgejson.suite.files import CaseRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is measured.

    Attributes:
        spec: the model.
        settings: what decides its answers.
        options: how it is run; one case at a time.
        cases: in their order.
        passes: how often all are asked.
        warm_up: how many are asked before.
    """

    spec: ModelSpec
    settings: GenerationSettings
    options: LoadOptions
    cases: Sequence[Case]
    passes: int
    warm_up: int


def measure(job: Job, rows: Sequence[CaseRow], meter: Path | None = None) -> Measurement:
    """Measure a model in a process of its own.

    Args:
        job: what is measured.
        rows: its cases with their schemas, by which answers are scored.
        meter: a CSV file that a meter writes meanwhile; None for the processor's own counters.

    Raises:
        MeasurementError: the model cannot be run, its process died, or the meter's records do not do.
    """
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(there, job, meter is None), daemon=True)
    process.start()
    there.close()
    try:
        found: Measurement | str = here.recv()
    except EOFError:
        process.join()
        raise MeasurementError(f"{job.spec.name}: its process died with exit code {process.exitcode}") from None
    finally:
        here.close()
        process.join(5)
        if process.is_alive():
            process.kill()
    if isinstance(found, str):
        raise MeasurementError(found)
    passes = [replace(each, answers=tuple(map(_scored, each.answers, rows))) for each in found.passes]
    energy = found.energy
    if meter is not None:
        records, energy = Meter(meter), f"a meter's records, {meter.name}"
        passes = [replace(each, joules=records.joules(each.began, each.ended)) for each in passes]
    return replace(found, passes=tuple(passes), energy=energy)


def _work(answer: Connection, job: Job, counts_energy: bool) -> None:
    try:
        found: Measurement | str = _measure(job, counts_energy)
    except BackendError as error:
        found = str(error)
    answer.send(found)
    answer.close()


def _measure(job: Job, counts_energy: bool) -> Measurement:
    began = time.perf_counter()
    is_here = BACKENDS[job.spec.backend].isolated
    clock = _Clock()
    backend = load_backend(job.spec, job.settings, replace(job.options, batch_size=1))
    backend.watch = clock
    asked = _Asked(backend, clock, job.cases, is_here=is_here)
    asked.first()
    start_s = load_s = idle_bytes = None
    if is_here:
        start_s = (clock.began or began) - began
        is_own = backend.process is None
        backend.close()
        without = forget_peak()
        # Another process is not there without the model.
        idle_bytes = without if is_own else None
        again = time.perf_counter()
        asked.first()
        load_s = (clock.began or again) - again
    for number in range(job.warm_up):
        asked.ask(job.cases[number % len(job.cases)])
    rapl, energy = None, "not measured: a server uses it"
    if counts_energy and is_here:
        try:
            rapl, energy = Rapl(), "the processor's counters (RAPL), of all that ran on the machine"
        except NoEnergy as error:
            energy = f"not measured: {error}"
    passes = tuple(_pass(job, asked, rapl) for _ in range(job.passes))
    threads = backend.threads
    description = dict(backend.description)
    peak_bytes = peak(backend.process) if is_here else None
    backend.close()
    return Measurement(
        model=job.spec.name,
        backend=description,
        machine=machine(),
        threads=threads,
        passes=passes,
        warm_up=job.warm_up,
        max_new_tokens=job.settings.max_new_tokens,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        energy=energy,
        start_s=start_s,
        load_s=load_s,
        peak_bytes=peak_bytes,
        idle_bytes=idle_bytes,
    )


def _pass(job: Job, asked: _Asked, rapl: Rapl | None) -> Pass:
    began, before = time.time(), rapl.joules() if rapl is not None else 0.0
    answers = []
    for case in job.cases:
        answers.append(asked.ask(case))
        if rapl is not None:
            # The counters begin anew every few minutes under load.
            rapl.joules()
    return Pass(began, time.time(), tuple(answers), None if rapl is None else rapl.joules() - before)


class _Clock(Watch):
    """Notes when a backend begins with a case, and when its first tokens come."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.first: tuple[float, int] | None = None

    def forget(self) -> None:
        """Forget the case before."""
        self.began = self.first = None

    def begin(self, keys: Sequence[str]) -> None:
        """Note the time, once."""
        self.began = self.began or time.perf_counter()

    def step(self, tokens: int) -> None:
        """Note the time of the first ones."""
        if tokens and self.first is None:
            self.first = time.perf_counter(), tokens


class _Asked:
    """A backend that is asked one case at a time."""

    def __init__(self, backend: Backend, clock: _Clock, cases: Sequence[Case], *, is_here: bool) -> None:
        self._backend = backend
        self._clock = clock
        self._cases = cases
        self._is_here = is_here

    def first(self) -> None:
        """Ask the first case, which loads the model.

        Raises:
            BackendError: it cannot be answered.
        """
        answer = self.ask(self._cases[0])
        if answer.error is not None:
            raise BackendError(f"{answer.case_id}: {answer.error}")

    def ask(self, case: Case) -> Answer:
        """Ask a case."""
        prompt = self._backend.render(case)
        self._clock.forget()
        began = time.perf_counter()
        (completion,) = self._backend.generate([Request(case.id, prompt, case)])
        total_s = time.perf_counter() - began
        first = self._clock.first
        return Answer(
            case.id,
            False,
            total_s,
            completion.text,
            completion.prompt_tokens,
            completion.output_tokens,
            None if first is None else first[0] - began,
            # A server's part of an answer may be several tokens.
            first[1] if first is not None and self._is_here else 0,
            completion.error,
        )


def _scored(answer: Answer, row: CaseRow) -> Answer:
    expected, schema = row.case.expected_output, row.schema
    extraction = extract(answer.text, "lenient", schema.may_be_answer, roots=schema.roots(expected))
    is_right = score(expected, extraction, schema, schema.rule_of(row.case)).json_exact
    return replace(answer, is_right=is_right and answer.error is None)
