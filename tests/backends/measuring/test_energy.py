"""Energy: the processor's counters as Linux shows them, and a meter's records."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_edgejson.backends.measuring.energy import Meter, NoEnergy, Rapl
from pytest_edgejson.backends.measuring.measurement import MeasurementError


def domain(root: Path, name: str, kind: str, used: int, most: int = 1_000_000_000) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{kind}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    (folder / "energy_uj").write_text(f"{used}\n")
    return folder / "energy_uj"


def test_packages_and_memory_count_and_counters_may_begin_anew(tmp_path: Path) -> None:
    package = domain(tmp_path, "intel-rapl:0", "package-0", 999_000_000)
    memory = domain(tmp_path, "intel-rapl:0:1", "dram", 5_000_000)
    part = domain(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    rapl = Rapl(tmp_path)
    part.write_text("900000000")
    memory.write_text("7000000")
    assert rapl.joules() == pytest.approx(2)
    package.write_text("3000000")
    assert rapl.joules() == pytest.approx(6)
    package.write_text("4500000")
    assert rapl.joules() == pytest.approx(7.5)


def test_without_counters_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(NoEnergy, match=r"shows no counters \(RAPL\); --energy-csv takes a meter's records"):
        Rapl(tmp_path)
    domain(tmp_path, "intel-rapl:0", "package-0", 1).unlink()
    with pytest.raises(NoEnergy, match=r"counters \(RAPL\) cannot be read: No such file"):
        Rapl(tmp_path)


def test_a_meters_power_is_summed_over_time(tmp_path: Path) -> None:
    file = tmp_path / "meter.csv"
    file.write_text("time,volts,watts\n2026-01-01T00:00:00Z,5,10\n2026-01-01T00:00:10+00:00,5,20\n1767225620,5,20\n")
    meter = Meter(file)
    began = 1767225600.0
    assert meter.joules(began, began + 10) == pytest.approx(150)
    assert meter.joules(began + 5, began + 15) == pytest.approx(17.5 * 5 + 100)
    assert meter.joules(began + 11, began + 12) == pytest.approx(20)
    with pytest.raises(MeasurementError, match=r"meter\.csv: the records cover from 2.*, and not all from 2"):
        meter.joules(began + 5, began + 21)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: no column time and watts: write time,watts there"),
        ("time,joules\n1,2\n", r":1: no column watts: write time,watts there"),
        ("time,watts\n1,5\nsoon,5\n", r":3: 'soon' is no time: write seconds since 1970, or 2026-01-31T12:00:00Z"),
        ("time,watts\n1,-5\n", r":2: '-5' is no number of watts"),
        ("time,watts\n1,nan\n", r":2: 'nan' is no number of watts"),
        ("time,watts\n1\n", r":2: None is no number of watts"),
        ("time,watts\n2,5\n1,5\n", r":3: the time does not come after that of the line before"),
    ],
)
def test_records_that_are_none(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "meter.csv"
    file.write_text(text)
    with pytest.raises(MeasurementError, match=f"^{file}{message}$"):
        Meter(file)
