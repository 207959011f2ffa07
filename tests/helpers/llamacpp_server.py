"""llama.cpp's own server, in a process that can be killed."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from helpers.waiting import wait_until

_SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 2
params.hostnames, params.api_keys, params.warmup, params.ui = ["127.0.0.1"], [sys.argv[4]], False, False
# Two would wait for each other on a busy machine.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
# It ends with the test that has started it.
sys.stdin.read()
"""
KEY = "a-key-of-this-test"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(model: Path, port: int, *, tokens: int = 4096) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a GGUF file, with two slots that share so many tokens, once it is loaded."""
    command = [sys.executable, "-c", _SERVE, str(model), str(port), str(tokens), KEY]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _is_ready(port) or process.poll() is not None)
        assert process.poll() is None, "the server has ended"
        yield process
    finally:
        process.kill()
        process.communicate()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except (urllib.error.URLError, ConnectionError):
        return False
