"""Gates: conditions on what a run measured; they decide whether a model may be released."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_edgejson.results.gates.language import Gate, GateError, parse_gate
from pytest_edgejson.results.metric import Measurement
from pytest_edgejson.results.result import case_fingerprint, is_error
from pytest_edgejson.results.slices import UnknownSlice, select, slices_of
from pytest_edgejson.results.statistics import Interval, p_worse
from pytest_edgejson.results.units import SECONDS, TOKENS_PER_S
from pytest_edgejson.suite.suites import EDGEJSON

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pytest_edgejson.results.gates.population import Population
    from pytest_edgejson.results.metric import Metric
    from pytest_edgejson.results.result import CaseRecord, Profile, Result
    from pytest_edgejson.suite.suites import Slices

UNMEASURABLE_EXIT = 6
"""Exit status of a run in which a gate could not be measured, and nothing worse happened."""

Outcome: TypeAlias = Literal["pass", "fail", "unmeasurable"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate says of a model.

    Attributes:
        model: the model's name.
        gate: the gate.
        outcome: `unmeasurable` where it can say nothing, because not all cases it speaks about have an answer.
        measured: the metric, None where the gate is unmeasurable.
        compared: what was compared: the metric's value, or an end of its interval.
        bound: what it was compared with, the baseline worked in.
        note: where the worst value is, or which cases regressed; why the gate is unmeasurable.
    """

    model: str
    gate: Gate
    outcome: Outcome
    measured: Measurement | None = None
    compared: float = 0.0
    bound: float = 0.0
    note: str = ""

    @property
    def margin(self) -> float:
        """How far on the right side of the bound, in the metric's unit; negative on the wrong one."""
        margin = self.compared - self.bound
        if self.gate.comparison == "==":
            margin = -abs(margin)
        elif self.gate.comparison.startswith("<"):
            margin = -margin
        # What is equal has no margin, rather than -0.0 or 1e-17.
        return round(margin, 9) + 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON builtins, for the manifest of the results file."""
        said = {"model": self.model, "gate": self.gate.text, "outcome": self.outcome, "note": self.note}
        if self.measured is None:
            return said
        interval = self.measured.interval
        return said | {
            "value": self.measured.value,
            "interval": None if interval is None else [interval.low, interval.high],
            "n": self.measured.n,
            "bound": self.bound,
        }


def read_decision(said: Mapping[str, Any]) -> Decision:
    """Return a decision from what `as_dict` made of it.

    Raises:
        GateError: the gate is one of another version.
    """
    gate = parse_gate(said["gate"])
    decision = Decision(said["model"], gate, said["outcome"], note=said["note"])
    if said.get("value") is None:
        return decision
    interval = None if said["interval"] is None else Interval(*said["interval"])
    compared = said["value"]
    if interval is not None and gate.function in ("lower", "upper"):
        compared = interval.low if gate.function == "lower" else interval.high
    measured = Measurement(said["value"], interval, said["n"])
    return replace(decision, measured=measured, compared=compared, bound=said["bound"])


class Unmeasurable(Exception):
    """A gate can say nothing. The message says why."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What gates are measured on.

    Attributes:
        population: all cases they speak about.
        profile: whose scorer counts.
        holds: tells whether a result reaches what the run asserts.
        slices: those of the suite.
    """

    population: Population
    profile: Profile
    holds: Callable[[Result], bool]
    slices: Slices = EDGEJSON.slices

    def check(self, gate: Gate) -> None:
        """Raise GateError where no case is in the gate's slice, or in any group that its function takes the worst of.

        Nothing is said of a population that is not known.
        """
        if self.population.problem:
            return
        try:
            rows = self._slice(gate).values()
        except UnknownSlice as error:
            raise GateError(str(error), gate.text, gate.slice_position) from None
        key = self._key(gate)
        if key is not None and not any(slices_of(row, key, self.profile) for row in rows):
            raise GateError(
                f"{gate.function} has no groups, as no case says its {key}: take worst_schema", gate.text, 0
            )

    def decide(self, gate: Gate, model: str, results: Sequence[Result], baseline: Sequence[Result] = ()) -> Decision:
        """Say whether a gate holds for a model.

        Args:
            gate: one that `check` passed.
            model: the model's name.
            results: this run's, of that model.
            baseline: an earlier run's on the same cases, where the gate needs one.
        """
        try:
            return self._decide(gate, model, _by_case(results), _by_case(baseline))
        except Unmeasurable as reason:
            return Decision(model, gate, "unmeasurable", note=str(reason))

    def _decide(
        self, gate: Gate, model: str, now: Mapping[str, Sequence[Result]], before: Mapping[str, Sequence[Result]]
    ) -> Decision:
        slice_ = self._slice(gate)
        _need_all(slice_, now, counts_errors=gate.metric.name == "errors")
        measured, note = self._measure(gate, slice_, now, before)
        bound = gate.bound.offset
        if gate.bound.factor:
            try:
                bound = gate.bound.value(self._measure(gate, slice_, before, {})[0].value)
            except Unmeasurable as reason:
                raise Unmeasurable(f"baseline: {reason}") from None
        compared = measured.value
        if gate.function in ("lower", "upper"):
            assert measured.interval is not None
            compared = measured.interval.low if gate.function == "lower" else measured.interval.high
        outcome: Outcome = "pass" if gate.holds(compared, bound) else "fail"
        return Decision(model, gate, outcome, measured, compared, bound, note)

    def _slice(self, gate: Gate) -> Mapping[str, CaseRecord]:
        if self.population.problem:
            raise Unmeasurable(self.population.problem)
        if gate.slice is None:
            return self.population.cases
        chosen = select(list(self.population.cases.values()), gate.slice, self.profile, self.slices)
        return {case_fingerprint(row): row for row in chosen}

    def _key(self, gate: Gate) -> str | None:
        """Return by what of a case the groups are made that the gate's function takes the worst of."""
        keys = {"worst_schema": "schema_id", "worst_slice": self.slices.key, "worst_complexity": "complexity"}
        return keys.get(gate.function or "")

    def _measure(
        self,
        gate: Gate,
        cases: Mapping[str, CaseRecord],
        now: Mapping[str, Sequence[Result]],
        before: Mapping[str, Sequence[Result]],
    ) -> tuple[Measurement, str]:
        key = self._key(gate)
        if key is None:
            return self._measure_group(gate.metric, cases, now, before)
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for fingerprint, row in cases.items():
            # Cases that are in none are a group too: a gate speaks of all.
            for name in sorted(slices_of(row, key, self.profile)) or [f"no {key}"]:
                groups[name].append(fingerprint)
        measured = {name: self._measure_group(gate.metric, group, now, before)[0] for name, group in groups.items()}
        worst = (min if gate.metric.higher_is_better else max)(measured, key=lambda name: measured[name].value)
        return measured[worst], worst

    def _measure_group(
        self,
        metric: Metric,
        cases: Collection[str],
        now: Mapping[str, Sequence[Result]],
        before: Mapping[str, Sequence[Result]],
    ) -> tuple[Measurement, str]:
        results = [result for fingerprint in cases for result in now.get(fingerprint, ())]
        if metric.of == "misses":
            missed = [case for case in cases if not all(map(self.holds, now.get(case, ())))]
            return Measurement(len(missed), None, len(cases)), ""
        if metric.of == "changes":
            return self._changed(metric.name, cases, now, before)
        if metric.unit in (TOKENS_PER_S, SECONDS):
            stored = sum(result["stored"] for result in results)
            if stored:
                raise Unmeasurable(
                    f"{stored} of {len(results)} answers are from the store, timed in an earlier run: "
                    "--edgejson-store=FILE names another one"
                )
        measured = metric.measure(results, self.profile)
        if measured is None:
            raise Unmeasurable(metric.lacking)
        return measured, ""

    def _changed(
        self,
        metric: str,
        cases: Collection[str],
        now: Mapping[str, Sequence[Result]],
        before: Mapping[str, Sequence[Result]],
    ) -> tuple[Measurement, str]:
        """Compare the cases that passed on one side only; of several repeats, all have to pass."""
        passed_now = {case for case in cases if all(map(self.holds, now[case]))}
        passed_before = {case for case in cases if all(map(self.holds, before[case]))}
        lost, gained = passed_before - passed_now, passed_now - passed_before
        if metric == "p_worse":
            p = p_worse(len(gained), len(lost))
            return Measurement(p, None, len(cases)), f"{len(lost)} lost, {len(gained)} gained"
        changed = lost if metric == "regressions" else gained
        names = sorted(now[case][0]["case_id"] for case in changed)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return Measurement(len(changed), None, len(cases)), ", ".join(names[:_SHOWN]) + more


def _by_case(results: Iterable[Result]) -> Mapping[str, Sequence[Result]]:
    found: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        found[case_fingerprint(result)].append(result)
    return found


def _need_all(cases: Collection[str], now: Mapping[str, Sequence[Result]], *, counts_errors: bool) -> None:
    """Raise Unmeasurable unless every case ran, in every repeat, and was answered where errors don't count."""
    results = [result for case in cases for result in now.get(case, ())]
    repeats = max((result["repeat"] for result in results), default=1)
    ran = [case for case in cases if len({result["repeat"] for result in now.get(case, ())}) == repeats]
    if len(ran) < len(cases):
        raise Unmeasurable(f"{len(ran)} of {len(cases)} cases ran")
    errors = sum(any(map(is_error, now[case])) for case in cases)
    if errors and not counts_errors:
        raise Unmeasurable(f"{errors} of {len(cases)} cases could not be run")
