"""Models in ONNX run by transformers.js in a page of Chromium, one case after the other.

Everything around the network is the transformers backend's: the prompts, where a case ends. The page has its own
tokenizer, which must give the same tokens.
"""

from __future__ import annotations

import functools
import importlib.metadata
from typing import TYPE_CHECKING, Any

from pytest_edgejson import __version__
from pytest_edgejson.backends.browser.chromium import Page, chromium_version, find_chromium
from pytest_edgejson.backends.browser.folder import WebFolder, read_folder
from pytest_edgejson.backends.browser.package import find_package
from pytest_edgejson.backends.devices import Device, threads
from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.decoder import Decoder
from pytest_edgejson.backends.local.model_files import need_libraries
from pytest_edgejson.backends.local.pieces import Pieces
from pytest_edgejson.backends.local.transformers import TransformersBackend

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions
    from pytest_edgejson.backends.local.decoder import Model, Row
    from pytest_edgejson.backends.local.shared_bases import Bases
    from pytest_edgejson.backends.spec import ModelSpec
    from pytest_edgejson.scoring.thoughts import Pairs

# Raised whenever decoding changes in a way that can change an answer, so that older completions are not reused.
_DECODING = 2
_DEVICES = {None: "wasm", "auto": "wasm", "cpu": "wasm", "wasm": "wasm", "webgpu": "webgpu"}


def load(spec: ModelSpec, settings: GenerationSettings, options: LoadOptions) -> BrowserBackend:
    """Find a model's folder, the browser and its library, and check them.

    Args:
        spec: `model` is the folder.
        settings: what decides the answers: greedy, free, by the numbers that the files hold.
        options: `device` is `webgpu`, or `wasm`, `cpu` or None for WebAssembly.

    Raises:
        BackendError: a library or Chromium is missing, a setting cannot be had, or the folder holds no model.
    """
    if options.device not in _DEVICES:
        raise BackendError(
            f"{spec.name}: a browser computes by WebAssembly or WebGPU, not on {options.device}: leave out "
            "--edgejson-device, or use --edgejson-device=webgpu"
        )
    if not settings.is_plain_greedy:
        raise BackendError(
            f"{spec.name}: transformers.js draws other tokens than transformers with the same settings: leave out "
            "--edgejson-temperature and --edgejson-repetition-penalty"
        )
    if settings.constrain != "none":
        raise BackendError(f"{spec.name}: a browser holds answers to no schema: leave out --edgejson-constrain")
    wanted = settings.dtype if settings.dtype != "auto" else spec.dtype or "auto"
    if wanted not in {"auto", "float32"}:
        raise BackendError(f"{spec.name}: the files decide in which numbers a browser computes: leave out the dtype")
    folder = read_folder(spec)
    need_libraries(spec.name, "transformers")
    need_libraries(spec.name, "playwright", extra="browser")
    return BrowserBackend(spec, settings, options, folder)


