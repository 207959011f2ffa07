"""Servers for tests: one that answers as told, also with what no server should say."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import pytest

pytest.importorskip("openai", reason="openai is not installed: pip install 'pytest-edgejson[server]'")
# The client imports these late, and a run inside the process would import them twice: exceptions are no longer theirs.
pytest.importorskip("httpcore2")
pytest.importorskip("anyio._backends._asyncio")

KEY = "sk-test-0123456789abcdef"


class Handler(BaseHTTPRequestHandler):
    """One request: its body, and what a reply is made with."""

    protocol_version = "HTTP/1.1"
    server: FakeServer
    asked: dict[str, Any]
    is_answered = True

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        if self.server.models is None or not self.path.endswith("/models"):
            self.reply(404, {"error": {"message": "not found"}})
        else:
            self.reply(200, {"object": "list", "data": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:
        self.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.is_answered = False
        with self.server.lock:
            self.server.under_way += 1
            self.server.waiting += 1
            self.server.most = max(self.server.most, self.server.waiting)
            self.server.requests.append(self.asked)
            self.server.seen.append((self.path, self.headers))
        try:
            self.server.answer(self)
        except (BrokenPipeError, ConnectionResetError):
            with self.server.lock:
                self.server.left += 1
        finally:
            self.answered()
            with self.server.lock:
                self.server.under_way -= 1

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin any answer."""
        self.answered()
        super().send_response(code, message)

    def answered(self) -> None:
        """Count the request as answered: who asked may ask again before this thread has come to its end."""
        with self.server.lock:
            self.server.waiting -= not self.is_answered
        self.is_answered = True

    @property
    def text(self) -> str:
        """What is asked: the last message, or the prompt."""
        messages = self.asked.get("messages")
        return str(messages[-1]["content"] if messages else self.asked["prompt"])

    @property
    def is_trial(self) -> bool:
        """Whether this is the request before the first case."""
        return self.text == "Hi"

    def reply(self, status: int, body: object, **headers: str) -> None:
        """Send a whole answer: JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/json")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def begin_stream(self, kind: str = "text/event-stream") -> None:
        """Begin an answer that ends with the connection."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, data: object) -> None:
        """Send a server-sent event."""
        self.wfile.write(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def piece(self, finish: str | None = None, **delta: str) -> None:
        """Send a piece of a chat's answer."""
        self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def say(self, text: str, *, finish: str = "stop", thought: str = "", usage: bool = True, **counts: Any) -> None:
        """Answer a chat with a text, in pieces."""
        self.begin_stream()
        self.piece(role="assistant", content="")
        for start in range(0, len(thought), 7):
            self.piece(reasoning_content=thought[start : start + 7])
        for start in range(0, len(text), 7):
            self.piece(content=text[start : start + 7])
        self.piece(finish)
        if usage:
            self.event({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 22, **counts}})
        self.event("[DONE]")

    def cut(self) -> None:
        """End the connection as if the server had died."""
        import socket

        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


Reply: TypeAlias = Callable[[Handler], None]


def expected(handler: Handler) -> str:
    """Return the JSON that the prompts of the tests' project show."""
    found = re.search(r": (\{.*\})", handler.text, re.DOTALL)
    return found[1] if found else '{"hello": "there"}'


def right(handler: Handler) -> None:
    """Answer as expected."""
    handler.say(expected(handler))


class FakeServer(ThreadingHTTPServer):
    """Answers on a port of this machine.

    Attributes:
        answer: replies to a request.
        models: names that it lists, None for no list.
        requests: bodies that came, in order.
        seen: their paths and headers.
        under_way: requests whose connection is in use.
        waiting: those to which nothing was said yet.
        most: the largest number of those.
        left: answers that nobody read to their end.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Reply = right) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.models: list[str] | None = ["m"]
        self.requests: list[dict[str, Any]] = []
        self.seen: list[tuple[str, Message]] = []
        self.lock = threading.Lock()
        self.under_way = self.waiting = self.most = self.left = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about those who leave."""

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def cases(self) -> list[dict[str, Any]]:
        """Bodies of the requests for cases."""
        return [body for body in self.requests if body.get("prompt", body.get("messages", [{}])[-1:]) not in _TRIALS]


_TRIALS = ("Hi", [{"role": "user", "content": "Hi"}])


@contextlib.contextmanager
def running(server: FakeServer) -> Iterator[FakeServer]:
    """Run a server."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def hang(seconds: float) -> Reply:
    """Say nothing for a while."""

    def reply(handler: Handler) -> None:
        time.sleep(seconds)
        right(handler)

    return reply
