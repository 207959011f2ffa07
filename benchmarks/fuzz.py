"""Tries hostile inputs for as long as one likes: `python benchmarks/fuzz.py --minutes 60 [--seed N] [--only NAME]`.

Each target is a property of `tests/helpers/properties.py`, given what `tests/helpers/strategies.py` makes. Targets take
turns of 500 inputs. Ends with a table of how many inputs were tried and how long the slowest took, with every failing
example made as small as Hypothesis can, and with exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.properties import TARGETS
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

INPUTS_PER_TURN = 500


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

        tried = settings(
            max_examples=INPUTS_PER_TURN,
            deadline=None,
            database=None,
            verbosity=Verbosity.quiet,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(st.tuples(*self.strategies))(run))
        try:
            seed(number)(tried)()
        except Exception as error:  # noqa: BLE001
            self.failure = "".join(traceback.format_exception(error, limit=-4)) + self.failing


def main() -> int:
    parser = argparse.ArgumentParser(description="Try hostile inputs.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--only", choices=TARGETS, help="one target")
    options = parser.parse_args()
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
