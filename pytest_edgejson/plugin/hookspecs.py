"""Hooks that other plugins and a conftest.py may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_edgejson.results.result import Result


def pytest_edgejson_result(result: Result, config: pytest.Config) -> None:
    """Take a result as it comes in; on xdist's controller, never on a worker.

    The result is one line of the results file, JSON builtins only::

        def pytest_edgejson_result(result, config):
            mlflow.log_metric(f"{result['model']}/{result['case_id']}", result["field_f1"])
    """
