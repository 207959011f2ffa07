"""Pages looked at in the Chromium that is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def started() -> Iterator[Any]:
    """Start Chromium, as a browser of playwright; skip where one of them is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives Chromium: pip install playwright")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    # As root, which containers run as, Chromium has no sandbox.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if is_root else [])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, fragment: str = "", **context: Any) -> Iterator[Any]:
    """Open a file offline; what its scripts complain of, and what it asks of any other address, fails the test.

    Args:
        browser: of `started`.
        path: of the page.
        fragment: what follows `#` in the address.
        context: what the browser is like: `color_scheme`, `viewport`, `java_script_enabled`, …
    """
    session = browser.new_context(offline=True, **context)
    page = session.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.extend({request.url.partition("#")[0]} - {path.as_uri()}))
    page.goto(f"{path.as_uri()}#{fragment}")
    if context.get("java_script_enabled", True):
        page.wait_for_selector("html[data-ready]")
    yield page
    session.close()
    assert complaints == []
