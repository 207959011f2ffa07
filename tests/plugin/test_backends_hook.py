"""The hook `pytest_edgejson_backends`: backends of an installed package, and of a conftest.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.projects import Project

RESULTS = "--edgejson-results=results.jsonl"
PYPROJECT = """
[project]
name = "acme-edgejson"
version = "1.0"
dependencies = ["pytest-edgejson"]

[project.entry-points.pytest11]
acme = "acme_edgejson.plugin"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
# What goes wrong, where something does, is for the tests of that.
PLUGIN = """
import os
from pytest_edgejson.backends.interface import BackendType

wrong = os.environ.get("ACME_WRONG")

def load(spec, settings, options):
    from acme_edgejson.backend import AcmeBackend

    if wrong == "loader":
        raise ConnectionError("no route to acme")
    return {"model": spec.model} if wrong == "no backend" else AcmeBackend(spec, settings, options)

def pytest_edgejson_backends(config):
    if wrong == "hook":
        raise RuntimeError("out of acme")
    if wrong == "list":
        return ["acme"]
    if wrong == "no type":
        return {"acme": load}
    return {"replay" if wrong == "taken" else "acme": BackendType(load), "acme.apart": BackendType(load, isolated=True)}
"""
# A chat model that repeats what it is shown, and says in a file when it is asked.
BACKEND = """
import os
from pytest_edgejson.backends.interface import Backend, Completion, Message

class AcmeBackend(Backend):
    def __init__(self, spec, settings, options):
        self.spec = spec

    @property
    def fingerprint(self):
        return f"acme 1.0 {self.spec.model} {os.environ.get('ACME_WEIGHTS')}"

    @property
    def description(self):
        return {"backend": self.spec.backend, "model": self.spec.model, "version": "1.0"}

    def render(self, case):
        return (Message("system", "Answer in JSON."), Message("user", case.prompt))

    def answer(self, request):
        system, user = request.prompt
        assert (system.role, user.role) == ("system", "user")
        with open("asked", "a") as file:
            file.write(f"{os.getpid()} {self.spec.model}\\n")
        name, _, text = user.content.partition(": ")
        if self.spec.model == "fragile" and name.endswith("bill-001"):
            os._exit(3) if self.spec.backend == "acme.apart" else 1 / 0
        return Completion(request.key, "{}" if self.spec.model == "empty" else text, "stop")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that a third party's package is installed in."""
    source, target = tmp_path_factory.mktemp("acme"), tmp_path_factory.mktemp("site")
    package = source / "acme_edgejson"
    package.mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    (package / "backend.py").write_text(BACKEND, encoding="utf-8")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q")
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


