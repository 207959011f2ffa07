"""The project's own folder, as the README's first command finds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pytest_edgejson.results.file import read_run

ROOT = Path(__file__).resolve().parents[1]

WITHOUT = """
import sys
for name in ("hypothesis", "markdown_it", "statsmodels", "xdist"):
    sys.modules[name] = None
import pytest
plugin = ["-p", "pytest_edgejson.plugin.hooks", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*plugin, "--edgejson-model=control:gold", "-q", *sys.argv[1:]]))
"""


def test_a_benchmark_needs_nothing_that_only_tests_need_and_its_results_can_be_logged(tmp_path: Path) -> None:
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    log = tmp_path / "run.log"
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT, f"--log-file={log}", "--log-file-level=INFO"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "158 passed" in run.stdout
    # The example in conftest.py.
    lines = log.read_text(encoding="utf-8").splitlines()
    assert sum(line.endswith("[control:gold]: exact") for line in lines) == 158
    assert "[control:gold]: exact" not in run.stdout


def test_recorded_results_name_no_folder_of_the_machine_that_made_them() -> None:
    recorded = sorted((ROOT / "benchmarks" / "results").rglob("*.jsonl.gz"))
    assert recorded
    for file in recorded:
        for argument in read_run(file).manifest["settings"]["command"]:
            assert not Path(argument.rpartition("=")[2]).is_absolute(), f"{file.name}: {argument}"
