"""The whole of it, as a team's CI sees it: a model that is released, one that is held back, one that is mended."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_edgejson.results.gates.evaluate import UNMEASURABLE_EXIT
from pytest_edgejson.suite import bundled

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

GATES = (
    "--edgejson-gate=json_exact>=50%",
    "--edgejson-gate=json_exact>=baseline-0.05",
    "--edgejson-gate=p_worse>=0.05",
)


@pytest.fixture
def team(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a team's project: a part of the bundled suite, its schemas, and the model that is in use."""
    for name in ("PYTEST_ADDOPTS", "CI", "BUILD_NUMBER", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    root = pytester.path
    shutil.copytree(bundled.SCHEMAS, root / "schemas")
    for name in ("rating", "sensor_reading", "log_entry", "notification"):
        target = root / "cases" / "test" / "simple" / f"{name}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(bundled.TEST_CASES / "simple" / f"{name}.jsonl", target)
    shutil.copytree(bundled.ROOT / "models" / "nano", root / "candidate")
    pytester.makefile(
        ".toml", models='[models.candidate]\nbackend = "transformers"\nmodel = "./candidate"\nprompt = "v3"\n'
    )
    return root


def damage(folder: Path, share: float) -> None:
    """Add noise to the weights, as a quantisation that went wrong does."""
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(0)
    file = folder / "model.safetensors"
    weights = load_file(file)
    noisy = {
        name: weight + share * weight.float().std() * torch.randn(weight.shape, generator=generator)
        for name, weight in weights.items()
        if weight.dim() == 2
    }
    kept = {name: noisy.get(name, weight).to(weight.dtype).contiguous() for name, weight in weights.items()}
    save_file(kept, file, metadata={"format": "pt"})


@pytest.mark.slow
def test_green_red_green(team: Path, pytester: pytest.Pytester) -> None:
    def ci(*extra: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(
            "--edgejson-model=candidate", "--edgejson-baseline=baseline.jsonl", *GATES, *extra
        )

    # The model in use is measured, and its results committed.
    first = pytester.runpytest_subprocess(
        "--edgejson-model=candidate", "--edgejson-report-only", "--edgejson-results=baseline.jsonl"
    )
    assert first.ret == pytest.ExitCode.OK

    # The same model again: green, though not every case passes.
    again = ci("--edgejson-report=report.md")
    again.stdout.fnmatch_lines(
        ["No difference: candidate (baseline.jsonl) and candidate*", "gate: candidate may be released"]
    )
    assert again.ret == pytest.ExitCode.OK
    sound = (team / "candidate" / "model.safetensors").read_bytes()

    # A change breaks it: red, with the reason on the screen and in the report.
    damage(team / "candidate", 0.8)
    red = ci("--edgejson-report=report.md")
    red.stdout.fnmatch_lines(
        [
            "candidate (this run) is worse than candidate (baseline.jsonl): JSONExact *",
            "* regressions (exact before, a miss now)",
            "  FAIL *json_exact>=baseline-0.05*",
            "  FAIL *p_worse>=0.05*",
            "gate: candidate may not be released: *",
        ]
    )
    assert red.ret == pytest.ExitCode.TESTS_FAILED
    report = (team / "report.md").read_text(encoding="utf-8")
    assert "may not be released" in report
    assert "regressions (exact before, a miss now)</summary>" in report

    # A part of the suite that happens to pass proves nothing.
    part = ci("-k", "sensor")
    part.stdout.fnmatch_lines(["  UNMEASURABLE *of 30 cases ran"])
    assert part.ret in (pytest.ExitCode.TESTS_FAILED, UNMEASURABLE_EXIT)

    # Mended: green again, and nothing generated that was known.
    (team / "candidate" / "model.safetensors").write_bytes(sound)
    green = ci()
    green.stdout.fnmatch_lines(["30 of 30 completions are from the store*", "gate: candidate may be released"])
    assert green.ret == pytest.ExitCode.OK