@pytest.fixture
def acme(project: Project, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folders = [str(installed), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    return project


def asked(project: Project) -> list[tuple[int, str]]:
    lines = (project.root / "asked").read_text(encoding="utf-8").splitlines()
    return [(int(line.split()[0]), line.split()[1]) for line in lines]


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["alone", "xdist"])
def test_an_installed_package_brings_a_backend(acme: Project, pytester: pytest.Pytester, workers: tuple[str]) -> None:
    run = ("--edgejson-model=acme:large-2", RESULTS, *workers)
    result = pytester.runpytest_subprocess(*run)
    result.assert_outcomes(passed=6)
    manifest, rows = acme.results()
    assert manifest["models"]["acme:large-2"]["version"] == "1.0"
    assert not any(row["stored"] for row in rows)
    assert len({pid for pid, _ in asked(acme)}) == (2 if workers else 1)
    pytester.runpytest_subprocess(*run).assert_outcomes(passed=6)
    assert all(row["stored"] for row in acme.results()[1])
    assert len(asked(acme)) == 6


@pytest.mark.slow
def test_the_store_tells_models_and_weights_apart(
    acme: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.runpytest_subprocess("--edgejson-model=acme:large-2").assert_outcomes(passed=6)
    pytester.runpytest_subprocess("--edgejson-model=acme:empty").assert_outcomes(failed=6)
    monkeypatch.setenv("ACME_WEIGHTS", "2")
    pytester.runpytest_subprocess("--edgejson-model=acme:large-2").assert_outcomes(passed=6)
    assert len(asked(acme)) == 18


@pytest.mark.slow
def test_an_entry_of_a_models_file_names_it(acme: Project, pytester: pytest.Pytester) -> None:
    (acme.root / "models.toml").write_text('[models.big]\nbackend = "acme"\nmodel = "large-2"\n', encoding="utf-8")
    pytester.runpytest_subprocess("--edgejson-model=big").assert_outcomes(passed=6)


def test_collecting_loads_nothing(acme: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_WRONG", "loader")
    result = pytester.runpytest_subprocess("--edgejson-model=acme:large-2", "--co", "-q")
    result.stdout.fnmatch_lines(["*contact-001?acme:large-2?", "6 tests collected*"])


def test_a_case_on_which_it_breaks_is_an_error_of_that_case(acme: Project, pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--edgejson-model=acme:fragile", RESULTS).assert_outcomes(passed=5, errors=1)
    assert [row["error"] for row in acme.results()[1] if row["error"]] == ["ZeroDivisionError: division by zero"]


@pytest.mark.slow
def test_an_isolated_one_may_crash(acme: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=acme.apart:fragile", RESULTS)
    result.assert_outcomes(passed=5, errors=1)
    (error,) = [row["error"] for row in acme.results()[1] if row["error"]]
    assert error == "the process that ran the model ended with exit status 3"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("taken", "plugin acme: the backend prefix 'replay' is taken by pytest-edgejson: choose another"),
        ("hook", "plugin acme: pytest_edgejson_backends broke: RuntimeError: out of acme"),
        ("list", "plugin acme: pytest_edgejson_backends must return a dict of BackendType by prefix, got ['acme']"),
        ("no type", "plugin acme: the backend 'acme' must be a BackendType, got <function load at *>"),
        (
            "loader",
            "acme:large-2: the backend 'acme' of plugin acme broke: ConnectionError: no route to acme (*plugin.py:11)",
        ),
        (
            "no backend",
            "acme:large-2: the loader of the backend 'acme' of plugin acme returned a dict, which does not derive from "
            "pytest_edgejson.backends.interface.Backend",
        ),
    ],
)
def test_what_a_package_gets_wrong_is_a_line_that_names_it(
    acme: Project,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
    message: str,
) -> None:
    monkeypatch.setenv("ACME_WRONG", wrong)
    # With workers, they would say it too.
    workers = ("-n", "2") if wrong in ("taken", "loader") else ()
    result = pytester.runpytest_subprocess("--edgejson-model=acme:large-2", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert len([line for line in result.errlines if line]) == 1
    result.stderr.fnmatch_lines([f"ERROR: {message.replace('[', '[[]')}"])


def test_an_unknown_model_names_the_prefixes(acme: Project, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--edgejson-model=acm:large-2")
    result.stderr.fnmatch_lines(
        [
            "ERROR: unknown model 'acm:large-2': did you mean 'acme:large-2'? *; prefixes: transformers:, *replay:, "
            "control:, acme:, acme.apart:; *"
        ]
    )


CONFTEST = """
from pytest_edgejson.backends.interface import Backend, BackendType, Completion

class Repeating(Backend):
    fingerprint = "repeating"
    description = {"backend": "repeating"}

    def render(self, case):
        return case.prompt

    def answer(self, request):
        return Completion(request.key, request.text.partition(": ")[2], "stop")
"""
HOOK = """
def pytest_edgejson_backends():
    return {"ours": BackendType(lambda spec, settings, options: Repeating())}
"""
REGISTERS = """
import types

def pytest_configure(config):
    plugin = types.SimpleNamespace()
    plugin.pytest_edgejson_backends = lambda: {"ours": BackendType(lambda *_: Repeating())}
    config.pluginmanager.register(plugin, "ours")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "workers"), [(HOOK, ()), (HOOK, ("-n", "2")), (REGISTERS, ())], ids=["hook", "xdist", "registers a plugin"]
)
def test_a_conftest_brings_a_backend(
    project: Project, pytester: pytest.Pytester, how: str, workers: tuple[str]
) -> None:
    pytester.makeconftest(CONFTEST + how)
    pytester.runpytest_subprocess("--edgejson-model=ours:x", *workers).assert_outcomes(passed=6)


def test_two_plugins_with_the_same_prefix(acme: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST + HOOK.replace("ours", "acme"))
    result = pytester.runpytest_subprocess("--edgejson-model=acme:x")
    result.stderr.re_match_lines([r"ERROR: plugin .*: the backend prefix 'acme' is taken by (acme|.*conftest\.py): "])
