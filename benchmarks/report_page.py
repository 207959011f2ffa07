"""How soon the page of a report stands in Chromium, the list of cases included: of 100 results, and of 10,000.

    python benchmarks/report_page.py

Needs the extra `html`, and playwright with a Chromium that is installed. The last column is the time of a page over
that of the first one, which was looked at in turns with it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.chromium import opened, started
from helpers.runs import overview_of

from pytest_edgejson.report.html.report import write_report_page

# Results, and models that they are of.
PAGES = ((100, 1), (10_000, 1), (10_000, 63))


def main() -> None:
    """Make the pages, look at each, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="times that each page is looked at")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, started() as browser:
        files = [Path(scratch, f"{count}-{models}.html") for count, models in PAGES]
        for file, (count, models) in zip(files, PAGES, strict=True):
            write_report_page(file, overview_of(Path(scratch), count, models))
        rounds = []
        for _ in range(options.runs):
            times = []
            for file in files:
                with opened(browser, file) as page:
                    times.append(page.evaluate("performance.getEntriesByName('ready')[0].startTime") / 1000)
            rounds.append(times)
        rows = [
            {
                "results": count,
                "models": models,
                "MB": f"{file.stat().st_size / 1e6:.1f}",
                "seconds": f"{statistics.median(times[number] for times in rounds):.2f}",
                "x first": f"{statistics.median(times[number] / times[0] for times in rounds):.1f}",
            }
            for number, (file, (count, models)) in enumerate(zip(files, PAGES, strict=True))
        ]
    print(tabulate(rows, headers="keys", disable_numparse=True, colalign=("right",) * 5))


if __name__ == "__main__":
    main()
