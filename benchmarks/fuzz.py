"""Tries hostile inputs for as long as one likes, or outputs by the million.

    python benchmarks/fuzz.py --minutes 60 [--seed N] [--only NAME]
    python benchmarks/fuzz.py --outputs 1000000 [--seed N] [--jobs N]

Each target is a property of `tests/helpers/properties.py`, given what `tests/helpers/strategies.py` makes. By minutes,
targets take turns of 500 inputs. Ends with a table of how many inputs were tried and how long the slowest took, with
every failing example made as small as Hypothesis can, and with exit code 1 where there is one.

Most of that time Hypothesis takes to make the inputs. By outputs, it makes one answer in fifty, with a schema and an
expected output; the others are made of these by cutting, doubling, and mixing in pieces of others. Each goes through
what an output meets in a run: decoder, scanner, extraction, both scorers and the result line; one in a hundred is shown
in the reports as well.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.properties import TARGETS, check_output, check_reports
from helpers.strategies import PIECES, objects, outputs, schemas
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS_PER_TURN = 500

# Outputs made from one answer that Hypothesis made, and outputs of a batch.
ANSWERS_OF_ONE = 50
BATCH = 10_000


def _draw(
    run: Callable[[Any], None], strategy: st.SearchStrategy[Any], number: int, count: int, *phases: Phase
) -> None:
    drawn = settings(
        max_examples=count,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate, *phases],
        suppress_health_check=list(HealthCheck),
    )(given(strategy)(run))
    seed(number)(drawn)()


class Target:
    """One property: what was tried so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.check, self.strategies = TARGETS[name]
        self.tried = 0
        self.slowest = 0.0
        self.slowest_input = ""
        self.failing = ""
        self.failure = ""

    def _timed(self, *arguments: object) -> None:
        start = time.perf_counter()
        self.tried += 1
        try:
            self.check(*arguments)
        except Exception:
            # Hypothesis ends with the smallest that fails.
            self.failing = ascii(arguments)
            raise
        finally:
            seconds = time.perf_counter() - start
            if seconds > self.slowest:
                self.slowest, self.slowest_input = seconds, ascii(arguments)

    def turn(self, number: int) -> None:
        """Try some inputs; what fails is made small and kept."""

        def run(arguments: tuple[object, ...]) -> None:
            self._timed(*arguments)

        try:
            _draw(run, st.tuples(*self.strategies), number, INPUTS_PER_TURN, Phase.shrink)
        except Exception as error:  # noqa: BLE001
            self.failure = "".join(traceback.format_exception(error, limit=-4)) + self.failing


Origin = tuple[dict[str, Any], str, dict[str, Any]]
"""An expected output, an answer, a schema."""


@dataclass
class Batch:
    """What came of some outputs.

    Attributes:
        tried: how many.
        slowest: seconds of the slowest.
        failures: the shortest output that fails in a place, by the end of its traceback; and how many do.
    """

    tried: int = 0
    slowest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def failed(self, place: str, example: str, count: int = 1) -> None:
        self.counts[place] += count
        self.failures[place] = min(self.failures.get(place, example), example, key=len)


def changed(text: str, others: list[str], chance: random.Random) -> str:
    """Return a text with something cut, doubled, swapped or mixed in, a few times."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + int(chance.expovariate(0.1)))
        other = chance.choice(others)
        at = chance.randint(0, len(other))
        middle = (
            "",
            text[start:end] * 2,
            text[start:end][::-1],
            chance.choice(PIECES),
            chance.choice(PIECES),
            other[at : at + 20],
            other,
        )
        text = text[:start] + chance.choice(middle) + text[end if chance.random() < 0.7 else start :]
    return text[: chance.randint(0, len(text))] if chance.random() < 0.1 else text


def try_outputs(number: int, count: int) -> Batch:
    """Make outputs from a seed, and check each."""
    origins: list[Origin] = []
    answers = objects.flatmap(lambda value: st.tuples(st.just(value), outputs(value), schemas))
    _draw(lambda origin: origins.append(origin), answers, number, max(count // ANSWERS_OF_ONE, 1))
    chance = random.Random(number)
    texts = [text for _, text, _ in origins]
    batch = Batch()
    for turn in range(count):
        expected, text, schema = chance.choice(origins)
        output = changed(text, texts, chance)
        began = time.perf_counter()
        try:
            check_output(expected, output, schema)
            if turn % 100 == 0:
                check_reports((expected, output), schema, text, "stop", chance.randint(1, 200))
        except Exception as error:  # noqa: BLE001
            place = "".join(traceback.format_exception(error, limit=-3))
            batch.failed(place, ascii((expected, output, schema)))
        batch.tried += 1
        batch.slowest = max(batch.slowest, time.perf_counter() - began)
    return batch


def run_outputs(count: int, number: int, jobs: int) -> int:
    """Check outputs in batches on some processes; return the exit code."""
    began, whole = time.monotonic(), Batch()
    sizes = [min(BATCH, count - done) for done in range(0, count, BATCH)]
    numbers = random.Random(number)
    with ProcessPoolExecutor(jobs) as pool:
        for batch in pool.map(try_outputs, [numbers.randrange(2**32) for _ in sizes], sizes):
            whole.tried += batch.tried
            whole.slowest = max(whole.slowest, batch.slowest)
            for place, example in batch.failures.items():
                whole.failed(place, example, batch.counts[place])
    seconds = time.monotonic() - began
    print(f"seed {number}, {jobs} processes, Python {sys.version.split()[0]}\n")
    print(f"{whole.tried:,} outputs in {seconds:,.0f} s, the slowest {whole.slowest:.2f} s")
    for place, example in whole.failures.items():
        print(f"\nFOUND {whole.counts[place]} times:\n{place}{example}")
    return int(bool(whole.failures))


def main() -> int:
    parser = argparse.ArgumentParser(description="Try hostile inputs.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--only", choices=TARGETS, help="one target")
    parser.add_argument("--outputs", type=int, metavar="N", help="so many outputs, instead of minutes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, for --outputs")
    options = parser.parse_args()
    if options.outputs:
        return run_outputs(options.outputs, options.seed, options.jobs)
    targets = [Target(name) for name in ([options.only] if options.only else TARGETS)]
    numbers = random.Random(options.seed)
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end and not all(target.failure for target in targets):
        for target in targets:
            if not target.failure and time.monotonic() < end:
                target.turn(numbers.randrange(2**32))
    print(f"seed {options.seed}, {options.minutes:g} minutes, Python {sys.version.split()[0]}\n")
    print(f"{'target':<12} {'inputs':>10} {'slowest':>9}")
    for target in targets:
        print(f"{target.name:<12} {target.tried:>10,} {target.slowest:>7.2f} s  {target.slowest_input[:60]}")
    print(f"{'all':<12} {sum(target.tried for target in targets):>10,}")
    for target in targets:
        if target.failure:
            print(f"\nFOUND by {target.name}:\n{target.failure}")
    return int(any(target.failure for target in targets))


if __name__ == "__main__":
    sys.exit(main())
