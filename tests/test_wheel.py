"""The built wheel, in an environment and a folder of their own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_it_carries_all_that_a_run_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    data = "pytest_edgejson/_data"
    for folder in ("schemas", "cases", "suites", "models"):
        own = {f"{data}/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert own, folder
        assert own <= names
    assert not [name for name in names if name.endswith("conftest.py")]
    assert {f"{data}/models.toml", "pytest_edgejson/results/results.schema.json", "pytest_edgejson/py.typed"} <= names


def test_it_runs_the_bundled_suite_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    environment, place = tmp_path / "environment", tmp_path / "empty"
    place.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = Path(sysconfig.get_path("scripts", vars={"base": str(environment)})) / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The libraries of this environment, but not its own, editable installation of the plugin.
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    code = "import pytest_edgejson, sys, pytest; print(pytest_edgejson.__file__); sys.exit(pytest.main(sys.argv[1:]))"
    arguments = ["-p", "pytest_edgejson.plugin.hooks", "--edgejson-model=control:gold", "-q"]
    result = subprocess.run(
        [python, "-c", code, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": ""},
    )
    assert str(site) in result.stdout, result.stderr
    assert "158 passed" in result.stdout
    assert result.returncode == 0
