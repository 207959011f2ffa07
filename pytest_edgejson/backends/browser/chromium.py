"""What is asked of Chromium, which playwright drives: a page with a model, questions, and tokens as they come."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.browser.server import Site
from pytest_edgejson.backends.interface import BackendError, BatchError
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PAGE = Path(__file__).parent / "page"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "Google Chrome")
_VERSION = re.compile(r"\d+(?:\.\d+){3}")
_VERSION_TIMEOUT_S = 30.0
# How long the page waits for a message before it says that there is none.
_LISTEN_MS = 200
# How long an answer that is stopped may take to its next token.
_STOP_S = 10.0
# Nothing but this machine has an address.
_ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# Chromium shows WebGPU to pages of its own accord on some systems only.
_WEBGPU = ("--enable-unsafe-webgpu", "--enable-features=Vulkan")


def find_chromium(name: str) -> str:
    """Return the program of Chromium, or of Chrome, that is on the PATH.

    Raises:
        BackendError: there is none. The message begins with `name`.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise BackendError(
            f"{name}: there is no Chromium on the PATH: apt-get install chromium, or put the folder of Chrome there"
        )
    return found


def chromium_version(program: str, name: str) -> str:
    """Return the version of Chromium.

    Raises:
        BackendError: it tells none. The message begins with `name`.
    """
    try:
        asked = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            check=True,
        )
        said = asked.stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendError(f"{name}: {program} cannot be run: {first_line(error)}") from None
    found = _VERSION.search(said)
    if found is None:
        raise BackendError(f"{name}: {program} is no Chromium: it says its version is {said.strip()!r}")
    return found[0]


class Page:
    """A page in which a model is loaded.

    Args:
        name: the model's, for messages.
        program: of Chromium.
        folders: what the page is served from, beside its own files.
        settings: what the page is told to load the model by.

    Attributes:
        is_busy: whether it is answering, as far as was heard.
        process: the id of the page's process.

    Raises:
        BackendError: Chromium cannot be started, or the model cannot be loaded in it.
    """

    def __init__(self, name: str, program: str, folders: Mapping[str, Path], settings: Mapping[str, Any]) -> None:
        from playwright.sync_api import Error, sync_playwright

        self._name = name
        self._error = Error
        self._number = 0
        self.is_busy = False
        with contextlib.ExitStack() as started:
            site = Site({"": _PAGE, **folders})
            started.callback(site.close)
            driver = started.enter_context(sync_playwright())
            # As root, which containers run as, Chromium has no sandbox.
            is_root = hasattr(os, "geteuid") and os.geteuid() == 0
            options = [_ALONE, *(["--no-sandbox"] if is_root else [])]
            options += _WEBGPU if settings["device"] == "webgpu" else ()
            try:
                browser = driver.chromium.launch(executable_path=program, args=options)
                started.callback(self._quietly, browser.close)
                self._page = browser.new_page()
                self._page.goto(site.address)
                self._page.wait_for_function("window.edgejson")
            except Error as error:
                raise BackendError(f"{name}: Chromium cannot be started: {first_line(error)}") from None
            self._call("load", dict(settings))
            while not (messages := self._listen()):
                pass
            if "error" in messages[0]:
                raise BackendError(f"{name}: transformers.js cannot load the model: {messages[0]['error']}")
            with self._unbroken():
                self.process = _find_process(browser)
            self._ends = started.pop_all()

    def ask(self, question: Mapping[str, Any]) -> None:
        """Begin to have a prompt answered; one that was left before its end is stopped.

        Raises:
            BatchError: the page broke, or did not stop.
        """
        self.stop()
        if self.is_busy:
            raise BatchError(f"{self._name}: the page did not stop within {_STOP_S:g} s")
        self._number += 1
        self.is_busy = True
        self._call("ask", {**question, "number": self._number})

    def listen(self) -> list[dict[str, Any]]:
        """Return what has come in of the answer; nothing where nothing comes for a while.

        Raises:
            BatchError: the page broke.
        """
        messages = self._listen()
        if any("ended" in message or "error" in message for message in messages):
            self.is_busy = False
        return messages

    def stop(self) -> None:
        """Stop the answer at its next token, if it goes on; wait for that a moment."""
        if self.is_busy:
            self._call("stop", self._number)
        until = time.monotonic() + _STOP_S
        while self.is_busy and time.monotonic() < until:
            self.listen()

    def close(self) -> None:
        """End page, browser and server."""
        self._ends.close()

    def _listen(self) -> list[dict[str, Any]]:
        return list(self._call("listen", _LISTEN_MS))

    def _call(self, function: str, argument: object) -> Any:
        with self._unbroken():
            return self._page.evaluate(f"argument => edgejson.{function}(argument)", argument)

    @contextlib.contextmanager
    def _unbroken(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise BatchError(f"{self._name}: the page broke: {first_line(error)}") from None

    def _quietly(self, function: Any) -> None:
        with contextlib.suppress(self._error):
            function()


def _find_process(browser: Any) -> int:
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    pages = [each for each in told if each["type"] == "renderer"]
    # Chromium keeps another one ready, for pages to come.
    return int(max(pages, key=lambda each: each["cpuTime"])["id"])
