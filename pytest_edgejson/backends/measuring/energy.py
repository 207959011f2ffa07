"""Energy: counted by the processor (RAPL), or recorded by a meter. Where neither is there it is not measured."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pytest_edgejson.backends.measuring.measurement import MeasurementError

POWERCAP = Path("/sys/class/powercap")
_MICRO = 1e-6


class NoEnergy(Exception):
    """Energy that cannot be measured here. The message says why."""


class Rapl:
    """The processor's own counters: of all its packages, and of memory where that has its own.

    All that runs on the machine counts, and nothing outside of these.

    Args:
        root: where Linux shows them.

    Raises:
        NoEnergy: there are none, or they may not be read.
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        self._counters = []
        for domain in sorted(root.glob("intel-rapl:*")):
            try:
                name = (domain / "name").read_text().strip()
                # Others are parts of these.
                if name.startswith("package") or name == "dram":
                    most = int((domain / "max_energy_range_uj").read_text())
                    self._counters.append((domain / "energy_uj", most))
            except (OSError, ValueError):
                continue
        if not self._counters:
            raise NoEnergy("the processor shows no counters (RAPL); --energy-csv takes a meter's records")
        try:
            self._last = [self._read(file) for file, _ in self._counters]
        except OSError as error:
            raise NoEnergy(f"the processor's counters (RAPL) cannot be read: {error.strerror or error}") from None
        self._joules = 0.0

    def joules(self) -> float:
        """Return the joules used since this was made; to be asked more often than counters begin anew."""
        for place, (file, most) in enumerate(self._counters):
            now = self._read(file)
            used = now - self._last[place]
            self._joules += (used if used >= 0 else used + most) * _MICRO
            self._last[place] = now
        return self._joules

    @staticmethod
    def _read(file: Path) -> int:
        return int(file.read_text())


class Meter:
    """A meter's records: a CSV file with the columns `time` and `watts`.

    `time` is in seconds since 1970 or in ISO 8601, by the clock of the machine that is measured.

    Args:
        file: the records.

    Raises:
        MeasurementError: it cannot be read, or a line is none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._records: list[tuple[float, float]] = []
        try:
            with file.open(encoding="utf-8", newline="") as lines:
                rows = csv.DictReader(lines)
                missing = {"time", "watts"} - set(rows.fieldnames or ())
                if missing:
                    raise MeasurementError(
                        f"{file}:1: no column {' and '.join(sorted(missing))}: write time,watts there"
                    )
                for row in rows:
                    self._records.append(self._record(row, rows.line_num))
        except OSError as error:
            raise MeasurementError(f"{file}: cannot be read: {error.strerror or error}") from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise MeasurementError(f"{file}: is no CSV file: {error}") from None

    def joules(self, began: float, ended: float) -> float:
        """Return the joules used between two times, in seconds since 1970: the area below the records.

        Raises:
            MeasurementError: the records do not cover it.
        """
        times = [time for time, _ in self._records]
        if not times or times[0] > began or times[-1] < ended:
            covered = f"from {_clock(times[0])} to {_clock(times[-1])}" if times else "nothing"
            raise MeasurementError(
                f"{self._file}: the records cover {covered}, and not all from {_clock(began)} to {_clock(ended)}: let "
                "the meter record the whole measurement, by this machine's clock"
            )
        inner = [(time, watts) for time, watts in self._records if began < time < ended]
        points = [(began, self._watts(began)), *inner, (ended, self._watts(ended))]
        return math.fsum((later - time) * (watts + after) / 2 for (time, watts), (later, after) in pairwise(points))

    def _watts(self, at: float) -> float:
        for (time, watts), (later, after) in pairwise(self._records):
            if time <= at <= later:
                return watts + (after - watts) * (at - time) / (later - time)
        return self._records[-1][1]

    def _record(self, row: dict[str, str], line: int) -> tuple[float, float]:
        where = f"{self._file}:{line}"
        try:
            watts = float(row["watts"])
        except (TypeError, ValueError):
            watts = math.nan
        if not 0 <= watts < math.inf:
            raise MeasurementError(f"{where}: {row['watts']!r} is no number of watts")
        time = _seconds(row["time"])
        if time is None:
            raise MeasurementError(
                f"{where}: {row['time']!r} is no time: write seconds since 1970, or 2026-01-31T12:00:00Z"
            )
        if self._records and time <= self._records[-1][0]:
            raise MeasurementError(f"{where}: the time does not come after that of the line before")
        return time, watts


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        try:
            seconds = datetime.fromisoformat(text).timestamp()
        except (TypeError, ValueError):
            return None
    return seconds if math.isfinite(seconds) else None


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
