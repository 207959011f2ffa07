from __future__ import annotations

import faulthandler
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

# A run inside this process forgets what it imported: what is slow to import, or cannot be imported twice, comes first.
import deepdiff  # noqa: F401
import jsonschema  # noqa: F401
import pytest
import scipy.optimize
import scipy.stats  # noqa: F401
import tabulate  # noqa: F401
from helpers.planted import make_planted
from helpers.projects import Project

import pytest_edgejson.plugin.failures
import pytest_edgejson.plugin.gatekeeper
import pytest_edgejson.plugin.nodes
import pytest_edgejson.plugin.publishing
import pytest_edgejson.plugin.terminal
import pytest_edgejson.report.summary
import pytest_edgejson.scoring.diagnosis
import pytest_edgejson.scoring.score
import pytest_edgejson.suite.validators  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A benchmark run in this folder loads this file too, perhaps without what the tests alone need.
with suppress(ModuleNotFoundError):
    import hypothesis.internal.observability

    # Machines that run tests are busy with other things too; and what one run finds, the next one should find.
    hypothesis.settings.register_profile("edgejson", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("edgejson")
with suppress(ModuleNotFoundError):
    import matplotlib.figure  # noqa: F401

# A shell that starts the tests in the background has them ignore SIGINT, and whatever they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # A run inside this process would have a crash of this or a later test tell where it was in a captured file.
    monkeypatch.setattr(faulthandler, "enable", lambda *_, **__: None)
    monkeypatch.setattr(faulthandler, "disable", lambda: None)
    return pytester


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    # What the surrounding run sets would change what a run inside it prints.
    for name in ("PYTEST_ADDOPTS", "CI", "BUILD_NUMBER", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    return Project(pytester.path)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Models this small gain nothing from threads, and lose a lot on a machine that has other work."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def model_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let transformers keep code that comes with models in a folder of the test, and torch use one thread.

    Its threads wait for each other actively, which takes long where other processes want the cores too.
    """
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that breaks as prompts ask for."""
    return make_planted(tmp_path_factory.mktemp("models") / "planted")
