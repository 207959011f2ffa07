"""`edgejson measure`: what is told before a model is measured, and what is kept when a later one cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgejson.backends.measuring.measurement import Answer, Measurement, MeasurementError, Pass
from pytest_edgejson.cli import main
from pytest_edgejson.report import measure_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let nano be measured in no time, and nothing else; the result has the names of what was."""
    names: list[str] = []

    def measure(job: Any, *_: object) -> Measurement:
        if job.spec.name != "nano":
            raise MeasurementError(f"{job.spec.name}: its process died with exit code -9")
        names.append(job.spec.name)
        passes = (Pass(0.0, 1.0, (Answer("rating-001", True, 1.0),)),)
        return Measurement("nano", {}, {}, 1, passes, 1, 8, "2026-01-01T00:00:00+00:00", "not measured: a test")

    monkeypatch.setattr(measure_command, "measure", measure)
    return names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nano", "nanoo"), "edgejson: unknown model 'nanoo': did you mean 'nano'?"),
        (("nano", "--out", "nowhere/o.json"), "edgejson: nowhere/o.json: No such file or directory"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_measured(
    measured: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["measure", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)
    assert measured == []


def test_what_was_measured_is_written_though_a_later_model_cannot_be(
    measured: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "measured.json"
    assert main(["measure", "nano", "nano-4m", "--out", str(out)]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "edgejson: nano-4m: its process died with exit code -9"
    assert [each["model"] for each in json.loads(out.read_text(encoding="utf-8"))] == measured == ["nano"]
