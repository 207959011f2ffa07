from __future__ import annotations

import pytest
from helpers.properties import TARGETS
from hypothesis import HealthCheck, given, settings


@pytest.mark.parametrize("name", TARGETS)
def test_it_holds_for_any_input(name: str) -> None:
    check, strategies = TARGETS[name]
    checked = given(*strategies)(check)
    settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))(checked)()