class BrowserBackend(TransformersBackend):
    """Runs a model in a page, each case until its root object closes."""

    generates_together = False
    constrains = False
    base = None

    def __init__(self, spec: ModelSpec, settings: GenerationSettings, options: LoadOptions, folder: WebFolder) -> None:
        name = _DEVICES[options.device]
        self._folder = folder
        self._package = find_package(spec.name)
        self._chromium = find_chromium(spec.name)
        super().__init__(spec, settings, options, folder.files, Device(name, "cpu"))
        self.at_once = 1

    @property
    def threads(self) -> int:
        """As many as the page is given."""
        return threads()

    @property
    def process(self) -> int | None:
        """That of the page."""
        return self._model.page.process if isinstance(self._model, BrowserModel) else None

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records. It holds no paths."""
        return {
            **super().description,
            "backend": "browser",
            "dtype": self._folder.dtype,
            "batch_size": 1,
            "parameters": self._files.parameters or None,
            "threads": self.threads,
        }

    def load_model(self, bases: Bases | None = None) -> Model:
        """Return the model; start the browser and load it first if it is not there yet.

        Raises:
            BackendError: the browser cannot be started, or the model cannot be loaded.
        """
        if self._model is None:
            told = {
                "device": self._device.name,
                "dtype": self._folder.dtype,
                # Beside the graph, where they are.
                "pieces": len(self._files.weights) - 1,
                "threads": self.threads,
            }
            folders = {
                "library/": self._package.library,
                "runtime/": self._package.runtime,
                "model/": self._files.model,
            }
            page = Page(self._spec.name, self._chromium, folders, told)
            self._model = BrowserModel(
                self._spec.name,
                page,
                self._folder,
                self._tokenizer,
                self._settings.thoughts,
                special=not self._prompts.is_chat,
            )
        return self._model

    def close(self) -> None:
        """End the browser. A later `generate` starts it again."""
        if isinstance(self._model, BrowserModel):
            self._model.close()
        super().close()

    @functools.cached_property
    def _versions(self) -> dict[str, str]:
        own = {name: importlib.metadata.version(name) for name in ("transformers", "tokenizers")}
        browser = chromium_version(self._chromium, self._spec.name)
        return {"pytest-edgejson": __version__, **own, **self._package.versions, "chromium": browser}

    @property
    def _identity(self) -> Mapping[str, Any]:
        return {
            "backend": "browser",
            "decoding": _DECODING,
            "device": self._device.name,
            "form": self._folder.dtype,
            "threads": self.threads,
        }


class BrowserModel:
    """A model in a page, with what decoding has to know of it.

    Args:
        name: the model's.
        page: has loaded it.
        folder: that it was loaded from.
        tokenizer: its own, of transformers.
        thoughts: the model's own marks of thoughts.
        special: whether prompts get the special tokens that the tokenizer adds.
    """

    def __init__(
        self, name: str, page: Page, folder: WebFolder, tokenizer: Any, thoughts: Pairs, *, special: bool
    ) -> None:
        self.name = name
        self.page = page
        self.special = special
        self.dtype = folder.dtype
        self.window = folder.window
        self.vocabulary = folder.vocabulary
        self.end_tokens = folder.end_tokens(tokenizer)
        self.pieces = Pieces(tokenizer, thoughts)

    def decoder(self, rows: Sequence[Row], size: int, *, alone: bool = False) -> Decoder:
        """Return what generates rows, one after the other."""
        return OneByOne(rows, self)

    def default_batch_size(self, tokens: int) -> int:
        """Return 1: a page answers one question at a time."""
        return 1

    def close(self) -> None:
        """End the browser."""
        self.page.close()


class OneByOne(Decoder):
    """Rows in a page, one after the other."""

    def __init__(self, rows: Iterable[Row], model: BrowserModel) -> None:
        super().__init__(rows, 1)
        self._model = model

    def begin(self) -> list[Row]:
        """Put the next row under way, if none is."""
        if self.rows or not self.waiting:
            return []
        row = self.waiting.popleft()
        self.rows = [row]
        self._model.page.ask(
            {
                "text": row.request.text,
                "special": self._model.special,
                "limit": row.limit,
                "ends": sorted(self._model.end_tokens) or None,
            }
        )
        return [row]

    def advance(self) -> list[tuple[Row, list[int | None]]]:
        """Return the tokens that have come in meanwhile; none after a while, for the time limit to be looked at.

        Raises:
            BackendError: the page's tokenizer splits the prompt otherwise.
            RuntimeError: the answer broke.
        """
        (row,) = self.rows
        tokens: list[int | None] = []
        was_busy = self._model.page.is_busy
        for message in self._model.page.listen():
            if "error" in message:
                raise RuntimeError(message["error"])
            if "prompt" in message:
                self._check(row, message["prompt"])
            tokens += message.get("tokens", ())
        if not was_busy:
            raise RuntimeError("the page ended the answer before the model did")
        return [(row, tokens)]

    def leave(self, rows: Sequence[Row]) -> None:
        """Stop the row, if it has ended."""
        if rows:
            self._model.page.stop()
            self.rows = []

    def _check(self, row: Row, got: Sequence[int]) -> None:
        if list(got) == row.prompt:
            return
        pairs = zip(got, row.prompt, strict=False)
        place = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(got), len(row.prompt)))
        raise BackendError(
            f"{self._model.name}: {row.request.case.id}: transformers.js splits the prompt otherwise than transformers "
            f"does, into {len(got)} tokens instead of {len(row.prompt)}, from token {place} on: the folder needs "
            "another tokenizer.json, or the entry no tokenizer of its own"
        )
