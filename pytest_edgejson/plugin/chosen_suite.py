"""The suite of a run: the one that is named, or the one that the paths given to pytest are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_edgejson.plugin.node_ids import read_arguments
from pytest_edgejson.plugin.options import given
from pytest_edgejson.results.metrics import headline
from pytest_edgejson.suite.schemas import SchemaError
from pytest_edgejson.suite.suites import EDGEJSON, UNNAMED, SchemaFinder, SuiteError, find_suite, suite_at

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_edgejson.plugin.options import Settings
    from pytest_edgejson.suite.suites import Suite


def choose_suite(config: pytest.Config, settings: Settings) -> Suite:
    """Return the suite of a run, and let pytest collect it where no path was given.

    Raises:
        pytest.UsageError: there is none of that name, it cannot be used, or the paths are in several.
    """
    is_typed = config.args_source == config.ArgsSource.ARGS
    try:
        named = None if settings.suite is None else find_suite(settings.suite, _place_of_suite(config))
        if not is_typed and any(given(config, name) for name in ("model", "suite", "cases")):
            config.args = [str(suite_folder(config, settings, named or EDGEJSON))]
        suite = named or _suite_of_arguments(config)
        headline(suite)
        if suite.comparators:
            # Else each file of cases would say what is wrong with them.
            SchemaFinder(settings.schemas)(suite.cases)
    except (SuiteError, SchemaError) as error:
        raise pytest.UsageError(str(error)) from None
    if settings.profile == "v3" and suite.metrics:
        raise pytest.UsageError(f"--edgejson-profile=v3 is for EdgeJSON: leave it out for the suite {suite.name}")
    return suite


def _place_of_suite(config: pytest.Config) -> Path:
    """Return what a folder that `--edgejson-suite` names is relative to: the configuration, where that names it."""
    if config.inipath is None or given(config, "suite"):
        return config.invocation_params.dir
    return config.inipath.parent


def _suite_of_arguments(config: pytest.Config) -> Suite:
    """Return the suite that the arguments are in, an unnamed one where they are in none.

    Raises:
        SuiteError: they are in several, or a suite cannot be used.
    """
    found = {
        suite.name: suite
        for argument in read_arguments(config.args, config.invocation_params.dir)
        if (suite := suite_at(argument.path)).name
    }
    if len(found) > 1:
        raise SuiteError(f"cases of the suites {' and '.join(found)}: run them one after the other")
    return next(iter(found.values()), UNNAMED)


def suite_folder(config: pytest.Config, settings: Settings, suite: Suite) -> Path:
    """Return the folder of cases that runs where no path is given."""
    own = config.rootpath / "cases" / "test"
    is_own = settings.suite is None and own.is_dir()
    folder = settings.cases or (own if is_own else suite.cases)
    return folder / "test" if (folder / "test").is_dir() else folder


def check_suite(file: Path, suite: Suite) -> None:
    """Check that a file of cases is of the suite that runs.

    Raises:
        SuiteError: it is of another one, or its `suite.toml` cannot be used.
    """
    own = suite_at(file)
    names = [(one.name, one.version) if one.name not in ("", EDGEJSON.name) else None for one in (own, suite)]
    if names[0] != names[1]:
        raise SuiteError(
            f"{file} is {f'of the suite {own.name}' if own.name else 'in no suite'}, this run is of "
            f"{suite.name or EDGEJSON.name}: run the folder of one suite"
        )
