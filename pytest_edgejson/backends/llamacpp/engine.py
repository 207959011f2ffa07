"""What is asked of llama.cpp, through the package xllamacpp: a model loaded, texts as tokens, prompts answered."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import re
import secrets
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.devices import threads
from pytest_edgejson.backends.interface import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# Of llama.cpp's log: nothing, and errors alone.
_SILENT, _ERRORS = 0, 1
# Such as `0.00.016 E llama_model_load: error loading model: unknown model architecture: 'x'`.
_ERROR = re.compile(r"^\S+ E (?:\w+ +)?\w+: (?:error loading model: )?(.*)$", re.MULTILINE)
# What it says last when a model cannot be loaded, and how long that is waited for.
_LAST_WORD = b"exiting due to"
_LOG_S = 1.0
_LONGEST_LOG = 1 << 20
_TOKENS_TIMEOUT_S = 60.0


def versions() -> dict[str, str]:
    """Return the build of llama.cpp: the package carries it, and is named by it."""
    return {"xllamacpp": importlib.metadata.version("xllamacpp")}


class Engine:
    """A model loaded by llama.cpp.

    It always listens on a port, of 127.0.0.1 and of the system's choice; whoever has no key of this engine gets nothing
    there. The port is closed with the engine.

    Args:
        name: the model's, for messages.
        file: the model; of several pieces the first.
        slots: prompts answered at once; with 0 it only makes texts tokens, and leaves the weights on disk.
        tokens: of a prompt and its answer, at most.
        on_cpu: leave GPUs alone.

    Attributes:
        slots: as above.
        tokens: as above.

    Raises:
        BackendError: it cannot be loaded.
    """

    def __init__(self, name: str, file: Path, *, slots: int, tokens: int, on_cpu: bool) -> None:
        self._key = secrets.token_hex()
        self.slots = slots
        self.tokens = tokens
        params = self._params(file, max(1, slots), tokens, on_cpu)
        # It would copy weights into another layout.
        params.no_extra_bufts = slots == 0
        try:
            self._server = _start(params)
        except RuntimeError as error:
            raise BackendError(f"{name}: llama.cpp cannot load {file}: {_reason(params, error)}") from None

    def tokenize(self, text: str, *, add_special: bool) -> list[tuple[int, str]]:
        """Return tokens, and the texts of them, by the file's own tokenizer; written special tokens are one each.

        Args:
            text: to be tokens.
            add_special: begin, and end, as the file says that texts do.

        Raises:
            ValueError: it cannot be, such as a text that is no Unicode.
        """
        asked = {"content": text, "add_special": add_special, "parse_special": True, "with_pieces": True}
        try:
            found = self._post("/tokenize", asked)["tokens"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"the prompt cannot be tokenized: {error.reason}") from None
        return [(each["id"], _text(each["piece"])) for each in found]

    def complete(self, request: Mapping[str, Any], receive: Callable[[dict[str, Any]], bool]) -> None:
        """Answer a prompt; other threads may do so at the same time, as many as there are slots.

        Args:
            request: as llama.cpp's server takes it.
            receive: is given each part as it comes, and returns whether that is enough.
        """
        self._server.handle_completions({**request, "stream": True}, receive)

    def likeliest(self, prompt: Sequence[int], count: int) -> dict[int, float]:
        """Return the likeliest tokens to follow a prompt, each with the natural logarithm of its probability.

        It is empty where the likeliest one ends within a character: of such tokens llama.cpp's server tells nothing.

        Args:
            prompt: its tokens.
            count: how many to return.
        """
        asked = {"prompt": list(prompt), "n_predict": 1, "temperature": 0, "logprobs": count, "cache_prompt": False}
        (choice,) = self._server.handle_completions(asked)["choices"]
        told = (choice.get("logprobs") or {}).get("content") or [{"top_logprobs": []}]
        return {each["id"]: each["logprob"] for each in told[0]["top_logprobs"]}

    def close(self) -> None:
        """Free the model, and close the port."""
        del self._server
        gc.collect()

    def _params(self, file: Path, slots: int, tokens: int, on_cpu: bool) -> Any:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_parallel, params.n_ctx = slots, slots * tokens
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
        if on_cpu:
            params.n_gpu_layers = 0
        # What is kept of earlier prompts changes how later ones are computed, and rounded.
        params.cache_prompt, params.cache_ram_mib = False, 0
        # It would change what was asked for to fit into memory.
        params.fit_params = False
        params.warmup = False
        params.verbosity = _SILENT
        params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [self._key]
        params.ui = params.endpoint_slots = params.endpoint_props = False
        params.endpoint_metrics = True
        return params

    def _post(self, path: str, content: object) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        address = self._server.listening_address + path
        # An address of this machine is no matter of a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(address, json.dumps(content).encode(), headers)
        with opener.open(request, timeout=_TOKENS_TIMEOUT_S) as answer:
            return json.load(answer)


def _start(params: Any) -> Any:
    """Return a server that may be closed: one that has not yet looked at its queue of tasks would never end."""
    import xllamacpp

    def start() -> Any:
        server = xllamacpp.Server(params)
        # It goes through the queue.
        server.handle_metrics()
        return server

    # A Ctrl-C breaks into the main thread alone, and cannot come between the two.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(start).result()


def _reason(params: Any, error: RuntimeError) -> str:
    """Return why a model cannot be loaded: the exception does not tell, so it is tried once more with the log read."""
    params.verbosity = _ERRORS
    said = b""
    with tempfile.TemporaryFile() as log:
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            _start(params)
        except RuntimeError as again:
            error = again
            # A thread of the library writes it.
            until = time.monotonic() + _LOG_S
            while _LAST_WORD not in (said := os.pread(log.fileno(), _LONGEST_LOG, 0)) and time.monotonic() < until:
                time.sleep(0.01)
        finally:
            os.dup2(before, 2)
            os.close(before)
    found = _ERROR.search(said.decode("utf-8", "replace"))
    return found[1] if found else str(error)


def _text(piece: str | list[int]) -> str:
    # Bytes that are no whole character come as numbers.
    return piece if isinstance(piece, str) else bytes(piece).decode("utf-8", "replace")
