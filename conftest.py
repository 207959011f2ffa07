"""What a project's own conftest.py holds; the installed plugin needs none of it.

It names no `pytest_plugins`: where the suite of this folder is run from another project, pytest allows that in the root
of that project alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_edgejson.results.result import Result

log = logging.getLogger("edgejson")


# Optional, so that pytest runs here without the plugin too.
@pytest.hookimpl(optionalhook=True)
def pytest_edgejson_result(result: Result) -> None:
    """Log each result as it comes in; pytest's own options say where to: `--log-file=run.log --log-file-level=INFO`."""
    log.info("%s[%s]: %s", result["case_id"], result["model"], result["failure"] or "exact")
