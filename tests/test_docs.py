"""Pages of docs/ that show tables of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


PAGES = ["gates.md", "leaderboard.md", "notes.md", "scoring.md", "suites.md", "your-own-suite.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_the_code_says(page):
    made = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", page], cwd=DOCS, capture_output=True, text=True
    )
    assert made.returncode == 0, f"{made.stdout}{made.stderr}\nmake it anew, in docs: cog -r {page}"
