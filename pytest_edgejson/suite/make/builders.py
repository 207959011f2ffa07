"""The builders of the bundled suites: EdgeJSON's, and one in the package `make/NAME` for each further suite.

Such a package has a module `build` with `SEED` and `build_suite(out, seed)`, which writes `OUT/cases` and `OUT/schemas`
and returns the number of cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgejson.suite import bundled
from pytest_edgejson.suite.suites import EDGEJSON, SuiteError
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Builder:
    """What builds a suite.

    Attributes:
        seed: that of the bundled suite.
        out: the folder that it is written to.
        build: writes the suite to a folder from a seed and returns the number of its cases.
    """

    seed: int
    out: Path
    build: Callable[[Path, int], int]


def find_builder(name: str) -> Builder:
    """Return what builds a bundled suite.

    Raises:
        SuiteError: there is no such builder. The message lists the names.
    """
    if name == EDGEJSON.name:
        from pytest_edgejson.suite.make import build
        from pytest_edgejson.suite.schemas import Schemas

        return Builder(
            build.SEED, Path("cases"), lambda out, seed: build.build_suite(Schemas(bundled.SCHEMAS), out, seed)
        )
    names = [EDGEJSON.name, *sorted(file.parent.name for file in Path(__file__).parent.glob("*/build.py"))]
    if name not in names:
        raise SuiteError(f"no builder of a suite {name!r}: {did_you_mean(name, names)}use {', '.join(names)}")
    module = import_module(f"{__package__}.{name}.build")
    return Builder(module.SEED, Path("suites") / name, module.build_suite)
