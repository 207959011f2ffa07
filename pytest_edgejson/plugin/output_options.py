"""Options that name files which a run writes."""

from __future__ import annotations

from pathlib import Path

from pytest_edgejson.plugin.option import Option

OUTPUT_OPTIONS = (
    Option("results", Path, "write every result to this file, one JSON line each", "FILE.jsonl", is_path=True),
    Option(
        "report", Path, "write a report of the run as Markdown, such as for a pull request", "FILE.md", is_path=True
    ),
    Option("html", Path, "write a report of the run, with plots and all cases, as a page", "FILE.html", is_path=True),
    Option("badge", Path, "write JSONExact as the JSON document of a badge (shields.io)", "FILE.json", is_path=True),
)
